import io
import json
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from packaging.version import Version
from scipy.spatial.distance import pdist
from sklearn.metrics import roc_curve

import course_utils
from course_utils.losses import ContrastiveLoss, TripletLoss
from course_utils.models import build_embedding_model, build_siamese_model
from course_utils.recognition.training import (
    BalancedBatches,
    CollapsedEmbeddingsWarning,
    PairBatches,
    TrainingHistory,
    embed_faces,
    embedding_spread,
    start_over,
    train_encoder,
)

ROOT = str(Path(course_utils.__file__).parents[1])

# A training whose every number is known. A photo is (who it is, noise), its embedding is
# w₀ · who + w₁ · noise. Training photos are (0, 1) and the loss is −mean(embedding), so that the
# gradient is (0, −1): with a learning rate of 1/4 and one batch an epoch, w₁ is −1 + n/4 after
# epoch n, and the loss in epoch n is −w₁ before it. The validation people are told apart the
# better the smaller |w₁| is, and without an error in epochs 3 to 5.
START = -1.0
WHO = np.repeat([0.0, 1.0, 2.0, 3.0], 6)
NOISE = np.random.default_rng(0).uniform(-1, 1, 24)
VALIDATION = (
    np.stack([WHO, NOISE], axis=1).reshape(24, 1, 2, 1).astype("float32"),
    np.repeat(["val a", "val b", "val c", "val d"], 6),
)


def independent_eer(embeddings, labels):
    """EER by way of scikit-learn: where the lines between the points of the ROC cross."""
    row, column = np.triu_indices(len(labels), k=1)
    distances = pdist(np.asarray(embeddings, np.float64), "sqeuclidean")
    fmr, tpr, _ = roc_curve(
        np.asarray(labels)[row] == np.asarray(labels)[column], -distances, drop_intermediate=False
    )
    excess = 1 - tpr - fmr  # falls from 1 to −1
    return np.interp(0, excess[::-1], fmr[::-1])


def known_weight(epoch):
    return START + epoch / 4


def known_eer(epoch):
    return independent_eer((WHO + known_weight(epoch) * NOISE)[:, None], VALIDATION[1])


class Interruptible(keras.Model):
    """A model that counts its steps, and is interrupted before one of them."""

    steps, interrupted_before = 0, None

    def train_step(self, data):
        self.steps += 1
        if self.steps == self.interrupted_before:
            raise KeyboardInterrupt
        return super().train_step(data)


def known_model(start=START, learning_rate=0.25, loss=None, metrics=None, who=1.0):
    inputs = keras.Input((1, 2, 1))
    dense = keras.layers.Dense(1, use_bias=False)
    model = Interruptible(inputs, dense(keras.layers.Flatten()(inputs)))
    dense.set_weights([np.array([[who], [start]])])
    loss = loss or (lambda _, embeddings: -keras.ops.mean(embeddings))
    model.compile(keras.optimizers.SGD(learning_rate), loss, metrics=metrics, run_eagerly=True)
    return model


def known_batches(batches_per_epoch=1):
    images = np.tile(np.array([0.0, 1.0], "float32").reshape(1, 1, 2, 1), (4, 1, 1, 1))
    return BalancedBatches(
        images,
        ["train a", "train a", "train b", "train b"],
        num_people=2,
        photos_per_person=2,
        batches_per_epoch=batches_per_epoch,
    )


def train_known(model=None, batches=None, validation=VALIDATION, **options):
    return train_encoder(
        model or known_model(),
        batches or known_batches(),
        validation,
        **{"verbose": False} | options,
    )


def weight(model):
    """w₁ of the known model."""
    return float(model.get_weights()[0][1, 0])


# A training with the real losses, small enough for a test.
def people(names, seed):
    """Six noisy 4 × 4 photos of each person."""
    rng = np.random.default_rng(seed)
    faces = np.repeat(rng.uniform(size=(len(names), 4, 4, 1)), 6, axis=0)
    noisy = faces + rng.normal(scale=0.3, size=faces.shape)
    return noisy.clip(0, 1).astype("float32"), np.repeat(names, 6)


TRAINING_PEOPLE = people(["ann", "bob", "cem", "dan"], seed=1)
OTHER_PEOPLE = people(["eve", "fay", "gus", "hal", "ida"], seed=2)


def add_noise(images, rng):
    return images + rng.normal(scale=0.05, size=images.shape).astype("float32")


def small_encoder(seed, dim=3):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4, 4, 1))
    dense = keras.layers.Dense(dim)(keras.layers.Flatten()(inputs))
    return Interruptible(inputs, keras.layers.UnitNormalization()(dense))


def triplet_model(seed=0, learning_rate=0.02):
    model = small_encoder(seed)
    loss = TripletLoss(margin=0.5)
    model.compile(keras.optimizers.Adam(learning_rate), loss, run_eagerly=True)
    return model


