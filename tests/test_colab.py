"""The guard in the setup cell, as Colab meets it: a fresh kernel that installs the course with pip.

A copy of the project is published in a git repository of this machine; pip installs from it into
a scratch folder. Nothing touches the network or the environment that runs the tests.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbclient import NotebookClient

import course_utils
from course_utils.weights import weights_folder

ROOT = Path(__file__).parent.parent
PUBLISHED = ("pyproject.toml", "README.md", "LICENSE", ".gitignore", "course_utils", "weights")
NAME = "01_verification"
GUARD = 'if "google.colab" in sys.modules:'
TIMEOUT_S = 120

REPORT = """\
import json
import sys

import course_utils
from course_utils.weights import read_manifest, weights_folder

print(json.dumps({
    "course_utils": course_utils.__file__,
    "version": course_utils.__version__,
    "weights": str(weights_folder()),
    "files": sorted(read_manifest()),
    "colab": "google.colab" in sys.modules,
    "tensorflow": "tensorflow" in sys.modules,
    "protobuf": __import__("google.protobuf").protobuf.__name__,
}))
"""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="`git` is not on the PATH")


@dataclass(frozen=True)
class Course:
    """A published copy of the course."""

    folder: Path
    setup: str  # source of the setup cell


@dataclass(frozen=True)
class Session:
    """What came of running the setup cell in a fresh kernel."""

    site: Path  # where pip installs
    report: dict
    outputs: list


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        capture_output=True,
        timeout=TIMEOUT_S,
    )


def load_tool(root: Path):
    spec = importlib.util.spec_from_file_location(
        "tool_of_colab", root / "tools/build_notebooks.py"
    )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course in a repository whose address needs quoting."""
    folder = tmp_path_factory.mktemp("colab") / "the course é"
    folder.mkdir()
    for name in PUBLISHED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    for name in ("tools/build_notebooks.py", f"notebooks/src/{NAME}.py"):
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, folder / name)
    pyproject = folder / "pyproject.toml"
    text, count = re.subn(
        r'(?m)^repository = ".*"$',
        f'repository = "{folder.as_uri()}"',
        pyproject.read_text(encoding="utf-8"),
    )
    assert count == 1
    pyproject.write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Publish")

    tool = load_tool(folder)
    notebook = tool.render(folder / "notebooks" / "src" / f"{NAME}.py", "en", tool.repository())
    setup = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    assert len(setup) == 1
    return Course(folder, setup[0].source)


def run_setup(course: Course, scratch: Path, *, on_colab: bool) -> Session:
    """Runs the setup cell in a fresh kernel, then a cell that reports what it led to."""
    site, stand_in, cwd = scratch / "site", scratch / "stand-in", scratch / "content"
    for folder in (site, stand_in, cwd):
        folder.mkdir()
    if on_colab:
        # `google` is a namespace package, shared with protobuf: no __init__.py beside colab
        (stand_in / "google" / "colab").mkdir(parents=True)
        (stand_in / "google" / "colab" / "__init__.py").touch()
        (stand_in / "sitecustomize.py").write_text("import google.colab\n")
    foreign = ("PIP_", "PYTHONPATH", "PYTHONSTARTUP", "IPYTHONDIR", "GIT_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | {
        "PYTHONPATH": os.pathsep.join(map(str, (site, stand_in))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": str(scratch / "ipython"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_TARGET": str(site),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # read as the value of `build_isolation`: none, please
        "PIP_CACHE_DIR": str(scratch / "cache"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    cells = [nbformat.v4.new_code_cell(code) for code in (course.setup, REPORT)]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(cwd)}},
    )
    client.execute(env=environment)
    setup, report = client.nb.cells
    return Session(site, json.loads("".join(o.text for o in report.outputs)), setup.outputs)


@pytest.fixture(scope="module")
def colab(course, tmp_path_factory):
    return run_setup(course, tmp_path_factory.mktemp("on-colab"), on_colab=True)


@pytest.fixture(scope="module")
def elsewhere(course, tmp_path_factory):
    return run_setup(course, tmp_path_factory.mktemp("elsewhere"), on_colab=False)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestOnColab:
    def test_the_course_comes_from_its_repository(self, colab):
        assert colab.report["colab"]
        installed = Path(colab.report["course_utils"])
        assert installed == colab.site / "course_utils" / "__init__.py"
        assert not installed.is_relative_to(ROOT)

    def test_the_installed_package_says_where_it_is_from(self, colab, course):
        version = colab.report["version"]
        folder = colab.site / f"faces_and_styles-{version}.dist-info"
        assert (folder / "METADATA").is_file()
        origin = json.loads((folder / "direct_url.json").read_text())
        assert unquote(origin["url"]) == f"file://{course.folder}"
        assert origin["vcs_info"]["vcs"] == "git"

    def test_nothing_but_the_course_was_installed(self, colab):
        version = colab.report["version"]
        installed = {"course_utils", f"faces_and_styles-{version}.dist-info", "bin"}
        assert names_in(colab.site) == installed
        assert names_in(colab.site / "bin") == {"course"}

    def test_every_module_of_the_package_was_installed(self, colab, course):
        def modules(folder):
            return {path.relative_to(folder) for path in folder.rglob("*.py")}

        assert modules(colab.site / "course_utils") == modules(course.folder / "course_utils")

    def test_the_weights_lie_inside_the_package(self, colab):
        assert Path(colab.report["weights"]) == colab.site / "course_utils" / "pretrained"

    def test_all_weights_of_the_manifest_were_installed(self, colab, course):
        names = json.loads((course.folder / "weights" / "manifest.json").read_text())["files"]
        assert colab.report["files"] == sorted(names)
        assert {"manifest.json", *names} <= names_in(colab.site / "course_utils" / "pretrained")

    def test_the_cell_says_nothing_on_stderr_and_shows_no_error(self, colab):
        assert [o for o in colab.outputs if o.output_type == "error"] == []
        assert "".join(o.text for o in colab.outputs if o.get("name") == "stderr") == ""

    def test_the_stand_in_leaves_the_rest_of_google_alone(self, colab):
        assert colab.report["protobuf"] == "google.protobuf"

    def test_this_environment_was_left_as_it_was(self, colab):
        result = subprocess.run(
            [sys.executable, "-c", "import course_utils; print(course_utils.__file__)"],
            cwd=colab.site.parent / "content",
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        )
        assert result.stdout.strip() == course_utils.__file__


class TestElsewhere:
    def test_nothing_is_installed(self, elsewhere):
        assert not elsewhere.report["colab"]
        assert names_in(elsewhere.site) == set()
        assert elsewhere.outputs == []

    def test_the_course_is_the_one_that_is_there(self, elsewhere):
        assert elsewhere.report["course_utils"] == course_utils.__file__
        assert elsewhere.report["weights"] == str(weights_folder())


def test_the_guard_is_what_is_tested(course):
    lines = course.setup.splitlines()
    assert any(line.startswith(GUARD) for line in lines)
    install = next(line for line in lines if "%pip" in line)
    assert install == f'    %pip install --quiet "git+{course.folder.as_uri()}"'
    assert "%20" in install
    assert "%C3%A9" in install
    first_use = next(i for i, line in enumerate(lines) if "course_utils" in line)
    assert lines.index(install) < first_use
