import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.markers import MarkerStyle
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.patches import Rectangle
from scipy.stats import norm

from course_utils.plots import (
    COLORS,
    METHOD_COLORS,
    plot_det,
    plot_detected_faces,
    plot_distance_histograms,
    plot_embedding_map,
    plot_error_rates,
    plot_gallery_growth,
    plot_image_grid,
    plot_importance,
    plot_intervals,
    plot_open_set,
    plot_patch_sheet,
    plot_training,
    plot_unit_agreement,
    use_course_style,
)
from course_utils.recognition import Interval, error_rates, identification_rates
from course_utils.visualization import UnitAgreement

RNG = np.random.default_rng(0)
GENUINE, IMPOSTOR = RNG.normal(1, 0.3, 200), RNG.normal(2, 0.4, 3000)
RATES = error_rates(GENUINE, IMPOSTOR)
SEARCHES = identification_rates(RNG.uniform(size=(30, 4)), RNG.integers(0, 8, 30), range(4))
IMAGES = RNG.integers(0, 256, (7, 12, 10), dtype="uint8")
POINTS = RNG.normal(size=(7, 2))
PEOPLE = np.array([5, 2, 2, 9, 5, 2, 9])  # neither sorted nor counted from 0
FACES = RNG.uniform(size=(7, 12, 10)).astype("float32")
INTERVALS = {
    "pixels": Interval(0.3, 0.25, 0.36, np.array([])),
    "network": Interval(0.1, 0.05, 0.18, np.array([])),
}
PHOTO = RNG.integers(0, 256, (30, 40, 3), dtype="uint8")
BOXES = np.array([[8.0, 4, 20, 16], [2, 22, 17, 37]])  # top, left, bottom, right
PATCHES = RNG.integers(0, 255, (9, 9, 24, 24, 3), dtype="uint8")  # no value is the white between
IMPORTANCE = RNG.normal(size=(30, 40))
NOTHING = UnitAgreement(*[float("nan")] * 5)
LAYERS = ["first", "second", "third"]
AGREEMENTS = {
    "colour": [
        UnitAgreement(0.1, 0.05, 0.2, -0.03, 0.02),
        UnitAgreement(0.4, 0.3, 0.45, -0.01, 0.04),
        UnitAgreement(0.6, 0.55, 0.8, -0.02, 0.03),
    ],
    "region": [
        UnitAgreement(-0.2, -0.3, -0.15, -0.01, 0.06),
        UnitAgreement(0.0, -0.1, 0.12, -0.05, 0.01),
        UnitAgreement(0.2, 0.1, 0.25, -0.04, 0.05),
    ],
}

EVERY_FUNCTION = {
    "histograms": lambda ax=None: plot_distance_histograms(GENUINE, IMPOSTOR, ax=ax),
    "error rates": lambda ax=None: plot_error_rates(RATES, ax=ax),
    "det": lambda ax=None: plot_det({"a": RATES}, ax=ax),
    "open set": lambda ax=None: plot_open_set({"a": SEARCHES}, ax=ax),
    "growth": lambda ax=None: plot_gallery_growth(np.arange(3), {"a": [0, 0.1, 0.2]}, ax=ax),
    "intervals": lambda ax=None: plot_intervals(INTERVALS, ax=ax),
    "images": lambda ax=None: plot_image_grid(IMAGES, ax=ax),
    "detected faces": lambda ax=None: plot_detected_faces(PHOTO, BOXES, labels=["a", "b"], ax=ax),
    "embedding map": lambda ax=None: plot_embedding_map(POINTS, PEOPLE, images=FACES, ax=ax),
    "patch sheet": lambda ax=None: plot_patch_sheet(PATCHES, labels=list("abcdefghi"), ax=ax),
    "importance": lambda ax=None: plot_importance(PHOTO, IMPORTANCE, label="change", ax=ax),
    "unit agreement": lambda ax=None: plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax),
}


pytestmark = pytest.mark.usefixtures("_show_is_forbidden")


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
        assert ax.lines or ax.patches or ax.images or ax.collections
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

    def test_a_method_keeps_its_colour_whatever_else_its_name_says(self, ax):
        curves = {
            "lecture: K · p": [0, 1],
            "if independent": [0, 1],
            "measured: Fisherfaces, 20 unseen people": [0, 1],
            "measured: raw pixels": [0, 1],
        }
        plot_gallery_growth(np.arange(2), curves, ax=ax)
        lecture, independent, fisher, pixels = (line(ax, name).get_color() for name in curves)
        assert (fisher, pixels) == (METHOD_COLORS["Fisherfaces"], METHOD_COLORS["raw pixels"])
        assert (lecture, independent) == (COLORS["muted"], COLORS["ink"])

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


# --- embeddings -----------------------------------------------------------------------------


def dots(ax):
    """Every dot of a map: its point, its colour and the corners of its marker."""
    return [
        (tuple(point), to_hex(group.get_facecolor()[0]), group.get_paths()[0].vertices.tobytes())
        for group in ax.collections
        for point in group.get_offsets()
    ]


def faces(ax):
    return [each for each in ax.get_children() if isinstance(each, AnnotationBbox)]


def people_in_a_row(num_people, photos=2):
    """Points on a line and their labels, `photos` for each person."""
    labels = np.repeat(np.arange(num_people), photos)
    return np.stack([np.arange(labels.size), np.zeros(labels.size)], axis=1), labels


