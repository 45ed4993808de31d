import importlib.util
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from course_utils import recognition
from course_utils.recognition import EncoderIdentity, Threshold, thresholds
from course_utils.recognition.aligned_orl import load_aligned_orl_faces
from course_utils.recognition.encoder import FaceEncoder
from course_utils.recognition.thresholds import THRESHOLDS_NAME, calibrated_threshold
from course_utils.weights import weights_folder

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = weights_folder() / THRESHOLDS_NAME
TOOL = ROOT / "tools" / "calibrate_thresholds.py"


def shipped():
    return json.loads(SHIPPED.read_text(encoding="utf-8"))


def identity(**changes):
    """Whose thresholds are shipped, or somebody a little different."""
    fields = ("name", "checksum", "embedding_dim")
    return EncoderIdentity(**{name: getattr(FaceEncoder, name) for name in fields} | changes)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# --- the shipped file -----------------------------------------------------------------------


class TestShippedFile:
    def test_it_has_the_documented_content(self):
        content = shipped()
        assert set(content) == {
            "format",
            "encoder",
            "data",
            "num_impostors",
            "command",
            "thresholds",
        }
        assert content["format"] == 1
        assert content["data"] == "ORL faces, 40 people, aligned"
        for row in content["thresholds"]:
            assert set(row) == {"fmr", "distance", "interval", "fnmr"}
            low, high = row["interval"]
            assert 0 < low < row["distance"] < high < 2
            assert 0 <= row["fnmr"] < 0.05

    def test_its_encoder_is_the_published_one(self):
        expected = {"name": FaceEncoder.name, "checksum": FaceEncoder.checksum}
        assert shipped()["encoder"] == expected

    def test_more_false_matches_are_allowed_at_larger_distances(self):
        """And fewer of the right people are rejected there."""
        rows = sorted(shipped()["thresholds"], key=lambda row: row["fmr"])
        rates, distances, misses = ([row[k] for row in rows] for k in ("fmr", "distance", "fnmr"))
        assert rates == [0.001, 0.01]
        assert distances[0] < distances[1]
        assert misses[0] >= misses[1]

    def test_the_number_of_impostors_is_one_of_photos_of_40_people(self):
        """All 400 photos make 40·39/2 · 10·10 = 78,000 pairs of two people.

        Each of the at most 4 photos without a face takes away its 390 pairs, but that of two of
        them only once.
        """
        missing = 78_000 - shipped()["num_impostors"]
        assert missing in {
            390 * n - twice for n in range(5) for twice in range(n * (n - 1) // 2 + 1)
        }

    def test_it_lies_as_the_tool_writes_it(self):
        text = json.dumps(shipped(), indent=2, ensure_ascii=False) + "\n"
        assert SHIPPED.read_bytes() == text.encode("utf-8")
        assert shipped()["command"] == f"python tools/{TOOL.name}"
        assert TOOL.is_file()


# --- reading it -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of weights with a copy of the shipped file."""
    shutil.copy(SHIPPED, tmp_path)
    monkeypatch.setattr(thresholds, "weights_folder", lambda: tmp_path)
    return tmp_path


class TestCalibratedThreshold:
    @pytest.mark.parametrize("row", shipped()["thresholds"], ids=lambda row: str(row["fmr"]))
    def test_the_shipped_ones_are_found(self, row):
        found = calibrated_threshold(row["fmr"], encoder=identity())
        assert found == Threshold(
            row["distance"], row["fmr"], shipped()["num_impostors"], "ORL faces, 40 people, aligned"
        )

    def test_the_encoder_itself_may_be_given(self):
        found = calibrated_threshold(0.01, encoder=FaceEncoder())
        assert found == calibrated_threshold(0.01, encoder=identity())

    def test_it_is_read_from_the_folder_of_the_weights(self, folder):
        content = shipped()
        content["thresholds"] = [{"fmr": 0.25, "distance": 0.75}]
        content["num_impostors"], content["data"] = 12, "三 people"
        (folder / THRESHOLDS_NAME).write_text(
            json.dumps(content, ensure_ascii=False), encoding="utf-8"
        )
        found = calibrated_threshold(0.25, encoder=identity())
        assert found == Threshold(0.75, 0.25, 12, "三 people")

    @pytest.mark.parametrize("fmr", [0.1, 0.0001, 0, 1, -0.01, np.nan, None, "0.01"])
    def test_another_rate_is_refused_and_those_there_are_told(self, fmr):
        words = rf"`fmr` must be one of \[0\.001, 0\.01\]\. Received: fmr={fmr}\."
        with pytest.raises(ValueError, match=words):
            calibrated_threshold(fmr, encoder=identity())

    def test_another_encoder_is_refused(self):
        words = (
            r"are for the encoder 'dlib-resnet-v1, 5 landmarks, 150 px' .*"
            r"Received: 'my own' .*Calibrate your own: gallery\.calibrate"
        )
        with pytest.raises(ValueError, match=words):
            calibrated_threshold(0.01, encoder=identity(name="my own"))

    def test_so_is_one_of_that_name_with_other_weights(self):
        words = rf"checksum {FaceEncoder.checksum[:8]}….*Received: .*checksum abc…"
        with pytest.raises(ValueError, match=words):
            calibrated_threshold(0.01, encoder=identity(checksum="abc"))

    def test_a_missing_file_is_named(self, folder):
        (folder / THRESHOLDS_NAME).unlink()
        words = rf"The file .*{THRESHOLDS_NAME} is missing\. Restore it: git checkout"
        with pytest.raises(FileNotFoundError, match=words):
            calibrated_threshold(0.01, encoder=identity())

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"", id="empty"),
            pytest.param(SHIPPED.read_bytes()[:-20], id="truncated"),
            pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
            *(pytest.param(text, id=text.decode()) for text in (b"[]", b"null", b"3", b"{}")),
        ],
    )
    def test_a_damaged_file_is_named(self, folder, content):
        (folder / THRESHOLDS_NAME).write_bytes(content)
        self.assert_damaged()

    @staticmethod
    def assert_damaged():
        words = rf"(?s)The file .*{THRESHOLDS_NAME} is damaged \(.*Restore it: git checkout"
        with pytest.raises(ValueError, match=words):
            calibrated_threshold(0.01, encoder=identity())

    @pytest.mark.parametrize("key", ["encoder", "data", "num_impostors", "thresholds"])
    @pytest.mark.parametrize("change", ["missing", None, 0.5])
    def test_so_is_one_with_a_key_that_is_missing_or_of_another_kind(self, folder, key, change):
        content = shipped() | {key: change}
        if change == "missing":
            del content[key]
        (folder / THRESHOLDS_NAME).write_text(json.dumps(content))
        self.assert_damaged()

    @pytest.mark.parametrize(
        "row",
        [
            [],
            None,
            {},
            {"fmr": 0.01},
            {"distance": 0.5},
            {"fmr": [], "distance": 0.5},
            {"fmr": "0.01", "distance": 0.5},
            {"fmr": 0.01, "distance": "0.5"},
            {"fmr": 0.01, "distance": None},
            {"fmr": 0.01, "distance": -0.5},
            {"fmr": 0.01, "distance": float("nan")},
            {"fmr": 0, "distance": 0.5},
        ],
        ids=str,
    )
    def test_so_is_one_with_a_row_that_is_no_threshold(self, folder, row):
        content = shipped()
        content["thresholds"].append(row)
        (folder / THRESHOLDS_NAME).write_text(json.dumps(content))
        self.assert_damaged()

    def test_so_is_a_folder_in_its_place(self, folder):
        (folder / THRESHOLDS_NAME).unlink()
        (folder / THRESHOLDS_NAME).mkdir()
        self.assert_damaged()


