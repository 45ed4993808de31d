"""The face encoder against dlib's own, and against what this machine can multiply at most."""

import numpy as np
import tensorflow as tf

from benchmarks.pairing import compare
from course_utils.models.face_encoder import build_face_encoder, face_encoder_weights_path
from course_utils.recognition.aligned_orl import load_aligned_orl_faces

BATCH = 32
DLIB_BATCH = 4  # dlib takes the photos of a batch one after the other: more would only take longer
MATRIX = 2048  # of the multiplication that stands for the machine's float32 peak


def main() -> None:
    try:
        import dlib
    except ImportError:
        print("The face encoder: skipped; it takes dlib, of `pip install -e .[faces]`.")
        return
    chips = load_aligned_orl_faces().images[:BATCH]
    photos = chips.astype(np.float32)
    encoder = build_face_encoder()
    peer = dlib.face_recognition_model_v1(str(face_encoder_weights_path()))
    theirs = np.array([peer.compute_face_descriptor(chip) for chip in chips[:DLIB_BATCH]])
    difference = np.abs(encoder.predict_on_batch(photos)[:DLIB_BATCH] - theirs).max()
    if difference > 1e-5:
        raise AssertionError(f"the embeddings differ from dlib's by {difference}")
    print(f"The face encoder agrees with dlib's (largest difference {difference:.0e}).")

    def ours():
        return encoder.predict_on_batch(photos)

    def by_dlib():
        return peer.compute_face_descriptor(list(chips[:DLIB_BATCH]))

    result = compare(ours, by_dlib, runs=9)
    own, other = np.array(result.ours) / BATCH, np.array(result.peers) / DLIB_BATCH
    low, middle, high = np.quantile(other / own, [0, 0.5, 1])
    print(
        f"  an image, ours in batches of {BATCH}: {1000 * np.median(own):.2f} ms, "
        f"dlib {1000 * np.median(other):.1f} ms, dlib/ours {middle:.1f} [{low:.1f}, {high:.1f}]"
    )

    left = tf.random.stateless_normal((MATRIX, MATRIX), (0, 0))

    def multiply():
        return tf.linalg.matmul(left, left).numpy()

    operations = floating_point_operations(encoder)
    result = compare(ours, multiply, runs=21)
    achieved = BATCH * operations / np.array(result.ours) / 1e9
    peak = 2 * MATRIX**3 / np.array(result.peers) / 1e9
    low, middle, high = np.quantile(achieved / peak, [0.05, 0.5, 0.95])
    print(
        f"  {operations / 1e9:.2f} GFLOP an image: {np.median(achieved):.0f} GFLOP/s; a float32 "
        f"matrix product {np.median(peak):.0f} GFLOP/s; share {middle:.0%} [{low:.0%}, {high:.0%}]"
    )


def floating_point_operations(model) -> int:
    """Multiplications and additions of all convolutions and dense layers for one image."""
    total = 0
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            positions = np.prod(layer.output.shape[1:-1], dtype=int)
            total += 2 * int(np.prod(layer.kernel.shape)) * int(positions)
    return total


if __name__ == "__main__":
    main()