class TestEmbeddingMap:
    def test_every_photo_is_one_dot(self, ax):
        plot_embedding_map(POINTS, PEOPLE, ax=ax)
        found = sorted(point for point, *_ in dots(ax))
        np.testing.assert_allclose(found, sorted(map(tuple, POINTS)))
        assert faces(ax) == []

    def test_a_person_has_one_colour_and_nobody_elses(self, ax):
        plot_embedding_map(POINTS, PEOPLE, ax=ax)
        color_of = {point: color for point, color, _ in dots(ax)}
        colors = [color_of[tuple(point)] for point in POINTS]
        pairs = {(person, color) for person, color in zip(PEOPLE, colors, strict=True)}
        assert len(pairs) == len(set(colors)) == 3

    def test_labels_may_be_names_and_all_may_be_lists(self, ax):
        names = [{2: "ann", 5: "bob", 9: "cem"}[person] for person in PEOPLE]
        plot_embedding_map(POINTS.tolist(), names, ax=ax)
        assert len({color for _, color, _ in dots(ax)}) == 3
        assert len(dots(ax)) == 7

    def test_up_to_ten_people_differ_by_colour_alone(self, ax):
        plot_embedding_map(*people_in_a_row(10), ax=ax)
        found = dots(ax)
        assert len({color for _, color, _ in found}) == 10
        assert len({marker for *_, marker in found}) == 1

    @pytest.mark.parametrize("num_people", [11, 25, 40])
    def test_more_people_than_colours_differ_by_colour_and_marker(self, ax, num_people):
        points, labels = people_in_a_row(num_people)
        plot_embedding_map(points, labels, ax=ax)
        looks = {}
        for (x, _), *look in dots(ax):
            looks.setdefault(tuple(look), set()).add(labels[int(x)])
        assert len(looks) == num_people
        assert all(len(people) == 1 for people in looks.values())

    def test_the_eleventh_person_has_the_first_colour_and_a_square(self, ax):
        plot_embedding_map(*people_in_a_row(11), ax=ax)
        first, eleventh = dots(ax)[0], dots(ax)[-1]
        assert eleventh[1] == first[1]
        square = MarkerStyle("s")
        corners = square.get_path().transformed(square.get_transform()).vertices
        assert eleventh[2] == corners.tobytes()

    def test_each_face_is_drawn_at_its_point(self, ax):
        plot_embedding_map(POINTS, PEOPLE, images=FACES, ax=ax)
        image_at = {tuple(face.xy): face.offsetbox.get_data() for face in faces(ax)}
        assert len(faces(ax)) == len(image_at) == 7
        for point, image in zip(POINTS, FACES, strict=True):
            np.testing.assert_array_equal(image_at[tuple(point)], image)

    def test_a_face_is_framed_in_the_colour_of_its_person(self, ax):
        plot_embedding_map(POINTS, PEOPLE, images=FACES, ax=ax)
        color_of = {point: color for point, color, _ in dots(ax)}
        for face in faces(ax):
            assert face.patch.get_visible()
            assert face.patch.get_linewidth() > 1
            assert to_hex(face.patch.get_edgecolor()) == color_of[tuple(face.xy)]

    @pytest.mark.parametrize(("height", "width"), [(12, 10), (112, 92), (10, 30)])
    @pytest.mark.parametrize("points", [26, 40.5])
    def test_a_face_has_its_height_in_points_its_shape_and_a_frame_that_fits(
        self, ax, height, width, points
    ):
        image = np.full((1, height, width), 0.5)
        plot_embedding_map([[0, 0]], [1], images=image, image_height=points, ax=ax)
        ax.figure.canvas.draw()
        (face,) = faces(ax)
        drawn, frame = face.offsetbox.get_window_extent(), face.patch.get_window_extent()
        pixels = points * ax.figure.dpi / 72
        np.testing.assert_allclose([drawn.height, drawn.width], [pixels, pixels * width / height])
        np.testing.assert_allclose(frame.bounds, drawn.bounds)
        middle = ax.transData.transform([0, 0])
        np.testing.assert_allclose([drawn.x0 + drawn.x1, drawn.y0 + drawn.y1], 2 * middle)

    def test_faces_are_26_points_high_by_default(self, ax):
        plot_embedding_map(POINTS, PEOPLE, images=FACES, ax=ax)
        ax.figure.canvas.draw()
        heights = [face.offsetbox.get_window_extent().height for face in faces(ax)]
        np.testing.assert_allclose(heights, 26 * ax.figure.dpi / 72)

    @pytest.mark.parametrize("value_range", [(0, 1), (0, 255), (-1, 1)])
    def test_all_faces_share_one_scale_of_grey(self, ax, value_range):
        plot_embedding_map(POINTS, PEOPLE, images=FACES, value_range=value_range, ax=ax)
        scales = {
            (face.offsetbox.image.norm.vmin, face.offsetbox.image.norm.vmax) for face in faces(ax)
        }
        assert scales == {value_range}
        assert {face.offsetbox.image.get_cmap().name for face in faces(ax)} == {"gray"}

    def test_faces_in_the_default_range_are_not_stretched(self, ax):
        plot_embedding_map([[0, 0]], [1], images=np.full((1, 20, 20), 0.5), ax=ax)
        ax.figure.canvas.draw()
        x, y = ax.transData.transform([0, 0]).astype(int)
        shade = np.asarray(ax.figure.canvas.buffer_rgba())[-y, x]
        np.testing.assert_allclose(shade, [128, 128, 128, 255], atol=1)

    def test_every_dot_is_within_the_view_and_no_number_on_its_edge(self, ax):
        plot_embedding_map(POINTS, PEOPLE, ax=ax)
        low, high = np.sort(np.array([ax.get_xlim(), ax.get_ylim()]), axis=1).T
        assert (low < POINTS.min(axis=0)).all()
        assert (POINTS.max(axis=0) < high).all()
        assert tick_texts(ax.xaxis) == tick_texts(ax.yaxis) == []

    def test_no_frame_is_left_in_the_style_of_the_course(self):
        with mpl.rc_context():
            use_course_style()
            ax = plot_embedding_map(POINTS, PEOPLE)
        assert not any(spine.get_visible() for spine in ax.spines.values())

    def test_the_inputs_are_not_changed(self, ax):
        inputs = POINTS.copy(), PEOPLE.copy(), FACES.copy()
        for each in inputs:
            each.setflags(write=False)
        plot_embedding_map(inputs[0], inputs[1], images=inputs[2], ax=ax)
        ax.figure.canvas.draw()
        for found, expected in zip(inputs, (POINTS, PEOPLE, FACES), strict=True):
            np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize(
        ("points", "labels", "images", "words"),
        [
            (POINTS.T, PEOPLE, None, r"points.shape=\(2, 7\), 7 labels"),
            (np.zeros((7, 3)), PEOPLE, None, r"points.shape=\(7, 3\), 7 labels"),
            (np.zeros(7), PEOPLE, None, r"points.shape=\(7,\), 7 labels"),
            (POINTS, PEOPLE[:6], None, r"points.shape=\(7, 2\), 6 labels"),
            (POINTS, PEOPLE, FACES[:4], "Received: .* 4 images"),
            (POINTS, PEOPLE, FACES[:0], "Received: .* 0 images"),
            (*people_in_a_row(41), None, "at most 40 people. Received: 41"),
        ],
        ids=["rows for columns", "3-D", "1-D", "labels", "images", "no images", "41 people"],
    )
    def test_what_does_not_fit_is_refused_before_a_figure_is_begun(
        self, points, labels, images, words
    ):
        with pytest.raises(ValueError, match=words):
            plot_embedding_map(points, labels, images=images)
        assert plt.get_fignums() == []


LOSSES = [0.9, 0.5, 0.3, 0.25]
EERS = [0.31, 0.22, 0.125, 0.14]


