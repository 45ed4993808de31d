import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import Rectangle
from scipy.stats import norm

from course_utils.plots import (
    COLORS,
    plot_det,
    plot_distance_histograms,
    plot_error_rates,
    plot_gallery_growth,
    plot_image_grid,
    plot_intervals,
    plot_open_set,
    use_course_style,
)
from course_utils.recognition import Interval, error_rates, identification_rates

RNG = np.random.default_rng(0)
GENUINE, IMPOSTOR = RNG.normal(1, 0.3, 200), RNG.normal(2, 0.4, 3000)
RATES = error_rates(GENUINE, IMPOSTOR)
SEARCHES = identification_rates(RNG.uniform(size=(30, 4)), RNG.integers(0, 8, 30), range(4))
IMAGES = RNG.integers(0, 256, (7, 12, 10), dtype="uint8")
INTERVALS = {
    "pixels": Interval(0.3, 0.25, 0.36, np.array([])),
    "network": Interval(0.1, 0.05, 0.18, np.array([])),
}

EVERY_FUNCTION = {
    "histograms": lambda ax=None: plot_distance_histograms(GENUINE, IMPOSTOR, ax=ax),
    "error rates": lambda ax=None: plot_error_rates(RATES, ax=ax),
    "det": lambda ax=None: plot_det({"a": RATES}, ax=ax),
    "open set": lambda ax=None: plot_open_set({"a": SEARCHES}, ax=ax),
    "growth": lambda ax=None: plot_gallery_growth(np.arange(3), {"a": [0, 0.1, 0.2]}, ax=ax),
    "intervals": lambda ax=None: plot_intervals(INTERVALS, ax=ax),
    "images": lambda ax=None: plot_image_grid(IMAGES, ax=ax),
}


