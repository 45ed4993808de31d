import base64
import importlib.util
import io
import json
import re
import shutil
import threading
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest
import skimage.data
from PIL import Image

ROOT = Path(__file__).parent.parent
REPOSITORY = "https://github.com/someone/some-course"
PIXEL = (  # a PNG of one white pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGx9tpQAAAABJRU5ErkJggg=="
)

TITLE = """\
# %% [markdown] lang="en"
# # 01 · A title
#
# A sentence.

# %% [markdown] lang="zh"
# # 01 · 标题
#
# 一句话。
"""
TINY = f'''\
{TITLE}
# %% tags=["setup"]
import base64
import time

from IPython.display import Image, display

# %%
total = 0
for step in range(3):
    total += step
    print("step", step, flush=True)
    time.sleep(0.25)

# %% [markdown] lang="en"
# A picture.

# %% [markdown] lang="zh"
# 一幅图。

# %% tags=["readme-picture"]
display(Image(data=base64.b64decode("{PIXEL}")))

# %% tags=["exercise"]
my_total = ...
my_total

# %% tags=["solution"]
# @title Solution
total

# %% [markdown] lang="en"
# The end.

# %% [markdown] lang="zh"
# 结束。
'''


def load_tool(root: Path) -> ModuleType:
    """The tool as a module; it works on the project that it lies in."""
    spec = importlib.util.spec_from_file_location("tool_of_test", root / "tools/build_notebooks.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def new_project(root: Path, text: str = TINY) -> Path:
    """A project with one source."""
    (root / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "build_notebooks.py", root / "tools")
    (root / "pyproject.toml").write_text(f'[tool.course]\nrepository = "{REPOSITORY}"\n')
    (root / "notebooks" / "src").mkdir(parents=True)
    source_of(root).write_text(text, encoding="utf-8")
    return root


def source_of(root: Path) -> Path:
    return root / "notebooks" / "src" / "01_tiny.py"


def edition(folder: Path, language: str) -> Path:
    return folder / "01_tiny.ipynb" if language == "en" else folder / language / "01_tiny.ipynb"


def read(folder: Path, language: str) -> nbformat.NotebookNode:
    return nbformat.read(edition(folder, language), as_version=4)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def project(tmp_path):
    """A project that was never built."""
    return new_project(tmp_path / "project")


@pytest.fixture
def tool(project):
    return load_tool(project)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    """A project, built once in place by `main`, and once more into another folder."""
    root = new_project(tmp_path_factory.mktemp("built") / "project")
    tool = load_tool(root)
    assert tool.main([]) == 0
    files = files_in(root)
    assert tool.main(["--output", str(root / "again"), "01_tiny"]) == 0
    (root / "files-of-the-first-build").write_text("\n".join(files))
    return root


@pytest.fixture
def built(built_once, tmp_path):
    """A copy of the built project, to be changed."""
    return shutil.copytree(built_once, tmp_path / "project")


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    """A project built without solutions, where it lies if nothing else is said."""
    root = new_project(tmp_path_factory.mktemp("handout") / "project")
    before = files_in(root)
    assert load_tool(root).main(["--without-solutions"]) == 0
    assert set(files_in(root)) - set(before) == {
        "build/handout/01_tiny.ipynb",
        "build/handout/zh/01_tiny.ipynb",
    }
    return root / "build" / "handout"


def render(tool, project, language="en"):
    return tool.render(source_of(project), language, REPOSITORY)


class TestRender:
    @pytest.mark.parametrize(
        ("language", "texts"),
        [
            ("en", ["A sentence.", "A picture.", "The end."]),
            ("zh", ["一句话。", "一幅图。", "结束。"]),
        ],
    )
    def test_an_edition_holds_the_texts_of_its_language(self, tool, project, language, texts):
        notebook = render(tool, project, language)
        markdown = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        assert [text.splitlines()[-1] for text in markdown] == texts

    def test_both_editions_hold_the_same_code_under_the_same_ids(self, tool, project):
        english, chinese = (render(tool, project, language) for language in ("en", "zh"))
        assert [(c.id, c.cell_type) for c in english.cells] == [
            (c.id, c.cell_type) for c in chinese.cells
        ]
        assert [c.source for c in code_of(english)] == [c.source for c in code_of(chinese)]
        assert len(code_of(english)) == 5

    def test_ids_come_from_the_position(self, tool, project):
        assert [cell.id for cell in render(tool, project).cells] == [
            f"cell-{number:03d}" for number in range(1, 9)
        ]

    def test_it_is_a_valid_notebook_without_outputs(self, tool, project):
        notebook = render(tool, project)
        nbformat.validate(notebook)
        assert all(c.outputs == [] and c.execution_count is None for c in code_of(notebook))

    def test_the_guard_opens_the_setup_cell_and_no_other(self, tool, project):
        setup, *others = code_of(render(tool, project))
        assert setup.source == (
            "import sys\n\n"
            'if "google.colab" in sys.modules:  # on Colab, install the course first\n'
            f'    %pip install --quiet "git+{REPOSITORY}"\n\n'
            "import base64\nimport time\n\nfrom IPython.display import Image, display"
        )
        assert setup.metadata.tags == ["setup"]
        assert not any("google.colab" in cell.source for cell in others)

    def test_solutions_are_folded_wherever_they_are_read(self, tool, project):
        *_, exercise, solution = code_of(render(tool, project))
        assert solution.metadata == {
            "tags": ["solution", "hide-cell"],
            "jupyter": {"source_hidden": True},
            "cellView": "form",
        }
        assert solution.source.startswith("# @title Solution\n")
        assert exercise.metadata == {"tags": ["exercise"]}

    @pytest.mark.parametrize(
        ("language", "title", "path", "other"),
        [
            ("en", "# 01 · A title", "notebooks/01_tiny.ipynb", "[中文版](zh/01_tiny.ipynb)"),
            ("zh", "# 01 · 标题", "notebooks/zh/01_tiny.ipynb", "[English](../01_tiny.ipynb)"),
        ],
    )
    def test_links_stand_below_the_title_only(self, tool, project, language, title, path, other):
        first, *others = render(tool, project, language).cells
        lines = first.source.splitlines()
        assert lines[:2] == [title, ""]
        assert lines[2].endswith(f" · {other}")
        colab = f"https://colab.research.google.com/github/someone/some-course/blob/main/{path}"
        assert f"]({colab})" in lines[2]
        assert not any("colab.research" in cell.source for cell in others)

    @pytest.mark.parametrize("ending", ["", ".git"])
    def test_the_colab_link_does_not_care_how_the_repository_is_spelt(self, tool, ending):
        assert tool.colab_link("01_tiny", "en", REPOSITORY + ending).endswith(
            "/github/someone/some-course/blob/main/notebooks/01_tiny.ipynb"
        )

    def test_metadata_name_source_language_and_hashes(self, tool, project):
        course = render(tool, project, "zh").metadata["course"]
        assert course["source"] == "src/01_tiny.py"
        assert course["language"] == "zh"
        assert re.fullmatch("[0-9a-f]{64}", course["code_sha256"])

    def test_the_hash_of_the_code_heeds_code_and_tags_and_no_text(self, tool, project):
        def hashes():
            notebook = render(tool, project)
            return notebook.metadata.course.code_sha256, notebook.metadata.course.cells_sha256

        before = hashes()
        change(source_of(project), "A picture.", "A small picture.")
        after_text = hashes()
        assert after_text[0] == before[0]
        assert after_text[1] != before[1]
        change(source_of(project), 'tags=["exercise"]', 'tags=["nbval-ignore-output"]')
        after_tag = hashes()
        assert after_tag[0] != before[0]
        change(source_of(project), "total += step", "total -= step")
        assert hashes()[0] not in (before[0], after_tag[0])

    def test_the_repository_is_read_from_pyproject(self, tool, project):
        assert tool.repository() == REPOSITORY


ENGLISH = '# %% [markdown] lang="en"\n# {}\n\n'
CHINESE = '# %% [markdown] lang="zh"\n# {}\n\n'
NEITHER = "# %% [markdown]\n# {}\n\n"


def test_a_line_break_between_chinese_characters_is_not_shown_as_a_space(tool):
    join = tool.CHINESE_LINE_BREAK.sub
    assert join("", "第一行，\n第二行") == "第一行，第二行"
    assert join("", "- 列表项的\n  下一行") == "- 列表项的下一行"
    assert join("", "“引\n文”") == "“引文”"
    assert join("", "段落。\n\n段落。\n- 项\n**粗**") == "段落。\n\n段落。\n- 项\n**粗**"


class TestBadSources:
    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            (ENGLISH.format("One") + "# %%\nx = 1\n", "translation is missing before 'x = 1'"),
            (ENGLISH.format("One") + ENGLISH.format("Two"), "lang='zh'.*lang='en': '.*Two'"),
            (CHINESE.format("一") + ENGLISH.format("One"), "lang='en'.*lang='zh': '.*一'"),
            (
                ENGLISH.format("One") + CHINESE.format("一") + CHINESE.format("二"),
                "lang='en'.*lang='zh': '.*二'",
            ),
            (NEITHER.format("One"), "lang=None: '.*One'"),
            (ENGLISH.format("One") + NEITHER.format("一"), "lang='zh'.*lang=None: '.*一'"),
            (ENGLISH.format("One").replace("en", "de"), "lang='en'.*lang='de': '.*One'"),
            (ENGLISH.format("One"), "translation of the last text is missing"),
        ],
        ids=[
            "code before the translation",
            "no translation",
            "Chinese first",
            "two translations",
            "no language",
            "translation without language",
            "unknown language",
            "last translation missing",
        ],
    )
    def test_a_cell_without_its_counterpart_is_named(self, tool, project, cells, message):
        source_of(project).write_text(TITLE + "\n" + cells, encoding="utf-8")
        for language in ("en", "zh"):
            with pytest.raises(tool.BuildError, match=rf"^01_tiny\.py: .*{message}"):
                render(tool, project, language)

    def test_a_bad_source_is_not_built(self, tool, project, capsys):
        source_of(project).write_text(TITLE + "\n" + ENGLISH.format("One"), encoding="utf-8")
        before = files_in(project)
        assert tool.main([]) == 1
        assert "01_tiny.py: the translation of the last text is missing" in capsys.readouterr().err
        assert files_in(project) == before