def triplet_batches(**options):
    defaults = {"num_people": 3, "photos_per_person": 3, "batches_per_epoch": 2}
    return BalancedBatches(*TRAINING_PEOPLE, augment=add_noise, **defaults | options)


def train_triplets(model, epochs, **options):
    return train_encoder(
        model, triplet_batches(), OTHER_PEOPLE, epochs=epochs, **{"verbose": False} | options
    )


def stored(state_file):
    """What a state file holds: name → array, and the history as a dictionary."""
    with np.load(state_file) as arrays:
        content = {name: arrays[name] for name in arrays.files}
    return content, json.loads(str(content.pop("history")))


def assert_same_state(one, other, atol=1e-6):
    (arrays, history), (other_arrays, other_history) = stored(one), stored(other)
    assert arrays.keys() == other_arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_allclose(values, other_arrays[name], atol=atol, rtol=0, err_msg=name)
    keras.tree.assert_same_structure(history, other_history)
    numbers, other_numbers = keras.tree.flatten(history), keras.tree.flatten(other_history)
    np.testing.assert_allclose(numbers, other_numbers, atol=atol, rtol=0)


def assert_same_weights(model, other, atol=1e-6):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=atol)


class TestEmbedFaces:
    @pytest.mark.parametrize("batch_size", [1, 3, 23, 24, 25, 1000])
    def test_any_batch_size_gives_what_the_model_gives(self, batch_size):
        encoder = small_encoder(0)
        embeddings = embed_faces(encoder, TRAINING_PEOPLE[0], batch_size=batch_size)
        assert isinstance(embeddings, np.ndarray)
        assert embeddings.dtype == np.float32
        assert embeddings.shape == (24, 3)
        np.testing.assert_allclose(embeddings, encoder(TRAINING_PEOPLE[0]), atol=1e-6)

    def test_with_the_mirror_it_is_the_direction_of_the_sum_of_both_views(self):
        encoder = small_encoder(0)
        images = TRAINING_PEOPLE[0]
        both = encoder(images).numpy() + encoder(np.flip(images, axis=2).copy()).numpy()
        expected = both / np.sqrt((both**2).sum(axis=1, keepdims=True))
        for batch_size in (5, 100):
            found = embed_faces(encoder, images, mirror=True, batch_size=batch_size)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.abs(expected - embed_faces(encoder, images)).max() > 0.05
        mirrored = embed_faces(encoder, images[:, :, ::-1], mirror=True)
        np.testing.assert_allclose(mirrored, expected, atol=1e-6)

    def test_the_model_never_sees_more_photos_at_once(self):
        seen = []

        class Seeing(keras.Model):
            def call(self, images, training=None):
                seen.append((len(images), training))
                return keras.ops.reshape(images, (len(images), -1))

        embed_faces(Seeing(), np.zeros((250, 2, 1, 1)))
        embed_faces(Seeing(), np.zeros((5, 2, 1, 1)), batch_size=2)
        assert seen == [(n, False) for n in (100, 100, 50, 2, 2, 1)]

    def test_dropout_is_off(self):
        layers = [keras.Input((4, 4, 1)), keras.layers.Dropout(0.5), keras.layers.Flatten()]
        images = TRAINING_PEOPLE[0]
        embeddings = embed_faces(keras.Sequential(layers), images)
        np.testing.assert_array_equal(embeddings, images.reshape(24, 16))

    @pytest.mark.parametrize("dtype", ["float64", "uint8", "bool"])
    def test_numbers_of_another_type_are_converted(self, dtype):
        encoder = keras.Sequential([keras.Input((2, 1, 1)), keras.layers.Flatten()])
        embeddings = embed_faces(encoder, np.ones((3, 2, 1, 1), dtype))
        assert embeddings.dtype == np.float32
        np.testing.assert_array_equal(embeddings, np.ones((3, 2)))

    @pytest.mark.parametrize("mirror", [False, True])
    def test_with_several_encoders_the_squared_distance_is_the_mean_of_theirs(self, mirror):
        encoders = [small_encoder(seed, dim) for seed, dim in ((0, 3), (1, 5), (2, 2))]
        images = TRAINING_PEOPLE[0]
        found = embed_faces(encoders, images, mirror=mirror, batch_size=7)
        assert found.shape == (24, 10)
        assert found.dtype == np.float32
        each = [embed_faces(encoder, images, mirror=mirror) for encoder in encoders]
        expected = np.mean([pdist(part, "sqeuclidean") for part in each], axis=0)
        np.testing.assert_allclose(pdist(found, "sqeuclidean"), expected, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)

    def test_one_encoder_in_a_list_is_that_encoder(self):
        encoder = small_encoder(0)
        expected = embed_faces(encoder, OTHER_PEOPLE[0])
        for encoders in ([encoder], (encoder,), iter([encoder])):
            np.testing.assert_array_equal(embed_faces(encoders, OTHER_PEOPLE[0]), expected)

    @pytest.mark.parametrize(
        ("num_images", "num_encoders", "batch_size"),
        [(0, 1, 100), (3, 0, 100), (3, 1, 0), (3, 1, -1)],
    )
    def test_no_images_no_encoders_or_no_batch_size_is_refused(
        self, num_images, num_encoders, batch_size
    ):
        words = (
            r"`images` and `encoder` must not be empty and `batch_size` at least 1\. Received: "
            rf"{num_images} images, {num_encoders} encoders, batch_size={batch_size}\."
        )
        encoders = [small_encoder(0)] * num_encoders
        with pytest.raises(ValueError, match=words):
            embed_faces(encoders, np.zeros((num_images, 4, 4, 1)), batch_size=batch_size)


