import keras
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from course_utils.models import (
    build_embedding_model,
    build_verification_head,
    build_verification_model,
)
from course_utils.recognition.training import fit_verification_head, heads

DIM = 4
GRADIENT = 1.5e-4  # scikit-learn stops below 1e-4; the rest is float32
both_similarities = pytest.mark.parametrize("similarity", ["abs", "chi2"])
every_penalty = pytest.mark.parametrize("l2", [0, 0.001, 0.1])


def pairs(num_pairs=300, share_genuine=0.2, seed=0, dim=DIM):
    """Embeddings of pairs that no weights separate; genuine ones are nearer on the whole."""
    rng = np.random.default_rng(seed)
    first, other, noise = rng.normal(size=(3, num_pairs, dim)) / np.sqrt(dim)
    same_person = rng.random(num_pairs) < share_genuine
    second = np.where(same_person[:, None], first + 0.5 * noise, other)
    return first.astype("float32"), second.astype("float32"), same_person


def weights_of(head):
    """w and b in one vector, float64."""
    kernel, bias = head.get_layer("same_person").get_weights()
    return np.concatenate([kernel[:, 0], bias]).astype(np.float64)


def fitted(first, second, same_person, similarity="abs", l2=0.01):
    head = build_verification_head(first.shape[1], similarity, l2=l2)
    fit_verification_head(head, first, second, same_person)
    return weights_of(head)


class Objective:
    """What the docstrings say is minimised, with its gradient, in float64."""

    def __init__(self, first, second, same_person, similarity, l2):
        a, b = (np.sqrt(first.shape[1]) * x.astype(np.float64) for x in (first, second))
        if similarity == "chi2":
            a, b = (np.logaddexp(0, x) for x in (a, b))
            self.features = (a - b) ** 2 / (a + b)
        else:
            self.features = np.abs(a - b)
        self.same_person, self.l2 = same_person, l2

    def __call__(self, weights):
        w, b = weights[:-1], weights[-1]
        value, gradient = self.l2 * (w**2).sum(), np.append(2 * self.l2 * w, 0)
        for chosen, sign in ((self.same_person, 1), (~self.same_person, -1)):
            features = self.features[chosen]
            logits = sign * (features @ w + b)
            value += np.logaddexp(0, -logits).mean() / 2
            slopes = -sign * np.exp(-np.logaddexp(0, logits)) / (2 * len(logits))
            gradient += np.append(slopes @ features, slopes.sum())
        return value, gradient

    def optimum(self):
        start = np.zeros(self.features.shape[1] + 1)
        found = minimize(self, start, jac=True, method="BFGS", options={"gtol": 1e-9})
        assert np.abs(found.jac).max() < 1e-7
        return found.x


@pytest.mark.parametrize("share_genuine", [0.2, 0.7])
@every_penalty
@both_similarities
class TestOptimum:
    @pytest.fixture
    def data(self, share_genuine):
        return pairs(share_genuine=share_genuine)

    @pytest.fixture
    def objective(self, data, similarity, l2):
        return Objective(*data, similarity, l2)

    @pytest.fixture
    def found(self, data, similarity, l2):
        return fitted(*data, similarity, l2)

    def test_the_weights_are_the_optimum_of_the_documented_loss(self, objective, found):
        best = objective.optimum()
        assert 0.1 < np.abs(best).max() < 30
        np.testing.assert_allclose(found, best, rtol=0.02, atol=0.02)
        assert objective(found)[0] == pytest.approx(objective(best)[0], abs=2e-5)

    def test_the_gradient_vanishes_there(self, objective, found):
        assert np.abs(objective(found)[1]).max() < GRADIENT