class TestBuilt:
    def test_both_editions_were_written_and_the_picture_for_the_readme(self, built):
        added = set((built / "files-of-the-first-build").read_text().splitlines())
        assert added - set(files_in(new_project(built / "other"))) == {
            "notebooks/01_tiny.ipynb",
            "notebooks/zh/01_tiny.ipynb",
            "docs/images/01_tiny.png",
        }
        picture = (built / "docs" / "images" / "01_tiny.png").read_bytes()
        assert picture == base64.b64decode(PIXEL)

    def test_another_folder_gets_notebooks_and_nothing_else(self, built):
        assert files_in(built / "again") == ["01_tiny.ipynb", "zh/01_tiny.ipynb"]

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_second_build_gives_the_same_bytes(self, built, language):
        first, second = (edition(built / name, language) for name in ("notebooks", "again"))
        assert first.read_bytes() == second.read_bytes()

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_notebook_is_valid_and_ends_with_a_newline(self, built, language):
        nbformat.validate(read(built / "notebooks", language))
        assert edition(built / "notebooks", language).read_bytes().endswith(b"}\n")

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_cells_are_counted_from_one(self, built, language):
        cells = code_of(read(built / "notebooks", language))
        assert [cell.execution_count for cell in cells] == [1, 2, 3, 4, 5]

    def test_the_outputs_are_what_the_code_shows(self, built):
        setup, loop, picture, exercise, solution = code_of(read(built / "notebooks", "en"))
        assert setup.outputs == []
        assert "".join(o.text for o in loop.outputs) == "step 0\nstep 1\nstep 2\n"
        assert picture.outputs[0].data["image/png"].strip() == PIXEL
        assert exercise.outputs[0].data == {"text/plain": "Ellipsis"}
        assert solution.outputs[0].data == {"text/plain": "3"}

    def test_what_a_cell_prints_is_one_output_however_slowly(self, built):
        _, loop, *_ = code_of(read(built / "notebooks", "en"))
        assert len(loop.outputs) == 1

    def test_both_editions_have_the_same_outputs(self, built):
        english, chinese = (code_of(read(built / "notebooks", name)) for name in ("en", "zh"))
        assert [c.outputs for c in english] == [c.outputs for c in chinese]
        assert any(c.outputs for c in chinese)

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_metadata_hold_nothing_of_this_machine(self, built, language):
        metadata = read(built / "notebooks", language).metadata
        assert set(metadata) == {"course", "kernelspec", "language_info"}
        assert "version" not in metadata.language_info

    def test_the_check_finds_nothing(self, built):
        tool = load_tool(built)
        assert tool.check(source_of(built), built / "notebooks") == []
        assert tool.check(source_of(built), built / "again") == []