@pytest.fixture(autouse=True)
def _show_is_forbidden(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("show() was called")

    monkeypatch.setattr(plt, "show", fail)
    monkeypatch.setattr(mpl.figure.Figure, "show", fail)


@pytest.fixture
def ax():
    return plt.subplots()[1]


def line(ax, label):
    (found,) = [each for each in ax.get_lines() if each.get_label() == label]
    return found


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def tick_texts(axis):
    axis.axes.figure.canvas.draw()
    return [label.get_text() for label in axis.get_ticklabels()]


# --- all of them ----------------------------------------------------------------------------


@pytest.mark.parametrize("function", EVERY_FUNCTION.values(), ids=EVERY_FUNCTION)
class TestEveryFunction:
    def test_draws_on_the_given_axes_and_returns_them(self, function, ax):
        assert function(ax) is ax
        assert ax.get_children()
        assert ax.lines or ax.patches or ax.images
        assert plt.get_fignums() == [ax.figure.number]

    def test_begins_one_new_figure_without_axes(self, function):
        found = function()
        assert isinstance(found, Axes)
        assert plt.get_fignums() == [found.figure.number]

    def test_can_be_rendered_in_the_style_of_the_course(self, function):
        with mpl.rc_context():
            use_course_style()
            function().figure.canvas.draw()


# --- distances ------------------------------------------------------------------------------


class TestDistanceHistograms:
    @staticmethod
    def areas(ax):
        return [
            sum(bar.get_width() * bar.get_height() for bar in bars.patches)
            for bars in ax.containers
        ]

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_both_distributions_have_area_one(self, ax, dtype):
        plot_distance_histograms(GENUINE.astype(dtype), IMPOSTOR.astype(dtype), ax=ax)
        np.testing.assert_allclose(self.areas(ax), [1, 1], rtol=1e-4)

    def test_the_bars_share_their_bins_over_the_common_range(self, ax):
        plot_distance_histograms(GENUINE, IMPOSTOR, num_bins=20, ax=ax)
        lefts = [[bar.get_x() for bar in bars.patches] for bars in ax.containers]
        assert lefts[0] == lefts[1]
        assert len(lefts[0]) == 20
        assert lefts[0][0] == pytest.approx(min(GENUINE.min(), IMPOSTOR.min()))

    def test_the_heights_are_the_shares_in_each_bin(self, ax):
        plot_distance_histograms([0, 0, 0, 4], [4, 0], num_bins=4, ax=ax)
        heights = [[bar.get_height() for bar in bars.patches] for bars in ax.containers]
        np.testing.assert_allclose(heights, [[0.5, 0, 0, 0.5], [0.75, 0, 0, 0.25]])

    def test_the_legend_names_sides_and_numbers_of_pairs(self, ax):
        plot_distance_histograms(GENUINE, IMPOSTOR, ax=ax)
        assert legend_texts(ax) == ["impostor (3,000 pairs)", "genuine (200 pairs)"]

    def test_the_errors_of_a_threshold_have_their_area_and_are_told(self, ax):
        plot_distance_histograms([1, 2, 3, 9], [2, 8, 9, 10, 11], threshold=4, ax=ax)
        np.testing.assert_allclose(self.areas(ax), [1, 0.2, 1, 0.25])
        assert legend_texts(ax) == [
            "impostor (5 pairs)",
            "false match: 20.0%",
            "genuine (4 pairs)",
            "false non-match: 25.0%",
            "threshold",
        ]
        np.testing.assert_array_equal(line(ax, "threshold").get_xdata(), [4, 4])

    def test_a_threshold_of_zero_is_drawn(self, ax):
        plot_distance_histograms([0, 1], [1, 2], threshold=0, ax=ax)
        assert "threshold" in legend_texts(ax)

    def test_a_pair_at_the_threshold_is_accepted(self, ax):
        plot_distance_histograms([1, 4], [4, 5], threshold=4, ax=ax)
        assert "false match: 50.0%" in legend_texts(ax)
        assert "false non-match: 0.0%" in legend_texts(ax)

    def test_the_sides_have_their_colours(self, ax):
        plot_distance_histograms(GENUINE, IMPOSTOR, ax=ax)
        found = [to_hex(bars.patches[0].get_facecolor()).upper() for bars in ax.containers]
        assert found == [COLORS["impostor"], COLORS["genuine"]]


class TestErrorRatesPlot:
    def test_the_lines_hold_the_rates_at_the_finite_thresholds(self, ax):
        plot_error_rates(error_rates([1, 2, np.inf], [2, 3]), ax=ax)
        fmr, fnmr = line(ax, "FMR: strangers accepted"), line(ax, "FNMR: the right person rejected")
        np.testing.assert_allclose(fmr.get_xydata(), [[1, 0], [2, 0.5], [3, 1]])
        np.testing.assert_allclose(fnmr.get_xydata(), [[1, 2 / 3], [2, 1 / 3], [3, 1 / 3]])
        assert {each.get_drawstyle() for each in (fmr, fnmr)} == {"steps-post"}

    def test_the_axis_of_the_rates_has_ticks_from_0_to_100_percent(self, ax):
        plot_error_rates(RATES, ax=ax)
        low, high = ax.get_ylim()
        assert low == 0
        assert high >= 1
        texts = tick_texts(ax.yaxis)
        assert (texts[0], texts[-1]) == ("0%", "100%")


class TestDetPlot:
    def test_a_line_holds_the_normal_deviates_of_the_inner_points(self, ax):
        plot_det({"a": error_rates([1, 3, 5, 7], [4, 6, 8, 9])}, ax=ax)
        # (FMR, FNMR) where both are inside (0, 1): at distances 4, 5 and 6.
        expected = norm.ppf([[0.25, 0.5], [0.25, 0.25], [0.5, 0.25]])
        np.testing.assert_allclose(line(ax, "a").get_xydata(), expected)

    def test_the_ticks_stand_at_the_deviates_of_their_percentages(self, ax):
        plot_det({"a": RATES}, ax=ax)
        for axis in (ax.xaxis, ax.yaxis):
            percent = [float(text) for text in tick_texts(axis)]
            np.testing.assert_allclose(axis.get_ticklocs(), norm.ppf(np.array(percent) / 100))
            assert percent == [0.1, 1, 5, 10, 20, 40, 60, 80]

    def test_chance_is_where_the_two_errors_add_up_to_one(self, ax):
        plot_det({"a": RATES}, ax=ax)
        x, y = line(ax, "chance").get_xydata().T
        np.testing.assert_allclose(norm.cdf(x) + norm.cdf(y), 1)

    def test_a_method_without_an_error_stays_in_the_legend(self, ax):
        plot_det({"perfect": error_rates([1], [2]), "real": RATES}, ax=ax)
        assert legend_texts(ax) == ["perfect", "real", "chance"]
        assert len(line(ax, "perfect").get_xdata()) == 0

    def test_methods_have_different_colours(self, ax):
        plot_det(dict.fromkeys("abcde", RATES), ax=ax)
        assert len({line(ax, name).get_color() for name in "abcde"}) == 5

    def test_more_methods_than_colours_are_drawn(self, ax):
        plot_det(dict.fromkeys("abcdefg", RATES), ax=ax)
        assert legend_texts(ax) == [*"abcdefg", "chance"]


class TestOpenSetPlot:
    def test_a_line_holds_fnir_over_fpir(self, ax):
        rates = identification_rates([[1, 9], [8, 7], [5, 6]], [0, 0, 2], [0, 1])
        plot_open_set({"a": rates}, ax=ax)
        np.testing.assert_allclose(
            line(ax, "a").get_xydata(), np.stack([rates.fpir, rates.fnir], axis=1)
        )
        assert line(ax, "a").get_drawstyle() == "steps-post"

    def test_every_method_and_chance_stand_in_the_legend(self, ax):
        num_people = len(SEARCHES.rank_rates)
        chance = f"chance: any of {num_people} names"
        plot_open_set({"a": SEARCHES, "b": SEARCHES}, ax=ax)
        assert legend_texts(ax) == ["a", "b", chance]
        np.testing.assert_array_equal(
            line(ax, chance).get_xydata(), [[0, 1], [1, 1 - 1 / num_people]]
        )
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))


