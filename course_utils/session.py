"""One call at the top of a notebook: quiet logs, fixed seeds, deterministic operations."""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def start_session(
    seed: int = 0, *, tensorflow: bool = True, deterministic: bool = True
) -> np.random.Generator:
    """Makes the notebook's next runs print the same text.

    Seeds Python, NumPy's old global generator and, unless `tensorflow` is False, Keras and
    TensorFlow, which are imported here without their start-up messages: TensorFlow 2.21 writes
    some of them whatever `TF_CPP_MIN_LOG_LEVEL` says. Call it before anything else imports
    TensorFlow. What an import that fails had to say is not lost.

    Args:
        seed: Integer in [0, 2³²).
        tensorflow: Whether the notebook uses TensorFlow; without it the call takes no time.
        deterministic: Whether TensorFlow must use deterministic operations (slower on a GPU).

    Returns:
        A NumPy generator seeded with `seed`, to be passed to whatever draws at random.

    Raises:
        ValueError: If `seed` is out of range.

    Example:
        >>> rng = start_session(seed=1, tensorflow=False)
        >>> int(rng.integers(100))
        47

    Lecture: the setup cell of every notebook.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must lie in [0, 2**32). Received: seed={seed}.")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (libraries that still draw from it)
    if tensorflow:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _messages_kept_back():
            import keras
            import tensorflow as tf

            tf.config.list_physical_devices()
            for _ in tf.data.Dataset.from_generator(iter, tf.int32, args=([0],)):
                pass  # the first generator has something to say as well
        keras.utils.set_random_seed(seed)
        if deterministic:
            tf.config.experimental.enable_op_determinism()
    return np.random.default_rng(seed)


@contextmanager
def _messages_kept_back() -> Iterator[None]:
    """Holds back what compiled code writes to file descriptor 2; shows it if the block fails.

    An interrupt is no failure of the block: there is nothing to explain.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException:
            kept.seek(0)
            os.write(saved, kept.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