class TestEmbeddingSpread:
    @given(
        hnp.arrays(
            np.float64,
            st.tuples(st.integers(2, 8), st.integers(1, 5)),
            elements=st.floats(-10, 10, width=32),
        )
    )
    def test_it_is_the_mean_squared_distance_of_all_pairs(self, embeddings):
        expected = pdist(embeddings, "sqeuclidean").mean()
        assert embedding_spread(embeddings) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert type(embedding_spread(embeddings)) is float

    def test_it_is_0_where_all_are_the_same(self):
        assert embedding_spread(np.full((7, 3), 0.3, "float32")) == pytest.approx(0, abs=1e-15)

    def test_it_is_2_on_the_whole_sphere(self):
        vectors = np.random.default_rng(0).normal(size=(4000, 5))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        assert embedding_spread(vectors) == pytest.approx(2, abs=0.01)

    @pytest.mark.parametrize("shape", [(0, 3), (1, 3), (4,), (2, 3, 4), ()])
    def test_one_photo_or_no_matrix_is_refused(self, shape):
        words = rf"`embeddings` must have shape .*embeddings\.shape={re.escape(str(shape))}\."
        with pytest.raises(ValueError, match=words):
            embedding_spread(np.zeros(shape))


class TestHistory:
    def test_the_known_training_errs_as_computed_by_hand(self):
        """Before the tests rely on it: worse, worse, none, none, none, worse."""
        rates = [known_eer(epoch) for epoch in range(1, 8)]
        assert rates[0] > rates[1] > 0.05
        assert rates[2:5] == [0, 0, 0]
        assert 0 < rates[5] < rates[6]

    def test_loss_and_validation_eer_of_every_epoch(self):
        history = train_known(epochs=7)
        assert isinstance(history, TrainingHistory)
        np.testing.assert_allclose(history.loss, [-known_weight(n) for n in range(7)], atol=1e-6)
        expected = [known_eer(epoch) for epoch in range(1, 8)]
        np.testing.assert_allclose(history.validation_eer, expected, atol=1e-6)

    def test_validation_spread_of_every_epoch(self):
        history = train_known(epochs=4)
        expected = [
            pdist((WHO + known_weight(epoch) * NOISE)[:, None], "sqeuclidean").mean()
            for epoch in range(1, 5)
        ]
        np.testing.assert_allclose(history.validation_spread, expected, rtol=1e-5)

    def test_metrics_of_every_epoch_are_kept_by_name(self):
        """Labels are 0, 0, 1, 1, so that the mean absolute error is (|w₁| + |w₁ − 1|) / 2."""
        metrics = ["mean_absolute_error", keras.metrics.MeanSquaredError(name="squares")]
        history = train_known(known_model(metrics=metrics), epochs=3)
        assert set(history.metrics) == {"mean_absolute_error", "squares"}
        before = np.array([known_weight(epoch) for epoch in range(3)])
        np.testing.assert_allclose(
            history.metrics["mean_absolute_error"], (abs(before) + abs(before - 1)) / 2, atol=1e-6
        )
        np.testing.assert_allclose(
            history.metrics["squares"], (before**2 + (before - 1) ** 2) / 2, atol=1e-6
        )
        assert train_known(epochs=1).metrics == {}

    def test_the_loss_is_the_mean_of_the_batches(self):
        history = train_known(batches=known_batches(batches_per_epoch=2), epochs=2)
        np.testing.assert_allclose(history.loss, [1 - 1 / 8, 1 / 2 - 1 / 8], atol=1e-6)

    def test_the_validation_eer_is_that_of_the_embeddings(self):
        model = triplet_model(learning_rate=0.0)
        history = train_triplets(model, epochs=2)
        images, labels = OTHER_PEOPLE
        expected = independent_eer(model(images), labels)
        assert 0.05 < expected < 0.6
        np.testing.assert_allclose(history.validation_eer, [expected, expected], atol=1e-9)

    def test_numbers_are_plain_floats(self):
        history = train_known(epochs=2)
        assert {type(value) for value in history.loss + history.validation_eer} == {float}
        assert type(history.best_epoch) is int

    def test_training_makes_the_triplet_loss_smaller(self):
        history = train_triplets(triplet_model(learning_rate=0.05), epochs=10)
        assert history.loss[-1] < 0.5 * history.loss[0]

    def test_no_epochs_leave_everything_as_it_was(self):
        model = known_model()
        assert train_known(model, epochs=0) == TrainingHistory()
        assert weight(model) == START

    def test_training_without_validation_keeps_the_last_weights(self):
        model = known_model()
        history = train_known(model, validation=None, epochs=6)
        assert len(history.loss) == 6
        assert history.validation_eer == []
        assert history.best_epoch == 0
        assert weight(model) == pytest.approx(known_weight(6))

    def test_a_running_mean_of_the_weights_is_taken_over_at_the_end(self):
        """w₁ is −3/4 and −1/2 after the epochs; half of each is −5/8."""
        model = known_model()
        optimizer = keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5)
        model.compile(optimizer, model.loss, run_eagerly=True)
        history = train_known(model, validation=None, epochs=2)
        np.testing.assert_allclose(history.loss, [1, 0.75], atol=1e-6)
        assert weight(model) == pytest.approx(-5 / 8)


