import ast
import base64
import functools
import importlib.util
import itertools
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
SOURCES = sorted((FOLDER / "src").glob("[0-9][0-9]_*.py"))
NAMES = [path.stem for path in SOURCES]
LANGUAGES = ("en", "zh")

MAX_BYTES = 1_250_000  # about 1 MB
MAX_SETUP_LINES = 15
MAX_CELL_LINES = 30
MAX_CODE_LINES = 480
CODE_TAGS = {
    "setup",
    "settings",
    "exercise",
    "solution",
    "hide-cell",
    "nbval-ignore-output",
    "readme-picture",
}
GOALS = {"en": "**After this you can**", "zh": "**学完本课，你能够**"}
RUN_TIME = {"en": r"\*\*Run time:\*\* .*\d+ seconds", "zh": r"\*\*运行时间：\*\*.*\d+ 秒"}
SUMMARY = {"en": "## Summary", "zh": "## 小结"}
REFERENCES = {"en": "**References.**", "zh": "**参考文献：**"}
NEXT = {"en": "**Next:**", "zh": "**下一课：**"}

MACHINE_PATH = re.compile(
    r"(?<![\w.])/(root|home|work|tmp|Users|usr|opt|content|mnt|var)/|\b[A-Z]:\\|site-packages"
)
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}", re.IGNORECASE)
CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")
PARENTHESES = re.compile(r"\([^()]*\)|（[^（）]*）")
LINK = re.compile(r"\]\(([^()\s]+)\)")
WIDGETS = re.compile(r"ipywidgets|\binteract(ive)?\(|%matplotlib (widget|notebook)|\btqdm\b")
LOUD = re.compile(r"\bverbose\s*=\s*(?!0\b)\S")
PNG = b"\x89PNG\r\n\x1a\n"

every_notebook = pytest.mark.parametrize("name", NAMES)
every_edition = pytest.mark.parametrize(
    ("name", "language"), list(itertools.product(NAMES, LANGUAGES))
)


@functools.cache
def tool():
    path = ROOT / "tools" / "build_notebooks.py"
    spec = importlib.util.spec_from_file_location("build_notebooks_for_hygiene", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def path_of(name: str, language: str) -> Path:
    return FOLDER / f"{name}.ipynb" if language == "en" else FOLDER / language / f"{name}.ipynb"


@functools.cache
def read(name: str, language: str) -> nbformat.NotebookNode:
    path = path_of(name, language)
    assert path.exists(), f"{path.relative_to(ROOT)} was not built: make notebooks"
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def tags_of(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def lines_of(cell, comments: bool = True) -> int:
    """Lines that are not blank, with or without those that are comments."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    return sum(comments or not line.startswith("#") for line in lines)


def texts_shown(cell) -> str:
    """All text among a cell's outputs; no pictures."""
    texts = []
    for output in cell.outputs:
        texts += [output.get("text", ""), *output.get("traceback", [])]
        texts += [
            str(value) for kind, value in output.get("data", {}).items() if "image" not in kind
        ]
    return "\n".join(texts)


def all_text(notebook) -> str:
    """Sources and textual outputs."""
    return "\n".join(
        text
        for cell in notebook.cells
        for text in (cell.source, texts_shown(cell) if cell.cell_type == "code" else "")
    )


def foreign_parts(markdown: str) -> list[str]:
    """Lines of English text with Chinese outside parentheses and outside the link."""
    text = markdown.replace("[中文版]", "")
    while PARENTHESES.search(text):
        text = PARENTHESES.sub("", text)
    return [line for line in text.splitlines() if CHINESE.search(line)]


def asserts(cell) -> bool:
    plain = re.sub(r"^( *)%.*$", r"\1pass", cell.source, flags=re.MULTILINE)
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(plain)))


def unproven_runs(cells) -> list[str]:
    """First lines of runs of unchecked cells after which no checked cell asserts anything."""
    unproven = []
    for ignored, run in itertools.groupby(cells, lambda c: "nbval-ignore-output" in tags_of(c)):
        run = list(run)
        if ignored:
            unproven.append(run[0].source.partition("\n")[0])
        elif any(asserts(cell) for cell in run):
            unproven = []
    return unproven


def test_there_are_notebooks():
    assert NAMES
    numbers = [int(name[:2]) for name in NAMES]  # a section's notebook may come before another's
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(range(1, 10))


def test_there_is_no_notebook_without_a_source():
    found = {path.relative_to(FOLDER) for path in FOLDER.rglob("*.ipynb")}
    found = {path for path in found if ".ipynb_checkpoints" not in path.parts}
    known = {path_of(name, language) for name in NAMES for language in LANGUAGES}
    assert found <= {path.relative_to(FOLDER) for path in known}


