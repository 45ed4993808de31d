import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from course_utils import weights
from course_utils.weights import (
    WeightsEntry,
    file_sha256,
    read_manifest,
    record_weights,
    save_weights,
    verify_file,
    weights_folder,
    weights_path,
)

NAME = "small.weights.h5"
CONTENT = bytes(range(256)) * 4
DETAILS = {
    "command": "python train.py --seed 3",
    "seed": 3,
    "data": "ORL, 20 people – 训练",
    "metrics": {"eer": [0.05, 0.03, 0.08], "rank1": 0.9},
}
# printf 'abc' | sha256sum; the example of FIPS 180-2
SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def folder(tmp_path):
    """A folder with one recorded file."""
    (tmp_path / NAME).write_bytes(CONTENT)
    record_weights(tmp_path / NAME, **DETAILS)
    return tmp_path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_recorded_is_read_back(folder):
    assert read_manifest(folder) == {
        NAME: WeightsEntry(size_bytes=1024, sha256=file_sha256(folder / NAME), **DETAILS)
    }


@pytest.mark.parametrize(
    "held_out", [["ann", "bob"], ("s31", "s40"), np.array(["s7", "s12"]), ["张三"], [], ()], ids=str
)
def test_the_people_who_were_held_out_are_read_back_in_their_order(folder, held_out):
    record_weights(folder / NAME, **DETAILS, held_out=held_out)
    entry = read_manifest(folder)[NAME]
    assert entry.held_out == list(held_out)
    assert type(entry.held_out) is list
    content = json.loads((folder / "manifest.json").read_bytes().decode("utf-8"))
    assert content["files"][NAME]["held_out"] == list(held_out)


def test_nobody_is_held_out_unless_it_is_said(folder):
    assert read_manifest(folder)[NAME].held_out == []


def test_a_second_file_leaves_the_people_held_out_from_the_first(folder):
    record_weights(folder / NAME, **DETAILS, held_out=["ann"])
    (folder / "a.weights.h5").write_bytes(b"abc")
    record_weights(folder / "a.weights.h5", **DETAILS, held_out=["bob", "cem"])
    found = {name: entry.held_out for name, entry in read_manifest(folder).items()}
    assert found == {NAME: ["ann"], "a.weights.h5": ["bob", "cem"]}


def test_entries_do_not_share_their_lists():
    first, second = (WeightsEntry(3, SHA256_OF_ABC, "x", 0, "y") for _ in range(2))
    first.held_out.append("ann")
    first.metrics["eer"] = 0.1
    assert second.held_out == []
    assert second.metrics == {}


def test_the_path_of_an_intact_file(folder):
    path = weights_path(NAME, folder)
    assert path == folder / NAME
    assert path.read_bytes() == CONTENT


def test_the_manifest_is_utf8_json_with_the_documented_keys(folder):
    content = json.loads((folder / "manifest.json").read_bytes().decode("utf-8"))
    assert content["format"] == 1
    assert content["files"][NAME]["data"] == DETAILS["data"]
    assert set(content["files"][NAME]) == {
        "size_bytes",
        "sha256",
        "command",
        "seed",
        "data",
        "metrics",
        "held_out",
    }


def test_the_manifest_ends_up_readable_for_everybody(folder):
    assert (folder / "manifest.json").stat().st_mode & 0o777 == 0o644


def test_a_second_file_is_added_and_names_are_sorted(folder):
    (folder / "a.weights.h5").write_bytes(b"abc")
    record_weights(folder / "a.weights.h5", **DETAILS)
    assert list(read_manifest(folder)) == ["a.weights.h5", NAME]
    assert weights_path(NAME, folder).is_file()


def test_recording_again_replaces_the_entry(folder):
    (folder / NAME).write_bytes(b"abc")
    record_weights(folder / NAME, **DETAILS | {"seed": 4})
    entry = read_manifest(folder)[NAME]
    assert (entry.size_bytes, entry.sha256, entry.seed) == (3, SHA256_OF_ABC, 4)


def test_recording_leaves_no_other_file_behind(folder):
    assert names_in(folder) == ["manifest.json", NAME]


def test_recording_accepts_a_path_as_text(folder):
    record_weights(str(folder / NAME), **DETAILS | {"seed": 9})
    assert read_manifest(folder)[NAME].seed == 9


