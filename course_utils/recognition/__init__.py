"""Recognising people: measuring a recogniser, training one (and, in notebook 05, a gallery).

The metrics need no TensorFlow; what trains is in `course_utils.recognition.training`.
"""

from course_utils.recognition.metrics import *  # noqa: F403
from course_utils.recognition.metrics import __all__  # noqa: F401