class TestGalleryGrowthPlot:
    def test_a_shorter_curve_starts_at_the_first_size(self, ax):
        plot_gallery_growth(np.array([1, 5, 10]), {"a": [0, 0.1, 0.2], "b": [0, 0.3]}, ax=ax)
        np.testing.assert_allclose(line(ax, "a").get_xydata(), [[1, 0], [5, 0.1], [10, 0.2]])
        np.testing.assert_allclose(line(ax, "b").get_xydata(), [[1, 0], [5, 0.3]])

    def test_theory_is_dashed(self, ax):
        names = ["measured", "if independent", "lecture: 1 - (1 - p)^K"]
        plot_gallery_growth(np.arange(2), {name: [0, 1] for name in names}, ax=ax)
        assert [line(ax, name).get_linestyle() for name in names] == ["-", "--", "--"]
        assert legend_texts(ax) == names

    def test_a_band_spans_its_interval_in_the_colour_of_its_curve(self, ax):
        low, high = np.array([0, 0.1]), np.array([0.2, 0.5])
        plot_gallery_growth(
            np.array([1, 2]), {"a": [0.1, 0.3], "b": [0, 0]}, bands={"a": (low, high)}, ax=ax
        )
        (band,) = ax.collections
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        assert {(1, 0), (2, 0.1), (1, 0.2), (2, 0.5)} <= corners
        assert to_rgba(line(ax, "a").get_color())[:3] == tuple(band.get_facecolor()[0][:3])

    def test_the_error_starts_at_zero(self, ax):
        plot_gallery_growth(np.arange(2), {"a": [0.4, 0.5]}, ax=ax)
        assert ax.get_ylim()[0] == 0

    def test_ticks_of_small_errors_can_be_told_apart(self, ax):
        plot_gallery_growth(np.arange(3), {"a": [0, 0.01, 0.02]}, ax=ax)
        texts = tick_texts(ax.yaxis)
        assert len(set(texts)) == len(texts)

    def test_a_curve_longer_than_the_sizes_is_refused(self, ax):
        with pytest.raises(ValueError, match="same first dimension"):
            plot_gallery_growth(np.arange(2), {"a": [0, 0.1, 0.2]}, ax=ax)


