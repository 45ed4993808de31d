"""The patches of all units: time, memory and rate; the plain way of finding them is the peer."""

import json
import subprocess
import sys

import keras
import numpy as np

from benchmarks.pairing import compare
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


def main() -> None:
    # In a process of its own, so that its peak of memory is its own; twice, for a time that varies.
    for number in (1, 2):
        command = [sys.executable, "-m", "benchmarks.bench_top_patches", "alone"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(answer.splitlines()[-1])
        print(f"Nine patches for every unit, a process of its own, run {number}:")
        for name in ("VGG-16", "face encoder"):
            part = found[name]
            print(
                f"  {name}: {part['units']:,} units of {part['layers']} layers, {part['images']} "
                f"images in {part['seconds']:.1f} s = {part['rate']:,.0f} units × images a second"
            )
        print(f"  together {found['seconds']:.1f} s, peak of memory {found['gigabytes']:.2f} GB")
    print(
        "  A GPU beside it: zennit-crp states 30 minutes for VGG-16 and ImageNet's test set on a "
        "Titan RTX (its README), with a backward pass that we do not need."
    )

    photos = list(load_photos().values())[:COMPARED_PHOTOS]
    trunk = build_vgg_features(VGG_LAYERS)

    def ours():
        return top_patches(trunk, VGG_LAYERS, photos, patches=COMPARED_PHOTOS)

    def peer():
        return {name: layer_by_layer(name, photos) for name in VGG_LAYERS}

    check_agreement(ours(), peer())
    result = compare(ours, peer, runs=3)
    print(f"One pass for all layers against a pass for each, {len(photos)} photos:\n  {result}")


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


def measure_alone() -> None:
    """All units of all convolutions of both networks over all images of the course; as JSON."""
    import resource
    import time

    from course_utils.session import start_session

    start_session(seed=0, deterministic=False)
    encoder = build_face_encoder()
    convolutions = [
        layer.name for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    answer = {}
    for name, model, layers, images in (
        ("VGG-16", build_vgg_features(VGG_LAYERS), VGG_LAYERS, list(load_photos().values())),
        ("face encoder", encoder, convolutions, load_aligned_orl_faces().images),
    ):
        started = time.perf_counter()
        found = top_patches(model, layers, images, patches=PATCHES)
        seconds = time.perf_counter() - started
        units = sum(len(layer.units) for layer in found.values())
        answer[name] = {
            "units": units,
            "layers": len(layers),
            "images": len(images),
            "seconds": seconds,
            "rate": units * len(images) / seconds,
        }
    answer["seconds"] = sum(part["seconds"] for part in answer.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes, bytes on macOS
    answer["gigabytes"] = peak / (1e9 if sys.platform == "darwin" else 1e6)
    print(json.dumps(answer))


if __name__ == "__main__":
    measure_alone() if sys.argv[1:] == ["alone"] else main()
