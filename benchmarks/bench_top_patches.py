"""The patches of all units: time, memory and rate; the plain way of finding them is the peer."""

import argparse
import time

import keras
import numpy as np

from benchmarks.alone import Record
from benchmarks.arithmetic import matrix_product, operations, share_of_peak
from benchmarks.pairing import in_turns
from benchmarks.results import Pairing, Quantity
from course_utils.data import load_photos
from course_utils.models import build_face_encoder, build_vgg_features
from course_utils.recognition.aligned_orl import load_aligned_orl_faces
from course_utils.visualization import top_patches

VGG_LAYERS = [
    f"block{block}_conv{number}"
    for block, count in enumerate((2, 2, 3, 3, 3), start=1)
    for number in range(1, count + 1)
]
PATCHES = 9
COMPARED_PHOTOS = 4  # the peer keeps all maps of a layer: of more photos it would take gigabytes


def measure(record: Record, options: argparse.Namespace) -> None:
    photos = list(load_photos(max_side=64 if options.quick else 640).values())
    faces = load_aligned_orl_faces().images[: 32 if options.quick else None]
    trunk, encoder = build_vgg_features(VGG_LAYERS), build_face_encoder()
    convolutions = [
        layer.name for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    product = matrix_product()
    product()
    count = sum(operations(trunk, photo.shape[:2]) for photo in photos)
    turns = 1 if options.quick else 3
    for name, model, layers, images in (
        ("VGG-16", trunk, VGG_LAYERS, photos),
        ("face encoder", encoder, convolutions, faces),
    ):
        seconds, product_seconds = [], []
        for _ in range(turns):  # the first counts: whoever looks at a network does so once
            started = time.perf_counter()
            found = top_patches(model, layers, images, patches=PATCHES)
            seconds.append(time.perf_counter() - started)
            started = time.perf_counter()
            product()
            product_seconds.append(time.perf_counter() - started)
        units = sum(len(layer.units) for layer in found.values())
        record.quantity(
            Quantity(
                name=f"the {PATCHES} strongest patches of all {units:,} units of {len(layers)} "
                f"layers of the {name} over {len(images)} images",
                value=float(np.median(seconds)),
                low=min(seconds) if turns > 1 else None,
                high=max(seconds) if turns > 1 else None,
                unit="s",
                quoted=True,
            )
        )
        if model is trunk:
            record.quantity(
                share_of_peak("top patches of the VGG-16", count, seconds, product_seconds)
            )
    record.memory_so_far("process that finds the patches of both networks", quoted=True)

    few = photos[:COMPARED_PHOTOS]

    def ours():
        return top_patches(trunk, VGG_LAYERS, few, patches=COMPARED_PHOTOS)

    def peer():
        return {name: layer_by_layer(name, few) for name in VGG_LAYERS}

    check_agreement(ours(), peer())
    seconds = in_turns({"ours": ours, "peer": peer}, turns=turns)
    record.pairing(
        Pairing(
            subject="strongest patches of all units",
            condition=f"{len(VGG_LAYERS)} layers of the VGG-16, {len(few)} photos",
            peer="layer by layer",
            ours=seconds["ours"],
            theirs=seconds["peer"],
        )
    )


def layer_by_layer(name: str, photos: list[np.ndarray]) -> np.ndarray:
    """The plain way: all maps of a layer first, then the largest number of each channel."""
    trunk = build_vgg_features([name])
    maps = [np.asarray(trunk(photo[None].astype(np.float32))[name])[0] for photo in photos]
    largest = np.array([each.reshape(-1, each.shape[-1]).max(axis=0) for each in maps])
    places = np.array([each.reshape(-1, each.shape[-1]).argmax(axis=0) for each in maps])
    order = np.argsort(-largest, axis=0, kind="stable")
    return np.stack([order, np.take_along_axis(places, order, axis=0)], axis=-1)


def check_agreement(found: dict, plain: dict) -> None:
    """The same photo is the strongest, for all units but those whose rounding decides."""
    for name, layer in found.items():
        fires = layer.image_indices[:, 0] >= 0
        same = layer.image_indices[fires, 0] == plain[name][0, fires, 0]
        if same.mean() < 0.99:
            raise AssertionError(f"{name}: only {same.mean():.1%} of the units agree")
