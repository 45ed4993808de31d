"""The benchmarks that there are, and the peers that each needs."""

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A file `bench_<name>.py` with a function `measure(record, options)`.

    Attributes:
        title: What it measures.
        peers: The modules that it imports as peers.
        tensorflow: Whether it needs TensorFlow, whose threads and memory others do without.
    """

    title: str
    peers: tuple[str, ...]
    tensorflow: bool = True


# In the order in which they run: the short ones first.
BENCHMARKS = {
    "metrics": Benchmark(title="Metrics", peers=("sklearn", "scipy")),
    "face_encoder": Benchmark(title="Face encoder", peers=("dlib",)),
    "triplet": Benchmark(title="Triplet mining", peers=("torch", "pytorch_metric_learning")),
    "gallery": Benchmark(title="Identification", peers=("faiss", "numpy"), tensorflow=False),
    "top_patches": Benchmark(title="Top patches", peers=()),
    "style_transfer": Benchmark(title="Style transfer", peers=()),
}
OURS = ("course_utils", "keras", "numpy", "scipy", "tensorflow")
# Modules whose package has another name; the first that is installed counts.
PACKAGES = {
    "course_utils": ("faces-and-styles",),
    "dlib": ("dlib-bin", "dlib"),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss"),
    "pytorch_metric_learning": ("pytorch-metric-learning",),
    "sklearn": ("scikit-learn",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
}


def missing_peers(names: Iterable[str]) -> list[str]:
    """The peers of these benchmarks that are not installed, as modules."""
    peers = {peer for name in names for peer in BENCHMARKS[name].peers}
    return sorted(peer for peer in peers if importlib.util.find_spec(peer) is None)


def require_peers(names: Iterable[str]) -> None:
    """Stops unless all peers of these benchmarks are installed."""
    missing = missing_peers(names)
    if missing:
        raise ModuleNotFoundError(
            "The benchmarks need their peers: a time without one says little. "
            f"Received: no {', '.join(missing)}. `make bench` installs them."
        )


def versions(names: Iterable[str]) -> dict[str, str]:
    """Package → version, of our side and of the peers of these benchmarks."""
    modules = {*OURS, *(peer for name in names for peer in BENCHMARKS[name].peers)}
    found = {}
    for module in sorted(modules):
        for package in PACKAGES.get(module, (module,)):
            try:
                found.setdefault(module, (package, version(package)))
            except PackageNotFoundError:
                continue
    return dict(sorted(found.values()))
