"""Signals along time: two electrocardiograms, and what a watch measures on a moving arm."""

import csv
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from course_utils.data.packages import package_folder, read_package_file
from course_utils.data.photo_collection import NOT_STATED

SKTIME = "sktime>=1.2"
PYWAVELETS = "pywavelets>=1.9"
RECORDINGS = ("mitdb", "pywavelets")
# Of the MIT-BIH Arrhythmia Database, as PhysioNet describes it; sktime's file has neither the rate
# nor the unit, but all its values are multiples of 1/200 mV, the step of that database.
MITDB_SAMPLING_RATE = 360.0
MITDB_SAMPLES = 7500
PYWAVELETS_SAMPLES = 1024

# What reading a damaged file may raise.
DAMAGE = (
    *(ValueError, OSError, EOFError, KeyError, NotImplementedError),
    *(csv.Error, zipfile.BadZipFile, zlib.error),
)

MOTION_SPLITS = ("train", "test")
MOTION_EXAMPLES = 40  # in each half
MOTION_STEPS = 100
MOTION_SAMPLING_RATE = 10.0  # "sampled once every tenth of a second"
MOTION_CHANNELS = (
    *("accelerometer x", "accelerometer y", "accelerometer z"),
    *("gyroscope x", "gyroscope y", "gyroscope z"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class EcgRecording:
    """One electrocardiogram: the voltage between two places on the skin, as the heart beats.

    Attributes:
        name: What `load_ecg` calls it.
        signal: Float32, shape (num_samples,), in `unit`.
        unit: "mV", or "not stated".
        is_abnormal: Bool, shape (num_samples,): whether a sample lies in a stretch that is marked
            as abnormal; None if nothing is marked.
        sampling_rate: Samples a second (Hz); None if it is not stated.
        credit: Who recorded or published it, as far as is known.
        licence: Of the recording, and who says so.
    """

    name: str
    signal: np.ndarray
    unit: str
    is_abnormal: np.ndarray | None
    sampling_rate: float | None
    credit: str
    licence: str

    @property
    def seconds(self) -> np.ndarray:
        """When each sample was taken, float64, shape (num_samples,), from 0 on.

        Raises:
            ValueError: If the sampling rate is not stated.
        """
        if self.sampling_rate is None:
            raise ValueError(
                f"`seconds` needs a sampling rate, which is not stated for the recording "
                f'"{self.name}". Use the numbers of the samples instead: '
                "np.arange(len(recording.signal))."
            )
        return np.arange(len(self.signal)) / self.sampling_rate


@dataclass(frozen=True, kw_only=True, eq=False)
class MotionDataset:
    """Short recordings of a moving arm, and what the person did.

    Attributes:
        signals: Float32, shape (num_examples, num_steps, num_channels), channels last.
        labels: Int64, shape (num_examples,): an index into `activities`.
        activities: Name of each class, as the file writes it.
        channels: Name of each channel.
        sampling_rate: Steps a second (Hz).
        unit: "not stated".
        credit: Who recorded or published it, as far as is known.
        licence: Of the recordings, and who says so.
    """

    signals: np.ndarray
    labels: np.ndarray
    activities: tuple[str, ...]
    channels: tuple[str, ...]
    sampling_rate: float
    unit: str
    credit: str
    licence: str


def load_ecg(recording: str = "mitdb") -> EcgRecording:
    """A real heartbeat: a signal with one axis, to slide 1-D filters along.

    "mitdb" has 7,500 samples, 20.8 s at 360 Hz, from the MIT-BIH Arrhythmia Database. One stretch
    of 352 samples (6936 to 7287) is marked; in it a beat comes early and a pause follows. sktime,
    which holds the file, says nothing about it but "mitdb", as PhysioNet calls that database, whose
    sampling rate and unit are given here (the values fit: all are multiples of its step, 1/200 mV,
    and the heart beats 74 times a minute). Not stated are the record, the person, the lead, who set
    the mark, and what kind of beat it is. One marked stretch teaches no detector of abnormal beats:
    it is something to look at.

    "pywavelets" has 1,024 samples, three beats, from the examples of PyWavelets, which states no
    unit, no sampling rate, no source and no mark. It is no part of the other recording, so that
    a filter made on one can be tried on the other. It may be the same person, and the sampling
    rates may differ, so that a beat is wider or narrower; the values are about 200 times as large.
    Scale each recording before you compare.

    Neither file holds the times of the beats.

    Args:
        recording: "mitdb" or "pywavelets".

    Returns:
        `EcgRecording`. "mitdb": values from −0.595 to 1.245 mV. "pywavelets": integers from −112
        to 250, as float32; `is_abnormal` and `sampling_rate` are None.

    Raises:
        ValueError: If there is no such recording, or the file is damaged.
        FileNotFoundError: If the package or its file is missing.

    Example:
        >>> ecg = load_ecg()
        >>> ecg.signal.shape, ecg.unit, round(float(ecg.seconds[-1]), 2)
        ((7500,), 'mV', 20.83)
        >>> np.flatnonzero(ecg.is_abnormal)[[0, -1]].tolist()
        [6936, 7287]
        >>> load_ecg("pywavelets").unit
        'not stated'

    Reference: Moody, Mark, "The impact of the MIT-BIH Arrhythmia Database", IEEE Engineering in
        Medicine and Biology 20(3), 2001; Goldberger et al., "PhysioBank, PhysioToolkit, and
        PhysioNet", Circulation 101(23), 2000.
    Lecture: section 9, notebook 09.
    """
    if not isinstance(recording, str) or recording not in RECORDINGS:
        raise ValueError(f"`recording` must be one of {RECORDINGS}. Received: {recording!r}.")
    if recording == "mitdb":
        package = package_folder("sktime", requirement=SKTIME, holds="an electrocardiogram")
        path = package / "datasets" / "data" / "mitdb" / "mitdb.csv"
        signal, is_abnormal = read_package_file(
            _read_mitdb, path, requirement=SKTIME, damage=DAMAGE
        )
        return EcgRecording(
            name=recording,
            signal=signal,
            unit="mV",
            is_abnormal=is_abnormal,
            sampling_rate=MITDB_SAMPLING_RATE,
            credit="MIT-BIH Arrhythmia Database (PhysioNet)",
            licence="ODC-By 1.0 (PhysioNet); not stated by sktime",
        )
    package = package_folder("pywt", requirement=PYWAVELETS, holds="an electrocardiogram")
    path = package / "data" / "ecg.npz"
    return EcgRecording(
        name=recording,
        signal=read_package_file(_read_pywavelets, path, requirement=PYWAVELETS, damage=DAMAGE),
        unit=NOT_STATED,
        is_abnormal=None,
        sampling_rate=None,
        credit=NOT_STATED,
        licence=NOT_STATED,
    )


def load_basic_motions(split: str) -> MotionDataset:
    """Four activities, from a watch with accelerometer and gyroscope: BasicMotions.

    Four students stood ("resting", says the description), ran, walked and played badminton, each
    five times for ten seconds: 4 × 4 × 5 = 80 recordings, ten of each activity in each half. They
    come sorted by activity, so shuffle before you train. When somebody stands, the means of the
    first three channels are near 0: gravity is not in them. The watch often repeats a value: in a
    channel one step in nine equals the step before.

    What the split keeps apart: no recording is in both halves, and no two are nearly alike (the
    nearest two of different halves are as far from each other as the nearest two of one half).
    What it does not: people. The file does not tell who moved, and nothing that we found says
    whether the halves share people. With four people, five recordings of each activity and ten in
    each half, they would only not if two people make up each half. So an accuracy on "test" may be
    one on people that were seen in training, and at best it is one on two new people. The 40 test
    recordings are few, too: even without an error, up to 7.5 % may be wrong (rule of three).

    Args:
        split: "train" or "test", the halves of the archive. The package does not mix them.

    Returns:
        `MotionDataset` with signals of shape (40, 100, 6), ten seconds at 10 Hz. Units are not
        stated. The file numbers the channels and does not name them: that the accelerometer comes
        first is the order of its description, "3D accelerometer and a 3D gyroscope" (the means fit:
        those of the last three are near 0, also when running); that x, y, z follow each other is
        assumed.

    Raises:
        ValueError: If `split` is another, or the file is damaged.
        FileNotFoundError: If the package or its file is missing.

    Example:
        >>> train = load_basic_motions("train")
        >>> train.signals.shape, train.activities
        ((40, 100, 6), ('Standing', 'Running', 'Walking', 'Badminton'))
        >>> np.bincount(train.labels).tolist()
        [10, 10, 10, 10]

    Reference: Bagnall et al., "The UEA multivariate time series classification archive, 2018",
        arXiv:1811.00075, BasicMotions.
    Lecture: section 9, notebook 09.
    """
    if not isinstance(split, str) or split not in MOTION_SPLITS:
        raise ValueError(f"`split` must be one of {MOTION_SPLITS}. Received: {split!r}.")
    package = package_folder("sktime", requirement=SKTIME, holds="the recordings of BasicMotions")
    folder = package / "datasets" / "data" / "BasicMotions"
    path = folder / f"BasicMotions_{split.upper()}.ts"
    signals, labels, activities = read_package_file(
        _read_motions, path, requirement=SKTIME, damage=DAMAGE
    )
    return MotionDataset(
        signals=signals,
        labels=labels,
        activities=activities,
        channels=MOTION_CHANNELS,
        sampling_rate=MOTION_SAMPLING_RATE,
        unit=NOT_STATED,
        credit="UEA multivariate time series classification archive; a student project",
        licence=NOT_STATED,
    )


def _read_mitdb(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Signal and marks of a table with the columns "data" and "label"."""
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    if head != ["data", "label"] or len(rows) != MITDB_SAMPLES:
        raise ValueError(f"{len(rows)} rows under {head}, not {MITDB_SAMPLES} under data, label")
    for number, row in enumerate(rows, start=2):
        if len(row) != 2 or row[1] not in ("0", "1"):
            raise ValueError(f"line {number}: not a value and a label of 0 or 1: {row}")
    return _float32([row[0] for row in rows]), np.array([row[1] == "1" for row in rows])


def _read_pywavelets(path: Path) -> np.ndarray:
    """The integers of PyWavelets' file, as float32."""
    with zipfile.ZipFile(path) as archive, archive.open("data.npy") as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
    if values.shape != (PYWAVELETS_SAMPLES,) or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"{values.dtype}, shape {values.shape}, not integers of shape ({PYWAVELETS_SAMPLES},)"
        )
    return values.astype(np.float32)


def _read_motions(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Signals, labels and names of classes of a .ts file, as far as this data set needs it.

    Comments begin with "#", settings with "@"; after "@data" each line is an example: dimensions
    are separated by ":", values by ",", and the class stands last.
    """
    settings, examples = {}, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("@"):
            key, _, value = line[1:].partition(" ")
            settings[key.lower()] = value.split()
        elif "data" not in settings:
            raise ValueError(f"line {number}: values before @data")
        else:
            examples.append((number, line.split(":")))
    has_labels, *activities = settings.get("classlabel", ["false"])
    if has_labels.lower() != "true" or not activities:
        raise ValueError("no @classLabel with the names of the classes")
    if len(examples) != MOTION_EXAMPLES:
        raise ValueError(f"{len(examples)} examples, not {MOTION_EXAMPLES}")
    shape = (len(MOTION_CHANNELS), MOTION_STEPS)
    signals = np.empty((len(examples), *shape), np.float32)
    labels = np.empty(len(examples), np.int64)
    for index, (number, (*dimensions, activity)) in enumerate(examples):
        lengths = {dimension.count(",") + 1 for dimension in dimensions}
        if len(dimensions) != shape[0] or lengths != {shape[1]} or activity not in activities:
            raise ValueError(
                f"line {number}: {len(dimensions)} dimensions of {sorted(lengths)} values and the "
                f"class {activity[:20]!r}, not {shape[0]} of {shape[1]} and one of {activities}"
            )
        try:
            signals[index] = _float32([dimension.split(",") for dimension in dimensions])
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        labels[index] = activities.index(activity)
    return np.ascontiguousarray(signals.transpose(0, 2, 1)), labels, tuple(activities)


def _float32(texts: ArrayLike) -> np.ndarray:
    """The numbers that stand in the texts."""
    values = np.array(texts).astype(np.float64)
    if not (np.abs(values) <= np.finfo(np.float32).max).all():
        raise ValueError("a value is not finite")
    return values.astype(np.float32)