def test_recording_a_missing_file_fails(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.weights\.h5"):
        record_weights(tmp_path / "gone.weights.h5", **DETAILS)
    assert names_in(tmp_path) == []


def test_recording_beside_a_damaged_manifest_fails_and_leaves_it_alone(folder):
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        record_weights(folder / NAME, **DETAILS)
    assert (folder / "manifest.json").read_text() == "{"


@pytest.mark.parametrize("broken", ["replace", "fsync", "chmod"])
class TestRecordingThatFails:
    @pytest.fixture
    def before(self, folder, monkeypatch, broken):
        before = (folder / "manifest.json").read_bytes()

        def fail(*_, **__):
            raise OSError("disk full")

        monkeypatch.setattr(os, broken, fail)
        with pytest.raises(OSError, match="disk full"):
            record_weights(folder / NAME, **DETAILS | {"seed": 5})
        return before

    def test_the_old_manifest_is_intact(self, folder, before):
        assert (folder / "manifest.json").read_bytes() == before

    def test_no_draft_is_left_behind(self, folder, before):
        assert names_in(folder) == ["manifest.json", NAME]


def test_metrics_that_json_cannot_hold_change_nothing(folder):
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(TypeError, match="JSON"):
        record_weights(folder / NAME, **DETAILS | {"metrics": {"eer": object()}})
    assert (folder / "manifest.json").read_bytes() == before
    assert names_in(folder) == ["manifest.json", NAME]


def test_a_missing_file_is_named(folder):
    (folder / NAME).unlink()
    with pytest.raises(FileNotFoundError, match=r"small\.weights\.h5 is missing\. Restore it"):
        weights_path(NAME, folder)


def test_a_truncated_file_is_named(folder):
    (folder / NAME).write_bytes(CONTENT[:-1])
    with pytest.raises(
        ValueError, match=r"small\.weights\.h5 is truncated: 1023 bytes, expected 1024"
    ):
        weights_path(NAME, folder)


def test_a_file_that_is_too_long_is_named(folder):
    (folder / NAME).write_bytes(CONTENT + b"\0")
    with pytest.raises(
        ValueError, match=r"small\.weights\.h5 is too long: 1025 bytes, expected 1024"
    ):
        weights_path(NAME, folder)


@pytest.mark.parametrize("position", [0, 500, 1023])
def test_a_file_with_one_flipped_bit_is_named(folder, position):
    altered = bytearray(CONTENT)
    altered[position] ^= 1
    (folder / NAME).write_bytes(altered)
    with pytest.raises(ValueError, match=r"small\.weights\.h5 was altered: sha256 .* expected"):
        weights_path(NAME, folder)


def test_an_unknown_name_is_refused_and_the_listed_ones_are_told(folder):
    with pytest.raises(ValueError, match=r"`name`.*\(small\.weights\.h5\)\. Received: 'other'"):
        weights_path("other", folder)


def test_an_unlisted_file_is_refused_although_it_is_there(folder):
    (folder / "unlisted.weights.h5").write_bytes(b"abc")
    with pytest.raises(ValueError, match="one of the listed weights"):
        weights_path("unlisted.weights.h5", folder)


def test_an_empty_manifest_lists_none_yet(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": 1, "files": {}}')
    assert read_manifest(tmp_path) == {}
    with pytest.raises(ValueError, match="none yet"):
        weights_path(NAME, tmp_path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No manifest of weights at .*manifest\.json"):
        read_manifest(tmp_path)


ENTRY = {"size_bytes": 3, "sha256": SHA256_OF_ABC, "command": "x", "seed": 0, "data": "y"}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{not json", id="not JSON"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"3", id="a number"),
        pytest.param(b'{"files": {}}', id="no format"),
        pytest.param(b'{"format": 2, "files": {}}', id="another format"),
        pytest.param(b'{"format": "1", "files": {}}', id="format as text"),
        pytest.param(b'{"format": 1}', id="no files"),
        pytest.param(b'{"format": 1, "files": []}', id="files a list"),
        pytest.param(b'{"format": 1, "files": {"a": []}}', id="entry a list"),
        pytest.param(b'{"format": 1, "files": {"a": null}}', id="entry null"),
        pytest.param(b'{"format": 1, "files": {"a": {"size_bytes": 3}}}', id="entry incomplete"),
        pytest.param(
            json.dumps({"format": 1, "files": {"a": ENTRY | {"colour": 1}}}).encode(),
            id="entry with an unknown key",
        ),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"(?s)manifest\.json is damaged \(.*Restore it"):
        read_manifest(tmp_path)


def test_a_manifest_from_before_people_were_named_is_read_and_gets_the_field(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "files": {"a": ENTRY}}))
    assert read_manifest(tmp_path)["a"] == WeightsEntry(**ENTRY, metrics={}, held_out=[])
    assert weights_path("a", tmp_path) == tmp_path / "a"
    (tmp_path / NAME).write_bytes(CONTENT)
    record_weights(tmp_path / NAME, **DETAILS, held_out=["ann"])
    content = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert content["files"]["a"] == ENTRY | {"metrics": {}, "held_out": []}
    assert content["files"][NAME]["held_out"] == ["ann"]


@pytest.mark.parametrize("wrong", [{"size_bytes": "3"}, {"size_bytes": None}])
def test_a_manifest_with_a_size_that_is_no_number_is_reported_as_damaged(tmp_path, wrong):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "manifest.json").write_text(
        json.dumps({"format": 1, "files": {"a": ENTRY | wrong}})
    )
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        weights_path("a", tmp_path)


