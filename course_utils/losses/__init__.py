"""Losses: pure functions, and thin Keras classes over them for `model.compile`."""

from course_utils.losses.contrastive import ContrastiveLoss, contrastive_loss
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
    "contrastive_loss",
    "mine_triplets",
    "triplet_loss",
]