class TestWithoutSolutions:
    """What a teacher hands out; it was executed too."""

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_all_is_there_but_the_solutions(self, handout, built, language):
        whole, without = (read(folder, language) for folder in (built / "notebooks", handout))
        kept = [c for c in whole.cells if "solution" not in c.metadata.get("tags", [])]
        assert len(kept) == len(whole.cells) - 1
        assert [(c["id"], c.source) for c in without.cells[1:]] == [
            (c["id"], c.source) for c in kept[1:]
        ]
        assert "Solution" not in "".join(cell.source for cell in without.cells)

    @pytest.mark.parametrize(
        ("language", "head"),
        [
            ("en", "# 01 · A title\n\n[中文版](zh/01_tiny.ipynb)\n\nA sentence."),
            ("zh", "# 01 · 标题\n\n[English](../01_tiny.ipynb)\n\n一句话。"),
        ],
    )
    def test_no_link_leads_to_the_solutions(self, handout, language, head):
        assert read(handout, language).cells[0].source == head

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_it_was_executed(self, handout, language):
        cells = code_of(read(handout, language))
        assert [cell.execution_count for cell in cells] == [1, 2, 3, 4]
        assert cells[3].outputs[0].data == {"text/plain": "Ellipsis"}

    def test_what_needs_a_solution_is_not_handed_out(self, project, tool, capsys):
        change(source_of(project), "# @title Solution\ntotal", "# @title Solution\nanswer = total")
        with source_of(project).open("a", encoding="utf-8") as file:
            file.write("\n# %%\nanswer\n")
        assert tool.main(["--without-solutions"]) == 1
        assert "name 'answer' is not defined" in capsys.readouterr().err
        assert tool.main([]) == 0