def test_the_checksum_of_the_standard_example(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_sha256(tmp_path / "abc") == SHA256_OF_ABC
    verify_file(tmp_path / "abc", size_bytes=3, sha256=SHA256_OF_ABC)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing"):
        verify_file(tmp_path, size_bytes=0, sha256=SHA256_OF_ABC)


def test_the_weights_of_the_course_are_all_intact():
    for name in read_manifest():
        assert weights_path(name) == weights_folder() / name


class TestSavingWeights:
    class Model:
        """What Keras asks of a name, and a failure half-way on demand."""

        def __init__(self, *parts):
            self.parts = parts

        def save_weights(self, path):
            assert str(path).endswith(".weights.h5")
            with open(path, "wb") as file:
                for part in self.parts:
                    if isinstance(part, BaseException):
                        raise part
                    file.write(part)

    @pytest.mark.parametrize("kind", [Path, str])
    def test_a_new_file_and_then_another_in_its_place(self, tmp_path, kind):
        for parts in ([b"one"], [b"two", b"three"]):
            save_weights(self.Model(*parts), kind(tmp_path / NAME))
            assert (tmp_path / NAME).read_bytes() == b"".join(parts)
        assert names_in(tmp_path) == [NAME]
        assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o644

    @pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt("stop")])
    def test_a_failure_half_way_leaves_the_file_as_it_was(self, tmp_path, failure):
        for before in ([], [NAME]):
            with pytest.raises(type(failure)):
                save_weights(self.Model(b"half", failure), tmp_path / NAME)
            assert names_in(tmp_path) == before
            if not before:
                (tmp_path / NAME).write_bytes(CONTENT)
        assert (tmp_path / NAME).read_bytes() == CONTENT

    @pytest.mark.parametrize("name", ["small.h5", "small.weights", "small.weights.h5.bak", "small"])
    def test_another_ending_is_refused(self, tmp_path, name):
        words = rf'`path` must end in "\.weights\.h5"\. Received: .*{re.escape(name)}\.'
        with pytest.raises(ValueError, match=words):
            save_weights(self.Model(b"one"), tmp_path / name)
        assert names_in(tmp_path) == []

    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"The folder .*gone is missing"):
            save_weights(self.Model(b"one"), tmp_path / "gone" / NAME)


class TestWhereTheFolderIs:
    @pytest.fixture
    def checkout(self, tmp_path, monkeypatch):
        package = tmp_path / "course_utils"
        package.mkdir()
        shutil.copy(weights.__file__, package / "weights.py")
        monkeypatch.setattr(weights, "__file__", str(package / "weights.py"))
        return tmp_path.resolve()

    @staticmethod
    def begin_manifest(folder: Path):
        folder.mkdir()
        (folder / "manifest.json").write_text('{"format": 1, "files": {}}')
        return folder

    def test_beside_the_package_in_a_checkout(self, checkout):
        expected = self.begin_manifest(checkout / "weights")
        assert weights_folder() == expected

    def test_inside_an_installed_package_first(self, checkout):
        self.begin_manifest(checkout / "weights")
        expected = self.begin_manifest(checkout / "course_utils" / "pretrained")
        assert weights_folder() == expected

    def test_nowhere(self, checkout):
        (checkout / "weights").mkdir()
        with pytest.raises(FileNotFoundError, match=r"No `manifest\.json`.*Install the course"):
            weights_folder()
