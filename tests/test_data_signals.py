import dataclasses
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import pywt.data
from scipy.signal import find_peaks
from scipy.spatial.distance import cdist, pdist

from course_utils.data import load_basic_motions, load_ecg, signals
from course_utils.data.packages import package_folder

MITDB = "datasets/data/mitdb/mitdb.csv"
TRAIN = "datasets/data/BasicMotions/BasicMotions_TRAIN.ts"
ECG = "data/ecg.npz"


@pytest.fixture(scope="module")
def sktime_folder():
    return package_folder("sktime", requirement="sktime", holds="x")


@pytest.fixture(scope="module")
def ecg():
    return load_ecg()


@pytest.fixture(scope="module")
def train():
    return load_basic_motions("train")


@pytest.fixture(scope="module")
def test():
    return load_basic_motions("test")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An empty folder that seems to be the one of each package, and how to put a file into it."""
    monkeypatch.setattr(signals, "package_folder", lambda *_, **__: tmp_path)

    def put(path, content):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    return put


def test_the_packages_are_not_imported():
    code = (
        "import sys; from course_utils.data import load_basic_motions, load_ecg; "
        "load_ecg(); load_ecg('pywavelets'); load_basic_motions('test'); "
        "print(sorted({'sktime', 'pywt', 'pandas', 'nibabel', 'nilearn', 'tensorflow'} "
        "& set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr


class TestMitdb:
    def test_it_is_the_file(self, ecg, sktime_folder):
        table = pd.read_csv(sktime_folder / MITDB)
        np.testing.assert_array_equal(ecg.signal, table["data"].to_numpy(np.float32))
        np.testing.assert_array_equal(ecg.is_abnormal, table["label"].to_numpy() == 1)
        assert ecg.signal.dtype == np.float32
        assert ecg.is_abnormal.dtype == bool
        assert (ecg.name, ecg.unit, ecg.sampling_rate) == ("mitdb", "mV", 360.0)

    def test_it_has_the_values_that_are_documented(self, ecg):
        assert ecg.signal.shape == ecg.is_abnormal.shape == (7500,)
        assert float(ecg.signal.min()) == pytest.approx(-0.595)
        assert float(ecg.signal.max()) == pytest.approx(1.245)
        np.testing.assert_array_equal(np.flatnonzero(ecg.is_abnormal), np.arange(6936, 7288))

    def test_the_values_are_steps_of_a_200th_of_a_millivolt(self, ecg):
        steps = ecg.signal.astype(float) * 200
        np.testing.assert_allclose(steps, np.rint(steps), rtol=0, atol=1e-4)

    def test_in_the_marked_stretch_a_beat_is_early_and_a_pause_follows(self, ecg):
        beats, _ = find_peaks(ecg.signal, height=0.6, distance=100)
        pauses = np.diff(beats)
        (marked,) = np.flatnonzero(ecg.is_abnormal[beats])
        usual = np.delete(pauses, [marked - 1, marked])
        assert pauses[marked - 1] < 0.75 * usual.min()
        assert pauses[marked] > 1.1 * usual.max()
        assert round(60 * ecg.sampling_rate / usual.mean()) == 74

    def test_seconds_are_samples_over_the_rate(self, ecg):
        assert ecg.seconds.dtype == np.float64
        assert ecg.seconds[[0, 1, 360, 7499]].tolist() == [0, 1 / 360, 1, 7499 / 360]
        assert len(ecg.seconds) == 7500

    def test_two_calls_share_no_memory(self, ecg):
        load_ecg().signal[:] = 9
        assert ecg.signal.max() < 2

    def test_fields_cannot_be_replaced(self, ecg):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ecg.unit = "V"

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("data,label\n", "", "7499 rows under"),
            ("data,label", "label,data", "7500 rows under"),
            ("-0.21,0\n", "", r"\d+ rows under"),
            ("-0.195,0\n", "-0.195\n", r"line 2: .*\['-0\.195'\]"),
            ("-0.195,0\n", "-0.195,0,0\n", "line 2: "),
            ("-0.195,0\n", "-0.195,2\n", "line 2: "),
            ("-0.195,0\n", "x,0\n", "could not convert"),
            ("-0.195,0\n", "nan,0\n", "a value is not finite"),
            ("-0.195,0\n", "1e99,0\n", "a value is not finite"),
            ("-0.195,0\n", ",0\n", "could not convert"),
        ],
    )
    def test_a_damaged_file_is_named(self, installed, sktime_folder, old, new, words):
        text = (sktime_folder / MITDB).read_text()
        assert old in text
        installed(MITDB, text.replace(old, new))
        mend = r"Install the package again: pip install --force-reinstall 'sktime>=[\d.]+'\.$"
        with pytest.raises(ValueError, match=rf"mitdb\.csv is damaged \({words}.*\)\. {mend}"):
            load_ecg()

    @pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b"data,label\n\x00"])
    def test_so_is_what_is_no_table(self, installed, content):
        installed(MITDB, content)
        with pytest.raises(ValueError, match=r"mitdb\.csv is damaged \(.*pip install"):
            load_ecg("mitdb")


class TestPywavelets:
    def test_it_is_what_the_package_reads(self):
        recording = load_ecg("pywavelets")
        np.testing.assert_array_equal(recording.signal, pywt.data.ecg())
        assert recording.signal.dtype == np.float32
        assert recording.signal.shape == (1024,)
        assert (recording.signal.min(), recording.signal.max()) == (-112, 250)

    def test_what_is_not_stated_is_not_made_up(self):
        recording = load_ecg("pywavelets")
        assert recording.sampling_rate is None
        assert recording.is_abnormal is None
        assert {recording.unit, recording.credit, recording.licence} == {"not stated"}
        words = (
            r'^`seconds` needs a sampling rate, .* "pywavelets"\. Use the numbers of the samples'
        )
        with pytest.raises(ValueError, match=words):
            _ = recording.seconds

    def test_it_is_no_part_of_the_other(self, ecg):
        """Wherever it is laid on the other, however scaled: no correlation near 1."""
        piece = load_ecg("pywavelets").signal.astype(float)
        places = np.lib.stride_tricks.sliding_window_view(ecg.signal.astype(float), len(piece))
        centred = (piece - piece.mean()) / piece.std()
        covariances = places @ centred / len(piece)
        assert np.abs(covariances / places.std(axis=1)).max() < 0.5

    def test_a_damaged_file_is_named(self, installed):
        package = package_folder("pywt", requirement="x", holds="x")
        installed(ECG, (package / ECG).read_bytes()[:3000])
        words = (
            r"ecg\.npz is damaged \(.+\)\. .*pip install --force-reinstall 'pywavelets>=[\d.]+'\."
        )
        with pytest.raises(ValueError, match=words):
            load_ecg("pywavelets")

    @pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"<html>"])
    def test_so_is_what_is_no_archive(self, installed, content):
        installed(ECG, content)
        with pytest.raises(ValueError, match=r"ecg\.npz is damaged \("):
            load_ecg("pywavelets")

    @pytest.mark.parametrize(
        ("arrays", "words"),
        [
            ({"data": np.zeros(1023, int)}, r"shape \(1023,\), not integers of shape \(1024,\)"),
            ({"data": np.zeros(1024)}, r"float64, shape \(1024,\), not integers"),
            ({"data": np.array([None] * 1024)}, "Object arrays"),
            ({"ecg": np.zeros(1024, int)}, "data"),
        ],
    )
    def test_so_is_another_archive(self, installed, tmp_path, arrays, words):
        np.savez(tmp_path / "other.npz", **arrays)
        installed(ECG, (tmp_path / "other.npz").read_bytes())
        with pytest.raises(ValueError, match=rf"ecg\.npz is damaged \(.*{words}"):
            load_ecg("pywavelets")

    def test_a_broken_byte_is_noticed(self, installed):
        package = package_folder("pywt", requirement="x", holds="x")
        content = bytearray((package / ECG).read_bytes())
        content[2000] ^= 1
        installed(ECG, bytes(content))
        with pytest.raises(ValueError, match=r"ecg\.npz is damaged \("):
            load_ecg("pywavelets")


@pytest.mark.parametrize("recording", ["", "MITDB", "mitdb.csv", None, 0, ["mitdb"]])
def test_another_recording_is_refused(recording):
    words = r"^`recording` must be one of \('mitdb', 'pywavelets'\)\. Received: "
    with pytest.raises(ValueError, match=words + re.escape(repr(recording))):
        load_ecg(recording)


@pytest.mark.parametrize(
    ("load", "file"),
    [
        (lambda: load_ecg(), r"mitdb\.csv"),
        (lambda: load_ecg("pywavelets"), r"ecg\.npz"),
        (lambda: load_basic_motions("test"), r"BasicMotions_TEST\.ts"),
    ],
)
class TestMissing:
    def test_a_missing_file_is_named(self, installed, load, file):
        words = rf"^The file .*{file} is missing\. Install the package again: pip install --force"
        with pytest.raises(FileNotFoundError, match=words):
            load()

    def test_a_missing_package_is_named(self, monkeypatch, load, file):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        words = r"^The package `(sktime|pywt)`, .* not installed\. Install it: pip install '\w+>="
        with pytest.raises(FileNotFoundError, match=words):
            load()


class TestBasicMotions:
    @pytest.mark.parametrize("split", ["train", "test"])
    def test_it_is_what_sktime_reads(self, split):
        from sktime.datasets import load_basic_motions as by_sktime

        expected, names = by_sktime(split=split, return_type="numpy3D")
        motions = load_basic_motions(split)
        assert motions.signals.shape == (40, 100, 6)
        assert motions.signals.dtype == np.float32
        assert motions.signals.flags.c_contiguous
        np.testing.assert_array_equal(
            motions.signals, np.swapaxes(expected, 1, 2).astype(np.float32)
        )
        assert motions.labels.dtype == np.int64
        assert [motions.activities[label].lower() for label in motions.labels] == list(names)

    def test_the_halves_are_sorted_by_activity(self, train, test):
        expected = [label for label in range(4) for _ in range(10)]
        assert train.labels.tolist() == test.labels.tolist() == expected
        assert train.activities == ("Standing", "Running", "Walking", "Badminton")

    def test_there_is_a_name_for_each_channel(self, train):
        assert len(set(train.channels)) == train.signals.shape[2]
        assert train.channels[0] == "accelerometer x"
        assert train.channels[-1] == "gyroscope z"
        assert (train.sampling_rate, train.unit) == (10.0, "not stated")

    def test_no_recording_is_in_both_halves_or_nearly_so(self, train, test):
        """The nearest two of different halves are no nearer than the nearest two of one."""
        first, second = (half.signals.reshape(40, -1) for half in (train, test))
        across = cdist(first, second).min()
        within = min(pdist(first).min(), pdist(second).min())
        assert across > 0.9 * within
        assert across > 6

    def test_no_two_share_a_stretch(self, train, test):
        """No half second of a channel, with at least four values, comes twice."""
        seen = {}
        for number, signal in enumerate(np.concatenate([train.signals, test.signals])):
            for channel in range(6):
                for start in range(96):
                    values = tuple(signal[start : start + 5, channel].tolist())
                    if len(set(values)) >= 4:
                        assert seen.setdefault((channel, values), number) == number

    def test_the_means_are_those_of_an_accelerometer_and_a_gyroscope(self, train, test):
        """Turning back and forth adds up to 0, running does not; standing shows no gravity."""
        for half in (train, test):
            means = half.signals.mean(axis=1)
            assert np.abs(means[half.labels == 1].mean(axis=0)[:3]).min() > 2
            assert np.abs(means[half.labels == 1].mean(axis=0)[3:]).max() < 0.1
            assert np.linalg.norm(means[half.labels == 0].mean(axis=0)[:3]) < 0.2

    def test_one_step_in_nine_repeats_the_one_before(self, train, test):
        both = np.concatenate([train.signals, test.signals])
        assert (both[:, 1:] == both[:, :-1]).mean() == pytest.approx(1 / 9, abs=0.002)

    @pytest.mark.parametrize("split", ["", "TRAIN", "both", None, 0, ["train"]])
    def test_another_split_is_refused(self, split):
        words = r"^`split` must be one of \('train', 'test'\)\. Received: "
        with pytest.raises(ValueError, match=words + re.escape(repr(split))):
            load_basic_motions(split)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("@data\n", "", "line 13: values before @data"),
            ("@classLabel true Standing Running Walking Badminton\n", "", "no @classLabel"),
            ("@classLabel true", "@classLabel false", "no @classLabel"),
            (
                "Running Walking Bad",
                "Walking Bad",
                r"line 24: 6 dimensions of \[100\] .* 'Running'",
            ),
            ("0.079106,0.079106,", "0.079106,", r"line 14: 6 dimensions of \[99, 100\]"),
            ("0.079106,0.079106,", "0.079106:0.079106,", "line 14: 7 dimensions"),
            ("0.079106,0.079106,", "0.079106,?,", "line 14: could not convert"),
            ("0.079106,0.079106,", "0.079106,NaN,", "line 14: a value is not finite"),
            ("0.079106,0.079106,", "0.079106,1e99,", "line 14: a value is not finite"),
            (":Badminton\n", ":Chess\n", "line 44: .*'Chess'"),
        ],
    )
    def test_a_damaged_file_is_named(self, installed, sktime_folder, old, new, words):
        text = (sktime_folder / TRAIN).read_text()
        assert old in text
        installed(TRAIN, text.replace(old, new))
        mend = r"Install the package again: pip install --force-reinstall 'sktime>=[\d.]+'\.$"
        with pytest.raises(ValueError, match=rf"_TRAIN\.ts is damaged \({words}.*\)\. {mend}"):
            load_basic_motions("train")

    @pytest.mark.parametrize("num_bytes", [0, 100, 600, 10_000, -10, -6000])
    def test_a_truncated_file_is_named(self, installed, sktime_folder, num_bytes):
        installed(TRAIN, (sktime_folder / TRAIN).read_bytes()[:num_bytes])
        with pytest.raises(ValueError, match=r"_TRAIN\.ts is damaged \("):
            load_basic_motions("train")

    def test_blank_lines_and_windows_line_ends_do_no_harm(self, installed, sktime_folder, train):
        text = (sktime_folder / TRAIN).read_text()
        installed(TRAIN, ("\n" + text + "\n\n").replace("\n", "\r\n"))
        np.testing.assert_array_equal(load_basic_motions("train").signals, train.signals)
