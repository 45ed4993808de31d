"""Sets the thresholds that the course ships for the published face encoder.

    python tools/calibrate_thresholds.py          writes weights/face_encoder_thresholds.json
    python tools/calibrate_thresholds.py --check  measures again and compares, writes nothing

All pairs of different people of the ORL faces, aligned, give the distribution of impostor
distances. Each threshold comes with a 95 % interval that resamples the 40 people.
"""

import argparse
import json
import sys
from pathlib import Path

from scipy.spatial.distance import cdist

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from course_utils.session import start_session  # noqa: E402

FMRS = (0.01, 0.001)
COMMAND = "python tools/calibrate_thresholds.py"
TOLERANCE = 1e-4  # another processor's last digits


def measure() -> dict:
    """The content of the file."""
    from course_utils.recognition import all_pairs, bootstrap_pairs, threshold_at_fmr
    from course_utils.recognition.aligned_orl import load_aligned_orl_faces
    from course_utils.recognition.encoder import FaceEncoder

    faces = load_aligned_orl_faces()
    encoder = FaceEncoder()
    embeddings = encoder.embed_aligned(faces.images)
    pairs = all_pairs(cdist(embeddings, embeddings), faces.labels)
    rows = []
    for fmr in FMRS:
        interval = bootstrap_pairs(
            pairs, lambda _, impostor, fmr=fmr: threshold_at_fmr(impostor, fmr)
        )
        rows.append(
            {
                "fmr": fmr,
                "distance": round(interval.estimate, 6),
                "interval": [round(interval.low, 6), round(interval.high, 6)],
                "fnmr": round(float((pairs.genuine > interval.estimate).mean()), 6),
            }
        )
    return {
        "format": 1,
        "encoder": {"name": encoder.name, "checksum": encoder.checksum},
        "data": "ORL faces, 40 people, aligned",
        "num_impostors": len(pairs.impostor),
        "command": COMMAND,
        "thresholds": rows,
    }


def same(stored: object, measured: object) -> bool:
    """Whether two contents agree up to a processor's last digits."""
    if isinstance(stored, dict) and isinstance(measured, dict):
        return stored.keys() == measured.keys() and all(
            same(stored[key], measured[key]) for key in stored
        )
    if isinstance(stored, list) and isinstance(measured, list):
        return len(stored) == len(measured) and all(map(same, stored, measured))
    if isinstance(stored, float) and isinstance(measured, float):
        return abs(stored - measured) <= TOLERANCE
    return stored == measured


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    start_session(seed=0)
    from course_utils.files import replaced_when_complete
    from course_utils.recognition.thresholds import THRESHOLDS_NAME

    path = ROOT / "weights" / THRESHOLDS_NAME
    content = measure()
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    print(text)
    if options.check:
        agrees = path.is_file() and same(json.loads(path.read_text(encoding="utf-8")), content)
        print(f"{path.name}: {'as measured' if agrees else 'DIFFERS'}")
        return 0 if agrees else 1
    with replaced_when_complete(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
