"""Drawings of convolutions on 1, 2 and 3 axes, of signals and of volumes."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.patches import FancyArrowPatch

from course_utils.plots import (
    COLORS,
    plot_channels,
    plot_confusion_matrix,
    plot_convolution_shapes,
    plot_signal,
    plot_slices,
    plot_surface,
    use_course_style,
)

RNG = np.random.default_rng(0)
SIGNAL = RNG.normal(size=50)
RECORDINGS = RNG.normal(size=(3, 20, 2)) * [1, 50]
COUNTS = np.array([[7, 1, 0], [2, 12, 0], [0, 3, 1000]])
VOLUME = RNG.uniform(size=(6, 8, 10))
LABELS = RNG.integers(0, 3, VOLUME.shape)
WRONG = np.where(RNG.uniform(size=VOLUME.shape) < 0.2, (LABELS + 1) % 3, LABELS)
CENTER, RADIUS = 10, 7.5
DISTANCES = np.linalg.norm(np.indices((21, 21, 21)) - CENTER, axis=0)
BALL = DISTANCES < RADIUS
SOFT_BALL = np.clip(RADIUS + 0.5 - DISTANCES, 0, 1)  # 1/2 at the radius
CUT = ((0, 10), (11, 21), (10, 21))  # at the left, in front, above

FLAT = {
    "convolution 1": lambda ax=None: plot_convolution_shapes((14, 1), 5, 16, ax=ax),
    "convolution 2": lambda ax=None: plot_convolution_shapes((14, 14, 3), 5, 16, ax=ax),
    "convolution 3": lambda ax=None: plot_convolution_shapes((14, 14, 14, 1), 5, 16, ax=ax),
    "signal": lambda ax=None: plot_signal(SIGNAL, marks={"a": [3]}, ax=ax),
    "channels": lambda ax=None: plot_channels(
        RECORDINGS, names=["a", "b"], sampling_rate=10, ax=ax
    ),
    "confusion": lambda ax=None: plot_confusion_matrix(COUNTS, ["a", "b", "c"], ax=ax),
    "slices": lambda ax=None: plot_slices(
        VOLUME, labels=LABELS, predictions={"a": WRONG}, positions=[1, 2], ax=ax
    ),
}
SOLID = {
    "surface": lambda ax=None: plot_surface(BALL, ax=ax),
    "cut surface": lambda ax=None: plot_surface(SOFT_BALL, cut=CUT, image=DISTANCES, ax=ax),
}


pytestmark = pytest.mark.usefixtures("_show_is_forbidden")


@pytest.fixture
def ax():
    return plt.subplots()[1]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy()


def contrast(one, other):
    """Of WCAG 2: (L₁ + 0.05) / (L₂ + 0.05) of the relative luminances, the larger above."""
    levels = []
    for color in (one, other):
        rgb = np.array(to_rgb(color))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        levels.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return max(levels) / min(levels)


# --- all of them ----------------------------------------------------------------------------


@pytest.mark.parametrize("function", [*FLAT.values(), *SOLID.values()], ids=[*FLAT, *SOLID])
class TestEveryFunction:
    def test_begins_one_new_figure_without_axes(self, function):
        found = function()
        assert isinstance(found, Axes)
        assert plt.get_fignums() == [found.figure.number]

    def test_draws_the_same_twice_in_the_style_of_the_course(self, function):
        with mpl.rc_context():
            use_course_style()
            first, second = (pixels(function().figure) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert len(np.unique(first.reshape(-1, 4), axis=0)) > 3

    def test_leaves_settings_and_the_current_axes_alone(self, function):
        settings = dict(mpl.rcParams)
        is_solid = function in SOLID.values()
        figure = plt.figure()
        given = figure.add_subplot(1, 2, 1, projection="3d" if is_solid else None)
        current = figure.add_subplot(1, 2, 2)
        assert function(given) is given
        assert plt.gca() is current
        assert not current.has_data()
        assert plt.get_fignums() == [figure.number]
        assert dict(mpl.rcParams) == settings


# --- convolutions ---------------------------------------------------------------------------


def polygons(ax, gid):
    return [patch for patch in ax.patches if patch.get_gid() == gid]


def corners(polygon):
    """Left, bottom, right, top."""
    points = polygon.get_xy()
    return np.array([*points.min(axis=0), *points.max(axis=0)])


def arrows(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


class TestConvolutionShapes:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (((14, 1), 5, 16), ("input: 14 × 1", "16 filters of 5 × 1", "output: 10 × 16")),
            (
                ((14, 14, 3), 5, 16),
                ("input: 14 × 14 × 3", "16 filters of 5 × 5 × 3", "output: 10 × 10 × 16"),
            ),
            (
                ((14, 14, 14, 1), 5, 16),
                (
                    "input: 14 × 14 × 14 × 1",
                    "16 filters of 5 × 5 × 5 × 1",
                    "output: 10 × 10 × 10 × 16",
                ),
            ),
            (
                ((6, 9, 2), (3, 2), 1),
                ("input: 6 × 9 × 2", "1 filter of 3 × 2 × 2", "output: 4 × 8 × 1"),
            ),
        ],
    )
    def test_the_sizes_stand_above(self, ax, arguments, expected):
        plot_convolution_shapes(*arguments, ax=ax)
        titles = [text.get_text() for text in ax.texts if text.get_weight() == "bold"]
        assert titles == list(expected)

    def test_the_sizes_stand_at_the_edges(self, ax):
        plot_convolution_shapes((6, 9, 7, 2), (3, 2, 1), 16, ax=ax)
        assert {"6", "9", "7", "2 channels", "4", "8", "16 channels\n(8 drawn)"} <= set(texts(ax))

    @pytest.mark.parametrize(
        ("arguments", "faces", "sheets"),
        [  # faces of a box that one sees; drawn boxes of input, filters and output
            (((14, 1), 5, 16), 1, (1, 3, 8)),
            (((14, 14, 3), 5, 16), 1, (3, 9, 8)),
            (((14, 14, 14, 1), 5, 16), 3, (1, 3, 8)),
            (((9, 9, 20), 3, 2), 1, (8, 16, 2)),
            (((9, 9, 1), 3, 1), 1, (1, 1, 1)),
            (((9, 9, 9, 2), 3, 5), 3, (2, 6, 5)),
        ],
    )
    def test_a_sheet_for_each_channel_up_to_eight(self, ax, arguments, faces, sheets):
        plot_convolution_shapes(*arguments, ax=ax)
        found = [len(polygons(ax, gid)) for gid in ("input", "filter", "output")]
        assert found == [faces * number for number in sheets]

    def test_cells_are_told_apart_by_lines(self, ax):
        """Lines within n cells in a row are n − 1.

        Input 14: 13; the filter's first place 5: 4; eight outputs of 10: 8 · 9; three filters of 5:
        3 · 4; the first cell of the output: none. Together 101.
        """
        plot_convolution_shapes((14, 1), 5, 16, ax=ax)
        assert sum(len(lines.get_segments()) for lines in ax.collections) == 101

    def test_boxes_are_as_large_as_their_sizes(self, ax):
        plot_convolution_shapes((6, 9, 2), (3, 2), 3, ax=ax)
        sides = {}
        for gid in ("input", "place", "output", "first cell"):
            left, bottom, right, top = corners(polygons(ax, gid)[-1])
            sides[gid] = np.array([top - bottom, right - left])
        cell = sides["first cell"]
        np.testing.assert_allclose(sides["input"] / cell, [6, 9])
        np.testing.assert_allclose(sides["place"] / cell, [3, 2])
        np.testing.assert_allclose(sides["output"] / cell, [4, 8])

    @pytest.mark.parametrize("shape", [(14, 4), (14, 14, 4)])
    def test_the_filter_lies_in_the_upper_left_corner_of_every_channel(self, ax, shape):
        plot_convolution_shapes(shape, 5, 16, ax=ax)
        sheets, places = polygons(ax, "input"), polygons(ax, "place")
        assert len(sheets) == len(places) == 4
        for sheet, place in zip(sheets, places, strict=True):
            np.testing.assert_allclose(corners(place)[[0, 3]], corners(sheet)[[0, 3]])
            assert corners(place)[2] < corners(sheet)[2]

    @pytest.mark.parametrize(("filters", "number"), [(1, 1), (2, 2), (3, 3), (16, 3)])
    def test_an_arrow_leads_from_a_filter_to_the_sheet_of_its_colour(self, ax, filters, number):
        plot_convolution_shapes((14, 14, 3), 5, filters, ax=ax)
        found = arrows(ax)
        assert len(found) == number
        sheets = {each.get_facecolor(): corners(each) for each in polygons(ax, "output")}
        for arrow in found:
            (start, _), (end, height) = arrow._posA_posB
            left, bottom, _, top = sheets[arrow.get_facecolor()]
            assert start < end < left < end + 0.1
            assert bottom < height < top
        colors = [arrow.get_facecolor() for arrow in found]
        assert len(set(colors)) == number
        if filters > 1:
            last = max(sheets.values(), key=lambda sheet: sheet[0])
            assert any(np.array_equal(sheets[color], last) for color in colors)
        assert ("⋮" in texts(ax)) == (filters > 3)

    def test_filters_have_their_numbers(self, ax):
        plot_convolution_shapes((14, 14, 3), 5, 16, ax=ax)
        assert [text for text in texts(ax) if text in ("1", "2", "16")] == ["1", "2", "16"]

    def test_the_captions_count(self, ax):
        plot_convolution_shapes((14, 14, 3), 5, 16, ax=ax)
        captions = "\n".join(texts(ax))
        assert "5 × 5 cells\nin each of the 3 channels" in captions
        assert "75 products" in captions  # 5 · 5 · 3
        assert "14 − 5 + 1 = 10 along each axis" in captions

    @pytest.mark.parametrize(
        "arguments",
        [
            ((14, 1), 5, 16),
            ((1000, 64), 3, 64),
            ((20, 3, 2), (2, 3), 9),
            ((14, 14, 14, 20), 5, 16),
            ((5, 5, 5, 1), 5, 2),
            ((1, 1, 512), 1, 1),
        ],
    )
    def test_everything_is_within_the_view_and_apart(self, ax, arguments):
        plot_convolution_shapes(*arguments, ax=ax)
        boxes = {
            gid: np.array([corners(each) for each in polygons(ax, gid)])
            for gid in ("input", "filter", "output")
        }
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        everything = np.concatenate(list(boxes.values()))
        assert (everything.min(axis=0)[:2] > (left, bottom)).all()
        assert (everything.max(axis=0)[2:] < (right, top)).all()
        assert boxes["input"][:, 2].max() < boxes["filter"][:, 0].min()
        assert boxes["filter"][:, 2].max() < boxes["output"][:, 0].min()
        assert all(left < text.get_position()[0] < right for text in ax.texts)
        assert all(bottom < text.get_position()[1] < top for text in ax.texts)

    @pytest.mark.parametrize("shape", [(14, 1), (14, 14, 3), (14, 14, 14, 1)])
    def test_texts_do_not_overlap(self, shape):
        with mpl.rc_context():
            use_course_style()
            ax = plot_convolution_shapes(shape, 5, 16)
            ax.figure.canvas.draw()
        boxes = [(text.get_text(), text.get_window_extent()) for text in ax.texts]
        pairs = [(one, other) for n, one in enumerate(boxes) for other in boxes[:n]]
        assert [(name, other) for (name, box), (other, area) in pairs if box.overlaps(area)] == []

    def test_a_convolution_that_does_not_exist_is_refused(self, ax):
        with pytest.raises(ValueError, match=r"`kernel_size` must fit.*Received: kernel_size=15"):
            plot_convolution_shapes((14, 14, 3), 15, 16, ax=ax)
        with pytest.raises(ValueError, match=r"`input_shape` must be 1, 2 or 3 spatial sizes"):
            plot_convolution_shapes((14,), 5, 16, ax=ax)
        with pytest.raises(TypeError, match=r"`filters` must hold integers"):
            plot_convolution_shapes((14, 1), 5, 1.5, ax=ax)
        assert not ax.has_data()


# --- signals --------------------------------------------------------------------------------


class TestSignal:
    def test_the_line_holds_the_signal_over_its_times(self, ax):
        times = np.arange(50) / 10
        plot_signal(SIGNAL, times=times, label="voltage", unit="mV", ax=ax)
        (line,) = ax.lines
        np.testing.assert_array_equal(line.get_xydata(), np.stack([times, SIGNAL], axis=1))
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "voltage (mV)")
        assert ax.get_xlim() == (0, 4.9)
        assert ax.get_legend() is None

    def test_without_times_samples_are_counted(self, ax):
        plot_signal(SIGNAL, ax=ax)
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), range(50))
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("sample", "signal")

    def test_marks_are_dots_on_the_signal(self, ax):
        marks = {"found": [3, 40], "missed": [7], "none": []}
        plot_signal(SIGNAL, times=np.arange(50) / 10, marks=marks, ax=ax)
        _, found, missed, none = ax.lines
        np.testing.assert_allclose(found.get_xydata(), [[0.3, SIGNAL[3]], [4.0, SIGNAL[40]]])
        np.testing.assert_allclose(missed.get_xydata(), [[0.7, SIGNAL[7]]])
        assert len(none.get_xdata()) == 0
        assert (found.get_linestyle(), found.get_marker()) == ("None", "o")
        assert found.get_color() != missed.get_color()
        assert legend_texts(ax) == ["found", "missed", "none"]

    def test_each_stretch_is_shaded_and_named_once(self, ax):
        mask = np.zeros(50, bool)
        mask[[10, 11, 12, 30]] = True
        plot_signal(SIGNAL, times=np.arange(50) / 10, spans={"abnormal": mask}, ax=ax)
        edges = [(each.get_x(), each.get_x() + each.get_width()) for each in ax.patches]
        np.testing.assert_allclose(edges, [(0.95, 1.25), (2.95, 3.05)])
        assert legend_texts(ax) == ["abnormal"]

    def test_a_stretch_at_the_ends_stays_within_the_signal(self, ax):
        plot_signal(SIGNAL, spans={"all": np.ones(50, bool)}, ax=ax)
        (span,) = ax.patches
        assert (span.get_x(), span.get_width()) == (0, 49)
        assert ax.get_xlim() == (0, 49)

    def test_an_empty_span_shades_nothing(self, ax):
        plot_signal(SIGNAL, spans={"none": np.zeros(50, bool)}, ax=ax)
        assert not ax.patches
        assert ax.get_legend() is None

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"signal": np.zeros((2, 3))}, r"`signal` must have shape \(num_samples,\).*\(2, 3\)"),
            ({"signal": []}, r"`signal` must have shape \(num_samples,\).*\(0,\)"),
            ({"times": np.arange(49)}, r"`times` must have the signal's shape.*\(49,\)"),
            ({"spans": {"a": [True]}}, r"`spans\['a'\]` must have the signal's shape.*\(1,\)"),
            ({"marks": {"a": [50]}}, r"`marks\['a'\]` must hold indices within 0 … 49"),
            ({"marks": {"a": [-1]}}, r"`marks\['a'\]` must hold indices within 0 … 49"),
        ],
    )
    def test_wrong_shapes_are_refused(self, ax, options, message):
        with pytest.raises(ValueError, match=message):
            plot_signal(**{"signal": SIGNAL, **options}, ax=ax)


class TestChannels:
    def test_each_channel_has_one_scale_in_all_recordings(self, ax):
        plot_channels(RECORDINGS, names=["a", "b"], sampling_rate=10, ax=ax)
        heights = np.array([line.get_ydata() for line in ax.lines]).reshape(3, 2, 20)
        swings = np.arange(2)[None, :, None] - heights  # up is towards smaller numbers
        assert ax.get_ylim()[0] > ax.get_ylim()[1]
        for channel in range(2):
            values = RECORDINGS[:, :, channel]
            scale = swings[:, channel] / values
            np.testing.assert_allclose(scale, scale.flat[0])
            assert 0.3 < np.abs(swings[:, channel]).max() < 0.5  # touches no other channel

    def test_recordings_follow_each_other_in_seconds_and_apart(self, ax):
        plot_channels(RECORDINGS, names=["a", "b"], sampling_rate=10, ax=ax)
        times = np.array([line.get_xdata() for line in ax.lines]).reshape(3, 2, 20)
        np.testing.assert_allclose(np.diff(times), 0.1)
        np.testing.assert_array_equal(times[:, 0], times[:, 1])
        assert times[0, 0, 0] == 0
        assert (times[1:, 0, 0] > times[:-1, 0, -1] + 0.1).all()
        ticks = dict(zip(ax.get_xticks(), ax.get_xticklabels(), strict=True))
        assert all(ticks[start].get_text() == "0" for start in times[:, 0, 0])

    def test_names_titles_and_largest_values_are_written(self, ax):
        signals = np.zeros((2, 5, 2))
        signals[1, 3], signals[0, 2, 1] = [2.5, 30], -40
        plot_channels(signals, names=["a", "b"], sampling_rate=1, titles=["x", "y"], ax=ax)
        assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
        assert texts(ax) == ["x", "y", "±2.5", "±40"]

    def test_one_recording_needs_no_axis_of_its_own(self, ax):
        plot_channels(RECORDINGS[0], names=["a", "b"], sampling_rate=10, ax=ax)
        assert len(ax.lines) == 2

    def test_a_silent_channel_is_a_straight_line(self, ax):
        plot_channels(np.zeros((5, 1)), names=["a"], sampling_rate=10, ax=ax)
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), 0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"signals": np.zeros(5)}, r"`signals` must have shape .*Received: \(5,\)"),
            ({"signals": np.zeros((0, 5, 2))}, r"`signals` must have shape .*Received: \(0, 5, 2"),
            ({"names": ["a"]}, r"`names` must have 2 items. Received: 1"),
            ({"titles": ["a"]}, r"`titles` must have 3 items. Received: 1"),
            ({"sampling_rate": 0}, r"`sampling_rate` must be positive. Received: 0"),
        ],
    )
    def test_wrong_shapes_are_refused(self, ax, options, message):
        right = {"signals": RECORDINGS, "names": ["a", "b"], "sampling_rate": 10}
        with pytest.raises(ValueError, match=message):
            plot_channels(**{**right, **options}, ax=ax)


class TestConfusionMatrix:
    def test_counts_stand_in_their_cells(self, ax):
        plot_confusion_matrix(COUNTS, ["a", "b", "c"], ax=ax)
        found = {text.get_position()[::-1]: text.get_text() for text in ax.texts}
        assert found[0, 1] == "1"  # row, column
        assert found[1, 0] == "2"
        assert found[2, 2] == "1,000"
        assert len(found) == 9

    def test_shade_is_the_share_of_the_row(self, ax):
        plot_confusion_matrix(COUNTS, ["a", "b", "c"], ax=ax)
        (image,) = ax.images
        expected = [[7 / 8, 1 / 8, 0], [1 / 7, 6 / 7, 0], [0, 3 / 1003, 1000 / 1003]]
        np.testing.assert_allclose(image.get_array(), expected)
        assert image.get_clim() == (0, 1)

    def test_truth_goes_down_and_prediction_to_the_right(self, ax):
        plot_confusion_matrix(COUNTS, ["a", "b", "c"], ax=ax)
        assert (ax.get_ylabel(), ax.get_xlabel()) == ("true", "predicted")
        for axis in (ax.xaxis, ax.yaxis):
            assert [label.get_text() for label in axis.get_ticklabels()] == ["a", "b", "c"]
        assert ax.get_ylim()[0] > ax.get_ylim()[1]

    def test_every_number_can_be_read(self, ax):
        counts = np.array([[count, 100 - count] for count in range(0, 101, 4)])
        square = np.zeros((26, 26), int)
        square[:, :2] = counts
        plot_confusion_matrix(square, [""] * 26, ax=ax)
        (image,) = ax.images
        cells = image.to_rgba(image.get_array())
        for text in ax.texts:
            column, row = text.get_position()
            if column < 3:
                assert contrast(text.get_color(), cells[row, column][:3]) > 3.5

    def test_a_class_without_examples_is_an_empty_row(self, ax):
        plot_confusion_matrix([[0, 0], [1, 1]], ["a", "b"], ax=ax)
        np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 0], [0.5, 0.5]])

    @pytest.mark.parametrize(
        ("counts", "names", "message"),
        [
            ([[1, 2]], ["a", "b"], r"`counts` must have shape .*Received: \(1, 2\)"),
            ([[0.5]], ["a"], r"`counts` must hold integers.*Received: float64"),
            ([[-1]], ["a"], r"`counts` must hold integers of at least 0.*from -1"),
            ([[1]], ["a", "b"], r"`names` must have 1 items. Received: 2"),
        ],
    )
    def test_wrong_counts_are_refused(self, ax, counts, names, message):
        with pytest.raises(ValueError, match=message):
            plot_confusion_matrix(counts, names, ax=ax)


# --- volumes --------------------------------------------------------------------------------


class TestSlices:
    @pytest.mark.parametrize(
        ("axis", "number", "sides"), [(0, "x = 3", "PA"), (1, "y = 3", "LR"), (2, "z = 3", "LR")]
    )
    def test_slices_are_seen_upright_with_left_on_the_left(self, ax, axis, number, sides):
        plot_slices(VOLUME, axis=axis, positions=[3, 5], ax=ax)
        assert len(ax.images) == 2
        first, second = ax.images
        for row, column in ((0, 0), (4, 2)):  # upwards, to the right
            place = [column, row]
            place.insert(axis, 3)
            assert first.get_array()[row, column] == VOLUME[tuple(place)]
        assert first.origin == "lower"
        assert first.get_extent()[1] < second.get_extent()[0]
        assert texts(ax)[0] == number
        assert texts(ax)[2:] == list(sides)
        left, right = (text.get_position()[0] for text in ax.texts[2:])
        assert left < first.get_extent()[0] < first.get_extent()[1] < right

    def test_all_slices_share_the_scale_of_the_volume(self, ax):
        plot_slices(VOLUME, positions=[0, 4, 9], ax=ax)
        assert {image.get_clim() for image in ax.images} == {(VOLUME.min(), VOLUME.max())}

    def test_the_size_of_a_voxel_stretches_the_slices(self, ax):
        plot_slices(VOLUME, positions=[0], voxel_size=(1, 3, 10), ax=ax)
        left, right, bottom, top = ax.images[0].get_extent()
        assert right - left == pytest.approx(6 * 1)
        assert top - bottom == pytest.approx(8 * 3)
        assert ax.get_aspect() == 1

    def test_five_slices_are_spread_evenly(self, ax):
        plot_slices(np.zeros((3, 3, 61)), ax=ax)
        assert texts(ax)[:5] == ["z = 10", "z = 20", "z = 30", "z = 40", "z = 50"]

    def test_a_thin_volume_shows_no_slice_twice(self, ax):
        plot_slices(np.zeros((3, 3, 2)), ax=ax)
        assert texts(ax)[:-2] == ["z = 0", "z = 1"]

    def test_labels_lie_over_the_slices_and_leave_what_has_none(self, ax):
        plot_slices(VOLUME, labels=LABELS, positions=[3], ax=ax)
        slice_, overlay = (image.get_array() for image in ax.images)
        np.testing.assert_array_equal(slice_, VOLUME[:, :, 3].T)
        flat = LABELS[:, :, 3].T
        assert (overlay[flat == 0][:, 3] == 0).all()
        colors = [np.unique(overlay[flat == label], axis=0) for label in (1, 2)]
        assert [len(each) for each in colors] == [1, 1]
        assert not np.array_equal(*colors)
        assert all(0 < each[0, 3] < 1 for each in colors)  # the slice shines through
        assert ax.images[0].get_extent() == ax.images[1].get_extent()
        legend = ax.get_legend()
        assert legend_texts(ax) == ["grey matter", "white matter"]
        for handle, color in zip(legend.legend_handles, colors, strict=True):
            np.testing.assert_allclose(handle.get_facecolor()[:3], color[0, :3])

    def test_predictions_stand_below_the_truth_with_their_errors(self, ax):
        predictions = {"perfect": LABELS, "network": WRONG}
        plot_slices(VOLUME, labels=LABELS, predictions=predictions, positions=[1, 7], ax=ax)
        names = [text for text in ax.texts if text.get_rotation() == 90]
        assert [text.get_text() for text in names] == ["truth", "perfect", "network"]
        heights = [text.get_position()[1] for text in names]
        assert heights == sorted(heights, reverse=True)
        overlays = [image.get_array() for image in ax.images[1::2]]  # by row, then by column
        assert len(overlays) == 6
        for column, position in enumerate((1, 7)):
            truth, perfect, network = overlays[column::2]
            np.testing.assert_array_equal(truth, perfect)
            wrong = (LABELS != WRONG)[:, :, position].T
            assert wrong.any()
            np.testing.assert_array_equal((network != truth).any(axis=2), wrong)
            assert len(np.unique(network[wrong], axis=0)) == 1
            assert (network[wrong][:, 3] == 1).all()
        assert legend_texts(ax) == ["grey matter", "white matter", "wrong"]

    def test_predictions_without_a_truth_have_no_errors(self, ax):
        plot_slices(VOLUME, predictions={"network": WRONG}, positions=[1], ax=ax)
        assert len(ax.images) == 2
        assert legend_texts(ax) == ["grey matter", "white matter"]

    def test_everything_is_within_the_view(self, ax):
        plot_slices(VOLUME, labels=LABELS, predictions={"a": WRONG}, voxel_size=(2, 1, 1), ax=ax)
        extents = np.array([image.get_extent() for image in ax.images])
        assert ax.get_xlim()[0] <= extents[:, 0].min() < extents[:, 1].max() <= ax.get_xlim()[1]
        assert ax.get_ylim()[0] <= extents[:, 2].min() < extents[:, 3].max() < ax.get_ylim()[1]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"volume": VOLUME[0]}, r"`volume` must have shape \(x, y, z\).*\(8, 10\)"),
            ({"volume": VOLUME[:0]}, r"`volume` must have shape \(x, y, z\).*\(0, 8, 10\)"),
            ({"axis": 3}, r"`axis` must be 0, 1 or 2. Received: axis=3"),
            ({"positions": [10]}, r"`positions` must be within 0 … 9. Received: \[10\]"),
            ({"positions": [-1]}, r"`positions` must be within 0 … 9. Received: \[-1\]"),
            ({"positions": []}, r"`positions` must be within 0 … 9. Received: \[\]"),
            ({"labels": LABELS[1:]}, r"`labels` must have the volume's shape.*\(5, 8, 10\)"),
            ({"labels": LABELS + 1}, r"`labels` must hold 0 … 2 .*grey matter.*\[1 2 3\]"),
            (
                {"predictions": {"a": LABELS / 2}},
                r"`predictions\['a'\]` must hold 0 … 2 .*0\.5",
            ),
        ],
    )
    def test_what_cannot_be_shown_is_refused(self, ax, options, message):
        with pytest.raises(ValueError, match=message):
            plot_slices(**{"volume": VOLUME, **options}, ax=ax)


def triangles(ax):
    """Corners, shape (num_triangles, 3, 3), and colours, shape (num_triangles, 3)."""
    (collection,) = ax.collections
    if hasattr(collection, "_faces"):
        corners = np.asarray(collection._faces)
    else:  # matplotlib 3.9
        corners = collection._vec[:3].T.reshape(-1, 3, 3)
    return corners, np.asarray(collection._facecolor3d)[:, :3]


def direction(azimuth, elevation):
    turn, rise = np.radians([azimuth, elevation])
    return np.array([np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)])


class TestSurface:
    def test_the_surface_lies_where_the_level_is(self):
        corners, _ = triangles(plot_surface(SOFT_BALL))
        distances = np.linalg.norm(corners - CENTER, axis=-1)
        np.testing.assert_allclose(distances, RADIUS, atol=0.1)
        inner, _ = triangles(plot_surface(SOFT_BALL, level=0.9))
        assert np.linalg.norm(inner - CENTER, axis=-1).mean() < distances.mean() - 0.3

    @pytest.mark.parametrize(("azimuth", "elevation"), [(140, 25), (0, 0), (-60, 80)])
    def test_one_sees_the_half_that_faces_the_viewer(self, azimuth, elevation):
        ax = plot_surface(SOFT_BALL, azimuth=azimuth, elevation=elevation)
        corners, _ = triangles(ax)
        heights = (corners.mean(axis=1) - CENTER) @ direction(azimuth, elevation)
        assert heights.min() > -0.2 * RADIUS
        assert heights.max() > 0.95 * RADIUS
        areas = np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        )
        assert areas.sum() / 2 == pytest.approx(2 * np.pi * RADIUS**2, rel=0.03)
        assert (ax.azim, ax.elev) == (azimuth, elevation)

    def test_the_lamp_is_above_to_the_left_and_behind_the_viewer(self):
        corners, colors = triangles(plot_surface(SOFT_BALL, azimuth=0, elevation=0))
        places = corners.mean(axis=1) - CENTER  # the viewer is at +x, to his right is +y
        bright = places[colors.sum(axis=1) > np.quantile(colors.sum(axis=1), 0.95)].mean(axis=0)
        dark = places[colors.sum(axis=1) < np.quantile(colors.sum(axis=1), 0.05)].mean(axis=0)
        assert bright[0] > 0 > bright[1]
        assert bright[2] > 0
        assert dark[1] > 0 > dark[2]

    def test_a_fold_is_darker_than_an_open_plane(self):
        block = np.zeros((30, 30, 20))
        block[:, :, :15] = 1
        block[12:18, :, 9:15] = 0  # a groove, whose floor is at 8.5
        corners, colors = triangles(plot_surface(block, azimuth=0, elevation=89))
        middles = corners.mean(axis=1)
        within = (np.abs(middles[:, 1] - 15) < 5) & np.isclose(np.ptp(corners[..., 2], axis=1), 0)
        floor = within & np.isclose(middles[:, 2], 8.5) & (np.abs(middles[:, 0] - 14.5) < 2)
        plane = within & np.isclose(middles[:, 2], 14.5) & (np.abs(middles[:, 0] - 6) < 2)
        assert floor.any()
        assert plane.any()
        assert colors[floor, 0].max() < colors[plane, 0].min()

    def test_nothing_is_left_within_the_cut(self):
        corners, _ = triangles(plot_surface(SOFT_BALL, cut=CUT))
        low, high = np.array(CUT).T
        inside = (corners > low - 0.49) & (corners < high - 0.51)
        assert not inside.all(axis=-1).any()

    def test_the_walls_of_the_cut_are_flat_and_show_the_image(self):
        """The image is y/20: at the wall y = 10.5 the last voxels that are left have y = 10."""
        image = np.broadcast_to(np.arange(21)[:, None] / 20, (21, 21, 21))
        corners, colors = triangles(plot_surface(BALL, cut=CUT, image=image))
        is_grey = np.ptp(colors, axis=1) < 1e-9
        assert is_grey.any()
        for axis, wall in ((0, 9.5), (1, 10.5), (2, 9.5)):
            on_wall = (np.abs(corners[..., axis] - wall) < 1e-6).all(axis=1)
            well_inside = np.linalg.norm(corners.mean(axis=1) - CENTER, axis=1) < RADIUS - 2
            assert (on_wall & well_inside).sum() > 20
            assert is_grey[on_wall & well_inside].all()
        at = {axis: (np.abs(corners[..., axis] - wall) < 1e-6).all(axis=1) & is_grey
              for axis, wall in ((1, 10.5), (2, 9.5))}  # fmt: skip
        assert np.ptp(colors[at[1]]) < 0.02  # one plane of the image
        floor = corners[at[2]].mean(axis=1)[:, 1]
        assert np.corrcoef(floor, colors[at[2], 0])[0, 1] > 0.99  # brighter to the front

    def test_a_cut_without_an_image_is_lit_as_the_rest(self):
        _, colors = triangles(plot_surface(BALL, cut=CUT))
        ratios = colors / colors[:, :1]
        assert np.ptp(ratios, axis=0).max() < 0.15

    def test_voxels_have_their_size(self):
        plain, _ = triangles(plot_surface(SOFT_BALL, elevation=0, azimuth=0))
        ax = plot_surface(SOFT_BALL, voxel_size=(1, 2, 3), elevation=0, azimuth=0)
        stretched, _ = triangles(ax)
        np.testing.assert_allclose(stretched, plain * [1, 2, 3])
        aspect = ax._box_aspect
        np.testing.assert_allclose(aspect / aspect[0], [1, 2, 3], rtol=1e-3)

    def test_a_step_leaves_out_voxels_but_keeps_the_size(self):
        fine, _ = triangles(plot_surface(SOFT_BALL))
        coarse, _ = triangles(plot_surface(SOFT_BALL, step=2, cut=CUT, image=DISTANCES))
        assert len(coarse) < 0.4 * len(fine)
        np.testing.assert_allclose(coarse.max(axis=(0, 1)), fine.max(axis=(0, 1)), atol=1)

    def test_what_reaches_the_border_is_closed(self):
        corners, _ = triangles(plot_surface(np.ones((3, 3, 3)), azimuth=0, elevation=0))
        np.testing.assert_allclose(corners[..., 0].max(), 2.5)

    def test_the_input_is_left_as_it_is(self):
        before = SOFT_BALL.copy()
        plot_surface(SOFT_BALL, cut=CUT, image=DISTANCES)
        np.testing.assert_array_equal(SOFT_BALL, before)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"values": BALL[0]}, r"`values` must have shape \(x, y, z\).*\(21, 21\)"),
            ({"level": 2}, r"`level` must be positive.*largest value.*, 1. Received: level=2"),
            ({"level": 0}, r"`level` must be positive.*Received: level=0"),
            ({"values": np.zeros((3, 3, 3))}, r"largest value.*, 0. Received: level=0.5"),
            ({"cut": [(0, 21)] * 3}, r"largest value that is left, 0"),
            ({"cut": [(0, 5)] * 2}, r"`cut` must be three pairs"),
            ({"cut": [(0, 5), (0, 22), (0, 5)]}, r"`cut` must be three pairs.*\(21, 21, 21\)"),
            ({"cut": [(5, 5)] * 3}, r"`cut` must be three pairs 0 ≤ start < stop"),
            ({"image": BALL[1:]}, r"`image` must have the shape of `values`.*\(20, 21, 21\)"),
            ({"step": 0}, r"`step` must be a positive integer. Received: step=0"),
            ({"step": 1.5}, r"`step` must be a positive integer. Received: step=1.5"),
        ],
    )
    def test_what_cannot_be_shown_is_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            plot_surface(**{"values": BALL, **options})
        assert plt.get_fignums() == []

    def test_flat_axes_are_refused(self, ax):
        with pytest.raises(ValueError, match=r"`ax` must have three dimensions"):
            plot_surface(BALL, ax=ax)


def test_colours_of_signals_are_of_the_house(ax):
    plot_signal(SIGNAL, marks={"a": [1]}, ax=ax)
    assert {to_rgba(line.get_color()) for line in ax.lines} <= {
        to_rgba(color) for color in COLORS.values()
    }
