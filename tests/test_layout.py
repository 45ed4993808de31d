import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import pytest

import course_utils

PACKAGE = Path(course_utils.__file__).parent

# Arrows go down only: a unit imports units of smaller rank. "" is `course_utils/__init__.py`.
RANKS = {
    "cli": 6,
    "plots": 5,  # may import anything below; only the command line and the notebooks import it
    "recognition": 4,
    "visualization": 4,
    "style_transfer": 4,
    "models": 3,
    "losses": 3,
    "weights": 2,
    "data": 2,
    "tensors": 2,
    "shapes": 2,
    "files": 1,
    "": 0,
}
ALONE = ("exercises", "session")  # import no other part of the course

MODULES = {
    ".".join(("course_utils", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def unit_of(module: str) -> str:
    """`course_utils.data.faces` → `data`; the package itself → ``."""
    return module.split(".")[1] if "." in module else ""


def course_imports(code: str, module: str, is_package: bool = False) -> set[str]:
    """Modules of the course that a module's code imports, wherever the statement stands."""
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            found.add(base)
            if base == "course_utils":  # `from course_utils import data`
                found |= {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] == "course_utils"}


def wrong_arrows(code: str, module: str, is_package: bool = False) -> list[str]:
    """Imports that do not go down, in words."""
    importer = unit_of(module)
    problems = []
    for imported in sorted(course_imports(code, module, is_package)):
        target = unit_of(imported)
        if target in ("", importer) or target.startswith("__"):
            continue
        if importer in ALONE:
            problems.append(f"{module} imports {imported}, but must stand alone")
        elif target in ALONE:
            if importer != "cli":
                problems.append(f"{module} imports {imported}, which is for notebooks")
        elif RANKS[importer] <= RANKS[target]:
            problems.append(f"{module} imports {imported}, which does not lie below it")
    return problems


def test_every_module_has_a_place():
    units = {unit_of(module) for module in MODULES} - {""}
    assert units <= set(RANKS) | set(ALONE), "give the new module a rank, here and in the README"
    assert {"data", "recognition", "plots", "exercises", "session", "tensors"} <= units


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    path = MODULES[module]
    code = path.read_text(encoding="utf-8")
    assert wrong_arrows(code, module, path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("course_utils.data.faces", "from course_utils.recognition import all_pairs"),
        ("course_utils.data.faces", "import course_utils.recognition.metrics"),
        ("course_utils.data.faces", "from course_utils import recognition"),
        ("course_utils.data.faces", "from ..models import build_softmax_classifier"),
        ("course_utils.data.faces", "from .. import models"),
        ("course_utils.data.faces", "def load():\n    from course_utils import models"),
        ("course_utils.tensors", "from course_utils.shapes import conv_output_shape"),
        ("course_utils.models.embedding", "from course_utils.losses import triplet_loss"),
        ("course_utils.recognition.gallery", "from course_utils.plots import plot_det"),
        ("course_utils.recognition.gallery", "from course_utils import cli"),
        ("course_utils.plots.rates", "import course_utils.cli"),
        ("course_utils.exercises.one_shot", "from course_utils.tensors import gram_matrix"),
        ("course_utils.session", "import course_utils.weights"),
        ("course_utils.models.embedding", "from course_utils.session import start_session"),
        ("course_utils", "from course_utils.data import load_orl_faces"),
    ],
)
def test_an_arrow_that_goes_up_or_sideways_is_found(module, code):
    assert len(wrong_arrows(code, module, module == "course_utils")) == 1


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("course_utils.cli", "from course_utils import plots, recognition, session"),
        ("course_utils.plots.rates", "from course_utils.recognition.metrics import Pairs"),
        ("course_utils.recognition.training", "from course_utils import models, losses, data"),
        ("course_utils.models.embedding", "from course_utils.weights import weights_path"),
        ("course_utils.data.faces", "from course_utils.data.packages import package_folder"),
        ("course_utils.data.faces", "from .packages import package_folder"),
        ("course_utils.data.faces", "from course_utils import __version__"),
        ("course_utils.data.faces", "import numpy as np\nfrom pathlib import Path"),
    ],
)
def test_an_arrow_that_goes_down_is_allowed(module, code):
    assert wrong_arrows(code, module) == []


