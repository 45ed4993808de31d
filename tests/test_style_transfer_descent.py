import math
import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.style_transfer import CostValues, Descent
from course_utils.style_transfer.descent import Clock, Stopped, Waves, descend

OPTIMIZERS = ("l-bfgs", "adam")
SHAPE = (6, 5, 3)
SIZES = [(4, 6, 3), (5, 7, 3), (6, 5, 1), (1, 9, 3), (8, 1, 3), (1, 1, 3), (2, 2, 2), (1, 2, 1)]


def random_image(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).uniform(0, 255, shape)


class Bowl:
    """½ Σ h·(x − x*)² + floor: the minimum is known. Counts, and remembers what it was asked."""

    def __init__(self, seed=1, shape=SHAPE, steepest=10.0, floor=0.0):
        rng = np.random.default_rng(seed)
        self.lowest_at = rng.uniform(0, 255, shape)
        self.steepness = rng.uniform(1.0, steepest, shape)
        self.floor = floor
        self.images, self.totals = [], []

    def __call__(self, image):
        away = np.asarray(image, np.float64) - self.lowest_at
        total = 0.5 * float((self.steepness * away**2).sum()) + self.floor
        self.images.append(np.array(image))
        self.totals.append(total)
        return CostValues(total, 0.0, 0.0, 0.0), (self.steepness * away).astype(np.float32)


class Bumps(Bowl):
    """No convex cost, and a long first step: both methods sometimes climb."""

    def __call__(self, image):
        image = np.asarray(image, np.float64)
        away = image - self.lowest_at
        total = float((0.01 * away**2 + 40 * np.cos(away / 3)).sum())
        self.images.append(np.array(image))
        self.totals.append(total)
        gradient = 0.02 * away - 40 / 3 * np.sin(away / 3)
        return CostValues(total, 0.0, 0.0, 0.0), gradient.astype(np.float32)


class Plane(Bowl):
    """Falls for ever, by the same amount for the same step."""

    def __call__(self, image):
        total = float(np.asarray(image, np.float64).sum())
        self.images.append(np.array(image))
        self.totals.append(total)
        return CostValues(total, 0.0, 0.0, 0.0), np.ones(image.shape, np.float32)


