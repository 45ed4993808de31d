"""Losses: pure functions, and thin Keras classes over them for `model.compile`."""

from course_utils.losses.contrastive import ContrastiveLoss, contrastive_loss
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
    "gram_cost",
    "layer_style_cost",
    "mine_triplets",
    "style_cost",
    "total_cost",
    "triplet_loss",
]
