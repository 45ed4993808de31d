import math
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import layers
from sklearn.linear_model import LogisticRegression

from course_utils.models import (
    build_embedding_model,
    build_verification_head,
    build_verification_model,
)
from course_utils.models.verification_heads import NON_NEGATIVE

DIM = 4  # small, and √4 = 2 scales float32 numbers without rounding
VARIANTS = (("abs", "softplus"), ("chi2", "softplus"), ("chi2", "relu"), ("chi2", None))
IDS = ("abs", "chi2-softplus", "chi2-relu", "chi2-None")
every_variant = pytest.mark.parametrize(("similarity", "non_negative"), VARIANTS, ids=IDS)
HEADS = {
    variant: build_verification_head(DIM, variant[0], non_negative=variant[1])
    for variant in VARIANTS
}
DIFFERENCES = {
    variant: keras.Model(head.inputs, head.get_layer("difference").output)
    for variant, head in HEADS.items()
}


def numbers(low, high):
    """Float32 numbers without those so small that their squares are 0."""
    values = st.floats(low, high, width=32).map(lambda x: round(x * 256) / 256)
    return arrays(np.float32, (3, DIM), elements=values)


def embeddings(num_pairs, seed=0, signed=True, dim=DIM):
    """Two arrays of random embeddings, of about unit length."""
    rng = np.random.default_rng(seed)
    both = rng.normal(size=(2, num_pairs, dim)) / math.sqrt(dim)
    return (both if signed else np.abs(both)).astype("float32")


def made_non_negative(x, non_negative):
    if non_negative == "softplus":
        return math.log1p(math.exp(-abs(x))) + max(x, 0.0)
    return max(x, 0.0) if non_negative == "relu" else x


def term_by_hand(a, b, similarity, non_negative, dim=DIM):
    """What the docstring says of one number of two embeddings, in float64."""
    a, b = float(a) * math.sqrt(dim), float(b) * math.sqrt(dim)
    if similarity == "abs":
        return abs(a - b)
    a, b = made_non_negative(a, non_negative), made_non_negative(b, non_negative)
    return 0.0 if a + b == 0 else (a - b) ** 2 / (a + b)


def probability_by_hand(first, second, weights, bias, similarity, non_negative):
    found = []
    for one, other in zip(first, second, strict=True):
        total = float(bias)
        for a, b, w in zip(one, other, weights, strict=True):
            total += float(w) * term_by_hand(a, b, similarity, non_negative, len(weights))
        found.append(1 / (1 + math.exp(-total)))
    return np.array(found)


def with_weights(head, weights, bias):
    head.get_layer("same_person").set_weights([np.reshape(weights, (-1, 1)), np.reshape(bias, 1)])
    return head


def trained_like(similarity, non_negative, seed=0, dim=DIM):
    """A new head whose weights are as after a training: mostly negative, with a bias."""
    head = build_verification_head(dim, similarity, non_negative=non_negative)
    rng = np.random.default_rng(seed)
    weights, bias = rng.normal(-0.5, 1, dim).astype("float32"), np.float32(0.7)
    return with_weights(head, weights, bias), weights, bias


def value_and_gradients(head, first, second):
    """The sum of ŷ, and its gradient in the weights, the bias and both embeddings."""
    first, second = tf.constant(first), tf.constant(second)
    sources = [*head.trainable_variables, first, second]
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        total = tf.reduce_sum(head([first, second]))
    return float(total), [part.numpy() for part in tape.gradient(total, sources)]


