"""Neural style transfer: the pixels of a picture descend, no network is trained."""

from course_utils.style_transfer.colors import recolored, with_colors_of
from course_utils.style_transfer.costs import Costs, CostValues, Objective
from course_utils.style_transfer.descent import Descent
from course_utils.style_transfer.transfer import (
    CostHistory,
    Moment,
    StyledPicture,
    transfer_style,
)

__all__ = [
    "CostHistory",
    "CostValues",
    "Costs",
    "Descent",
    "Moment",
    "Objective",
    "StyledPicture",
    "recolored",
    "transfer_style",
    "with_colors_of",
]