class TestIntervalsPlot:
    def test_a_row_each_from_top_to_bottom(self, ax):
        plot_intervals(INTERVALS, ax=ax)
        assert tick_texts(ax.yaxis) == ["pixels", "network"]
        assert ax.get_ylim()[0] > 1 > 0 > ax.get_ylim()[1]
        data = [each.get_xydata().tolist() for each in ax.get_lines()]
        assert data == [
            [[0.25, 0], [0.36, 0]],
            [[0.3, 0]],
            [[0.05, 1], [0.18, 1]],
            [[0.1, 1]],
        ]

    def test_the_numbers_stand_in_their_rows(self, ax):
        plot_intervals(INTERVALS, ax=ax)
        assert [(text.get_text(), text.xy) for text in ax.texts] == [
            ("30.0%  [25.0%, 36.0%]", (0.36, 0)),
            ("10.0%  [5.0%, 18.0%]", (0.18, 1)),
        ]

    @pytest.mark.parametrize("chance", [0, 0.5])
    def test_chance_is_a_named_line_within_the_view(self, ax, chance):
        plot_intervals(INTERVALS, chance=chance, ax=ax)
        np.testing.assert_array_equal(ax.get_lines()[-1].get_xdata(), [chance, chance])
        assert ax.texts[-1].get_text() == "chance"
        low, high = ax.get_xlim()
        assert low <= chance <= high

    def test_ticks_of_narrow_intervals_can_be_told_apart(self, ax):
        plot_intervals({"a": Interval(0.925, 0.92, 0.93, np.array([]))}, ax=ax)
        texts = tick_texts(ax.xaxis)
        assert len(set(texts)) == len(texts)

    def test_the_label_is_that_of_the_quantity(self, ax):
        assert plot_intervals(INTERVALS, xlabel="EER", ax=ax).get_xlabel() == "EER"

    @pytest.mark.parametrize(
        ("low", "high"), [(0.2, 0.4), (0, 1), (-0.1, 0.2), (-0.3, -0.1), (0.5, 0.5), (0, 0), (1, 1)]
    )
    def test_the_whole_interval_is_within_the_view(self, ax, low, high):
        plot_intervals({"a": Interval((low + high) / 2, low, high, np.array([]))}, ax=ax)
        left, right = ax.get_xlim()
        assert left <= low <= high <= right
        assert left < right


# --- images ---------------------------------------------------------------------------------


