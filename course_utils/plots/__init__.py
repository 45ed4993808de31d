"""Drawing: arrays in, Matplotlib Axes out. Nothing here computes, saves or calls `show()`."""

from course_utils.plots.convolutions import plot_convolution_shapes
from course_utils.plots.embeddings import plot_embedding_map, plot_training
from course_utils.plots.faces import plot_detected_faces
from course_utils.plots.images import plot_image_grid
from course_utils.plots.patches import (
    plot_importance,
    plot_patch_sheet,
    plot_unit_agreement,
)
from course_utils.plots.rates import (
    plot_det,
    plot_distance_histograms,
    plot_error_rates,
    plot_gallery_growth,
    plot_intervals,
    plot_open_set,
)
from course_utils.plots.signals import plot_channels, plot_confusion_matrix, plot_signal
from course_utils.plots.style import COLORS, METHOD_COLORS, use_course_style
from course_utils.plots.volumes import plot_slices, plot_surface

__all__ = [
    "COLORS",
    "METHOD_COLORS",
    "plot_channels",
    "plot_confusion_matrix",
    "plot_convolution_shapes",
    "plot_det",
    "plot_detected_faces",
    "plot_distance_histograms",
    "plot_embedding_map",
    "plot_error_rates",
    "plot_gallery_growth",
    "plot_image_grid",
    "plot_importance",
    "plot_intervals",
    "plot_open_set",
    "plot_patch_sheet",
    "plot_signal",
    "plot_slices",
    "plot_surface",
    "plot_training",
    "plot_unit_agreement",
    "use_course_style",
]
