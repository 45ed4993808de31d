"""One look for every figure of the course: colours that the colour-blind can tell apart."""

import itertools
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes

# Okabe and Ito, "Color universal design", 2008. One meaning a colour, in every notebook.
COLORS: Mapping[str, str] = MappingProxyType(
    {
        "genuine": "#0072B2",
        "impostor": "#D55E00",
        "first": "#666666",
        "second": "#E69F00",
        "third": "#009E73",
        "fourth": "#CC79A7",
        "fifth": "#56B4E9",
        "muted": "#999999",
        "ink": "#222222",
    }
)
METHOD_COLORS: Mapping[str, str] = MappingProxyType(
    {
        "raw pixels": COLORS["first"],
        "eigenfaces": COLORS["second"],
        "Fisherfaces": COLORS["third"],
        "softmax": COLORS["fourth"],
        "softmax, K + 1": COLORS["fifth"],
        "untrained network": "#AA7744",
        # Paul Tol, "Colour schemes", 2021, the muted one: what learned a distance.
        "Siamese network": "#AA4499",
        "triplet loss": "#332288",
        "triplet loss, mirrored": "#6699CC",
        "two networks, mirrored": "#004488",
        "random": "#999933",
        "all": "#44AA99",
        "semi-hard": "#332288",
        "hard": "#882255",
        "aligned": "#117733",
        "not aligned": "#DDAA33",
        "plain distance": "#117733",
        "face encoder": "#117733",
        "VGG-16": "#332288",
        "weighted |difference|": "#CC6677",
        "weighted χ²": "#6699CC",
    }
)
SERIES = tuple(COLORS[name] for name in ("first", "second", "third", "fourth", "fifth"))


def use_course_style() -> None:
    """Sets Matplotlib's defaults for the session: sizes for a page's width, few lines, no frames.

    Example:
        >>> use_course_style()
        >>> mpl.rcParams["axes.spines.top"]
        False

    Lecture: the setup cell of every notebook.
    """
    mpl.rcParams.update(
        {
            "figure.dpi": 84,
            "figure.figsize": (7.6, 3.6),
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelcolor": COLORS["ink"],
            "axes.edgecolor": COLORS["muted"],
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=SERIES),
            "grid.color": "#e6e6e6",
            "grid.linewidth": 0.8,
            "legend.frameon": False,
            "lines.linewidth": 2.0,
            "xtick.color": COLORS["ink"],
            "ytick.color": COLORS["ink"],
        }
    )


def axes_or_new(ax: Axes | None, **figure_options: Any) -> Axes:
    """The given Axes, or those of a new figure."""
    return plt.subplots(**figure_options)[1] if ax is None else ax


def series_colors(names: Iterable[str]) -> list[str]:
    """A colour for each curve: a method's own in every notebook, or the next of the palette."""
    palette = itertools.cycle(SERIES)
    return [METHOD_COLORS.get(name) or next(palette) for name in names]
