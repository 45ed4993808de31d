"""Builds and executes the notebooks, in English and Chinese, from one source each.

    python tools/build_notebooks.py                  all of notebooks/src, into notebooks/
    python tools/build_notebooks.py 01_verification  one of them
    python tools/build_notebooks.py --output DIR     into another folder
    python tools/build_notebooks.py --keep-outputs   only texts changed: do not execute
    python tools/build_notebooks.py --check          compare with the sources, write nothing
    python tools/build_notebooks.py --without-solutions    for a class, into build/handout

A source is a py:percent file. Each markdown cell stands twice, tagged lang="en" and, next to it,
lang="zh"; code stands once. The tool adds the links below the title, the Colab guard to the cell
tagged "setup", and what hides the cells tagged "solution". It executes the code once and gives
both editions the same outputs. A notebook is written only if all of it ran without a word
on stderr. Several notebooks are executed side by side (`--jobs`).
"""

import argparse
import asyncio
import base64
import copy
import hashlib
import io
import json
import os
import re
import sys
import time
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
HANDOUT = ROOT / "build" / "handout"
LANGUAGES = ("en", "zh")
CELL_TIMEOUT_S = 600
JOBS = 2  # the largest kernel, of notebook 07, takes 2 GiB
LARGE_PICTURE_BYTES = 20_000
COLAB_GUARD = """\
import sys

if "google.colab" in sys.modules:  # on Colab, install the course first
    %pip install --quiet "git+{repository}"
"""
COLAB_LINK = {
    "en": "[![Open in Colab]({badge})]({colab}) · ",
    "zh": "[![在 Colab 中打开]({badge})]({colab}) · ",
}
OTHER_EDITION = {"en": "[中文版](zh/{name}.ipynb)", "zh": "[English](../{name}.ipynb)"}
# Between two Chinese characters a line break of the source would be shown as a space.
CHINESE_LINE_BREAK = re.compile(r"(?<=[\u2e80-\uffef“”])\n {0,3}(?=[\u2e80-\uffef“”])")
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
NOTEBOOK_METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


class BuildError(Exception):
    """A source or a notebook that cannot be built; the message names the file and the mend."""


def repository() -> str:
    """Where the course is published: `[tool.course] repository` of pyproject.toml."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["tool"]["course"]["repository"]


def colab_link(name: str, language: str, repository_url: str) -> str:
    """The address at which Colab opens a notebook of a GitHub repository."""
    owner_and_name = repository_url.removeprefix("https://github.com/").removesuffix(".git")
    folder = "notebooks/" if language == "en" else f"notebooks/{language}/"
    return (
        f"https://colab.research.google.com/github/{owner_and_name}/blob/main/{folder}{name}.ipynb"
    )


def notebook_path(folder: Path, name: str, language: str) -> Path:
    """Where an edition lies: English on top, other languages in a folder of their own."""
    return folder / f"{name}.ipynb" if language == "en" else folder / language / f"{name}.ipynb"


def render(
    source: Path, language: str, repository_url: str, *, solutions: bool = True
) -> nbformat.NotebookNode:
    """One edition of a source, complete but for the outputs, with or without the solutions.

    Raises:
        BuildError: If a markdown cell lacks its translation or its language.
    """
    cells = _checked_cells(source)
    name = source.stem
    rendered = []
    for index, cell in cells:
        tags = list(cell.metadata.get("tags", []))
        if "solution" in tags and not solutions:
            continue
        if cell.cell_type == "markdown":
            if cell.metadata["lang"] != language:
                continue
            text = CHINESE_LINE_BREAK.sub("", cell.source) if language == "zh" else cell.source
            if not rendered:
                colab = COLAB_LINK[language] if solutions else ""  # Colab opens the whole one
                links = (colab + OTHER_EDITION[language]).format(
                    badge=BADGE, colab=colab_link(name, language, repository_url), name=name
                )
                title, _, rest = text.partition("\n")
                text = f"{title}\n\n{links}\n{rest}".rstrip()
            new = nbformat.v4.new_markdown_cell(text)
        else:
            text = cell.source
            if "setup" in tags:
                text = COLAB_GUARD.format(repository=repository_url) + "\n" + text
            new = nbformat.v4.new_code_cell(text)
            if "solution" in tags:
                tags.append("hide-cell")
                new.metadata.update({"cellView": "form", "jupyter": {"source_hidden": True}})
        if tags:
            new.metadata["tags"] = tags
        new["id"] = f"cell-{index:03d}"
        rendered.append(new)
    notebook = nbformat.v4.new_notebook(cells=rendered)
    notebook.metadata.update(copy.deepcopy(NOTEBOOK_METADATA))
    notebook.metadata["course"] = {
        "source": f"src/{source.name}",
        "language": language,
        "code_sha256": code_sha256(notebook),
        "cells_sha256": cells_sha256(notebook),
    }
    return notebook


def code_sha256(notebook: nbformat.NotebookNode) -> str:
    """Hash of the code and its tags: the outputs below belong to this code."""
    return _sha256(
        [cell.source, list(cell.metadata.get("tags", []))]
        for cell in notebook.cells
        if cell.cell_type == "code"
    )


def cells_sha256(notebook: nbformat.NotebookNode) -> str:
    """Hash of all cells without outputs: whoever edits the notebook by hand changes it."""
    return _sha256([cell.cell_type, cell.source] for cell in notebook.cells)


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Runs the code from top to bottom in `folder` and keeps the outputs.

    Raises:
        BuildError: If a cell fails or writes to stderr.
    """
    name = notebook.metadata["course"]["source"]
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        asyncio.run(client.async_execute())  # closes its event loop, in any thread
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise BuildError(f"notebooks/{name} fails:\n{error}") from error
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise BuildError(
                    f"notebooks/{name}, {cell['id']}, writes to stderr; mend the cell:\n"
                    f"{output['text']}"
                )
            if "image/png" in output.get("data", {}):
                picture = base64.b64decode(output.data["image/png"])
                output.data["image/png"] = base64.b64encode(_with_a_palette(picture)).decode()
    notebook.metadata["language_info"] = copy.deepcopy(NOTEBOOK_METADATA["language_info"])


