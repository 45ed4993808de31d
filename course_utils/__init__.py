"""The package behind the course: losses, metrics, data and tools that the notebooks import.

Importing `course_utils` imports neither TensorFlow nor Keras; the submodules that need them do.
"""

from importlib.metadata import version

__version__ = version("faces-and-styles")
