"""Real data from installed packages, paintings made by code, splits that keep people apart."""

from course_utils.data.faces import FaceDataset, load_orl_faces
from course_utils.data.photo_collection import PhotoSource, list_photos, load_photos
from course_utils.data.photos import read_photo
from course_utils.data.signals import EcgRecording, MotionDataset, load_basic_motions, load_ecg
from course_utils.data.splits import split_by_identity
from course_utils.data.styles import StyleSource, list_styles, load_style
from course_utils.data.volumes import (
    BrainVolume,
    load_brain_volume,
    split_hemispheres,
    split_slabs,
)

__all__ = [
    "BrainVolume",
    "EcgRecording",
    "FaceDataset",
    "MotionDataset",
    "PhotoSource",
    "StyleSource",
    "list_photos",
    "list_styles",
    "load_basic_motions",
    "load_brain_volume",
    "load_ecg",
    "load_orl_faces",
    "load_photos",
    "load_style",
    "read_photo",
    "split_by_identity",
    "split_hemispheres",
    "split_slabs",
]