def build(
    source: Path,
    folder: Path,
    *,
    keep_outputs: bool = False,
    force: bool = False,
    solutions: bool = True,
) -> float:
    """Builds both editions of a source into a folder.

    Returns:
        Seconds that the execution took.

    Raises:
        BuildError: If the source is wrong, the code fails, outputs cannot be kept because the
            code has changed, or a notebook was edited by hand and would be overwritten.
    """
    url = repository()
    editions = {
        language: render(source, language, url, solutions=solutions) for language in LANGUAGES
    }
    paths = {language: notebook_path(folder, source.stem, language) for language in LANGUAGES}
    existing = {language: _read(path) for language, path in paths.items() if path.exists()}
    if not force:
        for language, notebook in existing.items():
            _fail_if_edited(notebook, paths[language])

    english = editions["en"]
    started = time.perf_counter()
    if keep_outputs:
        _copy_outputs(existing.get("en"), english, paths["en"])
    else:
        paths["en"].parent.mkdir(parents=True, exist_ok=True)
        execute(english, paths["en"].parent)
    seconds = time.perf_counter() - started

    for language in LANGUAGES[1:]:
        _copy_outputs(english, editions[language], paths["en"])
    picture = _readme_picture(english)
    for language, notebook in editions.items():
        _write(paths[language], nbformat.writes(notebook).encode() + b"\n")
    if picture and folder == ROOT / "notebooks":
        _write(ROOT / "docs" / "images" / f"{source.stem}.png", picture)
    return seconds


