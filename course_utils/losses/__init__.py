"""Losses, and the overlap of labellings: pure functions; thin Keras classes for `model.compile`."""

from course_utils.losses.contrastive import ContrastiveLoss, contrastive_loss
from course_utils.losses.overlap import dice_coefficient
from course_utils.losses.style import (
    content_cost,
    gram_cost,
    layer_style_cost,
    style_cost,
    total_cost,
)
from course_utils.losses.triplet import (
    TripletLoss,
    Triplets,
    active_fraction,
    batch_triplet_loss,
    mine_triplets,
    triplet_loss,
)

__all__ = [
    "ContrastiveLoss",
    "TripletLoss",
    "Triplets",
    "active_fraction",
    "batch_triplet_loss",
    "content_cost",
    "contrastive_loss",
    "dice_coefficient",
    "gram_cost",
    "layer_style_cost",
    "mine_triplets",
    "style_cost",
    "total_cost",
    "triplet_loss",
]