class TestBalance:
    @both_similarities
    def test_the_number_of_impostor_pairs_moves_nothing(self, similarity):
        """Each impostor pair three times: the same question, so the same weights."""
        first, second, same_person = pairs()
        times = np.where(same_person, 1, 3)
        tripled = [np.repeat(each, times, axis=0) for each in (first, second, same_person)]
        assert len(tripled[2]) > 2.5 * len(same_person)
        once = fitted(first, second, same_person, similarity)
        np.testing.assert_allclose(fitted(*tripled, similarity), once, rtol=0.01, atol=0.01)

    def test_some_impostors_more_than_others_do(self):
        first, second, same_person = pairs()
        near = np.linalg.norm(first - second, axis=1) < 1
        times = np.where(~same_person & near, 3, 1)
        changed = [np.repeat(each, times, axis=0) for each in (first, second, same_person)]
        assert np.abs(fitted(*changed) - fitted(first, second, same_person)).max() > 0.1

    def test_pairs_that_tell_nothing_get_one_half(self):
        """All differences are 0; of 20 pairs 2 are genuine, and the bias still says 0.5."""
        same = np.ones((20, DIM), "float32")
        found = fitted(same, same, np.arange(20) < 2)
        np.testing.assert_allclose(found, 0, atol=1e-4)

    def test_one_half_lies_where_both_are_equally_likely(self):
        """On one axis: genuine distances uniform in [0, 2], nine times as many impostors in [1, 3].

        By symmetry about 1.5 the balanced optimum gives 0.5 there; unbalanced, more impostors
        would pull it down.
        """
        genuine = np.linspace(0, 2, 41)
        distances = np.concatenate([genuine, np.repeat(3 - genuine, 9)]).astype("float32")[:, None]
        same_person = np.arange(len(distances)) < 41
        weight, bias = fitted(np.zeros_like(distances), distances, same_person, l2=0)
        assert weight < 0
        assert -bias / weight == pytest.approx(1.5, abs=0.01)


class TestPenalty:
    def test_it_is_the_one_of_the_head(self):
        lengths = [np.linalg.norm(fitted(*pairs(), l2=l2)[:-1]) for l2 in (0, 0.01, 0.1, 1)]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] > 5 * lengths[-1] > 0

    def test_a_strong_one_leaves_only_the_bias_that_balances(self):
        found = fitted(*pairs(), l2=1e4)
        np.testing.assert_allclose(found, 0, atol=1e-3)

    def test_the_bias_is_free(self):
        """Distances about 10, never small: without a bias of that size ŷ could not be right."""
        first, second, same_person = pairs()
        shifted = second + np.where(second > first, 5, -5).astype("float32")
        plain, moved = (fitted(first, each, same_person, l2=0.1) for each in (second, shifted))
        np.testing.assert_allclose(moved[:-1], plain[:-1], rtol=0.01, atol=0.01)
        expected = plain[-1] - 5 * np.sqrt(DIM) * plain[:-1].sum()
        assert moved[-1] == pytest.approx(expected, rel=0.01)
        assert abs(moved[-1]) > 10


class TestBatches:
    @pytest.fixture
    def sizes(self, monkeypatch):
        """Of the batches that went through the layer `difference`."""
        sizes = []
        convert = keras.ops.convert_to_numpy

        def counted(tensor):
            sizes.append(len(tensor))
            return convert(tensor)

        monkeypatch.setattr(keras.ops, "convert_to_numpy", counted)
        return sizes

    @pytest.mark.parametrize(
        ("batch_size", "expected"),
        [(300, [300]), (299, [299, 1]), (100, [100] * 3), (64, [64] * 4 + [44]), (1, [1] * 300)],
    )
    @both_similarities
    def test_more_pairs_than_one_batch_give_the_same(
        self, monkeypatch, sizes, similarity, batch_size, expected
    ):
        whole = fitted(*pairs(), similarity)
        assert sizes == [300]
        sizes.clear()
        monkeypatch.setattr(heads, "BATCH_SIZE", batch_size)
        found = fitted(*pairs(), similarity)
        assert sizes == expected
        np.testing.assert_allclose(found, whole, rtol=1e-3, atol=1e-3)


class TestWhatIsSet:
    @both_similarities
    def test_weights_are_replaced_wherever_they_began(self, similarity):
        head = build_verification_head(DIM, similarity, l2=0.01)
        layer = head.get_layer("same_person")
        layer.set_weights([np.full((DIM, 1), 3.0), np.array([-8.0])])
        assert fit_verification_head(head, *pairs()) is None
        np.testing.assert_array_equal(weights_of(head), fitted(*pairs(), similarity))
        assert [weight.dtype for weight in layer.get_weights()] == [np.float32, np.float32]

    def test_the_head_then_tells_pairs_apart(self):
        head = build_verification_head(DIM, l2=0.01)
        fit_verification_head(head, *pairs())
        first, second, same_person = pairs(seed=1)
        predicted = head.predict_on_batch([first, second])[:, 0]
        assert predicted[same_person].mean() > 0.5 > predicted[~same_person].mean()
        balanced = (
            (predicted > 0.5)[same_person].mean() + (predicted < 0.5)[~same_person].mean()
        ) / 2
        assert balanced > 0.75

    def test_an_encoder_in_front_stays_as_it_was(self):
        encoder = build_embedding_model((56, 46, 1), embedding_dim=DIM)
        head = build_verification_head(DIM, l2=0.01)
        model = build_verification_model(encoder, head=head)
        before = [weight.copy() for weight in encoder.get_weights()]
        fit_verification_head(head, *pairs())
        for now, then in zip(encoder.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)
        assert model.get_layer(head.name) is head
        assert np.abs(model.get_weights()[-2]).max() > 0.1

    def test_the_head_is_the_same_model_otherwise(self):
        head = build_verification_head(DIM, "chi2", l2=0.01)
        config, names = head.get_config(), [layer.name for layer in head.layers]
        fit_verification_head(head, *pairs())
        assert [layer.name for layer in head.layers] == names
        assert head.get_config() == config
        assert not head.compiled
        assert all(layer.trainable for layer in head.layers)

    def test_the_pairs_are_not_changed(self):
        data, expected = pairs(), pairs()
        for each in data:
            each.setflags(write=False)
        fitted(*data)
        for each, same in zip(data, expected, strict=True):
            np.testing.assert_array_equal(each, same)