class TestFormulas:
    @every_variant
    @pytest.mark.parametrize("num_pairs", [1, 2, 7])
    def test_the_probability_is_that_of_the_loop(self, similarity, non_negative, num_pairs):
        head, weights, bias = trained_like(similarity, non_negative, seed=1)
        first, second = embeddings(num_pairs, seed=2, signed=non_negative is not None)
        expected = probability_by_hand(first, second, weights, bias, similarity, non_negative)
        found = head([first, second])
        assert found.shape == (num_pairs, 1)
        assert found.dtype == "float32"
        assert np.ptp(expected) > 0.01 or num_pairs == 1
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)

    @pytest.mark.parametrize("dim", [1, 128])
    def test_the_scale_is_the_root_of_the_dimension(self, dim):
        head, weights, bias = trained_like("chi2", "softplus", dim=dim)
        first, second = embeddings(3, dim=dim)
        expected = probability_by_hand(first, second, weights, bias, "chi2", "softplus")
        np.testing.assert_allclose(head([first, second])[:, 0], expected, rtol=1e-4)

    def test_an_example_by_hand(self):
        """√4 = 2 makes (1, 0, ½, 0) and (0, 0, ½, 2) into (2, 0, 1, 0) and (0, 0, 1, 4).

        |difference| is (2, 0, 0, 4); χ² is (2²/2, 0/0 → 0, 0²/2, 4²/4) = (2, 0, 0, 4) as well.
        With (1, 0, ½, 1) as the second it is (0, 0, 0, 2): weights −1 and bias 1 give σ(−1).
        """
        first = np.array([[1, 0, 0.5, 0]], "float32")
        second = np.array([[0, 0, 0.5, 2]], "float32")
        for variant in (("abs", "softplus"), ("chi2", "relu"), ("chi2", None)):
            np.testing.assert_array_equal(DIFFERENCES[variant]([first, second]), [[2, 0, 0, 4]])
            head = build_verification_head(4, variant[0], non_negative=variant[1])
            with_weights(head, [-1.0] * 4, 1.0)
            nearer = np.array([[1, 0, 0.5, 1]], "float32")
            expected = 1 / (1 + math.exp(1))
            np.testing.assert_allclose(head([first, nearer]), [[expected]], rtol=1e-6)

    @every_variant
    def test_before_training_nothing_is_known(self, similarity, non_negative):
        head = HEADS[similarity, non_negative]
        np.testing.assert_array_equal(head(list(embeddings(5))), np.full((5, 1), 0.5))

    @every_variant
    @given(both=arrays(np.float32, (2, 3, DIM), elements=st.floats(-3, 3, width=32)))
    def test_the_order_of_the_two_does_not_matter(self, similarity, non_negative, both):
        difference = DIFFERENCES[similarity, non_negative]
        first, second = np.abs(both) if non_negative is None else both
        np.testing.assert_array_equal(difference([first, second]), difference([second, first]))

    @every_variant
    def test_a_batch_gets_what_each_of_its_pairs_gets_alone(self, similarity, non_negative):
        head, _, _ = trained_like(similarity, non_negative)
        first, second = embeddings(6, signed=False)
        alone = [head([first[i : i + 1], second[i : i + 1]])[0, 0] for i in range(6)]
        np.testing.assert_allclose(head([first, second])[:, 0], alone, rtol=1e-6)

    @every_variant
    def test_no_pair_is_no_error(self, similarity, non_negative):
        empty = np.zeros((0, DIM), "float32")
        assert HEADS[similarity, non_negative]([empty, empty]).shape == (0, 1)


class TestModel:
    @pytest.mark.parametrize(("dim", "expected"), [(1, 2), (DIM, 5), (128, 129)])
    @pytest.mark.parametrize("similarity", ["abs", "chi2"])
    def test_parameters_are_as_many_as_counted_by_hand(self, similarity, dim, expected):
        """A weight for each number of the embedding and one bias: dim + 1."""
        assert build_verification_head(dim, similarity).count_params() == expected

    def test_inputs_layers_and_output_have_the_documented_names_and_shapes(self):
        head = build_verification_head(7, "chi2")
        assert [part.name for part in head.inputs] == ["first", "second"]
        assert head.input_shape == [(None, 7), (None, 7)]
        assert head.get_layer("difference").output.shape == (None, 7)
        assert head.layers[-1].name == "same_person"
        assert head.output_shape == (None, 1)
        assert head.name == "verification_head_chi2"

    def test_the_default_is_the_absolute_difference_without_a_penalty(self):
        head = build_verification_head(DIM)
        assert head.name == "verification_head_abs"
        assert head.losses == []

    def test_the_default_of_chi2_is_softplus(self):
        first, second = embeddings(5)
        head = build_verification_head(DIM, "chi2")
        difference = keras.Model(head.inputs, head.get_layer("difference").output)
        np.testing.assert_array_equal(
            difference([first, second]), DIFFERENCES["chi2", "softplus"]([first, second])
        )

    def test_abs_takes_no_notice_of_how_chi2_would_make_numbers_non_negative(self):
        both = list(embeddings(5))
        expected = trained_like("abs", "softplus")[0](both)
        for non_negative in ("relu", None):
            np.testing.assert_array_equal(trained_like("abs", non_negative)[0](both), expected)

    def test_the_model_is_not_compiled(self):
        assert not HEADS["abs", "softplus"].compiled

    def test_the_penalty_is_the_sum_of_squared_weights_and_spares_the_bias(self):
        head = with_weights(build_verification_head(DIM, l2=0.5), [1.0, -2.0, 0.0, 3.0], 9.0)
        assert float(sum(head.losses)) == pytest.approx(0.5 * (1 + 4 + 9))