class TestKnownMinimum:
    @pytest.mark.parametrize("smoothing", [0.0, 0.5, 1.0])
    def test_lbfgs(self, smoothing):
        bowl = Bowl()
        found, _ = descend(
            bowl, random_image(), Descent(steps=80, tolerance=0, smoothing=smoothing)
        )
        np.testing.assert_allclose(found, bowl.lowest_at, rtol=0, atol=0.01)

    @pytest.mark.parametrize("smoothing", [0.0, 0.5])
    def test_adam(self, smoothing):
        bowl = Bowl()
        descent = Descent(
            optimizer="adam", steps=150, tolerance=0, smoothing=smoothing, learning_rate=8.0
        )
        found, ended = descend(bowl, random_image(), descent)
        assert ended == "steps"
        np.testing.assert_allclose(found, bowl.lowest_at, rtol=0, atol=3.0)
        assert np.abs(random_image() - bowl.lowest_at).max() > 150

    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    @pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (7, 1, 3), (4, 4, 1)])
    def test_sides_of_one_pixel(self, optimizer, shape):
        bowl = Bowl(shape=shape, steepest=2.0)
        descent = Descent(optimizer=optimizer, steps=120, tolerance=0, learning_rate=8.0)
        found, _ = descend(bowl, random_image(shape=shape), descent)
        np.testing.assert_allclose(found, bowl.lowest_at, rtol=0, atol=3.0)

    def test_adam_with_steps_of_single_pixels_moves_each_by_the_learning_rate(self):
        """Its first step is the rate times the sign of the gradient, whatever its size."""
        plane, start = Plane(), random_image()
        descend(
            plane,
            start,
            Descent(optimizer="adam", steps=2, smoothing=0, learning_rate=4.0),
        )
        np.testing.assert_allclose(plane.images[0], start, rtol=0, atol=1e-3)
        np.testing.assert_allclose(plane.images[1], start - 4.0, rtol=0, atol=1e-3)

    def test_smoothing_moves_coarse_waves_first(self):
        """From grey to an image of a coarse and a fine wave: the fine one comes later."""
        x = np.arange(16)
        coarse, fine = np.cos(2 * np.pi * x / 16), np.cos(np.pi * x)
        bowl = Bowl(shape=(1, 16, 1))
        bowl.lowest_at, bowl.steepness = (20 * coarse + 20 * fine)[None, :, None], 1.0
        share = {}
        for smoothing in (0.0, 1.0):
            descent = Descent(optimizer="l-bfgs", steps=3, tolerance=0, smoothing=smoothing)
            bowl.images = []
            descend(bowl, np.zeros((1, 16, 1)), descent)
            moved = bowl.images[1][0, :, 0]
            share[smoothing] = abs((moved @ fine) / 16) / abs((moved @ coarse) / 8)
        assert share[0.0] == pytest.approx(1.0, abs=1e-3)
        assert share[1.0] == pytest.approx(1 / 64, rel=1e-3)  # (1/8)², for the map comes twice


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
class TestWhatIsReturned:
    @pytest.mark.parametrize("steps", [1, 2, 3, 10, 35])
    def test_the_best_that_was_evaluated(self, optimizer, steps):
        cost = Bumps()
        descent = Descent(optimizer=optimizer, steps=steps, tolerance=0, learning_rate=30.0)
        found, _ = descend(cost, random_image(), descent)
        assert found.dtype == np.float32
        assert found.shape == SHAPE
        best = cost.images[int(np.argmin(cost.totals))]
        np.testing.assert_array_equal(found, best.astype(np.float32))

    def test_not_the_last_one(self, optimizer):
        """The cost rises by decree after the fourth evaluation."""
        bowl = Bowl()

        def rising(image):
            values, gradient = bowl(image)
            penalty = 1e12 * (len(bowl.images) > 4)
            return values._replace(total=values.total + penalty), gradient

        found, _ = descend(rising, random_image(), Descent(optimizer=optimizer, steps=9))
        best = int(np.argmin(bowl.totals[:4]))
        np.testing.assert_array_equal(found, bowl.images[best].astype(np.float32))

    def test_the_start_if_there_is_one_step(self, optimizer):
        bowl = Bowl()
        found, ended = descend(bowl, random_image(), Descent(optimizer=optimizer, steps=1))
        assert ended == "steps"
        assert len(bowl.images) == 1
        np.testing.assert_allclose(found, random_image(), rtol=0, atol=1e-3)

    @pytest.mark.parametrize("steps", [1, 2, 7, 23])
    def test_steps_are_evaluations(self, optimizer, steps):
        bowl = Bowl(steepest=1000.0)
        descent = Descent(optimizer=optimizer, steps=steps, tolerance=0)
        _, ended = descend(bowl, random_image(), descent)
        assert ended == "steps"
        assert len(bowl.images) == steps

    def test_the_same_again(self, optimizer):
        descent = Descent(optimizer=optimizer, steps=15, tolerance=0)
        one, other = (descend(Bumps(), random_image(), descent)[0] for _ in range(2))
        np.testing.assert_array_equal(one, other)

    def test_the_start_is_left_alone(self, optimizer):
        start = random_image()
        copy = start.copy()
        found, _ = descend(Bowl(), start, Descent(optimizer=optimizer, steps=5))
        np.testing.assert_array_equal(start, copy)
        assert not np.shares_memory(found, start)

    def test_a_start_of_float32(self, optimizer):
        start = random_image().astype(np.float32)
        found, _ = descend(Bowl(), start, Descent(optimizer=optimizer, steps=1))
        np.testing.assert_allclose(found, start, rtol=0, atol=1e-3)