class TestTheBestEpoch:
    def test_the_encoder_gets_the_weights_of_the_first_of_the_best_epochs(self):
        model = known_model()
        history = train_known(model, epochs=6)
        assert history.best_epoch == 3
        assert len(history.loss) == 6
        assert weight(model) == pytest.approx(known_weight(3))

    @pytest.mark.parametrize(("patience", "num_epochs"), [(1, 4), (2, 5), (4, 7), (None, 9)])
    def test_training_stops_after_as_many_epochs_without_improvement(self, patience, num_epochs):
        model = known_model()
        history = train_known(model, epochs=9, patience=patience)
        assert len(history.loss) == len(history.validation_eer) == model.steps == num_epochs
        assert history.best_epoch == 3
        assert weight(model) == pytest.approx(known_weight(3))

    def test_training_that_never_improves_keeps_the_first_epoch(self):
        model = known_model(start=0.25)
        history = train_known(model, epochs=9, patience=3)
        assert len(history.loss) == 4
        assert history.best_epoch == 1
        assert weight(model) == pytest.approx(0.5)

    def test_training_that_always_improves_keeps_the_last_epoch(self):
        model = known_model()
        history = train_known(model, epochs=3, patience=1)
        assert history.best_epoch == 3
        assert weight(model) == pytest.approx(known_weight(3))

    def test_with_real_losses_the_error_of_the_encoder_is_the_smallest_of_the_history(self):
        model = triplet_model(learning_rate=0.5)
        history = train_triplets(model, epochs=20, patience=3)
        rates = history.validation_eer
        assert len(rates) < 20
        assert len(rates) == history.best_epoch + 3
        assert history.best_epoch == 1 + int(np.argmin(rates))
        found = independent_eer(model(OTHER_PEOPLE[0]), OTHER_PEOPLE[1])
        assert found == pytest.approx(min(rates), abs=1e-9)
        assert found < rates[-1]