class TestBuiltAgain:
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_notebook_edited_by_hand_is_kept(self, built, language, capsys):
        path = edition(built / "notebooks", language)
        change(path, "my_total = ...", "my_total = 3")
        edited = path.read_bytes()
        tool = load_tool(built)
        for arguments in ([], ["--keep-outputs"]):
            assert tool.main(arguments) == 1
            error = capsys.readouterr().err
            assert f"{path} was edited by hand" in error
            assert "--force" in error
            assert path.read_bytes() == edited

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_text_edited_by_hand_is_kept(self, built, language):
        path = edition(built / "notebooks", language)
        change(path, {"en": "The end.", "zh": "结束。"}[language], "Mine.")
        tool = load_tool(built)
        with pytest.raises(tool.BuildError, match="edited by hand"):
            tool.build(source_of(built), built / "notebooks", keep_outputs=True)
        assert "Mine." in path.read_text(encoding="utf-8")

    def test_a_notebook_of_somebody_else_is_kept(self, built):
        path = edition(built / "notebooks", "zh")
        nbformat.write(nbformat.v4.new_notebook(), path)
        tool = load_tool(built)
        with pytest.raises(tool.BuildError, match="edited by hand"):
            tool.build(source_of(built), built / "notebooks", keep_outputs=True)

    def test_force_overwrites_what_was_edited(self, built):
        path = edition(built / "notebooks", "zh")
        original = path.read_bytes()
        change(path, "结束。", "Mine.")
        assert load_tool(built).main(["--keep-outputs", "--force"]) == 0
        assert path.read_bytes() == original

    def test_a_file_that_is_no_notebook_is_named(self, built):
        path = edition(built / "notebooks", "en")
        path.write_text("half a noteb")
        tool = load_tool(built)
        with pytest.raises(tool.BuildError, match=re.escape(f"{path} is not a notebook")):
            tool.build(source_of(built), built / "notebooks", keep_outputs=True)
        with pytest.raises(tool.BuildError, match="is not a notebook"):
            tool.check(source_of(built), built / "notebooks")

    def test_changed_texts_keep_the_outputs(self, built):
        before = {name: code_of(read(built / "notebooks", name)) for name in ("en", "zh")}
        change(source_of(built), "一幅图。", "一幅很小的图。")
        change(source_of(built), "# A picture.", "# A small picture.")
        assert load_tool(built).main(["--keep-outputs"]) == 0
        for language, text in (("en", "A small picture."), ("zh", "一幅很小的图。")):
            notebook = read(built / "notebooks", language)
            assert notebook.cells[3].source == text
            assert code_of(notebook) == before[language]
        assert load_tool(built).check(source_of(built), built / "notebooks") == []

    def test_a_new_text_moves_the_outputs_with_the_code(self, built):
        before = [cell.outputs for cell in code_of(read(built / "notebooks", "en"))]
        old = source_of(built).read_text(encoding="utf-8")
        new = ENGLISH.format("More.") + CHINESE.format("还有。") + "# %%\ntotal = 0"
        source_of(built).write_text(old.replace("# %%\ntotal = 0", new), encoding="utf-8")
        assert load_tool(built).main(["--keep-outputs"]) == 0
        notebook = read(built / "notebooks", "en")
        assert [cell.id for cell in notebook.cells] == [f"cell-{n:03d}" for n in range(1, 10)]
        assert [cell.outputs for cell in code_of(notebook)] == before

    @pytest.mark.parametrize(
        ("old", "new"), [("total += step", "total -= step"), ('tags=["exercise"]', "")]
    )
    def test_changed_code_cannot_keep_its_outputs(self, built, old, new, capsys):
        before = [edition(built / "notebooks", name).read_bytes() for name in ("en", "zh")]
        change(source_of(built), old, new)
        assert load_tool(built).main(["--keep-outputs"]) == 1
        assert "01_tiny.ipynb has changed: build without --keep-outputs" in capsys.readouterr().err
        assert [edition(built / "notebooks", n).read_bytes() for n in ("en", "zh")] == before

    def test_outputs_that_are_not_there_cannot_be_kept(self, tool, project):
        before = files_in(project)
        with pytest.raises(tool.BuildError, match="build without --keep-outputs"):
            tool.build(source_of(project), project / "notebooks", keep_outputs=True)
        assert files_in(project) == before