class TestInput:
    @pytest.mark.parametrize(
        "convert",
        [
            pytest.param(lambda x: x.astype("float64") if x.dtype != bool else x, id="float64"),
            pytest.param(lambda x: x.tolist(), id="lists"),
            pytest.param(lambda x: x.astype("int64") if x.dtype == bool else x, id="0 and 1"),
            pytest.param(lambda x: np.asfortranarray(x), id="columns first"),
        ],
    )
    def test_other_types_give_the_same(self, convert):
        head = build_verification_head(DIM, l2=0.01)
        fit_verification_head(head, *map(convert, pairs()))
        np.testing.assert_allclose(weights_of(head), fitted(*pairs()), rtol=1e-5)

    def test_one_pair_of_each_kind_is_enough(self):
        first, second = np.zeros((2, DIM), "float32"), np.zeros((2, DIM), "float32")
        second[1] = 1
        weights = fitted(first, second, np.array([True, False]), l2=0.1)
        assert (weights[:-1] < 0).all()

    @pytest.mark.parametrize(
        ("first", "second", "same_person"),
        [
            ((6, DIM), (5, DIM), (6,)),
            ((6, DIM), (6, DIM + 1), (6,)),
            ((6, DIM), (6, DIM), (5,)),
            ((6, DIM), (6, DIM), (6, 1)),
            ((6, DIM), (6, DIM), ()),
            ((6,), (6,), (6,)),
            ((DIM,), (DIM,), ()),
            ((), (), ()),
            ((6, DIM), (), (6,)),
            ((3, 2, DIM), (3, 2, DIM), (3, 2)),
            ((3, 2, DIM), (3, 2, DIM), (3,)),
        ],
        ids=str,
    )
    def test_shapes_that_do_not_agree_are_refused(self, first, second, same_person):
        head = build_verification_head(DIM)
        same = np.zeros(same_person, bool)
        same.flat[:1] = True  # both kinds, where there is room for both
        words = (
            r"must have shape \(num_pairs, dim\) and `same_person` \(num_pairs,\)\. Received: \("
        )
        with pytest.raises(ValueError, match=words):
            fit_verification_head(head, np.zeros(first), np.zeros(second), same)
        np.testing.assert_array_equal(weights_of(head), 0)

    def test_embeddings_of_another_dimension_than_the_head_are_refused(self):
        first, second, same_person = pairs(dim=DIM + 1)
        with pytest.raises(ValueError, match=r"expected shape=\(None, 4\), found shape=\(300, 5\)"):
            fit_verification_head(build_verification_head(DIM), first, second, same_person)

    @pytest.mark.parametrize("same_person", [[True] * 5, [False] * 5, []], ids=str)
    def test_pairs_of_one_kind_are_refused(self, same_person):
        head = build_verification_head(DIM)
        embeddings = np.ones((len(same_person), DIM), "float32")
        with pytest.raises(ValueError, match="must hold genuine pairs and impostor pairs"):
            fit_verification_head(head, embeddings, embeddings, same_person)
        np.testing.assert_array_equal(weights_of(head), 0)


def test_a_solver_that_was_stopped_warns_the_caller(monkeypatch):
    monkeypatch.setattr(heads, "MAX_ITERATIONS", 1)
    head = build_verification_head(DIM)
    with pytest.warns(ConvergenceWarning, match="failed to converge"):
        fit_verification_head(head, *pairs())
    gradient = Objective(*pairs(), "abs", 0)(weights_of(head))[1]
    assert np.abs(gradient).max() > GRADIENT
    assert np.abs(weights_of(head)).max() > 0