class TestStartingOver:
    def test_a_seed_gives_weights_of_its_own_and_always_the_same(self):
        model = triplet_model()
        found = []
        for seed in (3, 4, 3):
            start_over(model, seed=seed)
            found.append(model.get_weights()[0])
        np.testing.assert_array_equal(found[0], found[2])
        assert np.abs(found[0] - found[1]).max() > 0.01
        assert np.abs(found[0] - triplet_model().get_weights()[0]).max() > 0.01

    def test_training_is_then_that_of_a_new_model(self):
        model, new = triplet_model(), triplet_model(seed=9)
        train_triplets(model, epochs=1)
        start_over(model, seed=3)
        new.set_weights(model.get_weights())
        history, expected = (train_triplets(each, epochs=2) for each in (model, new))
        np.testing.assert_allclose(history.loss, expected.loss, atol=1e-6)
        assert_same_weights(model, new)

    def test_the_learning_rate_stays(self):
        model = triplet_model()
        model.optimizer.learning_rate = 0.125
        train_triplets(model, epochs=1)
        start_over(model, seed=3)
        assert float(model.optimizer.learning_rate) == 0.125
        assert int(model.optimizer.iterations) == 0

    def test_the_encoder_inside_a_siamese_model_starts_over_too(self):
        encoder = build_embedding_model((16, 16, 1), 4)
        model = build_siamese_model(encoder)
        model.compile("sgd", ContrastiveLoss())
        before = encoder.get_weights()
        start_over(model, seed=3)
        assert np.abs(encoder.get_weights()[0] - before[0]).max() > 0.01
        assert model.weights[0] is encoder.weights[0]
        images = np.random.default_rng(0).random((4, 16, 16, 1), dtype="float32")
        one, other = (encoder(part).numpy() for part in (images, images[::-1]))
        expected = ((one - other) ** 2).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model([images, images[::-1]]), expected, atol=1e-5)

    def test_the_seed_is_that_of_keras_and_numpy_too(self):
        model, drawn = triplet_model(), []
        for _ in range(2):
            start_over(model, seed=3)
            weight = keras.initializers.RandomNormal()(())  # of a new model
            drawn.append((np.random.rand(), float(weight)))  # noqa: NPY002
        assert drawn[0] == drawn[1]

    @pytest.mark.skipif(
        Version(keras.__version__) < Version("3.13"),
        reason="older Keras leaves its generator as it is when it is given a seed",
    )
    def test_the_seed_is_that_of_what_keras_draws_without_a_seed(self):
        model, drawn = triplet_model(), []
        for _ in range(2):
            start_over(model, seed=3)
            drawn.append(float(keras.random.normal(())))
        assert drawn[0] == drawn[1]

    def test_a_model_that_is_not_compiled_is_refused(self):
        with pytest.raises(ValueError, match="`model` must be compiled"):
            start_over(small_encoder(0), seed=3)


class TestCollapse:
    """Without a weight for who it is, w₁ = 0 after epoch 1 gives every photo one embedding."""

    def test_embeddings_that_are_all_the_same_are_reported_once(self):
        model = known_model(who=0.0, start=0.0, learning_rate=0.0)
        words = r"The embeddings have collapsed: two photos are 0 apart on average\."
        with pytest.warns(CollapsedEmbeddingsWarning, match=words) as caught:
            history = train_known(model, epochs=3)
        assert len(caught) == 1
        assert history.validation_spread == [0, 0, 0]
        assert history.validation_eer == [0.5, 0.5, 0.5]

    def test_a_collapse_in_one_epoch_is_enough(self):
        with pytest.warns(CollapsedEmbeddingsWarning):
            history = train_known(known_model(who=0.0, start=-0.25), epochs=2)
        assert history.validation_spread[0] < 1e-4 < history.validation_spread[1]

    def test_without_validation_nobody_looks(self):
        train_known(known_model(who=0.0, start=-0.25), validation=None, epochs=1)


