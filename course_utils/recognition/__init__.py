"""Recognising people: alignment, metrics, training, and a gallery of enrolled people.

Alignment, metrics and gallery need no TensorFlow. What does is imported from its module:
`course_utils.recognition.encoder` and `course_utils.recognition.training`.
"""

from course_utils.recognition import gallery, metrics
from course_utils.recognition.alignment import (
    AlignedFaces,
    NoFaceError,
    SeveralFacesError,
    align_faces,
    align_one_face,
)
from course_utils.recognition.gallery import *  # noqa: F403
from course_utils.recognition.metrics import *  # noqa: F403

__all__ = [
    "AlignedFaces",
    "NoFaceError",
    "SeveralFacesError",
    "align_faces",
    "align_one_face",
    *gallery.__all__,
    *metrics.__all__,
]
