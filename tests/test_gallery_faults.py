"""Processes that are killed while they save, and several that save at once."""

import os
import subprocess
import sys

import pytest

from course_utils.recognition import Gallery

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork, no SIGKILL")

WRITERS = """
import os, sys
import numpy as np
from course_utils.recognition.gallery import EncoderIdentity, Gallery

ENCODER = EncoderIdentity("test", "0", 16)

def embedding(writer, number):
    return np.full(16, 1000 * writer + number, np.float32)

def start(task, *arguments):
    '''A child process that runs the task; its id, and what it reports through a pipe.'''
    reports, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reports)
            task(pipe, *arguments)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    os.close(pipe)
    return child, reports

def enrol_and_save(pipe, path, writer, numbers):
    '''Enrols a new person, saves, and only then reports; over and over.'''
    gallery = Gallery.open(path, ENCODER)
    for number in numbers:
        gallery.enroll(f"{writer}-{number}", embedding(writer, number))
        gallery.save(path, timeout=60)
        os.write(pipe, b"%d\\n" % number)

def reported(reports):
    with open(reports) as file:
        return [int(line) for line in file]
"""

KILLS = (
    WRITERS
    + """
import itertools, random, signal, tempfile, time
from pathlib import Path

rng, kills, saves, first_saves, drafts = random.Random(0), 0, 0, 0, 0
started = time.monotonic()
os.waitpid(start(enrol_and_save, sys.argv[1] + "/timed.npz", 0, range(10))[0], 0)
seconds_per_save = (time.monotonic() - started) / 10
for round in itertools.count():
    if round % 3 == 0:
        folder, expected = Path(tempfile.mkdtemp(dir=sys.argv[1])), set()
        path, first_numbers = folder / "gallery.npz", [0, 0]
    children = [
        start(enrol_and_save, path, writer, itertools.count(first_numbers[writer]))
        for writer in range(1 + round % 2)
    ]
    time.sleep(rng.uniform(0, 6 if round % 3 else 2) * seconds_per_save)
    for child, _ in children:
        os.kill(child, signal.SIGKILL)
        kills += 1
    in_flight = set()
    for writer, (child, reports) in enumerate(children):
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        numbers = reported(reports)
        saves += len(numbers)
        last = numbers[-1] + 1 if numbers else first_numbers[writer]
        expected |= {(writer, number) for number in numbers}
        in_flight.add((writer, last))
        first_numbers[writer] = last + 1
    drafts += len(list(folder.glob(".draft-*")))
    if not path.exists():
        assert not expected, "a reported save has no file"
        first_saves += 1
        continue
    gallery = Gallery.load(path)
    found = {tuple(map(int, name.split("-"))) for name in gallery.people}
    assert expected <= found, f"lost: {expected - found}"
    assert found <= expected | in_flight, f"never enrolled: {found - expected - in_flight}"
    for writer, number in found:
        rows = gallery.embeddings(f"{writer}-{number}")
        np.testing.assert_array_equal(rows, embedding(writer, number)[None])
    expected = found
    if round % 3 == 2:
        gallery.save(path, timeout=1)
        assert sorted(each.name for each in folder.iterdir()) == [path.name, path.name + ".lock"]
    if kills >= 300:
        break
print(kills, saves, first_saves, drafts)
"""
)

TOGETHER = (
    WRITERS
    + """
path, num_writers, num_saves = sys.argv[1], 6, 12
children = [start(enrol_and_save, path, writer, range(num_saves)) for writer in range(num_writers)]
for child, reports in children:
    assert reported(reports) == list(range(num_saves))
    assert os.waitpid(child, 0)[1] == 0
gallery = Gallery.load(path)
for writer in range(num_writers):
    own = [name for name in gallery.people if name.startswith(f"{writer}-")]
    assert own == [f"{writer}-{number}" for number in range(num_saves)]
    for number, name in enumerate(own):
        np.testing.assert_array_equal(gallery.embeddings(name), embedding(writer, number)[None])
assert not {"faiss", "keras", "tensorflow"} & set(sys.modules)
print(len(gallery), gallery.num_templates)
"""
)

HOLDER = """
import sys
from filelock import FileLock

with FileLock(sys.argv[1] + ".lock"):
    print("held", flush=True)
    sys.stdin.read()
"""


def run(script, *arguments):
    """What a script prints; fails with its errors."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    return [int(number) for number in result.stdout.split()]


def test_writers_killed_at_any_moment_lose_nobody_they_reported(tmp_path):
    kills, saves, before_the_first_save, drafts = run(KILLS, tmp_path)
    assert kills >= 200
    assert saves > 100
    assert before_the_first_save > 5
    assert drafts > 20  # so often was one in the middle of writing


def test_processes_that_save_to_one_new_file_at_once_lose_nobody(tmp_path):
    assert run(TOGETHER, tmp_path / "gallery.npz") == [72, 72]


def test_a_lock_is_held_by_a_process_and_free_when_it_dies(tmp_path):
    path = tmp_path / "gallery.npz"
    gallery = Gallery(type("Encoder", (), {"name": "a", "checksum": "b", "embedding_dim": 2})())
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError, match=r"gallery\.npz has been locked for 0\.1 s by"):
            gallery.save(path, timeout=0.1)
        holder.kill()
        holder.wait()
        gallery.save(path, timeout=1)
    assert len(Gallery.load(path)) == 0
