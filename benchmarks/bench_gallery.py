"""Searching a gallery against FAISS's exact index and against plain NumPy; memory; saving."""

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.alone import Record
from benchmarks.pairing import in_turns
from benchmarks.results import Curve, Pairing, Quantity
from course_utils.recognition import EncoderIdentity, Gallery

DIM = 128
CANDIDATES = 5
TEMPLATES_PER_PERSON = 10
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SMALL_SIZES = (1_000, 3_000, 10_000, 30_000)


def measure(record: Record, options: argparse.Namespace) -> None:
    import faiss

    sizes = SMALL_SIZES if options.quick else SIZES
    medians: dict[str, list[float]] = {"ours": [], "FAISS": [], "NumPy": []}
    for num_templates in sizes:
        embeddings, probes = made_embeddings(num_templates)
        gallery = enrolled(embeddings)
        index = faiss.IndexFlatL2(DIM)
        index.add(embeddings)
        where = f"{num_templates:,} templates"
        difference = largest_difference(gallery, index, probes)
        record.difference(f"distances against FAISS's, {where}", difference, 1e-4)

        def ours(gallery=gallery, probe=probes[0]):
            return gallery.identify(probe, CANDIDATES)

        def ours_many(gallery=gallery, probes=probes):
            return gallery.identify_all(probes, CANDIDATES)

        def by_faiss(index=index, probe=probes[:1]):
            return index.search(probe, CANDIDATES)

        def by_faiss_many(index=index, probes=probes):
            return index.search(probes, CANDIDATES)

        def by_numpy(embeddings=embeddings, probe=probes[0]):
            return np.argsort(np.linalg.norm(embeddings - probe, axis=1))[:CANDIDATES]

        turns = 5 if options.quick else max(min(20_000_000 // num_templates, 201), 21)
        for subject, own, peer, name, count in (
            ("one probe", ours, by_faiss, "FAISS", turns),
            ("one probe", ours, by_numpy, "NumPy", max(turns // 10, 5)),
            (f"{len(probes)} probes", ours_many, by_faiss_many, "FAISS", 5),
        ):
            seconds = in_turns({"ours": own, "peer": peer}, turns=count)
            pairing = Pairing(
                subject=f"{subject} among {where}",
                condition=f"the {CANDIDATES} nearest people",
                peer="FAISS, exact index" if name == "FAISS" else "plain NumPy",
                ours=seconds["ours"],
                theirs=seconds["peer"],
                quoted=num_templates == sizes[-1]
                or (name == "FAISS" and own is ours and num_templates == sizes[0]),
            )
            record.pairing(pairing)
            if own is ours:
                medians[name].append(pairing.their_median)
                if name == "FAISS":
                    medians["ours"].append(pairing.our_median)
    for name, values in medians.items():
        record.curve(Curve(panel="one probe", name=name, x=sizes, y=values))
        exponents = np.diff(np.log(values)) / np.diff(np.log(sizes))
        for exponent, low, high in zip(exponents, sizes[:-1], sizes[1:], strict=True):
            record.quantity(
                Quantity(
                    name=f"{name} from {low:,} to {high:,} templates",
                    value=float(exponent),
                    kind="exponent",
                    quoted=high == sizes[-1] and name != "NumPy",
                )
            )
    for per_person in (TEMPLATES_PER_PERSON, 1):
        measure_memory_and_files(record, embeddings, per_person)


def made_embeddings(num_templates):
    """Unit embeddings in groups of ten that are near each other, and probes near some of them."""
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((num_templates, DIM), dtype=np.float32)
    embeddings.reshape(-1, TEMPLATES_PER_PERSON, DIM)[:] += 2 * rng.standard_normal(
        (num_templates // TEMPLATES_PER_PERSON, 1, DIM), dtype=np.float32
    )
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    probes = embeddings[rng.integers(0, num_templates, 100)]
    return embeddings, probes + 0.05 * rng.standard_normal(probes.shape, dtype=np.float32)


def enrolled(embeddings, per_person=TEMPLATES_PER_PERSON):
    gallery = Gallery(EncoderIdentity("made", "0", DIM))
    for first in range(0, len(embeddings), per_person):
        name = f"person {first // per_person:07d}"
        gallery.enroll(name, embeddings[first : first + per_person])
    return gallery


def largest_difference(gallery, index, probes) -> float:
    """Stops unless FAISS finds the same people; returns by how much the distances differ."""
    squared, rows = index.search(probes, CANDIDATES * TEMPLATES_PER_PERSON)
    largest = 0.0
    for probe, some, own in zip(probes, squared, rows, strict=True):
        nearest = {}
        for distance, row in zip(np.sqrt(some), own // TEMPLATES_PER_PERSON, strict=True):
            nearest.setdefault(f"person {row:07d}", float(distance))
        found = gallery.identify(probe, CANDIDATES).candidates
        for match, (name, distance) in zip(found, nearest.items(), strict=False):
            largest = max(largest, abs(match.distance - distance))
            if match.name != name and abs(nearest.get(match.name, np.inf) - distance) > 1e-5:
                raise AssertionError(f"The gallery finds {match}, FAISS {name} at {distance}.")
    return largest


def measure_memory_and_files(record: Record, embeddings: np.ndarray, per_person: int) -> None:
    """Bytes by `tracemalloc`, as multiples of the embeddings; seconds to save and to load."""

    def traced(function: Callable[[], object]) -> tuple[object, float, float]:
        tracemalloc.start()
        result = function()
        now, peak = (size / embeddings.nbytes for size in tracemalloc.get_traced_memory())
        tracemalloc.stop()
        return result, now, peak

    where = f"{len(embeddings):,} templates, {per_person} a person"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gallery.npz"
        gallery, held, enrolling = traced(lambda: enrolled(embeddings, per_person))
        _, _, saving = traced(lambda: gallery.save(path))
        _, _, loading = traced(lambda: Gallery.load(path))
        for name, value in (
            ("held", held),
            ("peak while enrolling", enrolling),
            ("on top while saving", saving),
            ("peak while loading", loading),
        ):
            record.quantity(
                Quantity(
                    name=f"gallery of {where}: {name}, in multiples of its embeddings",
                    value=value,
                    unit="times",
                    kind="memory",
                    quoted=name == "held",
                )
            )
        for name, action in (
            ("to save, the old file verified first", lambda: gallery.save(path)),
            ("to load", lambda: Gallery.load(path)),
        ):
            started = time.perf_counter()
            action()
            seconds = time.perf_counter() - started
            record.quantity(Quantity(name=f"gallery of {where}, {name}", value=seconds, unit="s"))
