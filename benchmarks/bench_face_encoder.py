"""The face encoder against dlib's own, and against what this machine can multiply at most."""

import argparse

import numpy as np

from benchmarks.alone import Record
from benchmarks.arithmetic import matrix_product, operations, share_of_peak
from benchmarks.pairing import in_turns
from benchmarks.results import Pairing
from course_utils.models.face_encoder import build_face_encoder, face_encoder_weights_path
from course_utils.recognition.aligned_orl import load_aligned_orl_faces

BATCH = 32
DLIB_BATCH = 4  # dlib takes the photos of a batch one after the other: more would only take longer


def measure(record: Record, options: argparse.Namespace) -> None:
    chips = load_aligned_orl_faces().images[:BATCH]
    photos = chips.astype(np.float32)
    encoder = build_face_encoder()

    def ours():
        return encoder.predict_on_batch(photos)

    own = ours()
    record.memory_so_far(f"process with the encoder, batches of {BATCH}, before the peer is loaded")

    import dlib

    peer = dlib.face_recognition_model_v1(str(face_encoder_weights_path()))
    few = list(chips[:DLIB_BATCH])

    def by_dlib():
        return np.array(peer.compute_face_descriptor(few))

    difference = np.abs(own[:DLIB_BATCH] - by_dlib()).max()
    record.difference("embeddings against dlib's", difference, 1e-5)
    seconds = in_turns({"ours": ours, "dlib": by_dlib}, turns=3 if options.quick else 21)
    record.pairing(
        Pairing(
            subject="embedding of a face",
            condition=f"ours in batches of {BATCH}",
            peer="dlib",
            ours=np.divide(seconds["ours"], BATCH).tolist(),
            theirs=np.divide(seconds["dlib"], DLIB_BATCH).tolist(),
        )
    )
    product = matrix_product()
    seconds = in_turns({"ours": ours, "product": product}, turns=5 if options.quick else 41)
    count = BATCH * operations(encoder, photos.shape[1:3])
    record.quantity(share_of_peak("face encoder", count, seconds["ours"], seconds["product"]))