class TestTraining:
    @pytest.fixture
    def axes(self):
        return plt.subplots(1, 2)[1]

    @pytest.mark.parametrize("as_type", [list, tuple, np.array])
    def test_the_curves_hold_every_epoch_counted_from_one(self, axes, as_type):
        plot_training(as_type(LOSSES), as_type(EERS), axes=axes)
        (loss,), (eer,) = (ax.get_lines() for ax in axes)
        np.testing.assert_array_equal(loss.get_xydata(), np.stack([[1, 2, 3, 4], LOSSES], axis=1))
        np.testing.assert_array_equal(eer.get_xydata(), np.stack([[1, 2, 3, 4], EERS], axis=1))

    def test_the_two_may_differ_in_length(self, axes):
        plot_training(LOSSES, EERS[:2], axes=axes)
        assert [len(ax.get_lines()[0].get_xdata()) for ax in axes] == [4, 2]

    def test_draws_on_the_given_axes_and_returns_them(self, axes):
        found = plot_training(LOSSES, EERS, axes=axes)
        assert [each is ax for each, ax in zip(found, axes, strict=True)] == [True, True]
        assert plt.get_fignums() == [axes[0].figure.number]

    def test_a_pair_of_axes_may_be_of_two_figures(self):
        pair = plt.subplots()[1], plt.subplots()[1]
        left, right = plot_training(LOSSES, EERS, axes=pair)
        assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "EER")
        assert (left, right) == pair

    def test_begins_one_new_figure_with_two_axes(self):
        left, right = plot_training(LOSSES, EERS)
        assert plt.get_fignums() == [left.figure.number]
        assert left.figure.axes == [left, right]
        assert left.get_position().x1 < right.get_position().x0

    def test_each_side_is_labelled(self, axes):
        plot_training(LOSSES, EERS, axes=axes)
        assert [ax.get_xlabel() for ax in axes] == ["epoch", "epoch"]
        assert [ax.get_ylabel() for ax in axes] == ["loss", "EER"]
        assert [ax.get_title() for ax in axes] == [
            "Loss, training people",
            "EER, validation people",
        ]

    def test_both_start_at_zero_and_hold_their_curve(self, axes):
        plot_training(LOSSES, EERS, axes=axes)
        for ax, values in zip(axes, (LOSSES, EERS), strict=True):
            low, high = ax.get_ylim()
            assert low == 0
            assert high > max(values)

    def test_the_best_epoch_is_marked_on_the_curve_and_told(self, axes):
        plot_training(LOSSES, EERS, best_epoch=3, axes=axes)
        curve, mark = axes[1].get_lines()
        np.testing.assert_array_equal(mark.get_xydata(), [[3, 0.125]])
        assert mark.get_marker() == "o"
        assert mark.get_color() == curve.get_color()
        assert legend_texts(axes[1]) == ["network", "best: 12.5%, epoch 3"]
        assert len(axes[0].get_lines()) == 1

    def test_the_first_and_the_last_epoch_can_be_the_best(self):
        for best, value in ((1, 0.31), (4, 0.14)):
            _, right = plot_training(LOSSES, EERS, best_epoch=best)
            np.testing.assert_array_equal(right.get_lines()[-1].get_xydata(), [[best, value]])

    def test_without_a_best_epoch_nothing_is_marked(self, axes):
        plot_training(LOSSES, EERS, axes=axes)
        assert len(axes[1].get_lines()) == 1
        assert not axes[1].texts

    @pytest.mark.parametrize("epoch", [-1, 5])
    def test_an_epoch_that_was_not_cannot_be_the_best(self, axes, epoch):
        with pytest.raises(ValueError, match=rf"one of the 4 epochs\. Received: {epoch}"):
            plot_training(LOSSES, EERS, best_epoch=epoch, axes=axes)

    def test_the_legend_lies_above_the_curves(self):
        with mpl.rc_context():
            use_course_style()
            _, right = plot_training(LOSSES, EERS, best_epoch=3, baseline=("other", 0.3))
            right.figure.canvas.draw()
        bottom = right.get_legend().get_window_extent().transformed(right.transData.inverted()).y0
        assert bottom > max(EERS)

    def test_a_baseline_is_a_named_line_across_the_axes(self, axes):
        plot_training(LOSSES, EERS, baseline=("eigenfaces", 0.2), axes=axes)
        found = line(axes[1], "eigenfaces")
        np.testing.assert_array_equal(found.get_ydata(), [0.2, 0.2])
        np.testing.assert_array_equal(found.get_xdata(), [0, 1])  # in widths of the axes
        assert found.get_linestyle() == "--"
        assert legend_texts(axes[1]) == ["network", "eigenfaces"]
        assert axes[0].get_legend() is None

    @pytest.mark.parametrize("eer", [0, 0.45])
    def test_a_baseline_beyond_the_curve_is_within_the_view(self, axes, eer):
        plot_training(LOSSES, EERS, baseline=("other", eer), axes=axes)
        low, high = axes[1].get_ylim()
        assert low <= eer < high
        assert legend_texts(axes[1]) == ["network", "other"]

    def test_the_network_and_the_baseline_differ_in_colour(self, axes):
        plot_training(LOSSES, EERS, baseline=("other", 0.2), axes=axes)
        network, other = (line(axes[1], name) for name in ("network", "other"))
        assert to_hex(network.get_color()).upper() == COLORS["genuine"]
        assert to_hex(other.get_color()) != to_hex(network.get_color())

    def test_the_loss_needs_no_legend(self, axes):
        plot_training(LOSSES, EERS, best_epoch=3, axes=axes)
        assert axes[0].get_legend() is None

    def test_the_errors_are_in_per_cent_and_the_losses_are_not(self, axes):
        plot_training(LOSSES, EERS, axes=axes)
        texts = tick_texts(axes[1].yaxis)
        positions = axes[1].yaxis.get_ticklocs()
        assert [float(text.removesuffix("%")) for text in texts] == pytest.approx(100 * positions)
        assert all(text.endswith("%") for text in texts)
        assert not any("%" in text for text in tick_texts(axes[0].yaxis))

    def test_ticks_of_small_errors_can_be_told_apart(self, axes):
        plot_training(LOSSES, [0.02, 0.012, 0.008], axes=axes)
        texts = tick_texts(axes[1].yaxis)
        assert len(set(texts)) == len(texts)

    @pytest.mark.parametrize("baseline", [None, ("eigenfaces", 0.2)])
    def test_nobody_to_validate_on_leaves_an_empty_curve(self, axes, baseline):
        plot_training(LOSSES, [], baseline=baseline, axes=axes)
        assert axes[1].get_lines()[0].get_xydata().shape == (0, 2)
        assert len(axes[1].get_lines()) == (1 if baseline is None else 2)
        assert axes[1].get_ylim()[0] == 0
        axes[0].figure.canvas.draw()

    def test_a_single_epoch_can_be_rendered(self):
        with mpl.rc_context():
            use_course_style()
            left, right = plot_training([0.5], [0.3], best_epoch=1, baseline=("other", 0.2))
            left.figure.canvas.draw()
        np.testing.assert_array_equal(right.get_lines()[0].get_xydata(), [[1, 0.3]])

    def test_the_inputs_are_not_changed(self, axes):
        loss, eer = np.array(LOSSES), np.array(EERS)
        for each in (loss, eer):
            each.setflags(write=False)
        plot_training(loss, eer, best_epoch=2, baseline=("other", 0.2), axes=axes)
        axes[0].figure.canvas.draw()
        np.testing.assert_array_equal(loss, LOSSES)
        np.testing.assert_array_equal(eer, EERS)


