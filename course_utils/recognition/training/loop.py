"""Training an encoder: watched on people it does not train on, stopped in time, resumable."""

import json
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from course_utils.files import replaced_when_complete
from course_utils.recognition.metrics import all_pairs, equal_error_rate
from course_utils.recognition.training.batches import BalancedBatches, PairBatches
from course_utils.tensors import pairwise_distances

UNREADABLE = (  # whatever a file that is damaged or something else may raise
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)
COLLAPSED_BELOW = 1e-3  # mean squared distance; even untrained networks spread wider


class CollapsedEmbeddingsWarning(UserWarning):
    """The encoder says nearly the same of every photo."""


@dataclass
class TrainingHistory:
    """What happened in each epoch.

    Attributes:
        loss: Mean training loss.
        metrics: Name → values, of what else the model was compiled to measure on its batches.
        validation_eer: Equal error rate on the validation people, in [0, 1].
        validation_spread: `embedding_spread` on the validation people.
        best_epoch: Epoch with the lowest validation EER, counted from 1; the encoder has its
            weights. 0 before any.
    """

    loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    validation_eer: list[float] = field(default_factory=list)
    validation_spread: list[float] = field(default_factory=list)
    best_epoch: int = 0


def embedding_spread(embeddings: np.ndarray) -> float:
    """How far two photos are from each other on average: near 0, the network has collapsed.

    The mean of ‖f(x⁽ⁱ⁾) − f(x⁽ʲ⁾)‖² over all i ≠ j, from the variances: twice their sum. For unit
    embeddings that are spread evenly over the sphere it is 2.

    Args:
        embeddings: Float array, shape (num_photos, dim), at least two photos.

    Returns:
        Number ≥ 0.

    Raises:
        ValueError: If there are fewer than two photos, or no matrix.

    Example:
        >>> embedding_spread([[1.0, 0.0], [0.0, 1.0]])
        2.0

    Lecture: section 4, notebook 04.
    """
    embeddings = np.asarray(embeddings, dtype=np.float64)
    if embeddings.ndim != 2 or len(embeddings) < 2:
        raise ValueError(
            "`embeddings` must have shape (num_photos, dim) with at least 2 photos. "
            f"Received: embeddings.shape={embeddings.shape}."
        )
    return float(2 * embeddings.var(axis=0, ddof=1).sum())


def embed_faces(
    encoder: keras.Model | Sequence[keras.Model],
    images: np.ndarray,
    *,
    mirror: bool = False,
    batch_size: int = 100,
) -> np.ndarray:
    """The embeddings f(x) of many photos, in batches, as in use and not as in training.

    Args:
        encoder: Model images → unit embeddings (batch, dim); or several. The embeddings of
            several stand side by side, scaled so that the squared distance of two photos is the
            mean of what the encoders say.
        images: Float array, shape (num_photos, height, width, channels).
        mirror: Whether to take f(x) + f(x mirrored), scaled to length 1, instead of f(x): twice
            the time, and the side from which the light comes matters less.
        batch_size: Photos at a time; bounds the memory.

    Returns:
        Float32 array, shape (num_photos, dim), or (num_photos, num_encoders · dim).

    Raises:
        ValueError: If there is no image or no encoder, or `batch_size` is below 1.

    Example:
        >>> encoder = keras.Sequential([keras.Input((2, 1, 1)), keras.layers.Flatten()])
        >>> embed_faces(encoder, np.ones((3, 2, 1, 1))).shape
        (3, 2)

    Lecture: section 3, notebooks 03 and 04.
    """
    encoders = [encoder] if isinstance(encoder, keras.Model) else list(encoder)
    if len(images) == 0 or not encoders or batch_size < 1:
        raise ValueError(
            "`images` and `encoder` must not be empty and `batch_size` at least 1. Received: "
            f"{len(images)} images, {len(encoders)} encoders, batch_size={batch_size}."
        )
    parts = []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size], dtype=np.float32)
        parts.append(np.concatenate([_embedding(each, batch, mirror) for each in encoders], axis=1))
    return np.concatenate(parts) / np.float32(np.sqrt(len(encoders)))


def _embedding(encoder: keras.Model, batch: np.ndarray, mirror: bool) -> np.ndarray:
    """What an encoder says of a batch."""
    embedding = encoder(batch, training=False)
    if mirror:
        mirrored = encoder(batch[:, :, ::-1], training=False)
        embedding = keras.ops.normalize(embedding + mirrored, axis=1)
    return keras.ops.convert_to_numpy(embedding)