class TestGradients:
    @every_variant
    def test_it_is_that_of_finite_differences(self, similarity, non_negative):
        """Central differences of the float64 loop, in the weights, the bias and both embeddings."""
        head, weights, bias = trained_like(similarity, non_negative, seed=3)
        first, second = embeddings(3, seed=4, signed=non_negative is not None)
        parts = [weights, np.array([bias]), first, second]
        parts = [part.astype(np.float64) for part in parts]
        assert np.abs(parts[2] - parts[3]).min() > 1e-3  # away from the kink of |a − b|
        assert np.abs(parts[2:]).min() > 1e-3  # and of the relu

        def total(parts):
            w, b, one, other = parts
            return probability_by_hand(one, other, w, b[0], similarity, non_negative).sum()

        step = 1e-5
        expected = []
        for number, part in enumerate(parts):
            gradient = np.zeros_like(part)
            for place in np.ndindex(part.shape):
                ends = []
                for sign in (1, -1):
                    moved = [np.copy(each) for each in parts]
                    moved[number][place] += sign * step
                    ends.append(total(moved))
                gradient[place] = (ends[0] - ends[1]) / (2 * step)
            expected.append(gradient)
        value, found = value_and_gradients(head, first, second)
        assert value == pytest.approx(total(parts), rel=1e-5)
        for one, other in zip(found, expected, strict=True):
            assert np.abs(other).max() > 1e-3
            np.testing.assert_allclose(one.reshape(other.shape), other, rtol=1e-3, atol=2e-5)

    @every_variant
    @pytest.mark.parametrize("value", [0, 0.1, -0.1, 5, 1e-20, -50, 1e3, 1e6])
    def test_identical_encodings_have_a_finite_value_and_gradient(
        self, similarity, non_negative, value
    ):
        """With relu, −0.1 makes 0/0. The value is σ(b), since nothing differs."""
        head, _, bias = trained_like(similarity, non_negative)
        both = np.full((2, DIM), value, "float32")
        total, gradients = value_and_gradients(head, both, both)
        assert total == pytest.approx(2 / (1 + math.exp(-bias)), rel=1e-6)
        for gradient in gradients:
            assert np.isfinite(gradient).all()

    @every_variant
    def test_large_encodings_have_a_finite_value_and_gradient(self, similarity, non_negative):
        head, _, _ = trained_like(similarity, non_negative)
        first, second = 1e6 * embeddings(5, signed=non_negative is not None)
        total, gradients = value_and_gradients(head, first, second)
        assert 0 <= total <= 5
        for gradient in gradients:
            assert np.isfinite(gradient).all()

    @pytest.mark.parametrize("non_negative", ["softplus", "relu"])
    @given(
        both=arrays(
            np.float32,
            (2, 3, DIM),
            elements=st.one_of(
                st.floats(-100, 100, width=32), st.sampled_from([0.0, -60.0, 60.0, 1e-30, -1e-30])
            ),
        )
    )
    def test_every_pair_of_signed_encodings_has_a_finite_gradient(self, non_negative, both):
        head = with_weights(HEADS["chi2", non_negative], [-0.5, 0.1, 0.3, -0.2], 0.5)
        try:
            total, gradients = value_and_gradients(head, *both)
        finally:
            with_weights(head, [0.0] * DIM, 0.0)
        assert math.isfinite(total)
        for gradient in gradients:
            assert np.isfinite(gradient).all()


