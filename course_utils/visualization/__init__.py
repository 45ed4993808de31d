"""What the layers of a convolutional network look at."""

from course_utils.visualization.agreement import (
    UnitAgreement,
    patch_colors,
    patch_orientations,
    unit_agreement,
)
from course_utils.visualization.attribution import (
    OcclusionMap,
    deletion_curve,
    occlusion_map,
    saliency_map,
)
from course_utils.visualization.maximization import Ascent, MaximizedUnits, maximize_activation
from course_utils.visualization.patches import TopPatches, top_patches
from course_utils.visualization.receptive_fields import ReceptiveField, receptive_field

__all__ = [
    "Ascent",
    "MaximizedUnits",
    "OcclusionMap",
    "ReceptiveField",
    "TopPatches",
    "UnitAgreement",
    "deletion_curve",
    "maximize_activation",
    "occlusion_map",
    "patch_colors",
    "patch_orientations",
    "receptive_field",
    "saliency_map",
    "top_patches",
    "unit_agreement",
]
