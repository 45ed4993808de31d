"""Volumes: slices in a row, with what was predicted for them, and a surface in the light."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.patches import Patch, Rectangle
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from scipy.ndimage import gaussian_filter, map_coordinates

from course_utils.data.volumes import LABEL_NAMES
from course_utils.plots.style import COLORS, axes_or_new

NUM_SLICES = 5  # where nobody says which
SIDES = (("L", "R"), ("P", "A"), ("I", "S"))  # where the axes of a brain begin and end
AXIS_NAMES = "xyz"
LABEL_COLORS = (COLORS["third"], COLORS["fifth"])  # of label 1, 2: grey matter, white matter
ERROR_COLOR = "#F0E442"  # Okabe and Ito's yellow, bright on black
LABEL_OPACITY = 0.5
GAP = 0.016  # between slices, as a share of their width together
ROOM = 0.032  # above them, for their numbers, likewise
TALLEST = 9.0  # inches

SURFACE_COLOR = "#ecc8b4"
LIGHT = np.array([-0.45, 0.5, 0.8])  # where the lamp is: left of the viewer, above, and behind
AMBIENT = 0.35  # share of the light that comes from everywhere
SHELTER = 3.0  # voxels: how far around a place things keep light from it
DEPTH_SHADE = 1.2  # how much darker it is between walls than on a plane
CUT_SHADE = 0.3  # how much darker a cut in the dark is
FILL = 0.95  # of Matplotlib, so that the longer side takes nearly all of the Axes
IMAGE_PERCENTILES = (1, 99)  # of a cut's image: what is black, what white


def plot_slices(
    volume: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    predictions: Mapping[str, np.ndarray] | None = None,
    axis: int = 2,
    positions: Sequence[int] | None = None,
    voxel_size: Sequence[float] = (1, 1, 1),
    ax: Axes | None = None,
) -> Axes:
    """A volume slice by slice; with labels in colour, and below them what was predicted.

    The owner's left is on the left (letter L), the top is up. Seen from above (axis 2) the front is
    up; seen from the side (axis 0) it is on the right (A for anterior, P for posterior, the back).
    Radiologists show left and right the other way round.

    Args:
        volume: Float or integer array, shape (x, y, z); its axes grow to the right, the front and
            the top, as those of `load_brain_volume`. One scale of grey for all slices.
        labels: Integer array, the volume's shape: 0 nothing, 1 grey matter, 2 white matter, which
            are drawn in colours over the slices.
        predictions: Name → labels that were predicted. Each gets a row below; if `labels` are
            given, they are the truth, and wrong voxels are yellow.
        axis: The axis across the slices: 0, 1 or 2.
        positions: Index of each slice along `axis`; by default five, evenly spread.
        voxel_size: Size of a voxel along each axis.
        ax: Where to draw; by default a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If the volume has not three axes, labels have another shape or another value, or
            there is no such axis or slice.

    Example:
        >>> ax = plot_slices(np.zeros((4, 5, 6)), positions=[2, 3])
        >>> [text.get_text() for text in ax.texts]
        ['z = 2', 'z = 3', 'L', 'R']

    Lecture: section 9, notebook 09.
    """
    volume = _volume("volume", volume)
    if axis not in (0, 1, 2):
        raise ValueError(f"`axis` must be 0, 1 or 2. Received: axis={axis!r}.")
    size = volume.shape[axis]
    if positions is None:
        evenly = np.linspace(0, size - 1, NUM_SLICES + 2).round().astype(int)[1:-1]
        positions = np.unique(evenly).tolist()
    positions = [int(position) for position in positions]
    if not positions or not all(0 <= position < size for position in positions):
        raise ValueError(f"`positions` must be within 0 … {size - 1}. Received: {positions}.")
    truth = None if labels is None else _labels("labels", labels, volume.shape)
    rows = [] if labels is None and predictions else [("truth" if predictions else "", truth)]
    for name, predicted in (predictions or {}).items():
        rows.append((name, _labels(f"predictions[{name!r}]", predicted, volume.shape)))

    across, up = (other for other in range(3) if other != axis)
    width = volume.shape[across] * voxel_size[across]
    height = volume.shape[up] * voxel_size[up]
    gap = GAP * len(positions) * width
    step = width + gap, height + gap
    total = (
        len(positions) * step[0] + gap,
        len(rows) * step[1] + ROOM * len(positions) * width,
    )
    if ax is None:
        inches = 9.6 * total[1] / total[0] + (0.1 if truth is None and not predictions else 0.4)
        ax = axes_or_new(None, figsize=(10, min(inches, TALLEST)))
    ax.add_patch(Rectangle((0, 0), *total, facecolor="black", zorder=-1))
    gray: dict[str, Any] = {"cmap": "gray", "vmin": volume.min(), "vmax": volume.max()}
    style: dict[str, Any] = {"color": "white", "fontsize": 9}
    for row, (name, drawn) in enumerate(rows):
        bottom = (len(rows) - row - 1) * step[1] + gap
        for column, position in enumerate(positions):
            left = column * step[0] + gap
            extent = (left, left + width, bottom, bottom + height)
            place: dict[str, Any] = {"extent": extent, "origin": "lower"}
            place["interpolation"] = "antialiased"
            ax.imshow(volume.take(position, axis).T, **gray, **place)
            if drawn is not None:
                flat = drawn.take(position, axis).T
                wrong = None if row == 0 or truth is None else flat != truth.take(position, axis).T
                ax.imshow(_colored(flat, wrong), **place)
            if row == 0:
                text = f"{AXIS_NAMES[axis]} = {position}"
                top = (total[1] + bottom + height) / 2
                ax.text(left + width / 2, top, text, ha="center", va="center_baseline", **style)
        middle = bottom + height / 2
        if row == 0:
            for x, letter in zip((gap / 2, gap * 1.5 + width), SIDES[across], strict=True):
                ax.text(x, middle, letter, ha="center", va="center", **style)
        if name:
            beside: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "center"}
            ax.text(-gap / 2, middle, name, fontsize=10, color=COLORS["ink"], **beside)
    if truth is not None or predictions:
        _add_legend(ax, has_errors=truth is not None and bool(predictions))
    ax.set(xlim=(0, total[0]), ylim=(0, total[1]))
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def plot_surface(
    values: np.ndarray,
    *,
    level: float = 0.5,
    image: np.ndarray | None = None,
    cut: Sequence[tuple[int, int]] | None = None,
    voxel_size: Sequence[float] = (1, 1, 1),
    step: int = 1,
    azimuth: float = 140,
    elevation: float = 25,
    ax: Axes3D | None = None,
) -> Axes3D:
    """The surface of what is at least `level`, in the light of a lamp; cut open, if wanted.

    Marching cubes lays triangles between voxels above and below the level. Lambert: a triangle is
    as bright as max(0, n · l), with its normal n and the direction l of the lamp, plus some light
    from everywhere, less of it in a fold, where the surroundings are full. Triangles that face away
    are left out. Along the cut they show the image's grey instead, a little darker where the lamp
    does not shine, so that one sees the corner.

    Args:
        values: Array, shape (x, y, z): a mask, or shares in [0, 1] such as of grey and white matter
            together, whose surface is smoother. Outside of the array is nothing.
        level: From which value on a place is inside; positive.
        image: Array of the same shape, shown on the faces of the cut, such as the T1 image.
        cut: (start, stop) along each axis, in voxels: the box that is taken away.
        voxel_size: Size of a voxel along each axis.
        step: Uses every so many voxels only. Drawing 100,000 triangles takes a second or two.
        azimuth: From where one looks, in degrees: 0 from the right, 90 from the front, 180 from
            the left, −90 from behind.
        elevation: Degrees above the horizon.
        ax: Three-dimensional Axes; by default a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If there is nothing of that level, shapes do not agree, the cut reaches outside,
            or the Axes have two dimensions.

    Example:
        >>> ball = np.linalg.norm(np.indices((21, 21, 21)) - 10, axis=0) < 8
        >>> plot_surface(ball, cut=[(0, 10), (10, 21), (10, 21)]).name
        '3d'

    Reference: Lorensen, Cline, "Marching cubes", SIGGRAPH 1987; scikit-image's is that of Lewiner
        et al., 2003.
    Lecture: section 9, notebook 09.
    """
    values = _volume("values", values)
    if image is not None and np.shape(image) != values.shape:
        raise ValueError(
            f"`image` must have the shape of `values`, {values.shape}. Received: {np.shape(image)}."
        )
    if step < 1 or step != int(step):
        raise ValueError(f"`step` must be a positive integer. Received: step={step}.")
    if ax is not None and ax.name != "3d":
        raise ValueError('`ax` must have three dimensions: use add_subplot(projection="3d").')
    box = None if cut is None else -(-_box(cut, values.shape) // step)
    values = values[::step, ::step, ::step].astype(float)
    size = np.asarray(voxel_size, float) * step
    vertices, faces, is_cut = _surface(values, level, box)
    corners = vertices[faces]
    normals = _unit(np.cross(*np.moveaxis(np.diff(corners * size, axis=1), 1, 0)))

    turn, rise = np.radians([azimuth, elevation])
    viewer = np.array([np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)])
    right = np.array([-np.sin(turn), np.cos(turn), 0])
    seen = normals @ viewer > 0
    corners, normals, is_cut = corners[seen], normals[seen], is_cut[seen]
    up = np.cross(viewer, right)
    lamp = _unit(LIGHT @ [right, up, viewer])
    crowd = gaussian_filter((values >= level).astype(float), SHELTER)
    middles = corners.mean(axis=1)
    fullness = map_coordinates(crowd, middles.T, order=1, mode="nearest")  # 0.5 on a plane
    lit = np.clip(normals @ lamp, 0, 1)
    light = AMBIENT + (1 - AMBIENT) * lit
    light *= np.clip(1 - DEPTH_SHADE * (fullness - 0.5), 0.3, 1.2)
    colors = np.clip(light[:, None] * to_rgb(SURFACE_COLOR), 0, 1)
    if image is not None and is_cut.any():
        image = np.asarray(image, float)[::step, ::step, ::step]
        low, high = np.percentile(image[values >= level], IMAGE_PERCENTILES)
        below = middles[is_cut] - normals[is_cut] / 2  # in the middle of the voxels
        gray = map_coordinates(image, below.T, order=1, mode="nearest")
        gray = np.clip((gray - low) / max(high - low, 1e-9), 0, 1)
        colors[is_cut] = (gray * (1 - CUT_SHADE * (1 - lit[is_cut])))[:, np.newaxis]

    axes: Axes3D = axes_or_new(ax, figsize=(7, 6), subplot_kw={"projection": "3d"})
    # Lines of the same colour close the seams between triangles.
    style = {"facecolors": colors, "edgecolors": colors, "linewidths": 0.4}
    axes.add_collection3d(Poly3DCollection(corners * size, **style))
    vertices *= size
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    span = np.ptp(vertices @ np.transpose([right, up]), axis=0).max()  # as one sees it
    axes.set_box_aspect(high - low, zoom=FILL * np.linalg.norm(high - low) / span)
    axes.set_proj_type("ortho")
    axes.view_init(elevation, azimuth)
    axes.set_axis_off()
    return axes


def _volume(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(
            f"`{name}` must have shape (x, y, z), none of them 0. Received: {values.shape}."
        )
    return values


def _labels(name: str, labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Checked: the volume's shape, and values that have a name."""
    labels = np.asarray(labels)
    if labels.shape != shape:
        raise ValueError(
            f"`{name}` must have the volume's shape, {shape}. Received: {labels.shape}."
        )
    if not np.isin(labels, range(len(LABEL_NAMES))).all():
        raise ValueError(
            f"`{name}` must hold 0 … {len(LABEL_NAMES) - 1} for {LABEL_NAMES}. "
            f"Received: {np.unique(labels)[:5]}."
        )
    return labels.astype(int)