class TestNonNegativity:
    @given(first=numbers(0, 8), second=numbers(0, 8))
    def test_chi2_of_non_negative_numbers_is_0_for_equal_ones_and_else_above(self, first, second):
        terms = DIFFERENCES["chi2", None]([first, second]).numpy()
        np.testing.assert_array_equal(terms > 0, first != second)
        np.testing.assert_array_equal(terms == 0, first == second)

    @given(first=numbers(0, 8), second=numbers(0, 8))
    def test_chi2_is_never_above_the_absolute_difference_of_non_negative_numbers(
        self, first, second
    ):
        """|a − b| ≤ a + b, hence (a − b)²/(a + b) ≤ |a − b|, equal where one of them is 0."""
        terms = DIFFERENCES["chi2", None]([first, second]).numpy()
        absolute = DIFFERENCES["abs", "softplus"]([first, second]).numpy()
        assert (terms <= absolute * (1 + 1e-6)).all()
        alone = (first == 0) | (second == 0)
        np.testing.assert_allclose(terms[alone], absolute[alone], rtol=1e-6)

    @pytest.mark.parametrize("non_negative", ["softplus", "relu"])
    @given(first=numbers(-8, 8), second=numbers(-8, 8))
    def test_made_non_negative_no_term_is_negative_or_explodes(self, non_negative, first, second):
        """Neither map moves two numbers apart, so a term stays below √dim · |a − b|."""
        terms = DIFFERENCES["chi2", non_negative]([first, second]).numpy()
        absolute = DIFFERENCES["abs", "softplus"]([first, second]).numpy()
        assert (terms >= 0).all()
        assert (terms <= absolute * (1 + 1e-4) + 1e-6).all()
        assert (terms[first == second] == 0).all()

    @pytest.mark.parametrize("non_negative", ["softplus", "relu"])
    @given(three=arrays(np.float32, (3, 3, DIM), elements=st.floats(-8, 8, width=32)))
    def test_made_non_negative_farther_apart_never_counts_less(self, non_negative, three):
        low, middle, high = np.sort(three, axis=0)
        difference = DIFFERENCES["chi2", non_negative]
        widest = difference([low, high]).numpy() * (1 + 1e-4) + 1e-6
        assert (difference([low, middle]) <= widest).numpy().all()
        assert (difference([middle, high]) <= widest).numpy().all()

    @pytest.mark.parametrize(
        ("a", "b", "expected"),
        [
            (-0.5, -1.0, -1 / 3),  # 1²/(−3): negative
            (1.0, -1.01, -808.02),  # 4.02²/(−0.02): explodes below
            (1.0, -0.99, 792.02),  # 3.98²/0.02: … and above, from a step of 0.02
            (1.0, -1.0, 0.0),  # 4²/0: two numbers far apart, as if they were equal
        ],
    )
    def test_left_signed_a_term_is_negative_or_explodes(self, a, b, expected):
        first, second = np.full((1, DIM), a, "float32"), np.full((1, DIM), b, "float32")
        found = DIFFERENCES["chi2", None]([first, second]).numpy()
        np.testing.assert_allclose(found, np.full((1, DIM), expected), rtol=1e-3)
        for safe in ("softplus", "relu"):
            terms = DIFFERENCES["chi2", safe]([first, second]).numpy()
            assert (terms >= 0).all()
            assert (terms <= 2 * abs(a - b)).all()

    def test_left_signed_random_encodings_have_such_terms_and_made_non_negative_none(self):
        """A sum of two normal numbers is below 0 in half the cases, and near 0 in some."""
        first, second = embeddings(1000, dim=DIM)
        farthest = 2 * np.abs(first - second).max()
        signed = DIFFERENCES["chi2", None]([first, second]).numpy()
        assert 0.45 < np.mean(signed < 0) < 0.55
        assert np.abs(signed).max() > 100 * farthest
        for safe in ("softplus", "relu"):
            terms = DIFFERENCES["chi2", safe]([first, second]).numpy()
            assert terms.min() >= 0
            assert terms.max() <= farthest

    def test_softplus_keeps_the_order_of_all_values_and_relu_of_those_above_0(self):
        """Against −200, of which softplus and relu make 0, a term is the number itself."""
        values = np.arange(-20, 20, 0.25, dtype=np.float32)
        first = np.repeat(values[:, None], DIM, axis=1)
        second = np.full_like(first, -200)
        kept = DIFFERENCES["chi2", "softplus"]([first, second]).numpy()[:, 0]
        assert (np.diff(kept) > 0).all()
        expected = [made_non_negative(2 * value, "softplus") for value in values]
        np.testing.assert_allclose(kept, expected, rtol=1e-5)
        cut = DIFFERENCES["chi2", "relu"]([first, second]).numpy()[:, 0]
        np.testing.assert_array_equal(cut, np.maximum(2 * values, 0))

    @given(both=arrays(np.float32, 2, elements=st.floats(-80, 80, width=32)))
    def test_softplus_of_the_larger_of_two_is_never_the_smaller(self, both):
        low, high = np.sort(both)
        low, high = (float(NON_NEGATIVE["softplus"](tf.constant(x))) for x in (low, high))
        assert 0 < low <= high