# --- the tool -------------------------------------------------------------------------------

CONTENT = {
    "format": 1,
    "encoder": {"name": "网络", "checksum": "abc"},
    "thresholds": [{"fmr": 0.01, "distance": 0.5, "interval": [0.4, 0.6]}],
}


def load_tool(patch):
    """The tool as a module, with all that it does when it is imported undone in the end."""
    patch.setattr(sys, "path", sys.path.copy())
    spec = importlib.util.spec_from_file_location("calibration_of_test", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture
def tool(monkeypatch):
    """It neither seeds nor measures."""
    tool = load_tool(monkeypatch)
    monkeypatch.setattr(tool, "start_session", lambda seed: None)
    monkeypatch.setattr(tool, "measure", lambda: json.loads(json.dumps(CONTENT)))
    return tool


@pytest.fixture
def weights(tool, tmp_path, monkeypatch):
    """The folder that the tool writes to."""
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


class TestSame:
    @pytest.mark.parametrize("difference", [0, 0.00009, -0.00009])
    def test_numbers_may_differ_in_their_last_digits(self, tool, difference):
        stored = {"a": [{"b": 0.5}, 0.5 + difference], "c": 0.5 - difference}
        assert tool.same(stored, {"a": [{"b": 0.5 + difference}, 0.5], "c": 0.5})

    @pytest.mark.parametrize("difference", [0.00011, -0.00011, 1, np.nan, np.inf])
    def test_but_not_by_more(self, tool, difference):
        for stored, measured in ((0.5, 0.5 + difference), (0.5 + difference, 0.5)):
            assert not tool.same(stored, measured)
            assert not tool.same(
                {"a": [{"b": 1.0, "c": stored}]}, {"a": [{"b": 1.0, "c": measured}]}
            )

    @pytest.mark.parametrize(
        ("stored", "measured"),
        [
            (77610, 77611),
            (77610, 77610.00001),
            ("abc", "abd"),
            ("0.5", 0.5),
            (None, 0.0),
            ([], {}),
            ([0.5], 0.5),
            ([0.5], [0.5, 0.5]),
            ([0.5, 0.25], [0.25, 0.5]),
            ({"a": 0.5}, {"b": 0.5}),
            ({"a": 0.5}, {}),
            ({"a": 0.5}, {"a": 0.5, "b": 0.5}),
            ({"a": 0.5}, ["a"]),
        ],
        ids=str,
    )
    def test_all_else_must_be_equal(self, tool, stored, measured):
        assert tool.same(stored, stored)
        assert tool.same(measured, measured)
        assert not tool.same(stored, measured)
        assert not tool.same(measured, stored)

    def test_the_order_of_keys_does_not_count(self, tool):
        assert tool.same({"a": 1, "b": 2}, {"b": 2, "a": 1})

    def test_any_change_to_the_shipped_file_is_seen(self, tool):
        """Each text, each number and each list in turn."""

        def changed(content):
            if isinstance(content, dict):
                for key, value in content.items():
                    yield from (content | {key: other} for other in changed(value))
                    yield {k: v for k, v in content.items() if k != key}
            elif isinstance(content, list):
                yield content[:-1]
                for index, value in enumerate(content):
                    for other in changed(value):
                        yield [*content[:index], other, *content[index + 1 :]]
            else:
                yield content + (" " if isinstance(content, str) else 1)

        others = list(changed(shipped()))
        assert len(others) > 25
        assert tool.same(shipped(), shipped())
        assert not any(tool.same(shipped(), other) for other in others)


class TestCheck:
    def test_the_shipped_file_agrees_with_itself(self, tool, monkeypatch, capsys):
        before = SHIPPED.read_bytes(), SHIPPED.stat().st_mtime_ns
        monkeypatch.setattr(tool, "measure", shipped)
        assert tool.main(["--check"]) == 0
        assert capsys.readouterr().out.endswith(f"{THRESHOLDS_NAME}: as measured\n")
        assert (SHIPPED.read_bytes(), SHIPPED.stat().st_mtime_ns) == before

    @pytest.mark.parametrize("distance", [0.5002, 0.4998])
    def test_a_changed_file_differs_and_is_left_alone(self, tool, weights, capsys, distance):
        content = json.loads(json.dumps(CONTENT))
        content["thresholds"][0]["distance"] = distance
        text = json.dumps(content)
        (weights / THRESHOLDS_NAME).write_text(text)
        assert tool.main(["--check"]) == 1
        assert capsys.readouterr().out.endswith(f"{THRESHOLDS_NAME}: DIFFERS\n")
        assert (weights / THRESHOLDS_NAME).read_text() == text
        assert names_in(weights) == [THRESHOLDS_NAME]

    def test_the_last_digits_of_another_processor_do_not(self, tool, weights):
        content = json.loads(json.dumps(CONTENT))
        content["thresholds"][0]["interval"][1] += 5e-5
        (weights / THRESHOLDS_NAME).write_text(json.dumps(content))
        assert tool.main(["--check"]) == 0

    def test_a_missing_file_differs_and_is_not_made(self, tool, weights, capsys):
        assert tool.main(["--check"]) == 1
        assert "DIFFERS" in capsys.readouterr().out
        assert names_in(weights) == []


class TestWriting:
    def test_the_file_is_what_was_measured_and_passes_the_check(self, tool, weights, capsys):
        for _ in range(2):  # new, then replaced
            assert tool.main([]) == 0
            text = (weights / THRESHOLDS_NAME).read_bytes().decode("utf-8")
            assert json.loads(text) == CONTENT
            assert text.endswith("}\n")
            assert "网络" in text
            assert text in capsys.readouterr().out
        assert names_in(weights) == [THRESHOLDS_NAME]
        assert (weights / THRESHOLDS_NAME).stat().st_mode & 0o777 == 0o644
        assert tool.main(["--check"]) == 0

    @pytest.mark.parametrize("broken", ["replace", "fsync", "chmod"])
    @pytest.mark.parametrize("before", [None, b"the old one"])
    def test_a_failure_leaves_the_old_file_whole(self, tool, weights, monkeypatch, broken, before):
        def fail(*_, **__):
            raise OSError("disk full")

        if before is not None:
            (weights / THRESHOLDS_NAME).write_bytes(before)
        monkeypatch.setattr(os, broken, fail)
        with pytest.raises(OSError, match="disk full"):
            tool.main([])
        monkeypatch.undo()
        assert names_in(weights) == ([] if before is None else [THRESHOLDS_NAME])
        if before is not None:
            assert (weights / THRESHOLDS_NAME).read_bytes() == before

    def test_what_cannot_be_measured_changes_nothing(self, tool, weights, monkeypatch):
        def fail():
            raise ImportError("dlib must be installed")

        monkeypatch.setattr(tool, "measure", fail)
        with pytest.raises(ImportError, match="dlib"):
            tool.main([])
        assert names_in(weights) == []

    def test_the_session_is_seeded_before_anything_is_measured(self, tool, weights, monkeypatch):
        calls = []
        monkeypatch.setattr(tool, "start_session", lambda seed: calls.append(seed))
        monkeypatch.setattr(tool, "measure", lambda: calls.append("measured") or CONTENT)
        assert tool.main([]) == 0
        assert calls == [0, "measured"]


def test_the_tool_runs_from_any_folder(tmp_path):
    result = subprocess.run(
        [sys.executable, str(TOOL), "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "--check" in result.stdout
    assert "Sets the thresholds that the course ships" in " ".join(result.stdout.split())
    assert names_in(tmp_path) == []


def test_an_unknown_option_is_refused(tool, weights, capsys):
    with pytest.raises(SystemExit) as caught:
        tool.main(["--chek"])
    assert caught.value.code == 2
    assert "--chek" in capsys.readouterr().err
    assert names_in(weights) == []


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(content, faces, pairs) of one real measurement; its intervals are of two resamples.

    The aligned faces are those that `test_aligned_orl.py` and `test_encoder.py` keep.
    """
    all_pairs, seen = recognition.all_pairs, []

    def spied(*arguments):
        seen.append(all_pairs(*arguments))
        return seen[-1]

    cache = tmp_path_factory.getbasetemp() / "aligned_orl"
    with pytest.MonkeyPatch.context() as patch:
        few = partial(recognition.bootstrap_pairs, num_resamples=2)
        patch.setattr(recognition, "bootstrap_pairs", few)
        patch.setattr(recognition, "all_pairs", spied)
        patch.setenv("COURSE_UTILS_CACHE", str(cache))
        content = load_tool(patch).measure()
    (pairs,) = seen
    return content, load_aligned_orl_faces(cache=cache), pairs


class TestMeasuring:
    def test_it_gives_the_shipped_file(self, tool, measured):
        content = json.loads(json.dumps(measured[0]))
        for row, stored in zip(content["thresholds"], shipped()["thresholds"], strict=True):
            row["interval"] = stored["interval"]
        assert tool.same(shipped(), content)

    def test_all_pairs_of_two_people_are_its_impostors(self, measured):
        content, faces, pairs = measured
        _, photos = np.unique(faces.labels, return_counts=True)
        assert content["num_impostors"] == (photos.sum() ** 2 - (photos**2).sum()) // 2
        assert len(pairs.genuine) == (photos * (photos - 1) // 2).sum()

    def test_each_distance_is_the_largest_with_its_rate(self, measured):
        """Counted: one impostor pair more would be too many."""
        content, _, pairs = measured
        impostors = np.sort(pairs.impostor)
        for row in content["thresholds"]:
            allowed = int(row["fmr"] * len(impostors))
            assert impostors[allowed - 1] - 1e-6 < row["distance"] < impostors[allowed] + 1e-6
            rejected = sum(distance > row["distance"] for distance in pairs.genuine)
            assert row["fnmr"] == pytest.approx(rejected / len(pairs.genuine), abs=1e-6)
