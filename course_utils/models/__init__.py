"""Builders of Keras models."""

from course_utils.models.embedding import (
    build_embedding_model,
    build_siamese_model,
    build_softmax_classifier,
)

__all__ = [
    "build_embedding_model",
    "build_siamese_model",
    "build_softmax_classifier",
]