class TestCheck:
    @staticmethod
    def problems(built):
        return load_tool(built).check(source_of(built), built / "notebooks")

    @pytest.mark.parametrize(
        ("old", "new", "editions"),
        [
            ("total += step", "total -= step", {"(en)", "(zh)"}),
            ("The end.", "An end.", {"(en)"}),
            ("结束。", "完。", {"(zh)"}),
            ('tags=["exercise"]', 'tags=["exercise", "more"]', {"(en)", "(zh)"}),
        ],
        ids=["code", "English text", "Chinese text", "tags"],
    )
    def test_a_changed_source_is_found(self, built, old, new, editions):
        change(source_of(built), old, new)
        problems = self.problems(built)
        assert {problem.split()[1].rstrip(":") for problem in problems} == editions
        assert any("differ from the source" in problem for problem in problems)

    def test_a_changed_chinese_text_is_found(self, built):
        change(edition(built / "notebooks", "zh"), "一幅图。", "一幅画。")
        assert self.problems(built) == ["01_tiny.ipynb (zh): cells differ from the source"]

    def test_changed_code_in_the_chinese_edition_is_found(self, built):
        change(edition(built / "notebooks", "zh"), "total += step", "total -= step")
        assert self.problems(built) == ["01_tiny.ipynb (zh): cells differ from the source"]

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_outputs_changed_in_one_edition_are_found(self, built, language):
        change(edition(built / "notebooks", language), "step 2", "step 7")
        assert self.problems(built) == ["01_tiny: the outputs of the two editions differ"]

    def test_outputs_removed_from_one_edition_are_found(self, built):
        path = edition(built / "notebooks", "zh")
        notebook = read(built / "notebooks", "zh")
        code_of(notebook)[1].outputs = []
        nbformat.write(notebook, path)
        assert self.problems(built) == ["01_tiny: the outputs of the two editions differ"]

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_missing_edition_is_found(self, built, language):
        edition(built / "notebooks", language).unlink()
        assert self.problems(built) == [f"01_tiny.ipynb ({language}) was not built"]

    @pytest.mark.parametrize("key", ["code_sha256", "cells_sha256", "language", "source"])
    def test_tampered_metadata_are_found(self, built, key):
        path = edition(built / "notebooks", "zh")
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["metadata"]["course"][key] = "0" * 64
        path.write_text(json.dumps(notebook), encoding="utf-8")
        assert self.problems(built) == [
            "01_tiny.ipynb (zh): metadata or hash differ from the source"
        ]

    def test_another_repository_is_found(self, built):
        change(built / "pyproject.toml", "someone", "somebody")
        assert len([p for p in self.problems(built) if "cells differ" in p]) == 2

    def test_it_writes_nothing(self, built):
        before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
        change(source_of(built), "total += step", "total -= step")
        before[source_of(built)] = source_of(built).stat().st_mtime_ns
        self.problems(built)
        load_tool(built).main(["--check"])
        assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before