def public_objects() -> dict[str, object]:
    """What others call: every package's `__all__`, and what single modules define."""
    found = {}
    for info in pkgutil.iter_modules(course_utils.__path__):
        module = importlib.import_module(f"course_utils.{info.name}")
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for name in names:
            value = getattr(module, name)
            if inspect.isroutine(value) or inspect.isclass(value):
                found[f"{info.name}.{name}"] = value
    return found


PUBLIC = public_objects()
# The checks take the learner's answer and return a verdict, all of them; the package says so once.
FUNCTIONS = {
    name: value
    for name, value in PUBLIC.items()
    if inspect.isroutine(value) and not name.startswith("exercises.check_")
}


def returns_something(function) -> bool:
    """By its annotation, or, without one, by its return statements."""
    annotation = inspect.signature(function).return_annotation
    if annotation is not inspect.Signature.empty:
        return annotation is not None
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(node, ast.Return) and node.value for node in ast.walk(tree))


def section(docstring: str, title: str) -> str:
    """The indented text below `Args:`, `Returns:` …; empty if there is none."""
    found = re.search(rf"^{title}:\n((?:    .*\n?|\n)+)", docstring, re.MULTILINE)
    return found.group(1) if found else ""


def test_what_others_call_is_found():
    expected = {
        "data.load_orl_faces",
        "exercises.check_identify",
        "models.build_softmax_classifier",
        "plots.plot_det",
        "recognition.error_rates",
        "session.start_session",
        "shapes.conv_output_shape",
        "tensors.gram_matrix",
        "weights.weights_path",
    }
    assert expected <= set(PUBLIC)
    assert not {name for name in PUBLIC if name.split(".")[1].startswith("_")}


@pytest.mark.parametrize("name", PUBLIC)
def test_it_begins_with_a_summary_of_one_line(name):
    summary, _, rest = (inspect.getdoc(PUBLIC[name]) or "").partition("\n")
    assert summary.rstrip().endswith((".", "?")), f"{name}: {summary!r}"
    assert not rest or rest.startswith("\n"), f"{name}: the summary is longer than a line"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_says_what_goes_in(name):
    text = section(inspect.getdoc(FUNCTIONS[name]), "Args")
    for parameter in inspect.signature(FUNCTIONS[name]).parameters:
        entry = rf"^    (?! )[^:\n]*\b{parameter}\b[^:\n]*: "
        assert re.search(entry, text, re.MULTILINE), f"{name}: `{parameter}` is not in `Args:`"


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if returns_something(f)])
def test_it_says_what_comes_out(name):
    assert section(inspect.getdoc(FUNCTIONS[name]), "Returns").strip()


@pytest.mark.parametrize("name", [n for n in PUBLIC if n.startswith("exercises.check_")])
def test_a_check_says_where_it_belongs(name):
    assert re.search(r"^Lecture: section \d, notebook \d\d\.$", inspect.getdoc(PUBLIC[name]), re.M)


class TestReadingDocstrings:
    def test_a_section_is_its_indented_text(self):
        text = "Summary.\n\nArgs:\n    x: A number.\n        More.\n\nReturns:\n    Twice it."
        assert section(text, "Args").strip() == "x: A number.\n        More."
        assert section(text, "Returns") == "    Twice it."
        assert section(text, "Raises") == ""

    def test_a_function_without_a_value_needs_no_returns(self):
        def nothing() -> None: ...
        def one() -> int: ...
        def unknown(): ...
        def value(x):
            return x

        assert [returns_something(f) for f in (nothing, one, unknown, value)] == [
            False,
            True,
            False,
            True,
        ]