class TestSiamese:
    @staticmethod
    def siamese(seed=0):
        encoder = small_encoder(seed)
        model = build_siamese_model(encoder)
        model.compile(keras.optimizers.Adam(0.05), ContrastiveLoss(), run_eagerly=True)
        return model, encoder

    @staticmethod
    def train(model, encoder, **options):
        batches = PairBatches(*TRAINING_PEOPLE, num_pairs=12, batches_per_epoch=2)
        return train_encoder(
            model, batches, OTHER_PEOPLE, encoder=encoder, verbose=False, **options
        )

    def test_the_encoder_inside_is_validated_and_gets_the_best_weights(self):
        model, encoder = self.siamese()
        history = self.train(model, encoder, epochs=5)
        assert len(history.loss) == len(history.validation_eer) == 5
        assert history.loss[-1] < history.loss[0]
        assert len(set(history.validation_eer)) > 1
        found = independent_eer(encoder(OTHER_PEOPLE[0]), OTHER_PEOPLE[1])
        assert found == pytest.approx(min(history.validation_eer), abs=1e-9)

    def test_an_interrupted_training_goes_on_as_if_nothing_had_been(self, tmp_path):
        (model, encoder), (half, part), (rest, other) = (self.siamese(seed) for seed in (0, 0, 5))
        expected = self.train(model, encoder, epochs=3, state_file=tmp_path / "whole.npz")
        self.train(half, part, epochs=1, state_file=tmp_path / "parts.npz")
        history = self.train(rest, other, epochs=3, state_file=tmp_path / "parts.npz")
        np.testing.assert_allclose(history.loss, expected.loss, atol=1e-6)
        assert_same_weights(other, encoder)
        assert_same_state(tmp_path / "whole.npz", tmp_path / "parts.npz")


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state.npz"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training of four epochs that nobody interrupted."""
    model, path = triplet_model(), tmp_path_factory.mktemp("whole") / "state.npz"
    return model, train_triplets(model, epochs=4, state_file=path), path


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a good state, after one epoch."""
    path = tmp_path_factory.mktemp("good") / "state.npz"
    train_triplets(triplet_model(), epochs=1, state_file=path)
    return path.read_bytes()


class TestResuming:
    @staticmethod
    def assert_ends_like(whole, history, model, state):
        assert history.best_epoch == whole[1].best_epoch
        np.testing.assert_allclose(history.loss, whole[1].loss, atol=1e-6)
        np.testing.assert_allclose(history.validation_eer, whole[1].validation_eer, atol=1e-9)
        assert_same_weights(model, whole[0])
        assert_same_state(state, whole[2])

    def test_training_in_two_parts_is_training_in_one(self, whole, state):
        train_triplets(triplet_model(), epochs=2, state_file=state)
        model = triplet_model(seed=7)
        history = train_triplets(model, epochs=4, state_file=state)
        assert model.steps == 4
        self.assert_ends_like(whole, history, model, state)

    def test_every_epoch_has_the_batches_that_bear_its_number(self, state):
        given = []

        class Recording(BalancedBatches):
            def __getitem__(self, number):
                given.append((self.epoch, number))
                return super().__getitem__(number)

        for epochs in (2, 4):
            batches = Recording(
                *TRAINING_PEOPLE, num_people=2, photos_per_person=2, batches_per_epoch=3
            )
            train_encoder(
                triplet_model(), batches, None, epochs=epochs, state_file=state, verbose=False
            )
        assert given == [(epoch, number) for epoch in range(4) for number in range(3)]

    def test_the_same_model_may_go_on(self, whole, state):
        model = triplet_model()
        for epochs in (1, 4):
            history = train_triplets(model, epochs=epochs, state_file=str(state))
        assert model.steps == 8
        self.assert_ends_like(whole, history, model, state)

    @pytest.mark.parametrize(("step", "finished"), [(2, 0), (6, 2)])
    def test_an_interruption_loses_the_epoch_it_happens_in_and_no_other(
        self, whole, state, step, finished
    ):
        model = triplet_model()
        model.interrupted_before = step
        with pytest.raises(KeyboardInterrupt):
            train_triplets(model, epochs=4, state_file=state)
        assert names_in(state.parent) == ([state.name] if finished else [])
        if finished:
            assert len(stored(state)[1]["loss"]) == finished
        again = triplet_model(seed=0 if not finished else 7)
        history = train_triplets(again, epochs=4, state_file=state)
        assert again.steps == 8 - 2 * finished
        self.assert_ends_like(whole, history, again, state)

    def test_a_training_that_was_finished_is_returned_without_a_step(self, whole, state):
        state.write_bytes(whole[2].read_bytes())
        for epochs in (4, 2, 0):
            model = triplet_model(seed=7)
            history = train_triplets(model, epochs=epochs, state_file=state)
            assert model.steps == 0
            self.assert_ends_like(whole, history, model, state)
        assert state.read_bytes() == whole[2].read_bytes()

    def test_a_training_out_of_patience_is_returned_without_a_step(self, state):
        first = train_known(epochs=9, patience=2, state_file=state)
        model = known_model(start=8)
        assert train_known(model, epochs=9, patience=2, state_file=state) == first
        assert model.steps == 0
        assert weight(model) == pytest.approx(known_weight(3))

    def test_the_patience_counts_the_epochs_before_the_interruption(self, state):
        train_known(epochs=4, patience=2, state_file=state)
        model = known_model(start=8)
        history = train_known(model, epochs=9, patience=2, state_file=state)
        assert model.steps == 1
        assert len(history.loss) == 5

    def test_the_best_weights_may_be_from_before_the_interruption(self, state):
        train_known(epochs=5, state_file=state)
        model = known_model(start=8)
        history = train_known(model, epochs=7, state_file=state)
        expected = [known_eer(epoch) for epoch in range(1, 8)]
        np.testing.assert_allclose(history.validation_eer, expected, atol=1e-6)
        assert history.best_epoch == 3
        assert weight(model) == pytest.approx(known_weight(3))

    def test_the_learning_rate_is_that_of_the_caller(self, state):
        train_known(known_model(learning_rate=0.25), epochs=1, state_file=state)
        model = known_model(learning_rate=0.125)
        train_known(model, validation=None, epochs=2, state_file=state)
        assert float(model.optimizer.learning_rate) == 0.125
        last_step = weight(model) - known_weight(1)
        assert abs(last_step) == pytest.approx(abs(known_weight(2) - known_weight(1)) / 2)

    def test_the_state_is_that_of_the_last_epoch_and_not_of_the_best(self, state):
        train_known(epochs=5, state_file=state)
        arrays, history = stored(state)
        assert history["best_epoch"] == 3
        assert arrays["weights_0"][1, 0] == pytest.approx(known_weight(5))
        assert arrays["best_0"][1, 0] == pytest.approx(known_weight(3))

    def test_training_without_validation_is_resumed_too(self, state):
        train_known(validation=None, epochs=2, state_file=state)
        model = known_model(start=8)
        history = train_known(model, validation=None, epochs=3, state_file=state)
        np.testing.assert_allclose(history.loss, [1, 0.75, 0.5], atol=1e-6)
        assert weight(model) == pytest.approx(known_weight(3))

    def test_without_a_state_file_nothing_is_written(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        train_known(epochs=1)
        assert names_in(tmp_path) == []


class TestStatesThatCannotBeUsed:
    @staticmethod
    def assert_refused(state, content, model=None):
        state.write_bytes(content)
        model = model or triplet_model(seed=7)
        before = model.get_weights()
        words = r"The state of the training .*state\.npz is damaged, or that of another model .*Del"
        with pytest.raises(ValueError, match=f"(?s){words}"):
            train_triplets(model, epochs=2, state_file=state)
        assert state.read_bytes() == content
        assert names_in(state.parent) == ["state.npz"]
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)

    def test_the_good_one_is_accepted(self, state, good):
        state.write_bytes(good)
        assert len(train_triplets(triplet_model(), epochs=1, state_file=state).loss) == 1

    @pytest.mark.parametrize("share", [0.1, 0.9, 0.999])
    def test_a_truncated_file(self, state, good, share):
        self.assert_refused(state, good[: int(share * len(good))])

    def test_an_empty_file(self, state):
        self.assert_refused(state, b"")

    def test_a_changed_number(self, state, good):
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            place = good.index(archive.read("weights_0.npy"))
        changed = bytearray(good)
        changed[place + 150] ^= 64
        self.assert_refused(state, bytes(changed))

    @pytest.mark.parametrize(
        ("place", "value"),
        [(8, 1), (10, 99)],
        ids=["said to be encrypted", "compressed in an unknown way"],
    )
    def test_a_changed_directory_of_the_archive(self, state, good, place, value):
        changed = bytearray(good)
        changed[good.index(b"PK\x01\x02") + place] = value
        self.assert_refused(state, bytes(changed))

    def test_a_text(self, state):
        self.assert_refused(state, b"loss,eer\n0.1,0.2\n")

    def test_a_single_array(self, state):
        file = io.BytesIO()
        np.save(file, np.zeros(3))
        self.assert_refused(state, file.getvalue())

    @pytest.mark.parametrize(
        "arrays",
        [
            {"images": np.zeros(3)},
            {"weights_0": np.zeros((16, 3))},
            {"history": np.array("{}")},
            {"history": np.array("[1]")},
            {"history": np.array("no JSON")},
            {"history": np.array(json.dumps({"loss": [], "epochs": 3}))},
            {"history": np.array([{"loss": []}], dtype=object)},
        ],
        ids=str,
    )
    def test_an_archive_of_something_else(self, state, arrays):
        file = io.BytesIO()
        np.savez(file, **arrays)
        self.assert_refused(state, file.getvalue())

    def test_the_state_of_another_model(self, state, good):
        self.assert_refused(state, good, model=self.compiled(small_encoder(0, dim=4), "adam"))

    @pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
    def test_the_state_of_another_optimizer(self, state, good, optimizer):
        self.assert_refused(state, good, model=self.compiled(small_encoder(0), optimizer))

    @staticmethod
    def compiled(model, optimizer):
        model.compile(optimizer, TripletLoss(), run_eagerly=True)
        return model

    def test_a_folder(self, tmp_path):
        with pytest.raises(
            ValueError, match=rf"The state of the training {re.escape(str(tmp_path))} is"
        ):
            train_triplets(triplet_model(), epochs=1, state_file=tmp_path)


class TestWritingTheState:
    def test_an_interruption_while_writing_leaves_the_state_before(self, state, monkeypatch):
        train_known(epochs=2, state_file=state)
        before = state.read_bytes()

        def half(file, **arrays):
            file.write(b"PK half of a file")
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(np, "savez", half)
            with pytest.raises(KeyboardInterrupt):
                train_known(epochs=4, state_file=state)
        assert state.read_bytes() == before
        assert names_in(state.parent) == ["state.npz"]
        history = train_known(epochs=4, state_file=state)
        np.testing.assert_allclose(history.loss, [1, 0.75, 0.5, 0.25], atol=1e-6)

    def test_the_state_is_whole_whenever_another_process_may_look(self, state, monkeypatch):
        lengths, savez = [], np.savez

        def look(file, **arrays):
            if state.exists():
                lengths.append(len(stored(state)[1]["loss"]))
            savez(file, **arrays)
            if state.exists():
                lengths.append(len(stored(state)[1]["loss"]))

        monkeypatch.setattr(np, "savez", look)
        train_known(epochs=3, state_file=state)
        assert lengths == [1, 1, 2, 2]

    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"The folder .*gone is missing"):
            train_known(epochs=2, state_file=tmp_path / "gone" / "state.npz")


class TestOutput:
    def test_silence(self, capsys):
        train_known(epochs=2)
        assert capsys.readouterr() == ("", "")

    def test_the_validation_eer_is_shown_with_the_loss(self, capsys):
        train_known(batches=known_batches(batches_per_epoch=4), epochs=2, verbose=True)
        first, second = capsys.readouterr().out.split("Epoch 2/2")
        assert "Epoch 1/2" in first
        assert f"loss: {1 - 1.5 / 4:.4f} - validation_eer: {known_eer(4):.4f}" in first
        assert f"loss: {-1.5 / 4:.4f} - validation_eer: {known_eer(8):.4f}" in second


class TestErrors:
    @pytest.mark.parametrize(
        ("labels", "words"),
        [
            (["train a"] * 3 + ["new"] * 3, "Received 1 who .*train a"),
            (["train b", "new", "train a", "x", "x", "x"], "Received 2 who .*train a"),
        ],
    )
    def test_people_who_are_trained_on_are_refused_for_validation(self, labels, words):
        model = known_model()
        with pytest.raises(ValueError, match=rf"`validation` must hold other people .*{words}"):
            train_known(model, validation=(np.zeros((6, 1, 2, 1)), np.array(labels)), epochs=1)
        assert model.steps == 0

    def test_numbered_people_who_are_trained_on_are_refused_too(self):
        images, labels = np.zeros((8, 1, 2, 1)), np.arange(8) // 2
        batches = BalancedBatches(images, labels, num_people=2, photos_per_person=2)
        with pytest.raises(ValueError, match=r"Received 1 who are in both, such as .*3"):
            train_known(batches=batches, validation=(images, labels + 3), epochs=1)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_a_loss_that_is_not_finite_stops_the_training_and_is_not_saved(self, value, state):
        def loss(_, embeddings):
            mean = keras.ops.mean(embeddings)
            return -mean + (value if mean > -0.6 else 0)

        with pytest.raises(
            ValueError, match=rf"`loss` must stay finite\. Received: {value} in epoch 3\. Lower"
        ):
            train_known(known_model(loss=loss), epochs=5, state_file=state)
        arrays, history = stored(state)
        np.testing.assert_allclose(history["loss"], [1, 0.75], atol=1e-6)
        assert arrays["weights_0"][1, 0] == pytest.approx(known_weight(2))

    def test_a_model_that_is_not_compiled_is_refused(self):
        words = r"`model` must be compiled: .*Received an uncompiled 'bare'\."
        inputs = keras.Input((1, 2, 1))
        model = keras.Model(inputs, keras.layers.Flatten()(inputs), name="bare")
        with pytest.raises(ValueError, match=words):
            train_known(model, epochs=1)

    def test_patience_without_validation_is_refused(self):
        model = known_model()
        words = r"`patience` needs `validation` people\. Received: patience=3\."
        with pytest.raises(ValueError, match=words):
            train_known(model, validation=None, epochs=1, patience=3)
        assert model.steps == 0


RUN = """
import os, signal, sys
from course_utils.session import start_session
rng = start_session(0)
import keras, numpy as np
from course_utils.losses import TripletLoss
from course_utils.models import build_embedding_model
from course_utils.recognition.training import BalancedBatches, augment_faces, train_encoder