def pairs_to_learn(num_pairs=80, seed=0):
    """Pairs whose difference tells the label, except that every tenth label is turned round."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(num_pairs, DIM)) / 2
    same = np.arange(num_pairs) % 2
    second = first + rng.normal(size=(num_pairs, DIM)) * np.where(same, 0.1, 1.0)[:, None]
    same = np.where(np.arange(num_pairs) % 10 == 0, 1 - same, same)
    return first.astype("float32"), second.astype("float32"), same.astype("float32")


def trained(similarity, start, *, l2, steps=250):
    """A head after full-batch steps from a start of our choice, and its loss at the end."""
    first, second, same = pairs_to_learn()
    head = with_weights(build_verification_head(DIM, similarity, l2=l2), *start)
    head.compile(keras.optimizers.SGD(0.5, momentum=0.9), "binary_crossentropy")
    for _ in range(steps):
        head.train_on_batch([first, second], same)
    head.reset_metrics()  # older Keras: otherwise the mean over the steps before
    return head, head.test_on_batch([first, second], same)


@pytest.mark.parametrize("similarity", ["abs", "chi2"])
def test_from_wherever_it_begins_training_ends_at_the_same_weights(similarity):
    """The loss is convex. The reference, scikit-learn's solver, minimises ‖w‖²/2 + C · Σ loss.

    Ours is the mean loss + l2 · ‖w‖²; times the number of pairs n, that is C = 1/(2 · n · l2).
    """
    l2 = 0.01
    first, second, same = pairs_to_learn()
    terms = [
        [term_by_hand(a, b, similarity, "softplus") for a, b in zip(*pair, strict=True)]
        for pair in zip(first, second, strict=True)
    ]
    reference = LogisticRegression(C=1 / (2 * len(same) * l2), tol=1e-8).fit(terms, same)
    starts = [([0.0] * DIM, 0.0), ([3.0, -4.0, 2.0, 5.0], -6.0)]
    heads, losses = zip(*(trained(similarity, start, l2=l2) for start in starts), strict=True)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert 0.3 < losses[0] < 0.6  # noise: not separable; below log 2: something was learned
    for head in heads:
        kernel, bias = head.get_layer("same_person").get_weights()
        np.testing.assert_allclose(kernel[:, 0], reference.coef_[0], rtol=1e-2, atol=1e-3)
        np.testing.assert_allclose(bias, reference.intercept_, rtol=1e-2, atol=1e-3)
        assert (kernel < 0).all()  # the farther apart, the less probably one person


def test_the_starts_of_that_training_are_far_apart():
    losses = [
        trained("abs", start, l2=0.01, steps=0)[1]
        for start in (([0.0] * DIM, 0.0), ([3.0, -4.0, 2.0, 5.0], -6.0))
    ]
    assert losses[0] == pytest.approx(math.log(2))
    assert losses[1] > losses[0] + 1


SHAPE = (16, 16, 1)


def photos(num_photos, seed=0):
    return np.random.default_rng(seed).uniform(size=(num_photos, *SHAPE)).astype("float32")


def photo_model(similarity="chi2", **options):
    keras.utils.set_random_seed(3)
    encoder = build_embedding_model(SHAPE, DIM)
    return encoder, build_verification_model(encoder, similarity, **options)


class TestPhotoModel:
    def test_inputs_and_output_have_the_documented_names_and_shapes(self):
        _, model = photo_model()
        assert [part.name for part in model.inputs] == ["first", "second"]
        assert model.input_shape == [(None, *SHAPE), (None, *SHAPE)]
        assert model.output_shape == (None, 1)
        assert not model.compiled

    def test_it_has_the_parameters_of_the_encoder_and_of_the_head(self):
        encoder, model = photo_model()
        assert model.count_params() == encoder.count_params() + DIM + 1
        for weights in encoder.weights:
            assert any(weights is other for other in model.weights)

    @every_variant
    @pytest.mark.parametrize("num_pairs", [1, 4])
    def test_it_is_the_formula_on_what_the_encoder_makes_of_both(
        self, similarity, non_negative, num_pairs
    ):
        encoder, model = photo_model(similarity, non_negative=non_negative)
        head = model.get_layer(f"verification_head_{similarity}")
        weights, bias = np.array([20.0, -10.0, 5.0, -30.0]), 0.25
        with_weights(head, weights, bias)
        first, second = photos(num_pairs), photos(num_pairs, seed=1)
        if non_negative is None:  # embeddings that are ≥ 0 already, as behind a ReLU
            kernel, zeros = encoder.get_layer("embedding").get_weights()
            encoder.get_layer("embedding").set_weights([np.abs(kernel), zeros])
        one, other = (encoder(part).numpy() for part in (first, second))
        expected = probability_by_hand(one, other, weights, bias, similarity, non_negative)
        found = model([first, second])
        assert found.shape == (num_pairs, 1)
        assert np.abs(expected - 1 / (1 + math.exp(-bias))).max() > 1e-4
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)

    def test_before_training_nothing_is_known(self):
        _, model = photo_model()
        np.testing.assert_array_equal(model([photos(3), photos(3, seed=1)]), np.full((3, 1), 0.5))

    def test_the_order_of_the_two_photos_does_not_matter(self):
        _, model = photo_model(head=trained_like("chi2", "softplus")[0])
        first, second = photos(4), photos(4, seed=1)
        np.testing.assert_allclose(model([first, second]), model([second, first]), rtol=1e-6)

    def test_a_trained_head_gives_the_same_on_embeddings_as_within_the_model(self):
        head, _, _ = trained_like("abs", "softplus")
        encoder, model = photo_model("abs", head=head)
        first, second = photos(4), photos(4, seed=1)
        stored = [encoder(part) for part in (first, second)]
        np.testing.assert_allclose(model([first, second]), head(stored), rtol=1e-6)
        for weights in (*encoder.weights, *head.weights):
            assert any(weights is other for other in model.weights)

    def test_the_three_options_are_the_heads_own(self):
        head, _, _ = trained_like("chi2", "relu")
        _, model = photo_model("abs", l2=0.5, head=head)
        assert head in model.layers
        assert [layer.name for layer in model.layers].count("verification_head_chi2") == 1
        assert model.losses == []

    def test_the_penalty_reaches_the_model(self):
        _, model = photo_model("abs", l2=0.5)
        with_weights(model.get_layer("verification_head_abs"), [1.0, 2.0, 0.0, 0.0], 9.0)
        assert float(sum(model.losses)) == pytest.approx(2.5)

    def test_to_train_the_head_on_embeddings_changes_the_model(self):
        head = build_verification_head(DIM)
        encoder, model = photo_model(head=head)
        first, second = photos(6), photos(6, seed=1)
        stored = [encoder(part) for part in (first, second)]
        before, encoder_before = model([first, second]).numpy(), encoder.get_weights()
        head.compile(keras.optimizers.SGD(1.0), "binary_crossentropy")
        for _ in range(3):
            head.train_on_batch(stored, np.array([1, 0, 0, 0, 0, 0], "float32"))
        after = model([first, second]).numpy()
        assert np.abs(after - before).max() > 0.01
        np.testing.assert_allclose(after, head(stored), rtol=1e-6)
        for old, new in zip(encoder_before, encoder.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)

    def test_to_train_the_model_trains_the_encoder_and_the_head(self):
        encoder, model = photo_model(head=trained_like("chi2", "softplus")[0])
        before = [weights.numpy() for weights in model.trainable_variables]
        assert len(before) == len(encoder.trainable_variables) + 2
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", run_eagerly=True)
        model.train_on_batch([photos(4), photos(4, seed=1)], np.array([1, 0, 1, 0], "float32"))
        for old, new in zip(before, model.trainable_variables, strict=True):
            assert np.abs(new.numpy() - old).max() > 0, new.path

    def test_the_encoders_type_of_photo_is_kept(self):
        images = keras.Input((2, 2, 1), dtype="uint8")
        encoder = keras.Model(images, layers.Flatten()(layers.Rescaling(1 / 255)(images)))
        model = build_verification_model(encoder, "chi2", non_negative=None)
        assert [part.dtype for part in model.inputs] == ["uint8", "uint8"]
        with_weights(model.layers[-1], [-1.0] * 4, 1.0)
        white, black = (np.full((1, 2, 2, 1), shade, "uint8") for shade in (255, 0))
        expected = 1 / (1 + math.exp(-(1 - 4 * 2)))  # each number 2 = √4 · 1: χ² 2²/2 = 2
        np.testing.assert_allclose(model([white, black]), [[expected]], rtol=1e-5)


class TestRefusals:
    @pytest.mark.parametrize("dim", [0, -1])
    def test_an_embedding_without_numbers(self, dim):
        with pytest.raises(ValueError, match=rf"`embedding_dim` must be .*Received: {dim}\."):
            build_verification_head(dim)

    @pytest.mark.parametrize("build", ["head", "model"])
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (
                {"similarity": "cosine"},
                r"`similarity` must be one of \('abs', 'chi2'\)\. "
                r"Received: similarity='cosine'\.",
            ),
            ({"similarity": None}, "Received: similarity=None"),
            (
                {"similarity": "chi2", "non_negative": "abs"},
                r"`non_negative` must be one of \('softplus', 'relu', None\)\. "
                r"Received: non_negative='abs'\.",
            ),
            ({"similarity": "abs", "non_negative": False}, "Received: non_negative=False"),
            ({"l2": -0.1}, r"`l2` must be at least 0\. Received: l2=-0\.1\."),
            ({"l2": float("nan")}, "Received: l2=nan"),
            ({"l2": float("inf")}, "Received: l2=inf"),
        ],
        ids=["similarity", "no similarity", "non_negative", "False", "l2", "NaN", "infinite"],
    )
    def test_options_that_there_are_not(self, build, options, words):
        vectors = keras.Input((DIM,))
        encoder = keras.Model(vectors, layers.Rescaling(1.0)(vectors))
        build, what = {
            "head": (build_verification_head, DIM),
            "model": (build_verification_model, encoder),
        }[build]
        with pytest.raises(ValueError, match=words):
            build(what, **options)

    def test_an_encoder_with_two_inputs(self):
        words = r"`encoder` must have one input and one output .*Received: 2 inputs"
        with pytest.raises(ValueError, match=words):
            build_verification_model(HEADS["abs", "softplus"])

    def test_an_encoder_with_two_outputs(self):
        vectors = keras.Input((3,))
        encoder = keras.Model(vectors, [vectors, layers.Dense(2)(vectors)])
        with pytest.raises(ValueError, match="`encoder` must have one input and one output"):
            build_verification_model(encoder)

    def test_an_encoder_whose_output_is_a_picture(self):
        pictures = keras.Input((4, 4, 1))
        encoder = keras.Model(pictures, layers.MaxPooling2D()(pictures))
        words = r"`encoder` .*Received: 1 inputs, output_shape=\(None, 2, 2, 1\)\."
        with pytest.raises(ValueError, match=words):
            build_verification_model(encoder)

    def test_a_head_for_embeddings_of_another_dimension(self):
        words = (
            r"`head` must take two embeddings of dimension 4, .*"
            r"Received: \[\(None, 5\), \(None, 5\)\]\."
        )
        with pytest.raises(ValueError, match=words):
            build_verification_model(
                build_embedding_model(SHAPE, DIM), head=build_verification_head(DIM + 1)
            )

    def test_a_head_for_one_embedding(self):
        vectors = keras.Input((DIM,))
        head = keras.Model(vectors, layers.Dense(1)(vectors))
        with pytest.raises(ValueError, match=r"`head` must take two .*Received: \[\(None, 4\)\]"):
            build_verification_model(build_embedding_model(SHAPE, DIM), head=head)


LOAD = """
import sys
import keras, numpy as np
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras", safe_mode=True)
    with np.load(f"{sys.argv[1]}/{name}.npz") as arrays:
        found = model([arrays["first"], arrays["second"]])
        np.testing.assert_allclose(found, arrays["expected"], atol=1e-6)
    print(model.name)