def start_over(model: keras.Model, *, seed: int) -> None:
    """New random weights for a compiled model, whose optimizer forgets what it has seen.

    Training a second time with another seed is then quicker than with a new model, for the
    compiled graph is used again.

    Args:
        model: Compiled model that Keras can build again from its configuration.
        seed: Seed of the new weights; also of Keras and NumPy from here on. (Before Keras 3.13
            functions of `keras.random` without a seed go on as they were once they have drawn.)

    Raises:
        ValueError: If the model is not compiled.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> start_over(model, seed=3)
        >>> first = model.get_weights()[0]
        >>> start_over(model, seed=3)
        >>> bool((model.get_weights()[0] == first).all())
        True

    Lecture: notebooks 03 and 04, for several seeds.
    """
    _check_compiled(model)
    keras.utils.set_random_seed(seed)
    model.set_weights(type(model).from_config(model.get_config()).get_weights())
    fresh = type(model.optimizer).from_config(model.optimizer.get_config())
    for optimizer in (fresh, model.optimizer):
        optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, fresh.variables, strict=True):
        variable.assign(value)


def train_encoder(
    model: keras.Model,
    batches: BalancedBatches | PairBatches,
    validation: tuple[np.ndarray, np.ndarray] | None,
    *,
    epochs: int,
    patience: int | None = None,
    encoder: keras.Model | None = None,
    state_file: Path | str | None = None,
    verbose: bool = True,
) -> TrainingHistory:
    """Trains epoch by epoch, keeps the weights that err least on other people.

    After each epoch the EER on the validation people is measured, and how far apart their
    embeddings are: if those have collapsed, a warning says so. At the end the encoder has the
    weights of the best epoch, or of the last one if nothing was validated.

    Args:
        model: Compiled model that takes the batches: an encoder with `TripletLoss`, or a Siamese
            model with `ContrastiveLoss`.
        batches: `BalancedBatches` or `PairBatches`.
        validation: Images and labels of people who are not in `batches`; None to train for all
            epochs unwatched.
        epochs: Epochs at most, counted from the very start even when training is resumed.
        patience: Epochs without a lower validation EER after which to stop; None never to.
        encoder: Model images → embeddings inside `model`; by default `model` itself.
        state_file: Where the state of the training is kept after each epoch (weights, optimizer,
            history), as `.npz`. If it is there, training goes on from it; the file is replaced
            atomically, so that an interruption loses one epoch at most. The learning rate is not
            taken from it, nor the state of random layers or random mining. Delete it to start anew.
        verbose: Whether to show a progress bar for each epoch.

    Returns:
        `TrainingHistory`, of the interrupted runs too.

    Raises:
        FileNotFoundError: If the folder of `state_file` is missing.
        ValueError: If validation people are trained on, the loss is no longer finite, the model
            is not compiled, or the state is that of another training or damaged.

    Example:
        >>> from course_utils.losses import TripletLoss
        >>> from course_utils.models import build_embedding_model
        >>> from course_utils.recognition.training import BalancedBatches
        >>> images, labels = np.random.default_rng(0).random((8, 16, 16, 1)), np.arange(8) // 2
        >>> encoder = build_embedding_model((16, 16, 1))
        >>> encoder.compile("adam", TripletLoss())
        >>> batches = BalancedBatches(
        ...     images[:4], labels[:4], num_people=2, photos_per_person=2, batches_per_epoch=3)
        >>> history = train_encoder(
        ...     encoder, batches, (images[4:], labels[4:]), epochs=2, verbose=False)
        >>> len(history.loss), len(history.validation_eer)
        (2, 2)

    Lecture: sections 3 and 4, notebooks 03 and 04.
    """
    _check_compiled(model)
    if patience is not None and validation is None:
        raise ValueError(f"`patience` needs `validation` people. Received: patience={patience}.")
    if validation is not None:
        shared = np.intersect1d(np.unique(validation[1]), batches.people)
        if shared.size:
            raise ValueError(
                "`validation` must hold other people than `batches`. "
                f"Received {shared.size} who are in both, such as {shared.tolist()[0]!r}."
            )
    if state_file is not None and not Path(state_file).parent.is_dir():
        raise FileNotFoundError(f"The folder {Path(state_file).parent} is missing. Make it first.")
    watch = _Watch(model, encoder or model, validation, patience, state_file)
    watch.resume()
    for epoch in range(len(watch.history.loss), epochs):
        if watch.has_to_stop():
            break
        if verbose:
            print(f"Epoch {epoch + 1}/{epochs}")
        bar = keras.utils.Progbar(len(batches), verbose=int(verbose), unit_name="batch")
        batches.epoch = epoch
        measured = watch.end_epoch(epoch, _train_epoch(model, batches, bar))
        bar.update(len(batches), measured.items(), finalize=True)
    if model.optimizer.built:
        model.optimizer.finalize_variable_values(model.trainable_variables)  # for a running mean
    if validation is not None and watch.best is not None:
        watch.encoder.set_weights(watch.best)
    return watch.history


def _train_epoch(
    model: keras.Model, batches: BalancedBatches | PairBatches, bar: keras.utils.Progbar
) -> dict[str, float]:
    """One pass over the batches; the means of the loss and of the other metrics."""
    logs = []
    for number in range(len(batches)):
        model.reset_metrics()
        logs.append(model.train_on_batch(*batches[number], return_dict=True))
        bar.update(number + 1, logs[-1].items(), finalize=False)
    return {name: float(np.mean([each[name] for each in logs])) for name in logs[0]}


