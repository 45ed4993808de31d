"""Recognising people: measuring a recogniser (and, in later notebooks, building one)."""

from course_utils.recognition.metrics import *  # noqa: F403
from course_utils.recognition.metrics import __all__  # noqa: F401