images, labels = rng.random((36, 16, 16, 1), dtype="float32"), np.arange(36) // 4

class PowerCut(BalancedBatches):
    def __getitem__(self, number):
        if self.epoch == 2 and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(number)

def train(batches, state_file, seed):
    keras.utils.set_random_seed(seed)
    encoder = build_embedding_model((16, 16, 1), 4)
    encoder.compile(keras.optimizers.Adam(0.01), TripletLoss(0.5, "semi-hard"))
    batches = batches(
        images[:24], labels[:24], num_people=4, photos_per_person=3, batches_per_epoch=2,
        augment=augment_faces,
    )
    validation = images[24:], labels[24:]
    train_encoder(encoder, batches, validation, epochs=3, state_file=state_file, verbose=False)

if sys.argv[1] == "first":
    train(BalancedBatches, "whole.npz", seed=0)
    train(PowerCut, "parts.npz", seed=0)
else:
    train(BalancedBatches, "parts.npz", seed=9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_that_was_killed_is_continued_by_another_bit_by_bit(tmp_path):
    def run(part):
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {ROOT!r})\n" + RUN, part]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    first = run("first")
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert len(stored(tmp_path / "parts.npz")[1]["loss"]) == 2
    second = run("second")
    assert second.returncode == 0, second.stderr
    assert len(stored(tmp_path / "parts.npz")[1]["loss"]) == 3
    assert_same_state(tmp_path / "whole.npz", tmp_path / "parts.npz", atol=0)
    assert names_in(tmp_path) == ["parts.npz", "whole.npz"]
