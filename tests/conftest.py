"""What all test files share: quiet TensorFlow, drawing without a screen, fast generated cases."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
from hypothesis import settings

settings.register_profile(
    "course", deadline=None, derandomize=True, max_examples=100, database=None
)
settings.load_profile("course")


@pytest.fixture(autouse=True)
def _figures_closed():
    yield
    plt.close("all")


@pytest.fixture
def _show_is_forbidden(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("show() was called")

    monkeypatch.setattr(plt, "show", fail)
    monkeypatch.setattr(matplotlib.figure.Figure, "show", fail)
