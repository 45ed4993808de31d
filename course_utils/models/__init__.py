"""Builders of Keras models."""

from course_utils.models.embedding import build_softmax_classifier

__all__ = ["build_softmax_classifier"]