class TestConverged:
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_when_the_cost_no_longer_falls(self, optimizer):
        bowl = Bowl(steepest=10_000.0, floor=1000.0)
        descent = Descent(optimizer=optimizer, steps=1000, tolerance=0.01, learning_rate=10.0)
        _, ended = descend(bowl, random_image(), descent)
        assert ended == "converged"
        assert len(bowl.totals) < 500
        assert min(bowl.totals) < 0.01 * bowl.totals[0]

    @pytest.mark.parametrize(("tolerance", "evaluations"), [(0.05, 21), (0.2, 21), (0.02, None)])
    def test_the_share_that_is_measured(self, tolerance, evaluations):
        """A cost that falls from 100 by 2 an evaluation: at the 21st it is 60, 40 less.

        20 · 0.05 · 60 = 60 > 40 is converged, as soon as there are 20 falls to look at. With 0.02
        it goes on until 40 < 0.4 · J would hold, and J is below 60 from there on.
        """
        calls = []

        def cost(image):
            calls.append(1)
            total = 102.0 - 2 * len(calls)
            return CostValues(total, 0.0, 0.0, 0.0), np.ones(SHAPE, np.float32)

        descent = Descent(optimizer="adam", steps=40, tolerance=tolerance)
        _, ended = descend(cost, random_image(), descent)
        assert (ended, len(calls)) == (
            ("steps", 40) if evaluations is None else ("converged", evaluations)
        )

    def test_a_fall_by_the_very_share_is_converged(self):
        """From 56 by 2 an evaluation: at the 21st it is 16, 40 less, and 20 · 0.125 · 16 = 40."""
        calls = []

        def cost(image):
            calls.append(1)
            return CostValues(58.0 - 2 * len(calls), 0.0, 0.0, 0.0), np.ones(SHAPE, np.float32)

        descent = Descent(optimizer="adam", steps=25, tolerance=0.125)
        assert descend(cost, random_image(), descent)[1] == "converged"
        assert len(calls) == 21

    def test_a_cost_of_0_does(self):
        def cost(image):
            return CostValues(0.0, 0.0, 0.0, 0.0), np.ones(SHAPE, np.float32)

        descent = Descent(optimizer="adam", steps=60, tolerance=1e-3)
        assert descend(cost, random_image(), descent)[1] == "converged"

    def test_a_cost_below_0_may_converge_too(self):
        def cost(image):
            return CostValues(-5.0, 0.0, 0.0, 0.0), np.ones(SHAPE, np.float32)

        descent = Descent(optimizer="adam", steps=60, tolerance=1e-3)
        assert descend(cost, random_image(), descent)[1] == "converged"

    def test_tolerance_0_never_stops_early(self):
        def cost(image):
            return CostValues(5.0, 0.0, 0.0, 0.0), np.ones(SHAPE, np.float32)

        descent = Descent(optimizer="adam", steps=60, tolerance=0)
        assert descend(cost, random_image(), descent)[1] == "steps"


class TestStalled:
    """L-BFGS gives up when no step lowers the cost, whatever the tolerance."""

    @pytest.mark.parametrize("tolerance", [0, 1e-3])
    def test_at_a_minimum(self, tolerance):
        bowl = Bowl()
        descent = Descent(steps=50, smoothing=0, tolerance=tolerance)
        found, ended = descend(bowl, bowl.lowest_at, descent)
        assert ended == "stalled"
        assert len(bowl.images) < 20
        np.testing.assert_allclose(found, bowl.lowest_at, rtol=0, atol=1e-3)

    def test_where_the_gradient_points_the_wrong_way(self):
        bowl, noted = Bowl(), []

        def misled(image):
            values, gradient = bowl(image)
            return values, -gradient

        def note(values, image):
            noted.append(values.total)

        found, ended = descend(misled, random_image(), Descent(steps=200), note=note)
        assert ended == "stalled"
        assert 1 < len(noted) < 200
        assert min(noted) == noted[0]
        np.testing.assert_allclose(found, random_image(), rtol=0, atol=1e-3)


class TestCostsThatAreNoNumbers:
    @pytest.mark.parametrize("none", [1, 2])
    def test_the_first_ones_are_replaced_by_a_number(self, none):
        bowl = Bowl()

        def cost(image):
            values, gradient = bowl(image)
            return (
                values._replace(total=math.nan) if len(bowl.images) <= none else values
            ), gradient

        descent = Descent(optimizer="adam", steps=8, tolerance=0)
        found, ended = descend(cost, random_image(), descent)
        best = none + int(np.argmin(bowl.totals[none:]))
        assert ended == "steps"
        np.testing.assert_array_equal(found, bowl.images[best].astype(np.float32))

    def test_later_ones_replace_nothing(self):
        bowl = Bowl()

        def cost(image):
            values, gradient = bowl(image)
            return (values._replace(total=math.nan) if len(bowl.images) > 3 else values), gradient

        descent = Descent(optimizer="adam", steps=8, tolerance=0)
        found, _ = descend(cost, random_image(), descent)
        best = int(np.argmin(bowl.totals[:3]))
        np.testing.assert_array_equal(found, bowl.images[best].astype(np.float32))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
