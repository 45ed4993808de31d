"""The thresholds that were calibrated for the published encoder, and the data they come from."""

import json
from typing import TYPE_CHECKING

from course_utils.recognition.gallery import EncoderIdentity, Threshold
from course_utils.weights import weights_folder

if TYPE_CHECKING:
    from course_utils.recognition.encoder import FaceEncoder

THRESHOLDS_NAME = "face_encoder_thresholds.json"


def calibrated_threshold(fmr: float, *, encoder: "EncoderIdentity | FaceEncoder") -> Threshold:
    """A first threshold for galleries of the published encoder, until you calibrate your own.

    It was set on the 40 people of the ORL faces: 36 men and 4 women in grey, frontal photos from
    one laboratory. On other people, cameras or light the false match rate will be another:
    `Gallery.calibrate` sets it from photos of yours.

    Args:
        fmr: False match rate that it was set for; one of those in the file: 0.01 or 0.001.
        encoder: Whose distances will be compared; only `FaceEncoder`'s are known here.

    Returns:
        `Threshold` with the distance, and in words the data it comes from.

    Raises:
        ValueError: If there is none for that rate or that encoder, or the file is damaged.
        FileNotFoundError: If the file is missing.

    Lecture: section 5, notebook 05.
    """
    path = weights_folder() / THRESHOLDS_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        made_with = content["encoder"]["name"], content["encoder"]["checksum"]
        num_impostors, data = content["num_impostors"], content["data"]
        thresholds = {
            row["fmr"]: Threshold(row["distance"], row["fmr"], num_impostors, data)
            for row in content["thresholds"]
        }
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The file {path} is missing. Restore it: git checkout -- {path}."
        ) from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(
            f"The file {path} is damaged ({error!r}). Restore it: git checkout -- {path}."
        ) from error
    if made_with != (encoder.name, encoder.checksum):
        raise ValueError(
            f"The calibrated thresholds are for the encoder {made_with[0]!r} (checksum "
            f"{made_with[1]!s:.8}…). Received: {encoder.name!r} (checksum {encoder.checksum:.8}…). "
            "Calibrate your own: gallery.calibrate(...)."
        )
    if fmr not in thresholds:
        raise ValueError(f"`fmr` must be one of {sorted(thresholds)}. Received: fmr={fmr}.")
    return thresholds[fmr]