def png(picture: np.ndarray | Image.Image, **options) -> bytes:
    """A picture as a PNG, of the bytes that Matplotlib would write or nearly so."""
    content = io.BytesIO()
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(content, "PNG", **options)
    return content.getvalue()


def pixels(content: bytes) -> np.ndarray:
    """Red, green and blue of a PNG, as whole numbers that can be subtracted."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def figure() -> np.ndarray:
    """A photo on white, with two curves as thin as those of a figure; RGBA, all of it opaque."""
    image = np.full((360, 640, 4), 255, np.uint8)
    image[20:340, 20:340, :3] = skimage.data.astronaut()[:320, :320]
    image[40:42, 360:620, :3] = (0, 114, 178)
    image[40:320, 400:402, :3] = (213, 94, 0)
    return image


class TestPalette:
    @pytest.fixture
    def limit(self, tool):
        return tool.LARGE_PICTURE_BYTES

    def test_a_large_photo_gets_smaller_and_looks_the_same(self, tool, limit):
        large = png(figure())
        assert len(large) > limit
        small = tool._with_a_palette(large)
        assert len(small) < 0.5 * len(large)
        with Image.open(io.BytesIO(small)) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "P", (640, 360))
            assert "transparency" not in picture.info
        difference = np.abs(pixels(small) - pixels(large))
        assert 0 < difference.mean() < 2
        assert np.quantile(difference, 0.99) < 16

    def test_white_paper_and_the_colours_of_curves_stay_as_they_are(self, tool):
        """Each has a meaning in the course; a photo beside them must not take their place."""
        large = png(figure())
        before, after = pixels(large), pixels(tool._with_a_palette(large))
        np.testing.assert_array_equal(after[:, 360:], before[:, 360:])
        np.testing.assert_array_equal(after[:20], 255)

    def test_a_photo_that_fills_the_figure(self, tool):
        large = png(skimage.data.astronaut())
        small = tool._with_a_palette(large)
        assert len(small) < 0.5 * len(large)
        assert np.abs(pixels(small) - pixels(large)).mean() < 5

    def test_a_small_picture_stays_byte_for_byte(self, tool):
        for small in (base64.b64decode(PIXEL), png(figure()[::4, ::4])):
            assert tool._with_a_palette(small) == small

    @pytest.mark.parametrize("beyond", [0, 1])
    def test_the_limit_is_in_bytes_and_belongs_to_the_small(self, tool, monkeypatch, beyond):
        picture = png(figure())
        monkeypatch.setattr(tool, "LARGE_PICTURE_BYTES", len(picture) - beyond)
        assert (tool._with_a_palette(picture) == picture) == (beyond == 0)

    def test_what_is_transparent_becomes_white(self, tool, limit):
        image = figure()
        image[:, :300, 3] = 0  # its colours, under the glass, are those of the photo
        image[:, 300:320, 3] = 128
        large = png(image)
        assert len(large) > limit
        small = tool._with_a_palette(large)
        assert len(small) < len(large)
        after = pixels(small)
        np.testing.assert_array_equal(after[:, :300], 255)
        half = image[:, 300:320, :3] * (128 / 255) + 255 * (1 - 128 / 255)
        assert np.abs(after[:, 300:320] - half).mean() < 4

    def test_a_picture_that_would_grow_stays(self, tool, limit):
        """Its steps to the right are 0 or 1, and a PNG stores steps; those of a palette jump."""
        steps = np.random.default_rng(0).integers(0, 2, (400, 400))
        level = steps.cumsum(axis=1) % 256
        image = np.stack([level, level, 255 - level], axis=2).astype(np.uint8)
        large = png(image, optimize=True)
        assert len(large) > limit
        assert tool._with_a_palette(large) == large

    @pytest.mark.parametrize("mode", ["RGBA", "RGB", "L", "LA", "P"])
    def test_any_kind_of_png(self, tool, limit, mode):
        photo = Image.fromarray(skimage.data.astronaut()).convert(mode)
        large = png(photo, compress_level=0)
        assert len(large) > limit
        small = tool._with_a_palette(large)
        assert len(small) < len(large)
        assert np.abs(pixels(small) - pixels(large)).mean() < 5

    def test_the_same_picture_gives_the_same_bytes(self, tool, project):
        """So that a notebook built again has the same outputs; a second palette changes nothing."""
        large = png(figure())
        first = tool._with_a_palette(large)
        assert tool._with_a_palette(large) == first
        assert load_tool(project)._with_a_palette(large) == first
        np.testing.assert_array_equal(pixels(tool._with_a_palette(first)), pixels(first))

    def test_execution_gives_large_pictures_a_palette(self, tool, tmp_path):
        """A small picture and a large one, from a notebook that runs; both editions copy them."""
        (tmp_path / "large.png").write_bytes(png(figure()))
        code = (
            "from IPython.display import Image, display\n"
            f"display(Image(data=__import__('base64').b64decode('{PIXEL}')))\n"
            "display(Image(filename='large.png'))"
        )
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        notebook.metadata["course"] = {"source": "src/01_tiny.py"}
        tool.execute(notebook, tmp_path)
        small, large = [output.data["image/png"] for output in notebook.cells[0].outputs]
        assert small.strip() == PIXEL
        assert base64.b64decode(large) == tool._with_a_palette(png(figure()))
        assert len(base64.b64decode(large)) < 0.5 * len(png(figure()))


class TestCodeThatCannotBeBuilt:
    """Nothing of it is written."""

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("print('fine')\nnumber = 1 / 0", "ZeroDivisionError.*division by zero"),
            (
                "import warnings\n\nwarnings.warn('too few pairs')",
                r"cell-002, writes to stderr; mend the cell:\n.*UserWarning: too few pairs",
            ),
            ("import os\n\nos._exit(1)", "[Kk]ernel.*died"),
            ("import time\n\ntime.sleep(60)", "[Tt]ime|timed out"),
        ],
        ids=["error", "warning", "dead kernel", "endless cell"],
    )
    def test_it_is_refused(self, tool, project, code, message, monkeypatch):
        if "sleep" in code:
            monkeypatch.setattr(tool, "CELL_TIMEOUT_S", 1)
        source_of(project).write_text(f"{TITLE}\n# %%\n{code}\n", encoding="utf-8")
        before = files_in(project)
        with pytest.raises(tool.BuildError, match=rf"(?s)notebooks/src/01_tiny\.py.*{message}"):
            tool.build(source_of(project), project / "notebooks")
        assert files_in(project) == before

    def test_a_picture_for_the_readme_that_is_none_is_refused(self, tool, project):
        code = '# %% tags=["readme-picture"]\nprint("no picture")\n'
        source_of(project).write_text(f"{TITLE}\n{code}", encoding="utf-8")
        before = files_in(project)
        with pytest.raises(tool.BuildError, match="readme-picture"):
            tool.build(source_of(project), project / "notebooks")
        assert files_in(project) == before


class TestCommandLine:
    def test_a_check_without_problems(self, built, capsys):
        assert load_tool(built).main(["--check"]) == 0
        assert capsys.readouterr().out == "1 sources checked, 0 problems.\n"

    def test_a_check_with_problems(self, built, capsys):
        edition(built / "notebooks", "zh").unlink()
        assert load_tool(built).main(["--check", "01_tiny"]) == 1
        assert capsys.readouterr().out == (
            "01_tiny.ipynb (zh) was not built. Build it: make notebooks\n"
            "1 sources checked, 1 problems.\n"
        )

    def test_a_check_of_another_folder(self, built, capsys):
        tool = load_tool(built)
        assert tool.main(["--check", "--output", str(built / "again")]) == 0
        assert tool.main(["--check", "--output", str(built / "nowhere")]) == 1
        assert "2 problems" in capsys.readouterr().out
        assert not (built / "nowhere").exists()

    def test_a_build_says_what_it_did(self, built, capsys, monkeypatch):
        monkeypatch.chdir(built)
        assert load_tool(built).main(["--keep-outputs"]) == 0
        assert capsys.readouterr().out == "01_tiny: 0 s\n1 notebooks, 0 s, in notebooks/\n"

    def test_several_are_built_side_by_side(self, project, tool, capsys, monkeypatch):
        meeting = threading.Barrier(2, timeout=30)  # who comes alone waits in vain

        def execute(notebook, folder):
            meeting.wait()

        monkeypatch.setattr(tool, "execute", execute)
        plain = re.sub(r'# %% tags=\["readme-picture"\]', "# %%", TINY)
        for name in ("01_tiny", "02_tiny"):
            source_of(project).with_stem(name).write_text(plain, encoding="utf-8")
        assert tool.main(["--jobs", "2"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert sorted(lines[:2]) == ["01_tiny: 0 s", "02_tiny: 0 s"]
        assert lines[2].startswith("2 notebooks, 0 s")

    def test_what_has_not_begun_is_left_out_after_an_error(self, project, tool, capsys):
        for name in ("02_tiny", "03_tiny"):
            source_of(project).with_stem(name).write_text(TINY, encoding="utf-8")
        change(source_of(project), "total += step", "total += undefined")
        assert tool.main(["--jobs", "1"]) == 1
        assert "01_tiny.py fails" in capsys.readouterr().err
        assert not edition(project / "notebooks", "en").with_stem("03_tiny").exists()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--jobs", "0"], "--jobs must be at least 1. Received: 0"),
            (["--without-solutions", "--keep-outputs"], "--without-solutions executes"),
            (["--without-solutions", "--check"], "--without-solutions executes"),
            (["--without-solutions", "--output", "notebooks"], "must not replace the course"),
            (["--without-solutions", "--output", "notebooks/zh"], "must not replace the course"),
        ],
    )
    def test_options_that_do_not_go_together(self, built, arguments, message, capsys, monkeypatch):
        monkeypatch.chdir(built)
        before = edition(built / "notebooks", "en").read_bytes()
        with pytest.raises(SystemExit) as caught:
            load_tool(built).main(arguments)
        assert caught.value.code == 2
        assert message in capsys.readouterr().err
        assert edition(built / "notebooks", "en").read_bytes() == before

    def test_an_unknown_name_is_refused(self, built, capsys):
        with pytest.raises(SystemExit) as caught:
            load_tool(built).main(["01_tiny", "07_unknown"])
        assert caught.value.code == 2
        assert "no such source in notebooks/src: 07_unknown" in capsys.readouterr().err

    def test_a_project_without_sources_is_refused(self, project, tool, capsys):
        source_of(project).rename(project / "notebooks" / "src" / "draft.py")
        with pytest.raises(SystemExit) as caught:
            tool.main([])
        assert caught.value.code == 2
        assert "no such source in notebooks/src: none" in capsys.readouterr().err

    def test_sources_come_in_the_order_of_their_numbers(self, project, tool):
        for name in ("10_last.py", "02_next.py", "notes.py", "03_data.csv"):
            (project / "notebooks" / "src" / name).touch()
        assert [path.name for path in tool.sources()] == ["01_tiny.py", "02_next.py", "10_last.py"]