class TestStopping:
    def test_by_a_note(self, optimizer):
        bowl, noted = Bowl(), []

        def note(values, image):
            noted.append((values.total, np.array(image)))
            if len(noted) == 5:
                raise Stopped("tea")

        found, ended = descend(bowl, random_image(), Descent(optimizer=optimizer), note=note)
        assert ended == "tea"
        assert [total for total, _ in noted] == bowl.totals
        assert len(bowl.totals) == 5
        np.testing.assert_array_equal([image for _, image in noted], bowl.images)
        best = bowl.images[int(np.argmin(bowl.totals))]
        np.testing.assert_array_equal(found, best.astype(np.float32))

    @pytest.mark.parametrize("where", ["evaluate", "note"])
    @pytest.mark.parametrize("done", [1, 2, 6])
    def test_by_an_interrupt(self, optimizer, where, done):
        bowl = Bowl()

        def evaluate(image):
            if where == "evaluate" and len(bowl.images) == done:
                raise KeyboardInterrupt
            return bowl(image)

        def note(values, image):
            if where == "note" and len(bowl.images) == done:
                raise KeyboardInterrupt

        found, ended = descend(evaluate, random_image(), Descent(optimizer=optimizer), note=note)
        assert ended == "interrupted"
        assert len(bowl.images) == done
        best = bowl.images[int(np.argmin(bowl.totals))]
        np.testing.assert_array_equal(found, best.astype(np.float32))

    def test_by_an_interrupt_before_there_is_anything(self, optimizer):
        def evaluate(image):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            descend(evaluate, random_image(), Descent(optimizer=optimizer))

    def test_errors_come_through(self, optimizer):
        def evaluate(image):
            raise ZeroDivisionError("of the cost")

        with pytest.raises(ZeroDivisionError, match="of the cost"):
            descend(evaluate, random_image(), Descent(optimizer=optimizer))