@every_notebook
class TestPair:
    def test_it_is_what_its_source_says(self, name):
        assert tool().check(FOLDER / "src" / f"{name}.py", FOLDER) == []

    def test_both_editions_have_the_same_code_and_outputs(self, name):
        english, chinese = (code_cells(read(name, language)) for language in LANGUAGES)
        assert english == chinese

    def test_both_editions_have_the_same_headings(self, name):
        english, chinese = (
            [re.findall(r"^#+ [\d·# ]*", c.source, re.M) for c in markdown_cells(read(name, lang))]
            for lang in LANGUAGES
        )
        assert english == chinese

    def test_both_editions_have_as_many_formulas(self, name):
        english, chinese = (
            [cell.source.count("$$") for cell in markdown_cells(read(name, language))]
            for language in LANGUAGES
        )
        assert english == chinese


@every_edition
class TestFile:
    def test_it_is_a_valid_notebook(self, name, language):
        nbformat.validate(read(name, language))

    def test_it_is_small_enough(self, name, language):
        assert read(name, language)
        assert path_of(name, language).stat().st_size <= MAX_BYTES

    def test_it_holds_no_widget_state(self, name, language):
        notebook = read(name, language)
        assert "widgets" not in notebook.metadata
        kinds = {
            kind for c in code_cells(notebook) for o in c.outputs for kind in o.get("data", ())
        }
        assert not {kind for kind in kinds if "widget" in kind}

    def test_it_holds_no_path_of_a_machine(self, name, language):
        assert not MACHINE_PATH.search(all_text(read(name, language)))

    def test_it_holds_no_address(self, name, language):
        assert not ADDRESS.search(all_text(read(name, language)))


@every_edition
class TestOutputs:
    def test_cells_were_executed_in_order(self, name, language):
        cells = code_cells(read(name, language))
        assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))

    def test_nothing_failed_and_nothing_was_said_on_stderr(self, name, language):
        for cell in code_cells(read(name, language)):
            for output in cell.outputs:
                assert output.output_type != "error", cell.source
                assert output.get("name") != "stderr", cell.source

    def test_pictures_are_png(self, name, language):
        pictures = 0
        for cell in code_cells(read(name, language)):
            for output in cell.outputs:
                for kind, content in output.get("data", {}).items():
                    assert kind in ("text/plain", "text/html", "image/png"), cell.source
                    if kind == "image/png":
                        pictures += 1
                        assert base64.b64decode(content).startswith(PNG)
        assert pictures >= 3

    def test_what_is_printed_is_english(self, name, language):
        for cell in code_cells(read(name, language)):
            assert not CHINESE.search(texts_shown(cell)), cell.source


@every_notebook
class TestCode:
    def test_the_setup_cell_comes_first_and_is_short(self, name):
        setup, *others = code_cells(read(name, "en"))
        assert "setup" in tags_of(setup)
        assert lines_of(setup) <= MAX_SETUP_LINES
        assert not any("setup" in tags_of(cell) for cell in others)

    def test_the_settings_come_second_and_are_in_capitals(self, name):
        settings = code_cells(read(name, "en"))[1]
        assert "settings" in tags_of(settings)
        for statement in ast.parse(settings.source).body:
            assert isinstance(statement, ast.Assign)
            assert all(target.id.isupper() for target in statement.targets)

    def test_cells_are_short(self, name):
        long = [c.source for c in code_cells(read(name, "en")) if lines_of(c) > MAX_CELL_LINES]
        assert long == []

    def test_there_is_not_too_much_of_it(self, name):
        lines = [lines_of(cell, comments=False) for cell in code_cells(read(name, "en"))]
        assert sum(lines) <= MAX_CODE_LINES

    def test_tags_are_known_and_nothing_is_skipped(self, name):
        used = set().union(*(tags_of(cell) for cell in code_cells(read(name, "en"))))
        assert used <= CODE_TAGS
        assert {"setup", "settings", "exercise", "solution"} <= used

    def test_what_is_not_compared_is_asserted(self, name):
        assert unproven_runs(code_cells(read(name, "en"))) == []

    def test_it_is_quiet_and_uses_no_widgets(self, name):
        for cell in code_cells(read(name, "en")):
            assert not LOUD.search(cell.source), cell.source
            assert not WIDGETS.search(cell.source), cell.source

    def test_it_is_english(self, name):
        for cell in code_cells(read(name, "en")):
            assert not CHINESE.search(cell.source), cell.source

    def test_plots_are_shown_and_no_axes_are_the_last_value(self, name):
        for cell in code_cells(read(name, "en")):
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    assert "<" not in output.data["text/plain"].partition(":")[0], cell.source