def _check_compiled(model: keras.Model) -> None:
    """Fails unless the model has an optimizer and a loss."""
    if not model.compiled:
        raise ValueError(
            "`model` must be compiled: model.compile(optimizer, TripletLoss()). "
            f"Received an uncompiled {model.name!r}."
        )


class _Watch:
    """Validates after each epoch, remembers the best weights, saves the state, stops in time."""

    def __init__(
        self,
        model: keras.Model,
        encoder: keras.Model,
        validation: tuple[np.ndarray, np.ndarray] | None,
        patience: int | None,
        state_file: Path | str | None,
    ) -> None:
        self.model, self.encoder = model, encoder
        self.validation, self.patience = validation, patience
        self.state_file = None if state_file is None else Path(state_file)
        self.history = TrainingHistory()
        self.best: list[np.ndarray] | None = None
        self.warned = False

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> dict[str, float]:
        """Takes note of an epoch, counted from 0; what was measured on the validation people."""
        loss = logs.pop("loss")
        if not np.isfinite(loss):
            raise ValueError(
                f"`loss` must stay finite. Received: {loss} in epoch {epoch + 1}. "
                "Lower the learning rate, or clip gradients."
            )
        self.history.loss.append(loss)
        for name, value in logs.items():
            self.history.metrics.setdefault(name, []).append(value)
        measured = {}
        if self.validation is not None:
            measured["validation_eer"] = rate = self._validate(*self.validation)
            if self.best is None or rate < min(self.history.validation_eer[:-1]):
                self.best = self.encoder.get_weights()
                self.history.best_epoch = epoch + 1
        if self.state_file is not None:
            self._save(self.state_file)
        return measured

    def has_to_stop(self) -> bool:
        """Whether the patience is at an end."""
        if self.patience is None or not self.history.validation_eer:
            return False
        since_best = len(self.history.validation_eer) - 1 - np.argmin(self.history.validation_eer)
        return bool(since_best >= self.patience)

    def _validate(self, images: np.ndarray, labels: np.ndarray) -> float:
        embeddings = embed_faces(self.encoder, images)
        spread = embedding_spread(embeddings)
        if spread < COLLAPSED_BELOW and not self.warned:
            self.warned = True
            warnings.warn(
                f"The embeddings have collapsed: two photos are {spread:.1g} apart on average. "
                "Begin with easier triplets (semi-hard), or lower the learning rate.",
                CollapsedEmbeddingsWarning,
                stacklevel=2,
            )
        distances = keras.ops.convert_to_numpy(pairwise_distances(embeddings))
        pairs = all_pairs(distances, np.asarray(labels))
        rate = float(equal_error_rate(pairs.genuine, pairs.impostor).rate)
        self.history.validation_eer.append(rate)
        self.history.validation_spread.append(spread)
        return rate

    def _save(self, path: Path) -> None:
        arrays = {
            f"{part}_{number}": values
            for part, group in (
                ("weights", self.model.get_weights()),
                ("optimizer", [np.asarray(value) for value in self.model.optimizer.variables]),
                ("best", self.best or []),
            )
            for number, values in enumerate(group)
        }
        arrays["history"] = np.array(json.dumps(vars(self.history)))
        with replaced_when_complete(path) as draft, open(draft, "wb") as file:
            np.savez(file, **arrays)

    def resume(self) -> None:
        """Takes up the state that an earlier run left, if there is one."""
        if self.state_file is None or not self.state_file.exists():
            return
        try:
            with open(self.state_file, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                groups: dict[str, list[np.ndarray]] = {
                    part: [] for part in ("weights", "optimizer", "best")
                }
                for name in arrays.files:  # in the order in which they were written
                    if name != "history":
                        groups[name.partition("_")[0]].append(arrays[name])
                history = TrainingHistory(**json.loads(str(arrays["history"])))
            self.model.optimizer.build(self.model.trainable_variables)
            _check_shapes(groups["weights"], self.model.weights)
            _check_shapes(groups["optimizer"], self.model.optimizer.variables)
            _check_shapes(groups["best"], self.encoder.weights if groups["best"] else [])
        except UNREADABLE as error:
            raise ValueError(
                f"The state of the training {self.state_file} is damaged, or that of another model "
                f"({error}). Delete it to start anew."
            ) from error
        self.model.set_weights(groups["weights"])
        optimizer = zip(self.model.optimizer.variables, groups["optimizer"], strict=True)
        for variable, value in optimizer:
            if "learning_rate" not in variable.path:  # that is the caller's to change
                variable.assign(value)
        self.history, self.best = history, groups["best"] or None


def _check_shapes(arrays: Sequence[np.ndarray], variables: Sequence[keras.Variable]) -> None:
    """Fails unless each array fits its variable."""
    found, expected = ([tuple(part.shape) for part in parts] for parts in (arrays, variables))
    if found != expected:
        raise ValueError("other shapes of weights")
