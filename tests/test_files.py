import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_utils.files import cache_folder, remove_drafts, replaced_when_complete

WRITER = """
import itertools, sys
from pathlib import Path
from course_utils.files import replaced_when_complete

for version in itertools.count(int(sys.argv[2])):
    with replaced_when_complete(sys.argv[1]) as draft, open(draft, "wb") as file:
        for _ in range(50):
            file.write(b"%08d" % version * 500)
            file.flush()
"""
SIZE_OF_A_VERSION = 8 * 500 * 50


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[None, "old"], ids=["new file", "existing file"])
def path(tmp_path, request):
    """Where a file will be; one may be there already."""
    path = tmp_path / "state.npz"
    if request.param is not None:
        path.write_text(request.param)
    return path


def content_of(path):
    return path.read_text() if path.exists() else None


def test_the_file_has_the_content_of_the_block_and_nothing_else_is_left(path):
    with replaced_when_complete(path) as draft:
        draft.write_text("new")
    assert content_of(path) == "new"
    assert names_in(path.parent) == ["state.npz"]


def test_nothing_changes_before_the_block_has_ended(path):
    before = content_of(path)
    with replaced_when_complete(path) as draft:
        draft.write_text("new")
        assert content_of(path) == before
    assert content_of(path) == "new"


def test_the_draft_is_an_empty_file_in_the_same_folder_that_ends_as_the_file_does(path):
    with replaced_when_complete(path) as draft:
        assert draft.parent == path.parent
        assert draft != path
        assert draft.name.endswith("state.npz")
        assert draft.read_bytes() == b""


def test_a_suffix_of_two_parts_is_kept(tmp_path):
    with replaced_when_complete(tmp_path / "model.weights.h5") as draft:
        assert draft.suffixes[-2:] == [".weights", ".h5"]


def test_two_drafts_of_one_file_do_not_meet(path):
    with replaced_when_complete(path) as first:
        with replaced_when_complete(path) as second:
            assert first != second
            first.write_text("first")
            second.write_text("second")
        assert content_of(path) == "second"
    assert content_of(path) == "first"
    assert names_in(path.parent) == ["state.npz"]


def test_a_path_as_text_is_accepted(path):
    with replaced_when_complete(str(path)) as draft:
        draft.write_text("new")
    assert content_of(path) == "new"


def test_a_name_without_a_folder_is_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replaced_when_complete("note.txt") as draft:
        draft.write_text("new")
    assert (tmp_path / "note.txt").read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_block_that_fails_changes_nothing_and_leaves_no_draft(path, failure):
    before, names = content_of(path), names_in(path.parent)

    def write():
        with replaced_when_complete(path) as draft:
            draft.write_text("half of it")
            raise failure("stop")

    with pytest.raises(failure, match="stop"):
        write()
    assert content_of(path) == before
    assert names_in(path.parent) == names


@pytest.mark.parametrize("broken", ["fsync", "replace", "chmod"])
def test_a_disk_that_fails_changes_nothing_and_leaves_no_draft(path, monkeypatch, broken):
    before, names = content_of(path), names_in(path.parent)

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="disk full"), replaced_when_complete(path) as draft:
        draft.write_text("new")
    assert content_of(path) == before
    assert names_in(path.parent) == names


def test_the_content_is_on_the_disk_before_it_takes_the_place_and_the_folder_after(
    path, monkeypatch
):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (events.append(os.fstat(handle).st_ino), fsync(handle))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("moved"), replace(*names)))
    with replaced_when_complete(path) as draft:
        draft.write_text("new")
        assert events == []
    assert events == [path.stat().st_ino, "moved", path.parent.stat().st_ino]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_file_is_readable_for_everybody(path, umask):
    before = os.umask(umask)
    try:
        with replaced_when_complete(path) as draft:
            draft.write_text("new")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o664])
def test_other_permissions_may_be_asked_for_and_hold_only_when_it_is_whole(path, mode):
    with replaced_when_complete(path, mode=mode) as draft:
        assert draft.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == mode


def test_drafts_that_were_left_are_removed_and_nothing_else(path, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # as a writer that is killed
        for name in ("state.npz", "x_state.npz"):
            with pytest.raises(KeyboardInterrupt), replaced_when_complete(tmp_path / name):
                raise KeyboardInterrupt
    drafts = [name for name in names_in(tmp_path) if name.startswith(".draft-")]
    (of_another_file,) = [name for name in drafts if "x_state" in name]
    assert len(drafts) == 2
    before = content_of(path)
    remove_drafts(str(path))
    assert [name for name in names_in(tmp_path) if name.startswith(".draft-")] == [of_another_file]
    assert content_of(path) == before


def test_a_library_may_replace_the_draft_by_a_file_of_its_own(path):
    with replaced_when_complete(path) as draft:
        draft.unlink()
        draft.write_text("new")
    assert content_of(path) == "new"


def test_a_block_that_removes_its_draft_changes_nothing(path):
    before = content_of(path)
    with pytest.raises(FileNotFoundError), replaced_when_complete(path) as draft:
        draft.unlink()
    assert content_of(path) == before


@pytest.mark.parametrize("missing", ["gone", "gone/deeper", "a file"])
def test_a_missing_folder_is_named(tmp_path, missing):
    (tmp_path / "a file").write_text("")
    before = names_in(tmp_path)
    words = rf"The folder .*{missing} is missing\. Make it first\."
    with (
        pytest.raises(FileNotFoundError, match=words),
        replaced_when_complete(tmp_path / missing / "x"),
    ):
        pytest.fail("the block must not run")
    assert names_in(tmp_path) == before


def version_in(path: Path):
    """The number of the version in a file of the writer; fails unless it is one whole version."""
    content = path.read_bytes()
    assert len(content) == SIZE_OF_A_VERSION
    assert content == content[:8] * (SIZE_OF_A_VERSION // 8)
    return int(content[:8])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_writer_killed_at_any_moment_leaves_one_whole_version(tmp_path):
    path, rng, versions = tmp_path / "state.npz", random.Random(0), set()
    for first in (1000, 2000, 3000, 4000, 5000):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(first)]) as writer:
            try:
                give_up = time.monotonic() + 60
                while not path.exists() or version_in(path) < first:
                    assert writer.poll() is None
                    assert time.monotonic() < give_up
                    time.sleep(0.002)
                end = time.monotonic() + rng.uniform(0.02, 0.12)
                while time.monotonic() < end:
                    versions.add(version_in(path))
                assert writer.poll() is None
            finally:
                writer.send_signal(signal.SIGKILL)
        assert version_in(path) >= first
    assert len(versions) > 5


class TestCacheFolder:
    def test_the_environment_chooses_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "für 我"))
        assert cache_folder() == tmp_path / "für 我"

    @pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME is Linux's")
    @pytest.mark.parametrize("unset", [True, False], ids=["unset", "empty"])
    def test_or_else_the_operating_system_does(self, tmp_path, monkeypatch, unset):
        if unset:
            monkeypatch.delenv("COURSE_UTILS_CACHE", raising=False)
        else:
            monkeypatch.setenv("COURSE_UTILS_CACHE", "")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache_folder() == tmp_path / "faces-and-styles"

    @pytest.mark.skipif(sys.platform != "linux", reason="~/.cache is Linux's")
    def test_usually_it_is_in_the_home_folder(self, tmp_path, monkeypatch):
        for name in ("COURSE_UTILS_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_folder() == tmp_path / ".cache" / "faces-and-styles"

    def test_it_is_not_made(self, tmp_path, monkeypatch):
        monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "cache"))
        assert not cache_folder().exists()