class TestImageGrid:
    def test_every_image_is_drawn_unchanged_and_on_one_scale(self, ax):
        plot_image_grid(IMAGES, num_columns=3, ax=ax)
        assert len(ax.images) == 7
        for drawn, image in zip(ax.images, IMAGES, strict=True):
            np.testing.assert_array_equal(drawn.get_array(), image)
            assert drawn.get_clim() == (0, 255)

    def test_images_fill_the_rows_from_left_to_right_without_touching(self, ax):
        plot_image_grid(IMAGES, num_columns=3, ax=ax)
        boxes = np.array([drawn.get_extent() for drawn in ax.images])
        lefts, rights, bottoms, tops = boxes.T
        np.testing.assert_allclose(rights - lefts, 10)
        np.testing.assert_allclose(bottoms - tops, 12)
        np.testing.assert_allclose(lefts[[0, 1, 2]], lefts[[3, 4, 5]])
        np.testing.assert_allclose(tops[[0, 3, 6]], tops[0] + (tops[3] - tops[0]) * np.arange(3))
        assert rights[0] < lefts[1]
        assert rights[1] < lefts[2]
        assert bottoms[0] < tops[3]
        assert bottoms[3] < tops[6]

    def test_the_view_holds_all_images_upright(self, ax):
        plot_image_grid(IMAGES, num_columns=3, captions=["text"] * 7, ax=ax)
        left, right = ax.get_xlim()
        bottom, top = ax.get_ylim()
        for drawn in ax.images:
            image_left, image_right, image_bottom, image_top = drawn.get_extent()
            assert left <= image_left < image_right <= right
            assert top <= image_top < image_bottom <= bottom
        assert ax.get_aspect() == 1
        assert not ax.axison

    def test_images_in_colour_keep_their_channels(self, ax):
        colours = np.random.default_rng(1).integers(0, 256, (2, 5, 4, 3), dtype="uint8")
        plot_image_grid(colours, ax=ax)
        np.testing.assert_array_equal(ax.images[1].get_array(), colours[1])

    def test_another_range_of_values(self, ax):
        plot_image_grid(IMAGES / 255, value_range=(0, 1), ax=ax)
        assert {drawn.get_clim() for drawn in ax.images} == {(0, 1)}

    def test_without_a_range_each_image_is_stretched(self, ax):
        plot_image_grid(IMAGES, value_range=None, ax=ax)
        expected = [(image.min(), image.max()) for image in IMAGES]
        assert [drawn.get_clim() for drawn in ax.images] == expected

    def test_frames_stand_around_the_images_that_have_a_colour(self, ax):
        colors = ["red", None, COLORS["genuine"], None, None, None, None]
        plot_image_grid(IMAGES, num_columns=3, frame_colors=colors, ax=ax)
        frames = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        assert [frame.get_edgecolor() for frame in frames] == [
            to_rgba("red"),
            to_rgba(COLORS["genuine"]),
        ]
        for frame, index in zip(frames, (0, 2), strict=True):
            left, right, bottom, top = ax.images[index].get_extent()
            assert (frame.get_x(), frame.get_y()) == (left, top)
            assert frame.get_x() + frame.get_width() == pytest.approx(right)
            assert frame.get_y() + frame.get_height() == pytest.approx(bottom)
            assert not frame.get_fill()

    @pytest.mark.parametrize("num_lines", [1, 2])
    def test_captions_stand_below_their_image_and_above_the_next_row(self, ax, num_lines):
        captions = ["\n".join([str(i)] * num_lines) for i in range(7)]
        plot_image_grid(IMAGES, num_columns=3, captions=captions, ax=ax)
        assert [text.get_text() for text in ax.texts] == captions
        for text, drawn in zip(ax.texts, ax.images, strict=True):
            left, right, bottom, _ = drawn.get_extent()
            x, y = text.get_position()
            assert x == pytest.approx((left + right) / 2)
            assert (text.get_ha(), text.get_va()) == ("center", "top")
            assert bottom <= y
        assert ax.texts[0].get_position()[1] < ax.images[3].get_extent()[3]

    def test_more_lines_of_captions_take_more_room(self):
        heights = []
        for captions in (None, ["a"] * 7, ["a"] * 6 + ["a\nb"]):
            heights.append(plot_image_grid(IMAGES, num_columns=7, captions=captions).get_ylim()[0])
        assert heights[0] < heights[1] < heights[2]

    def test_row_labels_stand_left_of_the_middle_of_their_row(self, ax):
        plot_image_grid(IMAGES, num_columns=3, row_labels=["x", "y", "z"], ax=ax)
        assert [text.get_text() for text in ax.texts] == ["x", "y", "z"]
        for text, drawn in zip(ax.texts, ax.images[::3], strict=True):
            left, _, bottom, top = drawn.get_extent()
            x, y = text.get_position()
            assert x < left
            assert y == pytest.approx((bottom + top) / 2)
            assert text.get_ha() == "right"

    def test_captions_and_labels_may_be_arrays(self, ax):
        plot_image_grid(
            IMAGES,
            num_columns=4,
            captions=np.array([*"abcdefg"]),
            row_labels=np.array(["x", "y"]),
            ax=ax,
        )
        assert len(ax.texts) == 9

    def test_a_single_image(self, ax):
        plot_image_grid(IMAGES[:1], ax=ax)
        assert len(ax.images) == 1

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"captions": ["a"] * 6}, "`captions` must have 7 items. Received: 6"),
            ({"captions": []}, "`captions` must have 7 items. Received: 0"),
            ({"frame_colors": ["red"] * 8}, "`frame_colors` must have 7 items. Received: 8"),
            ({"row_labels": ["a"] * 7}, "`row_labels` must have 3 items. Received: 7"),
        ],
    )
    def test_a_wrong_number_of_texts_is_refused(self, options, words):
        with pytest.raises(ValueError, match=words):
            plot_image_grid(IMAGES, num_columns=3, **options)
        assert plt.get_fignums() == []

    def test_no_images_are_refused(self):
        with pytest.raises(ValueError, match="`images` is empty"):
            plot_image_grid([])
        assert plt.get_fignums() == []


# --- style ----------------------------------------------------------------------------------


def test_the_style_sets_the_defaults_of_the_course():
    with mpl.rc_context():
        use_course_style()
        assert not mpl.rcParams["axes.spines.right"]
        assert list(mpl.rcParams["figure.figsize"]) == [7.6, 3.6]
        first, second = mpl.rcParams["axes.prop_cycle"].by_key()["color"][:2]
        assert (first, second) == (COLORS["first"], COLORS["second"])


def test_the_colours_are_distinct_and_cannot_be_changed():
    assert len(set(COLORS.values())) == len(COLORS)
    with pytest.raises(TypeError, match="item assignment"):
        COLORS["genuine"] = "#000000"
