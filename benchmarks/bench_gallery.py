"""Searching a gallery against FAISS's exact index and against plain NumPy; memory; saving."""

import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from benchmarks.pairing import compare
from course_utils.recognition import EncoderIdentity, Gallery

DIM = 128
TEMPLATES_PER_PERSON = 10
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def main() -> None:
    try:
        import faiss
    except ImportError:
        print("The gallery: skipped; it takes the peers of `pip install -e .[bench]`.")
        return
    milliseconds = []
    for num_templates in SIZES:
        embeddings, probes = made_embeddings(num_templates)
        gallery = enrolled(embeddings)
        index = faiss.IndexFlatL2(DIM)
        index.add(embeddings)
        check_agreement(gallery, index, probes)

        def ours(gallery=gallery, probe=probes[0]):
            return gallery.identify(probe, 5)

        def by_faiss(index=index, probe=probes[:1]):
            return index.search(probe, 5)

        def by_numpy(embeddings=embeddings, probe=probes[0]):
            return np.argsort(np.linalg.norm(embeddings - probe, axis=1))[:5]

        def ours_many(gallery=gallery, probes=probes):
            return gallery.identify_all(probes, 5)

        def by_faiss_many(index=index, probes=probes):
            return index.search(probes, 5)

        runs = max(min(20_000_000 // num_templates, 201), 21)
        print(f"One probe among {num_templates:,} templates:")
        result = compare(ours, by_faiss, runs=runs)
        print(f"  against faiss.IndexFlatL2  {in_milliseconds(result)}")
        milliseconds.append(1000 * float(np.median(result.ours)))
        result = compare(ours, by_numpy, runs=max(runs // 10, 5))
        print(f"  against plain NumPy        {in_milliseconds(result)}")
        result = compare(ours_many, by_faiss_many, runs=5)
        print(f"  {len(probes)} probes against FAISS   {in_milliseconds(result)}")
    exponents = np.diff(np.log10(milliseconds))
    print(f"Growth from size to size: templates^{', ^'.join(f'{e:.2f}' for e in exponents)}")
    for per_person in (TEMPLATES_PER_PERSON, 1):
        measure_memory_and_files(embeddings, per_person)


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


def check_agreement(gallery, index, probes) -> None:
    """Stops unless FAISS finds the same people at the same distances."""
    squared, rows = index.search(probes, 5 * TEMPLATES_PER_PERSON)
    largest = 0.0
    for probe, some, own in zip(probes, squared, rows, strict=True):
        nearest = {}
        for distance, row in zip(np.sqrt(some), own // TEMPLATES_PER_PERSON, strict=True):
            nearest.setdefault(f"person {row:07d}", float(distance))
        found = gallery.identify(probe, 5).candidates
        for match, (name, distance) in zip(found, nearest.items(), strict=False):
            largest = max(largest, abs(match.distance - distance))
            if match.name != name and abs(nearest.get(match.name, np.inf) - distance) > 1e-5:
                raise AssertionError(f"the gallery finds {match}, FAISS {name} at {distance}")
    if largest > 1e-4:
        raise AssertionError(f"the distances differ by {largest}")
    print(f"Gallery and FAISS agree on {len(probes)} probes (largest difference {largest:.0e}).")


def in_milliseconds(result) -> str:
    ratios = sorted(peer / own for own, peer in zip(result.ours, result.peers, strict=True))
    low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    return (
        f"ours {1000 * np.median(result.ours):9.3f} ms   "
        f"peer {1000 * np.median(result.peers):9.3f} ms   "
        f"peer/ours {middle:5.2f} [{low:.2f}, {high:.2f}]"
    )


def measure_memory_and_files(embeddings, per_person) -> None:
    """Bytes by `tracemalloc`, as multiples of the embeddings; seconds to save and to load."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "gallery.npz"

    def traced(function):
        tracemalloc.start()
        started = time.perf_counter()
        result = function()
        seconds = time.perf_counter() - started
        now, peak = (size / embeddings.nbytes for size in tracemalloc.get_traced_memory())
        tracemalloc.stop()
        return result, now, peak, seconds

    gallery, now, peak, _ = traced(lambda: enrolled(embeddings, per_person))
    print(
        f"{len(embeddings):,} templates of {len(gallery):,} people, as multiples of the embeddings:"
    )
    print(f"  enrolled {now:.3f} (peak {peak:.3f})", end="   ")
    _, _, peak, _ = traced(lambda: gallery.save(path))
    print(f"saving +{peak:.3f}", end="   ")
    _, now, peak, _ = traced(lambda: Gallery.load(path))
    print(f"loaded {now:.3f} (peak {peak:.3f})")
    seconds = []
    for action in (lambda: gallery.save(path), lambda: Gallery.load(path)):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    print(
        f"  seconds: saved {seconds[0]:.2f} (the old file verified first), loaded {seconds[1]:.2f}"
    )
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()


if __name__ == "__main__":
    main()