@every_edition
class TestText:
    def test_it_begins_with_title_goals_and_run_time(self, name, language):
        first = read(name, language).cells[0]
        assert first.cell_type == "markdown"
        assert re.match(rf"# {name[:2]} · \S", first.source)
        assert GOALS[language] in first.source
        goals = first.source.partition(GOALS[language])[2].partition("\n\n")[0]
        assert 3 <= goals.count("\n- ") <= 4
        assert re.search(RUN_TIME[language], first.source.replace("\n", " "))

    def test_it_ends_with_a_summary(self, name, language):
        last = read(name, language).cells[-1]
        assert last.cell_type == "markdown"
        assert last.source.startswith(SUMMARY[language] + "\n")
        assert REFERENCES[language] in last.source
        assert NEXT[language] in last.source

    def test_it_is_in_its_language(self, name, language):
        for cell in markdown_cells(read(name, language)):
            if language == "zh":
                assert CHINESE.search(cell.source), cell.source
            else:
                assert foreign_parts(cell.source) == []

    def test_links_to_notebooks_lead_somewhere(self, name, language):
        links = [
            link
            for cell in markdown_cells(read(name, language))
            for link in LINK.findall(cell.source)
            if link.endswith(".ipynb")
        ]
        here = path_of(name, language)
        colab = [link for link in links if link.startswith("https://colab.research.google.com/")]
        assert len(colab) == 1
        assert colab[0].endswith("/" + here.relative_to(ROOT).as_posix())
        known = {path_of(n, lang).resolve() for n in NAMES for lang in LANGUAGES}
        others = [(here.parent / link).resolve() for link in links if link not in colab]
        assert set(others) <= known
        language_link = path_of(name, "zh" if language == "en" else "en")
        elsewhere = [path for path in others if path.parent != here.parent]
        assert elsewhere == [language_link.resolve()]


class TestTheSearches:
    """Each search finds what it is for, and leaves the innocent alone."""

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("saved to /home/ann/x.png", True),
            ("File '/home/ann/course_utils/data.py'", True),
            (r"C:\Users\ann", True),
            ("lib/python3.11/site-packages/keras", True),
            ("see /tmp/x", True),
            ("https://example.org/home/page", False),
            ("notebooks/tmp/x", False),
            ("FMR/FNMR, 1/1,000", False),
        ],
    )
    def test_machine_paths(self, text, found):
        assert bool(MACHINE_PATH.search(text)) is found

    @pytest.mark.parametrize(
        ("text", "found"), [("<Axes at 0x7f22fac55f60>", True), ("0x1F", False), ("10x100", False)]
    )
    def test_addresses(self, text, found):
        assert bool(ADDRESS.search(text)) is found

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("fit(x, verbose=1)", True),
            ("fit(x, verbose = 'auto')", True),
            ("fit(x, verbose=True)", True),
            ("fit(x, verbose=0)", False),
        ],
    )
    def test_progress_bars(self, text, found):
        assert bool(LOUD.search(text)) is found

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("**Verification** (人脸验证, 1:1): is it", False),
            ("the gallery（图库）", False),
            ("terms (FMR (误匹配率), FNMR)", False),
            ("[中文版](zh/01_verification.ipynb)", False),
            ("a sentence。", True),
            ("人脸 in the text", True),
            ("– … “quoted” × ≤ ·", False),
        ],
    )
    def test_chinese_in_english_text(self, text, found):
        assert bool(foreign_parts(text)) is found

    @pytest.mark.parametrize(
        ("cells", "count"),
        [
            ([("train()", True), ("assert x", False)], 0),
            ([("train()", True), ("plot()", False), ("time()", True), ("assert x", False)], 0),
            ([("train()", True), ("plot()", False)], 1),
            ([("assert x", False), ("train()", True)], 1),
            ([("train()", True), ("assert x", True)], 1),
            ([("train()", True), ("# assert x", False)], 1),
            ([("train()", True), ("if a:\n    %pip x\n    assert x", False)], 0),
            ([("plot()", False)], 0),
        ],
    )
    def test_runs_of_unchecked_cells(self, cells, count):
        cells = [
            nbformat.v4.new_code_cell(
                source, metadata={"tags": ["nbval-ignore-output"]} if ignored else {}
            )
            for source, ignored in cells
        ]
        assert len(unproven_runs(cells)) == count