def _colored(labels: np.ndarray, wrong: np.ndarray | None) -> np.ndarray:
    """RGBA of each voxel: clear for 0, the label's colour, or that of errors."""
    palette = [(0, 0, 0, 0), *(to_rgba(color, LABEL_OPACITY) for color in LABEL_COLORS)]
    colored = np.array(palette)[labels]
    if wrong is not None:
        colored[wrong] = to_rgba(ERROR_COLOR)
    return colored


def _add_legend(ax: Axes, has_errors: bool) -> None:
    handles = [
        Patch(color=color, label=name)
        for name, color in zip(LABEL_NAMES[1:], LABEL_COLORS, strict=True)
    ]
    if has_errors:
        handles.append(Patch(facecolor=ERROR_COLOR, edgecolor=COLORS["muted"], label="wrong"))
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0)}
    place["borderaxespad"] = 0.3
    ax.legend(handles=handles, ncols=len(handles), fontsize=10, **place)


def _box(cut: Sequence[tuple[int, int]], shape: tuple[int, ...]) -> np.ndarray:
    """The checked cut as an integer array, shape (3, 2)."""
    box = np.asarray(cut)
    if box.shape != (3, 2) or not all(
        0 <= start < stop <= size for (start, stop), size in zip(box, shape, strict=True)
    ):
        raise ValueError(
            f"`cut` must be three pairs 0 ≤ start < stop ≤ size, within {shape}. Received: {cut}."
        )
    return box.astype(int)