assert "course_utils" not in sys.modules
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
class TestSavedModels:
    def test_no_layer_is_of_our_own_making(self):
        _, model = photo_model()
        parts = [model, *model.layers]
        parts += [part for layer in model.layers for part in getattr(layer, "layers", [])]
        assert len(parts) > 15
        for part in parts:
            assert type(part).__module__.partition(".")[0] == "keras", part
            assert not isinstance(part, layers.Lambda)

    def test_a_process_that_knows_keras_only_loads_them_and_predicts_the_same(self, tmp_path):
        names = []
        for variant, name in zip(VARIANTS, IDS, strict=True):
            both = embeddings(5, signed=variant[1] is not None)
            model = trained_like(*variant)[0]
            names.append((name, model, both))
        head, _, _ = trained_like("chi2", "softplus")
        names.append(("photos", photo_model(head=head)[1], (photos(3), photos(3, seed=1))))
        for name, model, (first, second) in names:
            model.save(tmp_path / f"{name}.keras")
            expected = model([first, second])
            assert np.abs(expected - 0.5).max() > 0.01
            np.savez(tmp_path / f"{name}.npz", first=first, second=second, expected=expected)
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(tmp_path), *(name for name, _, _ in names)],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [model.name for _, model, _ in names]

    def test_a_loaded_head_keeps_its_penalty_and_goes_on_training_the_same(self, tmp_path):
        first, second, same = pairs_to_learn()
        head, _ = trained("chi2", ([0.0] * DIM, 0.0), l2=0.1, steps=3)
        head.save(tmp_path / "head.keras")
        loaded = keras.saving.load_model(tmp_path / "head.keras", safe_mode=True)
        assert float(sum(loaded.losses)) == pytest.approx(float(sum(head.losses))) != 0
        for _ in range(3):
            head.train_on_batch([first, second], same)
            loaded.train_on_batch([first, second], same)
        np.testing.assert_allclose(loaded([first, second]), head([first, second]), rtol=1e-6)

    def test_a_loaded_photo_model_still_has_one_encoder(self, tmp_path):
        _, model = photo_model()
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        encoder, head = (
            loaded.get_layer(name) for name in ("embedding_model", "verification_head_chi2")
        )
        assert loaded.count_params() == encoder.count_params() + head.count_params()
        with_weights(head, [-1.0] * DIM, 0.5)
        first, second = photos(3), photos(3, seed=1)
        expected = head([encoder(first), encoder(second)])
        assert np.abs(expected - 0.5).max() > 0.01
        np.testing.assert_allclose(loaded([first, second]), expected, rtol=1e-6)