# --- photos with faces ----------------------------------------------------------------------


class TestDetectedFaces:
    @pytest.fixture
    def ax(self):
        """Axes that fill their figure of 400 × 300 pixels: each of the photo has 10 × 10."""
        return plt.figure(figsize=(4, 3), dpi=100).add_axes((0, 0, 1, 1))

    @staticmethod
    def rendered(ax):
        ax.figure.canvas.draw()
        return np.asarray(ax.figure.canvas.buffer_rgba())[..., :3].astype(int)

    @staticmethod
    def limits(chosen):
        """(top, left, bottom, right) of the pixels that are True."""
        rows, columns = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
        return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1

    @staticmethod
    def frames(ax):
        found = [patch.get_bbox().extents for patch in ax.patches]  # left, top, right, bottom
        return [(top, left, bottom, right) for left, top, right, bottom in found]

    def test_each_face_has_its_frame(self, ax):
        plot_detected_faces(PHOTO, BOXES, ax=ax)
        np.testing.assert_array_equal(self.frames(ax), BOXES)
        assert not any(patch.get_fill() for patch in ax.patches)

    def test_boxes_may_be_lists_and_fractions(self, ax):
        plot_detected_faces(PHOTO, [(8.25, 4, 20.5, 16)], ax=ax)
        np.testing.assert_array_equal(self.frames(ax), [(8.25, 4, 20.5, 16)])

    def test_on_the_screen_the_frame_lies_around_the_face(self, ax):
        """The middle of its line, 2.5 points = 3.5 pixels wide, is the edge of the face."""
        photo = np.zeros((30, 40, 3), np.uint8)
        top, left, bottom, right = 8, 4, 20, 17
        photo[top:bottom, left:right, 0] = 255
        plot_detected_faces(photo, [(top, left, bottom, right)], colors=["#00ff00"], ax=ax)
        red, green, _ = np.moveaxis(self.rendered(ax), -1, 0)
        outer = np.array(self.limits(green > 200))
        inner = np.array(self.limits((red > 200) & (green < 50)))
        np.testing.assert_allclose((outer + inner) / 2, [80, 40, 200, 170], atol=1)
        np.testing.assert_allclose(np.abs(outer - inner), 3.5, atol=1.5)

    def test_the_photo_fills_the_view_upright(self, ax):
        plot_detected_faces(PHOTO, [], ax=ax)
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 40), (30, 0))
        assert not ax.axison
        centres = self.rendered(ax)[5::10, 5::10]
        np.testing.assert_allclose(centres, PHOTO, atol=1)

    def test_a_box_beyond_the_photo_does_not_widen_the_view(self, ax):
        plot_detected_faces(PHOTO, [(-5, -9, 40, 55)], labels=["ann"], ax=ax)
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 40), (30, 0))
        assert self.frames(ax) == [(-5, -9, 40, 55)]

    def test_without_faces_there_is_the_photo_alone(self, ax):
        for boxes in ([], np.zeros((0, 4))):
            plot_detected_faces(PHOTO, boxes, labels=[], colors=[], ax=ax)
        assert len(ax.images) == 2
        assert not ax.patches
        assert not ax.texts

    def test_each_label_stands_below_the_middle_of_its_frame(self, ax):
        plot_detected_faces(PHOTO, BOXES, labels=["ann\n0.21", "bob"], ax=ax)
        ax.figure.canvas.draw()
        assert [text.get_text() for text in ax.texts] == ["ann\n0.21", "bob"]
        for text, (_, left, bottom, right) in zip(ax.texts, BOXES, strict=True):
            words = text.get_window_extent()
            edge = ax.transData.transform(((left + right) / 2, bottom))
            assert (words.x0 + words.x1) / 2 == pytest.approx(edge[0], abs=1)
            assert words.y1 == pytest.approx(edge[1] - 4 * 100 / 72, abs=1.5)  # 4 points below

    def test_an_empty_label_is_no_text(self, ax):
        plot_detected_faces(PHOTO, BOXES, labels=["", "bob"], ax=ax)
        assert [text.get_text() for text in ax.texts] == ["bob"]

    def test_without_labels_there_is_no_text(self, ax):
        plot_detected_faces(PHOTO, BOXES, ax=ax)
        assert not ax.texts

    @pytest.mark.parametrize("box", [(10, 10, 45, 30), (5, 30, 20, 60), (5, -40, 20, 10)], ids=str)
    def test_the_label_of_a_face_beyond_the_photo_can_be_seen(self, box):
        """Around the photo there is room; the label's point is moved to the photo's edge."""
        ax = plt.figure(figsize=(6, 5), dpi=100).add_axes((0.2, 0.2, 0.6, 0.6))
        plot_detected_faces(PHOTO // 4, [box], labels=["ann"], colors=["#00ff00"], ax=ax)
        (text,) = ax.texts
        assert np.isclose(text.xy, np.clip(text.xy, 0, [40, 30])).all()
        screen = self.rendered(ax)[::-1]
        words = text.get_window_extent()
        pixels = screen[round(words.y0) : round(words.y1)]
        behind = pixels[:, round(words.x0) : round(words.x1)]
        assert (behind == (0, 255, 0)).all(axis=-1).mean() > 0.3

    def test_frames_and_labels_have_the_colours_of_their_faces(self, ax):
        colors = ["#112233", COLORS["impostor"]]
        plot_detected_faces(PHOTO, BOXES, labels=["ann", "bob"], colors=colors, ax=ax)
        expected = [to_rgba(color) for color in colors]
        assert [patch.get_edgecolor() for patch in ax.patches] == expected
        assert [text.get_bbox_patch().get_facecolor() for text in ax.texts] == expected

    def test_by_default_all_have_the_colour_of_genuine_pairs(self, ax):
        plot_detected_faces(PHOTO, BOXES, labels=["ann", "bob"], ax=ax)
        genuine = to_rgba(COLORS["genuine"])
        assert [patch.get_edgecolor() for patch in ax.patches] == [genuine] * 2
        assert [text.get_bbox_patch().get_facecolor() for text in ax.texts] == [genuine] * 2

    @pytest.mark.parametrize("name", ["labels", "colors"])
    @pytest.mark.parametrize("items", [[], ["red"], ["red", "green", "blue"]], ids=len)
    def test_another_number_of_labels_or_colours_is_refused(self, name, items):
        words = rf"`{name}` must have 2 items\. Received: {len(items)}\."
        with pytest.raises(ValueError, match=words):
            plot_detected_faces(PHOTO, BOXES, **{name: items})
        assert plt.get_fignums() == []

    def test_the_inputs_are_not_changed(self, ax):
        photo, boxes = PHOTO.copy(), BOXES.copy()
        for each in (photo, boxes):
            each.setflags(write=False)
        plot_detected_faces(photo, boxes, labels=("ann", "bob"), ax=ax)
        self.rendered(ax)
        np.testing.assert_array_equal(photo, PHOTO)
        np.testing.assert_array_equal(boxes, BOXES)


# --- what units see -------------------------------------------------------------------------


def extents(ax):
    """Left, right, top and bottom of each block, shape (num_units, 4)."""
    return np.array([drawn.get_extent() for drawn in ax.images])[:, [0, 1, 3, 2]]


def on_the_axes(ax):
    """The same as shares of the Axes' width and height, as they come out on the screen."""
    ax.figure.canvas.draw()
    found = []
    for left, right, top, bottom in extents(ax):
        corners = ax.transData.transform([(left, top), (right, bottom)])
        found.append(ax.transAxes.inverted().transform(corners).ravel())
    return np.array(found)


def patch_in(block, place, across, size):
    """What stands where a unit's patch of this number belongs, `size` screen pixels high and wide.

    The gap is what the block's width leaves, shared among the spaces between the patches.
    """
    height, width = size
    gap, rest = divmod(block.shape[1] - across * width, max(across - 1, 1))
    assert rest == 0
    row, column = divmod(place, across)
    top, left = row * (height + gap), column * (width + gap)
    return block[top : top + height, left : left + width]


class TestPatchSheet:
    @pytest.mark.parametrize("labels", [None, list("abcdefghi")], ids=["plain", "labels"])
    def test_nine_blocks_stand_row_by_row_with_equal_gaps(self, ax, labels):
        plot_patch_sheet(PATCHES, labels=labels, ax=ax)
        assert len(ax.images) == 9
        left, right, top, bottom = extents(ax).T.reshape(4, 3, 3)
        for each in (left, right):
            np.testing.assert_allclose(each, np.broadcast_to(each[:1], (3, 3)))
        for each in (top, bottom):
            np.testing.assert_allclose(each, np.broadcast_to(each[:, :1], (3, 3)))
        across, down = left[0, 1:] - right[0, :-1], top[1:, 0] - bottom[:-1, 0]
        np.testing.assert_allclose(across, across[0])
        np.testing.assert_allclose(down, down[0])
        assert across[0] > 0
        assert down[0] >= across[0]
        assert (down[0] == pytest.approx(across[0])) == (labels is None)

    def test_the_blocks_have_the_size_of_their_pixels(self, ax):
        plot_patch_sheet(PATCHES, ax=ax)
        for drawn, (left, right, top, bottom) in zip(ax.images, extents(ax), strict=True):
            height, width = drawn.get_array().shape[:2]
            assert (bottom - top) / height == pytest.approx((right - left) / width)

    def test_the_gap_between_units_is_wider_than_that_between_patches(self, ax):
        for width in (1, 3, 24, 100):
            ax.clear()
            plot_patch_sheet(PATCHES[:, :, :1, :1].repeat(width, axis=2).repeat(width, 3), ax=ax)
            left, right, _, _ = extents(ax).T
            block = ax.images[0].get_array()
            (white,) = np.nonzero((block == 255).all(axis=(0, 2)))
            between_patches = len(white) / 2 / block.shape[1]
            assert 0.005 < between_patches < 0.03
            assert (left[1] - right[0]) / (right[0] - left[0]) > 3 * between_patches

    @pytest.mark.parametrize("size", [(24, 24), (3, 3), (40, 20)], ids=str)
    @pytest.mark.parametrize("k", [1, 4, 9, 16])
    def test_sheets_of_one_and_of_many_pictures_a_unit_look_alike(self, size, k):
        labels = list("abcdefghi")
        patches = np.zeros((9, k, *size, 3), "uint8")
        one, many = (plot_patch_sheet(each, labels=labels) for each in (patches[:, :1], patches))
        np.testing.assert_allclose(on_the_axes(many), on_the_axes(one), atol=0.015)

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize(("k", "across"), [(1, 1), (2, 2), (4, 2), (5, 3), (7, 3), (9, 3)])
    @pytest.mark.parametrize("size", [(24, 20), (20, 33), (90, 40)], ids=str)
    def test_each_patch_stands_in_its_place(self, ax, channels, k, across, size):
        patches = RNG.integers(0, 255, (4, k, *size, channels), dtype="uint8")
        plot_patch_sheet(patches, ax=ax)
        for drawn, unit in zip(ax.images, patches, strict=True):
            block = drawn.get_array()
            for place, patch in enumerate(unit):
                shown = patch_in(block, place, across, size)
                np.testing.assert_array_equal(shown, np.broadcast_to(patch, (*size, 3)))
            assert (block != 255).any(axis=-1).sum() == k * size[0] * size[1]  # else white

    @pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 7), (7, 2)], ids=str)
    def test_small_patches_are_enlarged_pixel_by_pixel(self, ax, size):
        """As the first convolution sees them: 3 × 3 pixels, and no white as broad as a third."""
        patches = RNG.integers(0, 255, (2, 9, *size, 3), dtype="uint8")
        plot_patch_sheet(patches, ax=ax)
        scale = -(-20 // size[1])
        for drawn, unit in zip(ax.images, patches, strict=True):
            for place, patch in enumerate(unit):
                shown = patch_in(drawn.get_array(), place, 3, np.multiply(size, scale))
                np.testing.assert_array_equal(shown, np.kron(patch, np.ones((scale, scale, 1))))

    def test_strongest_first_on_the_screen(self):
        """Nine colours, a unit: on the screen they stand as a text is read."""
        colours = RNG.integers(0, 250, (9, 9, 1, 1, 3), dtype="uint8")
        ax = plot_patch_sheet(np.broadcast_to(colours, (9, 9, 24, 24, 3)))
        ax.figure.canvas.draw()
        screen = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]
        for (left, right, top, bottom), unit in zip(extents(ax), colours, strict=True):
            for place, colour in enumerate(unit):
                x = left + (right - left) * (place % 3 + 0.5) / 3
                y = top + (bottom - top) * (place // 3 + 0.5) / 3
                column, row = ax.transData.transform((x, y)).astype(int)
                np.testing.assert_array_equal(screen[len(screen) - 1 - row, column], colour[0, 0])

    def test_floats_are_rounded_and_clipped(self, ax):
        values = [-20.0, 0.4, 99.6, 100.4, 254.4, 300.0]
        patches = np.array(values, "float32").reshape(6, 1, 1, 1, 1).repeat(20, 2).repeat(20, 3)
        plot_patch_sheet(patches, ax=ax)
        shown = [np.unique(drawn.get_array()).tolist() for drawn in ax.images]
        assert shown == [[0], [0], [100], [100], [254], [255]]

    def test_floats_and_bytes_look_the_same(self, ax):
        other = plt.figure().add_subplot()
        plot_patch_sheet(PATCHES, ax=ax)
        plot_patch_sheet(PATCHES.astype("float64"), ax=other)
        for first, second in zip(ax.images, other.images, strict=True):
            np.testing.assert_array_equal(first.get_array(), second.get_array())
            assert first.get_array().dtype == np.uint8

    @pytest.mark.parametrize("num_columns", [1, 2, 5, 12])
    def test_columns(self, ax, num_columns):
        plot_patch_sheet(PATCHES, num_columns=num_columns, ax=ax)
        left, _, top, _ = extents(ax).T
        number = np.arange(9)
        pitch = extents(ax)[0, 1] * 1.12
        np.testing.assert_allclose(left, number % num_columns * pitch)
        np.testing.assert_allclose(top, number // num_columns * pitch)

    @pytest.mark.parametrize("labels", [None, list("abcdefghi")], ids=["plain", "labels"])
    def test_the_view_holds_all_blocks_upright_and_nothing_else(self, ax, labels):
        plot_patch_sheet(PATCHES, labels=labels, title="block 3", ax=ax)
        left, right, top, bottom = extents(ax).T
        assert ax.get_xlim() == pytest.approx((left.min(), right.max()))
        assert ax.get_ylim()[1] == top.min()
        assert ax.get_ylim()[0] >= bottom.max()
        assert ax.get_aspect() == 1
        assert not ax.axison
        assert ax.get_title() == "block 3"

    @pytest.mark.parametrize("size", [(5.0, 5.0), (2.4, 2.4)], ids=["own figure", "one of three"])
    @pytest.mark.parametrize("k", [1, 9])
    def test_each_label_stands_below_its_block_and_above_the_next(self, size, k):
        labels = [f"unit {number}" for number in range(9)]
        ax = plt.figure(figsize=size).add_axes((0.02, 0.02, 0.96, 0.9))
        plot_patch_sheet(PATCHES[:, :k], labels=labels, ax=ax)
        ax.figure.canvas.draw()
        assert [text.get_text() for text in ax.texts] == labels
        blocks = [drawn.get_window_extent() for drawn in ax.images]
        for number, text in enumerate(ax.texts):
            words, block = text.get_window_extent(), blocks[number]
            assert (words.x0 + words.x1) / 2 == pytest.approx((block.x0 + block.x1) / 2, abs=1)
            assert words.y1 <= block.y0 + 1
            assert block.x0 < words.x0 < words.x1 < block.x1
            if number < 6:
                assert words.y0 >= blocks[number + 3].y1
            assert words.y0 >= 0

    def test_without_labels_there_is_no_text(self, ax):
        plot_patch_sheet(PATCHES, ax=ax)
        assert not ax.texts
        assert ax.get_title() == ""

    @pytest.mark.parametrize(
        "shape",
        [
            (9, 24, 24, 3),
            (9, 9, 24, 24),
            (9, 9, 24, 24, 2),
            (9, 9, 24, 24, 4),
            (0, 9, 24, 24, 3),
            (9, 0, 24, 24, 3),
            (9, 9, 0, 24, 3),
            (9, 9, 24, 0, 1),
        ],
        ids=str,
    )
    def test_another_shape_is_refused(self, shape):
        words = rf"`patches` must have shape .*Received: \({', '.join(map(str, shape))}\)\."
        with pytest.raises(ValueError, match=words):
            plot_patch_sheet(np.zeros(shape))
        assert plt.get_fignums() == []

    @pytest.mark.parametrize("labels", [[], ["a"], list("abcdefghij")], ids=len)
    def test_another_number_of_labels_is_refused(self, labels):
        words = rf"`labels` must have 9 items\. Received: {len(labels)}\."
        with pytest.raises(ValueError, match=words):
            plot_patch_sheet(PATCHES, labels=labels)
        assert plt.get_fignums() == []

    @pytest.mark.parametrize("number", [0, -3])
    def test_no_columns_are_refused(self, number):
        with pytest.raises(ValueError, match=rf"`num_columns` must be .*Received: {number}\."):
            plot_patch_sheet(PATCHES, num_columns=number)

    def test_the_input_is_not_changed(self, ax):
        patches = PATCHES.astype(float) - 100
        patches.setflags(write=False)
        plot_patch_sheet(patches, ax=ax)
        np.testing.assert_array_equal(patches, PATCHES.astype(float) - 100)


class TestImportancePlot:
    @staticmethod
    def colors(ax):
        """Red, green, blue and opacity of each pixel's importance."""
        drawn = ax.images[1]
        rgba = drawn.cmap(drawn.norm(drawn.get_array()))
        return np.concatenate([rgba[..., :3], np.asarray(drawn.get_alpha())[..., None]], axis=-1)

    @staticmethod
    def rendered(image, importance, **options):
        """What is on the screen where the centres of the photo's pixels are, values 0–255."""
        ax = plt.figure(figsize=(6, 5)).add_axes((0, 0, 1, 1))
        plot_importance(image, importance, ax=ax, **options)
        ax.figure.canvas.draw()
        screen = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3].astype(int)
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        centres = ax.transData.transform(np.stack([x.ravel(), y.ravel()], 1)).astype(int)
        return screen[len(screen) - 1 - centres[:, 1], centres[:, 0]].reshape(*x.shape, 3)

    @pytest.mark.parametrize("factor", [1, 7, 1e-6])
    def test_the_colours_are_symmetric_about_0(self, ax, factor):
        for importance in (IMPORTANCE, np.abs(IMPORTANCE), -np.abs(IMPORTANCE)):
            ax.clear()
            plot_importance(PHOTO, importance * factor, ax=ax)
            largest = np.abs(IMPORTANCE).max() * factor
            np.testing.assert_allclose(ax.images[1].get_clim(), (-largest, largest))
            np.testing.assert_array_equal(ax.images[1].get_array(), importance * factor)

    def test_a_given_limit_serves_several_photos(self, ax):
        importance = np.array([[8.0, 4.0, 2.0, 0.0, -2.0, -9.0]])
        plot_importance(np.zeros((1, 6)), importance, limit=4, ax=ax)
        assert ax.images[1].get_clim() == (-4, 4)
        opacity = self.colors(ax)[0, :, 3]
        assert opacity[0] == opacity[1] == opacity[5]
        np.testing.assert_allclose(opacity[2], opacity[1] / 2)
        assert opacity[2] == opacity[4]

    def test_more_is_red_and_less_is_blue_the_deeper_the_more(self, ax):
        importance = np.array([[-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]])
        plot_importance(np.full((1, 7), 128), importance, ax=ax)
        colors = self.colors(ax)[0]
        red, blue = colors[:, 0], colors[:, 2]
        assert (red[4:] > blue[4:] + 0.1).all()
        assert (blue[:3] > red[:3] + 0.1).all()
        assert (np.diff(colors[3:, 3]) > 0).all()
        np.testing.assert_allclose(colors[:, 3], colors[::-1, 3])
        assert colors[6, 3] < 1  # the photo is seen everywhere

    def test_on_the_screen_red_is_red_and_where_nothing_matters_the_photo_is_grey(self):
        photo = np.full((4, 6, 3), (90, 150, 210), "uint8")
        importance = np.zeros((4, 6))
        importance[:, :2], importance[:, 4:] = 1, -1
        shown = self.rendered(photo, importance)
        np.testing.assert_allclose(shown[:, 2:4], 150, atol=1)  # (90 + 150 + 210) / 3
        assert (shown[:, :2, 0] > shown[:, :2, 2] + 50).all()
        assert (shown[:, 4:, 2] > shown[:, 4:, 0] + 50).all()

    @pytest.mark.parametrize("dtype", ["uint8", "float32"])
    def test_without_importance_the_photo_is_shown_in_its_greys(self, dtype):
        grey = np.linspace(0, 255, 48).reshape(6, 8).astype(dtype)
        for photo in (grey, grey[..., None].repeat(3, axis=2)):
            shown = self.rendered(photo, np.zeros((6, 8)))
            np.testing.assert_allclose(shown, grey[..., None].repeat(3, axis=2), atol=1.01)

    def test_all_zero_importance_has_a_scale(self, ax):
        plot_importance(PHOTO, np.zeros((30, 40), int), label="change", ax=ax)
        ax.figure.canvas.draw()
        assert ax.images[1].get_clim() == (-1, 1)
        assert (self.colors(ax)[..., 3] == 0).all()

    def test_a_label_brings_a_colour_bar_and_only_a_label_does(self, ax):
        plot_importance(PHOTO, IMPORTANCE, title="A face", ax=ax)
        assert not ax.child_axes
        assert len(ax.figure.axes) == 1
        assert ax.get_title() == "A face"
        ax = plot_importance(PHOTO, IMPORTANCE, label="loss of similarity", limit=2)
        (bar,) = ax.child_axes
        ax.figure.canvas.draw()
        assert bar.get_ylabel() == "loss of similarity"
        assert bar.get_ylim() == (-2, 2)
        box, beside = ax.get_window_extent(), bar.get_window_extent()
        assert (beside.y0, beside.y1) == pytest.approx((box.y0, box.y1), abs=1)
        assert beside.x0 > box.x1
        assert len(ax.images) == 2
        assert not ax.axison

    def test_the_bar_has_the_colours_without_the_transparency(self):
        ax = plot_importance(PHOTO, IMPORTANCE, label="change")
        (bar,) = ax.child_axes
        ax.figure.canvas.draw()
        screen = np.asarray(ax.figure.canvas.buffer_rgba())[::-1, :, :3].astype(int)
        box = bar.get_window_extent()
        column = screen[round(box.y0) + 3 : round(box.y1) - 3, round((box.x0 + box.x1) / 2)]
        assert column[0, 2] > column[0, 0] + 60  # below, blue
        assert column[-1, 0] > column[-1, 2] + 60  # above, red
        assert column[len(column) // 2].min() > 240
        assert column[0].sum() < 300  # as deep as the palette's end

    @pytest.mark.parametrize("shape", [(40, 30), (30, 41), (1200,), (30, 40, 3)], ids=str)
    def test_another_size_than_the_photo_is_refused(self, shape):
        words = r"`importance` must have the image's height.*Received: .*image of \(30, 40, 3\)\."
        with pytest.raises(ValueError, match=words):
            plot_importance(PHOTO, np.zeros(shape))
        assert plt.get_fignums() == []

    @pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
    def test_a_limit_that_is_not_positive_is_refused(self, limit):
        with pytest.raises(ValueError, match=rf"`limit` must be positive\. Received: {limit}\."):
            plot_importance(PHOTO, IMPORTANCE, limit=limit)
        assert plt.get_fignums() == []

    def test_the_inputs_are_not_changed(self, ax):
        photo, importance = PHOTO.copy(), IMPORTANCE.copy()
        for each in (photo, importance):
            each.setflags(write=False)
        plot_importance(photo, importance, label="change", ax=ax)
        ax.figure.canvas.draw()
        np.testing.assert_array_equal(photo, PHOTO)
        np.testing.assert_array_equal(importance, IMPORTANCE)


class TestUnitAgreementPlot:
    @staticmethod
    def bars(ax):
        """Property → layer → lower and upper end of its interval."""
        return {
            bar.get_label(): np.array([path[:, 1] for path in bar.lines[2][0].get_segments()])
            for bar in ax.containers
        }

    @staticmethod
    def band(ax):
        """Place of each layer → lowest and highest value of the grey band there."""
        (vertices,) = [path.vertices for path in ax.collections[0].get_paths()] or [
            np.empty((0, 2))
        ]
        places = np.unique(vertices[:, 0])
        ends = [vertices[vertices[:, 0] == place, 1] for place in places]
        return {place: (each.min(), each.max()) for place, each in zip(places, ends, strict=True)}

    def test_lines_pass_through_the_estimates(self, ax):
        plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax)
        drawn = {bar.get_label(): bar.lines[0] for bar in ax.containers}
        assert list(drawn) == ["colour", "region"]
        for name, expected in (("colour", [0.1, 0.4, 0.6]), ("region", [-0.2, 0.0, 0.2])):
            np.testing.assert_array_equal(drawn[name].get_xdata(), [0, 1, 2])
            np.testing.assert_array_equal(drawn[name].get_ydata(), expected)

    def test_bars_are_the_intervals(self, ax):
        plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax)
        bars = self.bars(ax)
        np.testing.assert_allclose(bars["colour"], [(0.05, 0.2), (0.3, 0.45), (0.55, 0.8)])
        np.testing.assert_allclose(bars["region"], [(-0.3, -0.15), (-0.1, 0.12), (0.1, 0.25)])

    def test_an_estimate_beyond_its_interval_is_drawn_as_well(self, ax):
        """Intervals of resamples need not hold the estimate."""
        beyond = [UnitAgreement(0.5, 0.1, 0.4, 0, 0), UnitAgreement(0.1, 0.2, 0.3, 0, 0)]
        plot_unit_agreement({"colour": beyond}, ["a", "b"], ax=ax)
        np.testing.assert_allclose(self.bars(ax)["colour"], [(0.1, 0.5), (0.1, 0.3)])

    def test_the_band_holds_the_shuffled_units_of_all_properties(self, ax):
        plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax)
        assert self.band(ax) == {0: (-0.03, 0.06), 1: (-0.05, 0.04), 2: (-0.04, 0.05)}

    def test_names_stand_in_the_legend_and_below(self, ax):
        plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax)
        assert legend_texts(ax) == ["shuffled units", "colour", "region"]
        assert tick_texts(ax.xaxis) == LAYERS
        assert ax.get_xlabel()
        assert ax.get_ylabel()

    def test_properties_have_different_colours(self, ax):
        plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax)
        colors = [to_hex(bar.lines[0].get_color()) for bar in ax.containers]
        assert len(set(colors)) == 2
        for bar, color in zip(ax.containers, colors, strict=True):
            assert {to_hex(each) for each in bar.lines[2][0].get_colors()} == {color}

    def test_0_is_in_view(self, ax):
        high = [UnitAgreement(0.6, 0.5, 0.7, 0.1, 0.2), UnitAgreement(0.7, 0.6, 0.8, 0.1, 0.2)]
        plot_unit_agreement({"colour": high}, ["a", "b"], ax=ax)
        assert ax.get_ylim()[0] <= 0
        assert ax.get_ylim()[1] > 0.8

    def test_a_shared_scale_shows_both(self):
        _, axes = plt.subplots(1, 2, sharey=True)
        for ax, top in zip(axes, (0.5, 0.9), strict=True):
            row = [UnitAgreement(top, top - 0.1, top + 0.05, -0.1, 0.1)] * 2
            plot_unit_agreement({"colour": row}, ["a", "b"], ax=ax)
        assert axes[0].get_ylim()[1] >= 0.95

    def test_what_lies_below_0_is_in_view(self, ax):
        plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax)
        assert ax.get_ylim()[0] < -0.3

    @pytest.mark.parametrize("names", [("a", "b"), ("b", "a")], ids=str)
    def test_a_layer_without_an_estimate_is_a_gap(self, ax, names):
        """All patches are equal; the band there is that of the other property, whatever comes
        first."""
        rows = {"a": AGREEMENTS["colour"], "b": [NOTHING, *AGREEMENTS["region"][1:]]}
        plot_unit_agreement({name: rows[name] for name in names}, LAYERS, ax=ax)
        ax.figure.canvas.draw()
        drawn = {bar.get_label(): bar.lines[0].get_ydata() for bar in ax.containers}
        np.testing.assert_array_equal(drawn["b"], [float("nan"), 0.0, 0.2])
        assert self.band(ax) == {0: (-0.03, 0.02), 1: (-0.05, 0.04), 2: (-0.04, 0.05)}

    def test_an_estimate_without_an_interval(self, ax):
        alone = UnitAgreement(0.3, float("nan"), float("nan"), -0.1, 0.1)
        plot_unit_agreement({"colour": [alone] * 3}, LAYERS, ax=ax)
        ax.figure.canvas.draw()
        np.testing.assert_array_equal(ax.containers[0].lines[0].get_ydata(), [0.3] * 3)

    def test_nothing_known_at_all(self, ax):
        plot_unit_agreement({"colour": [NOTHING] * 3}, LAYERS, ax=ax)
        ax.figure.canvas.draw()
        assert tick_texts(ax.xaxis) == LAYERS

    @pytest.mark.parametrize("num_layers", [5, 13])
    def test_long_names_of_layers_do_not_overlap(self, num_layers):
        with mpl.rc_context():
            use_course_style()
            layers = [f"stage{number}_block2_relu" for number in range(num_layers)]
            ax = plot_unit_agreement({"colour": AGREEMENTS["colour"][:1] * num_layers}, layers)
            ax.figure.canvas.draw()
        names = ax.get_xticklabels()
        assert [name.get_text() for name in names] == layers
        if num_layers == 13:
            (angle,) = {name.get_rotation() for name in names}
            step = np.diff(ax.transData.transform([(0, 0), (1, 0)])[:, 0])[0]
            line_height = names[0].get_fontsize() * ax.figure.dpi / 72
            assert step * np.sin(np.deg2rad(angle)) > line_height
        else:
            assert all(name.get_rotation() for name in names)

    def test_short_names_of_layers_stand_level(self, ax):
        plot_unit_agreement(AGREEMENTS, LAYERS, ax=ax)
        assert {label.get_rotation() for label in ax.get_xticklabels()} == {0}

    @pytest.mark.parametrize(
        "agreements",
        [{}, {"colour": []}, {"colour": [NOTHING] * 2}, AGREEMENTS | {"person": [NOTHING] * 4}],
        ids=["none", "empty", "fewer", "more"],
    )
    def test_another_number_of_agreements_is_refused(self, agreements):
        words = r"`agreements` must have 3 values for each property\. Received: "
        with pytest.raises(ValueError, match=words) as caught:
            plot_unit_agreement(agreements, LAYERS)
        assert str({name: len(row) for name, row in agreements.items()}) in str(caught.value)
        assert plt.get_fignums() == []


def test_drawing_needs_no_tensorflow():
    """What computes agreement imports it; what draws agreement does not."""
    code = (
        "import sys, course_utils.plots\n"
        "course_utils.plots.plot_unit_agreement\n"
        "print(*({'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


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