def build_all(chosen: list[Path], folder: Path, *, jobs: int, **options: bool) -> float:
    """Builds several sources side by side and says of each how long it took.

    Returns:
        Seconds from the first to the last.

    Raises:
        BuildError: The first that occurs; what has not begun by then is left out.
    """
    started = time.perf_counter()
    pool = ThreadPoolExecutor(jobs)  # threads suffice: each waits for a kernel of its own
    try:
        names = {pool.submit(build, path, folder, **options): path.stem for path in chosen}
        for ready in as_completed(names):
            print(f"{names[ready]}: {ready.result():.0f} s", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    return time.perf_counter() - started


def check(source: Path, folder: Path) -> list[str]:
    """What disagrees between a source and its two built editions; quick, nothing is executed."""
    url = repository()
    problems = []
    outputs = {}
    for language in LANGUAGES:
        path = notebook_path(folder, source.stem, language)
        if not path.exists():
            problems.append(f"{path.name} ({language}) was not built")
            continue
        expected, found = render(source, language, url), _read(path)
        if found.metadata != expected.metadata:
            problems.append(f"{path.name} ({language}): metadata or hash differ from the source")
        if _without_outputs(found) != _without_outputs(expected):
            problems.append(f"{path.name} ({language}): cells differ from the source")
        outputs[language] = [cell.outputs for cell in found.cells if cell.cell_type == "code"]
    if len(outputs) == len(LANGUAGES) and outputs["en"] != outputs["zh"]:
        problems.append(f"{source.stem}: the outputs of the two editions differ")
    return problems


def sources() -> list[Path]:
    """All sources, in the order of their numbers."""
    return sorted((ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py"))


def _checked_cells(source: Path) -> list[tuple[int, nbformat.NotebookNode]]:
    """The cells with their positions; a translation has the position of its original."""
    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    numbered = []
    position = 0
    expected = "en"
    for cell in cells:
        language = cell.metadata.get("lang") if cell.cell_type == "markdown" else None
        first_line = cell.source.partition("\n")[0]
        if cell.cell_type == "markdown" and language != expected:
            raise BuildError(
                f"{source.name}: expected a markdown cell with lang={expected!r}, found "
                f"lang={language!r}: {first_line!r}. Every lang='en' cell is followed by its "
                "lang='zh' cell."
            )
        if cell.cell_type == "code" and expected == "zh":
            raise BuildError(f"{source.name}: a translation is missing before {first_line!r}.")
        if cell.cell_type == "markdown":
            expected = "zh" if language == "en" else "en"
        position += language != "zh"
        numbered.append((position, cell))
    if expected == "zh":
        raise BuildError(f"{source.name}: the translation of the last text is missing.")
    return numbered


def _fail_if_edited(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Protects somebody's work: a notebook whose cells are not those that were built."""
    if notebook.metadata.get("course", {}).get("cells_sha256") != cells_sha256(notebook):
        raise BuildError(
            f"{path} was edited by hand and would be overwritten. Keep your copy under another "
            "name, or build with --force. Changes to the course belong into notebooks/src."
        )


def _copy_outputs(
    original: nbformat.NotebookNode | None, target: nbformat.NotebookNode, path: Path
) -> None:
    """Gives code cells the outputs of the same code in another notebook."""
    if original is None or code_sha256(original) != code_sha256(target):
        raise BuildError(f"The code of {path} has changed: build without --keep-outputs.")
    executed = [cell for cell in original.cells if cell.cell_type == "code"]
    cells = [cell for cell in target.cells if cell.cell_type == "code"]
    for cell, source_cell in zip(cells, executed, strict=True):
        cell.outputs = copy.deepcopy(source_cell.outputs)
        cell.execution_count = source_cell.execution_count


def _with_a_palette(png: bytes) -> bytes:
    """A large picture with 256 colours of its own, or 64 greys; a small or animated one as it is.

    That is a third of the bytes: a notebook full of photos would be slow to load and to version.
    """
    if len(png) <= LARGE_PICTURE_BYTES:
        return png
    with Image.open(io.BytesIO(png)) as picture:
        if getattr(picture, "is_animated", False):
            return png
        opaque = Image.alpha_composite(
            Image.new("RGBA", picture.size, "white"), picture.convert("RGBA")
        )
    smaller = io.BytesIO()
    opaque = opaque.convert("RGB")
    red, green, blue = (channel.tobytes() for channel in opaque.split())
    opaque.quantize(64 if red == green == blue else 256).save(smaller, "PNG", optimize=True)
    return min(png, smaller.getvalue(), key=len)


def _readme_picture(notebook: nbformat.NotebookNode) -> bytes | None:
    """The figure of the cell tagged "readme-picture", if there is such a cell."""
    for cell in notebook.cells:
        if "readme-picture" in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output.data["image/png"])
            raise BuildError(
                f"notebooks/{notebook.metadata['course']['source']}, {cell['id']}, is tagged "
                '"readme-picture" but draws no figure.'
            )
    return None


def _without_outputs(notebook: nbformat.NotebookNode) -> list[tuple]:
    return [
        (cell["id"], cell.cell_type, cell.source, dict(cell.metadata)) for cell in notebook.cells
    ]


def _read(path: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, KeyError, AttributeError) as error:
        raise BuildError(
            f"{path} is not a notebook ({error}). Remove it and build again."
        ) from error


def _write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _sha256(parts: Iterable) -> str:
    return hashlib.sha256(json.dumps(list(parts), ensure_ascii=False).encode()).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="such as 01_verification; by default all")
    parser.add_argument("--output", type=Path, help="folder to write; by default notebooks/")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--keep-outputs", action="store_true", help="do not execute")
    parser.add_argument("--force", action="store_true", help="overwrite notebooks edited by hand")
    parser.add_argument(
        "--without-solutions", action="store_true", help="leave the solutions of exercises out"
    )
    parser.add_argument(
        "--jobs", type=int, default=JOBS, help=f"notebooks executed side by side; by default {JOBS}"
    )
    options = parser.parse_args(arguments)

    chosen = [path for path in sources() if not options.names or path.stem in options.names]
    unknown = set(options.names) - {path.stem for path in chosen}
    if unknown or not chosen:
        parser.error(f"no such source in notebooks/src: {', '.join(sorted(unknown)) or 'none'}")
    if options.jobs < 1:
        parser.error(f"--jobs must be at least 1. Received: {options.jobs}")
    published = ROOT / "notebooks"
    output = (options.output or (HANDOUT if options.without_solutions else published)).resolve()
    if options.without_solutions and (options.check or options.keep_outputs):
        parser.error("--without-solutions executes: leave --check and --keep-outputs out")
    if options.without_solutions and output.is_relative_to(published.resolve()):
        parser.error("--without-solutions must not replace the course: choose another --output")
    try:
        if options.check:
            problems = [problem for path in chosen for problem in check(path, output)]
            for problem in problems:
                print(f"{problem}. Build it: make notebooks")
            print(f"{len(chosen)} sources checked, {len(problems)} problems.")
            return bool(problems)
        seconds = build_all(
            chosen,
            output,
            jobs=options.jobs,
            keep_outputs=options.keep_outputs,
            force=options.force,
            solutions=not options.without_solutions,
        )
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"{len(chosen)} notebooks, {seconds:.0f} s, in {os.path.relpath(output)}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