def _surface(
    values: np.ndarray, level: float, box: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices in voxels, triangles as triples of vertices, and which of these lie on the cut."""
    from skimage.measure import marching_cubes  # only here: whoever needs none need not wait

    kept = np.pad(values, 1)  # nothing around it, so that the surface is closed
    if box is not None:
        kept[tuple(slice(start + 1, stop + 1) for start, stop in box)] = 0
    if not 0 < level <= kept.max():
        raise ValueError(
            f"`level` must be positive and at most the largest value that is left, "
            f"{kept.max():g}. Received: level={level}."
        )
    vertices, faces, *_ = marching_cubes(kept, level, gradient_direction="ascent")
    vertices = vertices.astype(float) - 1
    on_cut = np.zeros(len(vertices), bool)
    box = np.empty((0, 2), int) if box is None else box
    for axis, (start, stop) in enumerate(box):
        beside = np.ones(len(vertices), bool)  # at the box, along the two other axes
        for other in {0, 1, 2} - {axis}:
            beside &= np.abs(vertices[:, other] - (box[other].sum() - 1) / 2) <= (
                (box[other, 1] - box[other, 0]) / 2
            )
        for wall in (start - 0.5, stop - 0.5):  # halfway between two voxels
            near = beside & (np.abs(vertices[:, axis] - wall) < 0.5)
            vertices[near, axis] = wall
            on_cut |= near
    return vertices, faces, on_cut[faces].all(axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Of length 1; zeros stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
