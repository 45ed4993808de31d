"""Builders of Keras models."""

from course_utils.models.convnd import (
    build_conv1d_classifier,
    build_conv2d_segmenter,
    build_conv3d_segmenter,
)
from course_utils.models.embedding import (
    build_embedding_model,
    build_siamese_model,
    build_softmax_classifier,
)
from course_utils.models.face_encoder import build_face_encoder
from course_utils.models.verification_heads import (
    build_verification_head,
    build_verification_model,
)
from course_utils.models.vgg import build_vgg_features, preprocess_vgg

__all__ = [
    "build_conv1d_classifier",
    "build_conv2d_segmenter",
    "build_conv3d_segmenter",
    "build_embedding_model",
    "build_face_encoder",
    "build_siamese_model",
    "build_softmax_classifier",
    "build_verification_head",
    "build_verification_model",
    "build_vgg_features",
    "preprocess_vgg",
]
