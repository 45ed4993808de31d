"""Learning a distance: batches, augmentation, and a loop that watches other people."""

from course_utils.recognition.training.augmentation import augment_faces
from course_utils.recognition.training.batches import BalancedBatches, PairBatches
from course_utils.recognition.training.heads import fit_verification_head
from course_utils.recognition.training.loop import (
    CollapsedEmbeddingsWarning,
    TrainingHistory,
    embed_faces,
    embedding_spread,
    start_over,
    train_encoder,
)

__all__ = [
    "BalancedBatches",
    "CollapsedEmbeddingsWarning",
    "PairBatches",
    "TrainingHistory",
    "augment_faces",
    "embed_faces",
    "embedding_spread",
    "fit_verification_head",
    "start_over",
    "train_encoder",
]