class TestWaves:
    @given(st.sampled_from(SIZES), st.floats(0, 2), st.integers(0, 99))
    def test_there_and_back(self, shape, power, seed):
        waves, image = Waves(shape, power), random_image(seed, shape)
        assert waves.pixels(image).shape == waves.coefficients(image).shape == shape
        for there, back in ((waves.pixels, waves.coefficients), (waves.coefficients, waves.pixels)):
            np.testing.assert_allclose(back(there(image)), image, rtol=1e-9, atol=1e-8)

    @given(st.sampled_from(SIZES), st.floats(0, 2), st.integers(0, 99))
    def test_symmetric(self, shape, power, seed):
        """⟨A v, w⟩ = ⟨v, A w⟩: so A maps gradients as it maps coefficients."""
        waves = Waves(shape, power)
        v, w = (np.random.default_rng(seed + i).normal(size=shape) for i in (0, 100))
        for mapped in (waves.pixels, waves.coefficients):
            left, right = (mapped(v) * w).sum(), (v * mapped(w)).sum()
            scale = np.linalg.norm(mapped(v)) * np.linalg.norm(w)
            assert abs(left - right) < 1e-12 * scale

    @given(st.sampled_from(SIZES), st.integers(0, 99))
    def test_power_0_leaves_the_pixels(self, shape, seed):
        waves, image = Waves(shape, 0.0), random_image(seed, shape)
        np.testing.assert_allclose(waves.coefficients(image), image / 255, rtol=0, atol=1e-12)
        np.testing.assert_allclose(waves.pixels(image / 255), image, rtol=0, atol=1e-9)

    @pytest.mark.parametrize("power", [0.5, 1.0])
    @pytest.mark.parametrize("size", [(12, 12), (9, 15)])
    def test_each_wave_is_stretched_as_its_period_to_the_power(self, size, power):
        """A wave comes out as itself; twice the period, 2^power times as large."""
        height, width = size
        y, x = np.mgrid[:height, :width]
        waves = Waves((*size, 1), power)
        stretch = {}
        for down, right in ((0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (3, 4)):
            wave = np.cos(2 * np.pi * (down * y / height + right * x / width) + 0.3)[..., None]
            mapped = waves.pixels(wave)
            stretch[down, right] = (mapped * wave).sum() / (wave**2).sum()
            np.testing.assert_allclose(mapped, stretch[down, right] * wave, rtol=0, atol=1e-8)
        period = {
            (down, right): 1 / math.hypot(down / height, right / width) for down, right in stretch
        }
        for wave, factor in stretch.items():
            expected = (period[wave] / period[0, 1]) ** power
            assert factor / stretch[0, 1] == pytest.approx(expected, rel=1e-9)

    def test_the_mean_moves_like_the_longest_wave(self):
        waves = Waves((8, 12, 1), 1.0)
        x = np.cos(2 * np.pi * np.arange(12) / 12)[None, :, None] * np.ones((8, 12, 1))
        longest = waves.pixels(x)[0, 0, 0] / x[0, 0, 0]
        np.testing.assert_allclose(waves.pixels(np.ones((8, 12, 1))), longest, rtol=1e-12)

    def test_channels_do_not_mix(self):
        image = random_image(shape=(5, 6, 3))
        together = Waves((5, 6, 3), 0.7).pixels(image)
        for channel in range(3):
            alone = Waves((5, 6, 1), 0.7).pixels(image[..., channel : channel + 1])
            np.testing.assert_allclose(together[..., channel : channel + 1], alone, rtol=1e-12)

    def test_results_are_float64_and_inputs_stay(self):
        image = random_image().astype(np.float32)
        copy = image.copy()
        waves = Waves(SHAPE, 0.5)
        assert waves.pixels(image).dtype == waves.coefficients(image).dtype == np.float64
        np.testing.assert_array_equal(image, copy)


class TestDescent:
    def test_is_keyword_only_and_frozen(self):
        with pytest.raises(TypeError):
            Descent("adam")
        with pytest.raises(AttributeError):
            Descent().steps = 3

    @pytest.mark.parametrize("optimizer", ["sgd", "L-BFGS", None, ""])
    def test_optimizers_that_are_unknown(self, optimizer):
        words = f'`optimizer` must be "l-bfgs" or "adam". Received: {optimizer!r}.'
        with pytest.raises(ValueError, match=words):
            Descent(optimizer=optimizer)

    @pytest.mark.parametrize(("name", "smallest"), [("steps", 1), ("sizes", 1), ("seed", 0)])
    def test_whole_numbers(self, name, smallest):
        for value in (1.0, 2.5, "3", None):
            with pytest.raises(TypeError, match=rf"`{name}` must be an integer\. Received: "):
                Descent(**{name: value})
        words = rf"`{name}` must be at least {smallest}\. Received: {smallest - 1}\."
        with pytest.raises(ValueError, match=words):
            Descent(**{name: smallest - 1})
        assert getattr(Descent(**{name: np.int64(smallest)}), name) == smallest

    @pytest.mark.parametrize(
        ("name", "interval", "values", "fine"),
        [
            ("tolerance", r"\[0, 1\)", (-1e-9, 1, 1.5, math.nan), (0, 0.999)),
            ("smoothing", r"\[0, 2\]", (-0.1, 2.1, math.nan, math.inf), (0, 2)),
        ],
    )
    def test_numbers_of_an_interval(self, name, interval, values, fine):
        for value in values:
            with pytest.raises(ValueError, match=rf"`{name}` must lie in {interval}\. Received: "):
                Descent(**{name: value})
        for value in fine:
            assert getattr(Descent(**{name: value}), name) == value

    @pytest.mark.parametrize("name", ["learning_rate", "seconds"])
    @pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf])
    def test_what_must_be_positive(self, name, value):
        with pytest.raises(ValueError, match=rf"`{name}` must be positive\. Received: {value}\."):
            Descent(**{name: value})

    @pytest.mark.parametrize("name", ["learning_rate", "tolerance", "smoothing", "seconds"])
    @pytest.mark.parametrize("value", [None, "1", [1.0]])
    def test_what_must_be_a_number(self, name, value):
        if name == "seconds" and value is None:
            assert Descent(seconds=None).seconds is None
            return
        words = f"`{name}` must be a number. Received: {value!r}."
        with pytest.raises(TypeError, match=re.escape(words)):
            Descent(**{name: value})

    @pytest.mark.parametrize("start", ["style", "", "Noise", "Auto", None, -0.01, 1.01, math.nan])
    def test_starts_that_are_unknown(self, start):
        words = '`start` must be "auto", "content", "noise" or a share of noise in [0, 1]. '
        with pytest.raises(ValueError, match=re.escape(f"{words}Received: {start!r}.")):
            Descent(start=start)

    @pytest.mark.parametrize("start", ["auto", "content", "noise", 0, 0.25, np.float32(0.5), 1])
    def test_starts_that_are_known(self, start):
        assert Descent(start=start).start == start

    def test_the_start_is_chosen_if_nothing_is_said(self):
        assert Descent() == Descent(start="auto")


class TestClock:
    def test_runs_from_its_first_reading(self):
        clock = Clock(None)
        before = time.perf_counter()
        first = clock.read()
        time.sleep(0.01)
        second = clock.read()
        assert first == 0
        assert 0.01 <= second <= time.perf_counter() - before

    def test_stops_when_the_seconds_are_over(self):
        clock = Clock(0.01)
        clock.check()
        time.sleep(0.011)
        with pytest.raises(Stopped, match=r"^time$"):
            clock.check()

    def test_never_stops_without_a_limit(self):
        clock = Clock(None)
        clock.read()
        clock.check()
