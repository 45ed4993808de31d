import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from course_utils.session import _messages_kept_back, start_session

LIGHT_MODULES = (
    "course_utils",
    "course_utils.data",
    "course_utils.recognition",
    "course_utils.plots",
    "course_utils.shapes",
    "course_utils.weights",
    "course_utils.session",
)

IMPORTS = f"""
import importlib, json, sys
heavy = {{"tensorflow", "keras"}}
found = {{}}
for name in {LIGHT_MODULES}:
    importlib.import_module(name)
    found[name] = sorted(heavy & set(sys.modules))
print(json.dumps(found))
"""

NOTEBOOK = """
import random
from course_utils.session import start_session
rng = start_session(seed=7)
import keras, numpy as np, tensorflow as tf
from tensorflow.python.framework import config
print(config.is_op_determinism_enabled())
print(random.random(), np.random.rand(), rng.random())
print(keras.random.normal((2,)).numpy().tolist(), tf.random.normal((2,)).numpy().tolist())
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
print(model(np.ones((1, 3)), training=True).numpy().tolist())
"""

GENERATOR = """
import numpy as np
from course_utils.session import start_session
start_session(seed=7)
import keras, tensorflow as tf
numbers = tf.data.Dataset.from_generator(lambda: iter(range(5)), tf.int32)
print(sum(int(number) for number in numbers))

class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3
    def __getitem__(self, number):
        return np.full((2, 1), number, "float32"), np.zeros((2, 1), "float32")

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
print(len(model.fit(Batches(), epochs=2, verbose=0).history["loss"]))
"""


def start_python(code, **environment):
    clean = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean | environment,
    )


@pytest.fixture(scope="module")
def two_notebooks():
    """(stdout, stderr, exit status) of two runs of one notebook, side by side."""
    processes = [start_python(NOTEBOOK), start_python(NOTEBOOK)]
    return [(*process.communicate(timeout=300), process.returncode) for process in processes]


@pytest.fixture
def _random_states_restored():
    python, old_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    yield
    random.setstate(python)
    np.random.set_state(old_numpy)  # noqa: NPY002


def test_two_runs_of_a_notebook_print_the_same(two_notebooks):
    (first, _, _), (second, _, _) = two_notebooks
    assert first == second
    assert len(first.splitlines()) == 4


def test_the_session_leaves_nothing_on_stderr(two_notebooks):
    for _, errors, status in two_notebooks:
        assert errors == ""
        assert status == 0


def test_a_generator_leaves_nothing_on_stderr_however_talkative_tensorflow_may_be():
    process = start_python(GENERATOR, TF_CPP_MIN_LOG_LEVEL="0")
    output, errors = process.communicate(timeout=300)
    assert output.split() == ["10", "2"]
    # What TensorFlow up to 2.20 says, if one asks for it, where a later data set ends, is not ours.
    assert [line for line in errors.splitlines() if "End of sequence" not in line] == []
    assert process.returncode == 0


def test_operations_are_deterministic_by_default(two_notebooks):
    assert two_notebooks[0][0].splitlines()[0] == "True"


def test_what_needs_no_tensorflow_does_not_import_it():
    process = start_python(IMPORTS)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(output) == {name: [] for name in LIGHT_MODULES}


def test_a_session_without_tensorflow_does_not_import_it():
    process = start_python(
        "import sys; from course_utils.session import start_session\n"
        "start_session(tensorflow=False); print('tensorflow' in sys.modules)"
    )
    assert process.communicate(timeout=120) == ("False\n", "")


def test_what_a_failing_import_had_to_say_is_shown(tmp_path):
    (tmp_path / "keras.py").write_text(
        "import os\nos.write(2, b'libfoo.so not found')\nraise ImportError('no backend')\n"
    )
    process = start_python(
        "from course_utils.session import start_session; start_session()", PYTHONPATH=str(tmp_path)
    )
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "libfoo.so not found" in errors
    assert "ImportError: no backend" in errors


@pytest.mark.usefixtures("_random_states_restored")
class TestSeeds:
    @staticmethod
    def draw(seed):
        rng = start_session(seed, tensorflow=False)
        return random.random(), np.random.rand(), rng.random()  # noqa: NPY002

    def test_the_same_seed_draws_the_same(self):
        assert self.draw(3) == self.draw(3)

    def test_another_seed_draws_something_else_everywhere(self):
        assert all(one != other for one, other in zip(self.draw(3), self.draw(4), strict=True))

    @pytest.mark.parametrize("seed", [0, 2**32 - 1])
    def test_seeds_at_the_ends_of_the_range_are_accepted(self, seed):
        assert isinstance(start_session(seed, tensorflow=False), np.random.Generator)

    def test_a_numpy_integer_is_a_seed_like_any_other(self):
        assert self.draw(np.int64(5)) == self.draw(5)

    @pytest.mark.parametrize("seed", [-1, 2**32])
    def test_a_seed_out_of_range_is_refused(self, seed):
        with pytest.raises(ValueError, match=rf"`seed` must lie in .*Received: seed={seed}\."):
            start_session(seed, tensorflow=False)


class TestMessagesKeptBack:
    def test_a_message_is_not_shown_when_the_block_succeeds(self, capfd):
        with _messages_kept_back():
            os.write(2, b"noise")
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("failure", [ValueError, SystemExit])
    def test_a_message_is_shown_when_the_block_fails(self, capfd, failure):
        def noisy():
            with _messages_kept_back():
                os.write(2, b"the reason")
                raise failure("stop")

        with pytest.raises(failure, match="stop"):
            noisy()
        assert capfd.readouterr().err == "the reason"

    def test_a_message_is_not_shown_when_the_user_interrupts_the_block(self, capfd):
        def noisy():
            with _messages_kept_back():
                os.write(2, b"noise")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            noisy()
        os.write(2, b"after")
        assert capfd.readouterr().err == "after"

    def test_a_long_message_is_shown_whole(self, capfd):
        def noisy():
            with _messages_kept_back():
                os.write(2, b"x" * 300_000)
                raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011
            noisy()
        assert len(capfd.readouterr().err) == 300_000

    def test_messages_before_and_after_the_block_are_shown_in_order(self, capfd):
        os.write(2, b"before ")
        with _messages_kept_back():
            os.write(2, b"noise")
        os.write(2, b"after")
        assert capfd.readouterr().err == "before after"
