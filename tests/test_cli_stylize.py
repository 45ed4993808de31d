import errno
import functools
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from course_utils import style_transfer
from course_utils.cli import main, stylize
from course_utils.data import list_styles
from course_utils.style_transfer import (
    CostHistory,
    Costs,
    Descent,
    StyledPicture,
    transfer_style,
)

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("tensorflow", "keras", "scipy", "numpy", "PIL", "tqdm", "platformdirs")
IMPORTS = f"""
import sys
from course_utils.cli import main
code = main(sys.argv[1:])
print(code, *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""
RED = (200, 30, 20)  # what `painter` paints


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@pytest.fixture
def course(capsys):
    """Runs `course stylize` in this process."""

    def run(*arguments):
        capsys.readouterr()
        code = main(["stylize", *map(str, arguments)])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in: three photos, a style and a mask, all tiny."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number, name in enumerate(("cat.png", "dog.png", "owl.png", "ink.png")):
        # smooth, so that JPEG would keep it, and different from each other
        corners = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(corners).resize((48 + number, 40), Image.Resampling.BILINEAR).save(name)
    left_black = np.zeros((40, 48), np.uint8)
    left_black[:, 24:] = 255
    Image.fromarray(left_black).save("mask.png")
    return tmp_path


class Painter:
    """Stands for `transfer_style`: notes how it was called and paints the photo red."""

    def __init__(self):
        self.calls, self.endings, self.meanwhile = [], {}, None

    def __call__(self, content, style, **options):
        name = Path(content).name
        self.calls.append({"content": name, "style": style, **options})
        if self.meanwhile is not None:
            self.meanwhile()
        ended = self.endings.get(name, "converged")
        if not isinstance(ended, str):
            raise ended
        with Image.open(content) as photo:
            image = np.full((photo.height, photo.width, 3), RED, np.uint8)
        # the finer of two sizes is reported, and of it the best evaluation, not the last
        history = CostHistory(
            total=np.array([1.0, 9.0, 5.5, 7.0]),
            content=np.array([0.1, 4.0, 0.5, 3.0]),
            style=np.array([0.09, 0.5, 0.25, 0.4]),
            variation=np.zeros(4),
            seconds=np.array([0.0, 1.0, 2.0, 3.0]),
            heights=np.array([20, 40, 40, 40]),
        )
        return StyledPicture(image, history, ended)

    @property
    def contents(self):
        return [call["content"] for call in self.calls]


@pytest.fixture
def painter(here, monkeypatch):
    painter = Painter()
    monkeypatch.setattr(style_transfer, "transfer_style", painter)
    return painter


def pixels(path):
    with Image.open(path) as image:
        return np.array(image)


def is_red(path):
    picture = pixels(path)
    return picture.shape[2] == 3 and np.abs(picture.astype(int) - RED).max() <= 2


def snapshot(folder):
    """All that is in a folder, hidden or not, with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


class TestPainted:
    """With the real transfer."""

    def test_the_picture_is_that_of_the_package(self, course, here):
        result = course("cat.png", "ink.png", "-o", "new.png", "--steps", 2)
        assert (result.code, result.err) == (0, "")
        assert re.fullmatch(
            r"new\.png: 48 × 40, all steps done after \d+ s, J \d\S* "
            r"\(content \d\S*, style \d\S*\)\n",
            result.out,
        )
        expected = transfer_style("cat.png", "ink.png", descent=Descent(steps=2)).image
        assert np.abs(pixels("new.png").astype(int) - expected).max() <= 1
        assert np.abs(pixels("new.png").astype(int) - pixels("cat.png")).max() > 5

    def test_the_numbers_are_those_of_the_picture(self, course, here):
        result = course("cat.png", "ink.png", "-o", "new.png", "--steps", 3, "--json")
        assert (result.code, result.err) == (0, "")
        (picture,) = result.document["pictures"]
        history = transfer_style("cat.png", "ink.png", descent=Descent(steps=3)).history
        best = history.total.argmin()  # 48 × 40 is painted at one size
        assert 0 < picture.pop("seconds") < 60
        assert picture == {
            "photo": "cat.png",
            "picture": "new.png",
            "width": 48,
            "height": 40,
            "ended": "steps",
            "steps": 3,
            "cost": pytest.approx(history.total[best], rel=1e-3),
            "content_cost": pytest.approx(history.content[best], rel=1e-3),
            "style_cost": pytest.approx(history.style[best], rel=1e-3),
        }
        assert result.document["styles"] == [{"style": "ink.png", "weight": 1.0}]
        assert result.document["skipped"] == result.document["not_painted"] == []

    def test_where_the_mask_is_black_the_photo_stays(self, course, here):
        arguments = ("cat.png", "ink.png", "-o", "new.png", "--mask", "mask.png", "--steps", 2)
        assert course(*arguments).code == 0
        changed = np.abs(pixels("new.png").astype(int) - pixels("cat.png")).max(axis=2)
        assert changed[:, :24].max() == 0
        assert changed[:, 24:].max() > 5

    def test_interrupted_it_saves_the_picture_so_far(self, course, here, monkeypatch):
        def interrupt(moment):
            if moment.evaluation == 2:
                raise KeyboardInterrupt

        interrupted = functools.partial(transfer_style, callback=interrupt)
        monkeypatch.setattr(style_transfer, "transfer_style", interrupted)
        result = course("cat.png", "ink.png", "-o", "new.png")
        assert result.code == 130
        assert ": 48 × 40, interrupted after " in result.out
        assert result.err == "course: warning: Interrupted. new.png is as far as it came.\n"
        assert pixels("new.png").shape == (40, 48, 3)

    def test_a_photo_that_is_too_small_is_skipped(self, course, here):
        Image.new("RGB", (48, 5)).save("flat.png")
        result = course("flat.png", "cat.png", "ink.png", "-o", "out", "--steps", 1, "--json")
        assert result.code == 2
        assert [each["photo"] for each in result.document["pictures"]] == ["cat.png"]
        (skipped,) = result.document["skipped"]
        assert skipped["photo"] == "flat.png"
        assert skipped["reason"].startswith("flat.png: the photo must be at least 16 × 16 pixels")
        assert "--size" in skipped["reason"]
        assert result.err == f"course: skipped: {skipped['reason']}\n"


class TestOptions:
    def test_without_options_the_package_decides(self, course, painter):
        assert course("cat.png", "ink.png", "-o", "new.png").code == 0
        (call,) = painter.calls
        assert call["costs"].beta == Costs().beta
        assert call["costs"].style_scale == Costs().style_scale
        assert call["costs"].shares(1) == [1]
        assert call["descent"] == Descent()
        default = inspect.signature(transfer_style).parameters["max_side"].default
        assert call["max_side"] == default
        assert (call["keep_colors"], call["mask"], call["progress"]) == (False, None, False)
        assert np.array_equal(call["style"][0], pixels("ink.png"))

    def test_each_option_reaches_the_transfer(self, course, painter):
        result = course(
            *("cat.png", "ink.png", "-o", "new.png", "--mask", "mask.png", "--keep-colors"),
            *("--size", 32, "--strength", 2.5, "--stroke-size", 0.75, "--blend", "dog.png:0.5"),
            *("--blend", "owl.png:2.5", "--steps", 7, "--time", 9.5, "--noise", 0.25),
            *("--seed", 5, "--json"),
        )
        assert result.code == 0
        (call,) = painter.calls
        assert (call["max_side"], call["keep_colors"]) == (32, True)
        assert call["costs"].beta == pytest.approx(2.5 * Costs().beta)
        assert call["costs"].style_scale == 0.75
        assert call["costs"].shares(3).tolist() == [0.25, 0.125, 0.625]
        assert call["descent"] == Descent(steps=7, seconds=9.5, start=0.25, seed=5)
        assert np.array_equal(call["mask"], pixels("mask.png"))
        assert call["mask"].dtype == np.uint8
        assert [style.shape[1] for style in call["style"]] == [24, 24, 24]  # 0.75 · 32
        assert result.document["styles"] == [
            {"style": "ink.png", "weight": 1.0},
            {"style": "dog.png", "weight": 0.5},
            {"style": "owl.png", "weight": 2.5},
        ]

    def test_a_painting_is_as_large_as_its_strokes_are_to_be(self, course, painter):
        arguments = ("cat.png", "pointillism", "-o", "new.png", "--size", 100, "--stroke-size", 2)
        assert course(*arguments).code == 0
        assert painter.calls[0]["style"][0].shape == (150, 200, 3)

    def test_the_mask_is_how_bright_its_colours_are(self, course, painter):
        Image.new("RGB", (48, 40), (0, 255, 0)).save("green.png")
        course("cat.png", "ink.png", "-o", "new.png", "--mask", "green.png")
        assert np.ptp(painter.calls[0]["mask"]) == 0
        assert painter.calls[0]["mask"][0, 0] == round(0.587 * 255)

    @pytest.mark.parametrize(
        ("is_terminal", "quiet", "expected"),
        [(True, [], True), (True, ["--quiet"], False), (False, [], False)],
    )
    def test_only_a_terminal_gets_a_progress_bar(
        self, course, painter, monkeypatch, is_terminal, quiet, expected
    ):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
        course("cat.png", "ink.png", "-o", "new.png", *quiet)
        assert painter.calls[0]["progress"] is expected

    def test_options_may_stand_before_the_style(self, course, painter):
        assert course("cat.png", "--output", "new.png", "ink.png").code == 0
        assert course("--quiet", "-o", "new2.png", "cat.png", "ink.png").code == 0
        assert painter.contents == ["cat.png", "cat.png"]

    def test_options_may_stand_between_the_photos(self, course, painter):
        mixed = ("cat.png", "-o", "new/", "dog.png", "--blend", "owl.png:0.5", "ink.png", "--json")
        result = course(*mixed, "--blend", "owl.png:2")
        assert [each["photo"] for each in result.document["pictures"]] == ["cat.png", "dog.png"]
        assert [each["weight"] for each in result.document["styles"]] == [1, 0.5, 2]
        assert painter.contents == ["cat.png", "dog.png"]

    WRONG = (
        ([], "required: CONTENT, STYLE, -o/--output. See: course stylize --help"),
        (["cat.png", "-o", "a.png"], "required: STYLE"),
        (["cat.png", "ink.png"], "required: -o/--output"),
        (["--size", "0"], "--size: expected an integer, at least 1, not '0'"),
        (["--steps", "1.5"], "--steps: expected an integer"),
        (["--seed", "-1"], "--seed: expected an integer, at least 0, not '-1'"),
        (["--strength", "0"], "--strength: expected a number above 0, at most 1,000,000"),
        (["--strength", "inf"], "not 'inf'"),
        (["--strength", "nan"], "not 'nan'"),
        (["--stroke-size", "-1"], "--stroke-size: expected a number above 0"),
        (["--time", "soon"], "--time: expected a number above 0"),
        (["--noise", "1.1"], "--noise: expected a number from 0 to 1, not '1.1'"),
        (["--blend", "ink.png"], "--blend: expected STYLE:WEIGHT"),
        (["--blend", "ink.png:0"], "--blend: expected a number above 0"),
        (["--blend", ":1"], "--blend: expected STYLE:WEIGHT"),
    )

    @pytest.mark.parametrize(("arguments", "message"), WRONG)
    def test_wrong_usage_is_one_line_and_exit_code_2(self, course, painter, arguments, message):
        if arguments and arguments[0].startswith("--"):
            arguments = ["cat.png", "ink.png", "-o", "a.png", *arguments]
        result = course(*arguments)
        assert (result.code, result.out, painter.calls) == (2, "", [])
        assert re.fullmatch(r"course: error: [^\n]+\n", result.err)
        assert message in result.err

    def test_a_style_with_a_colon_can_be_blended(self):
        assert stylize.weighted_style("C:/ink.png:0.5") == ("C:/ink.png", 0.5)


class TestAnswer:
    def test_it_tells_of_the_best_picture_of_the_last_size(self, course, painter):
        result = course("cat.png", "ink.png", "-o", "new.png")
        assert re.fullmatch(
            r"new\.png: 48 × 40, converged after 3 s, J 5\.5 \(content 0\.5, style 0\.25\)\n",
            result.out,
        )

    @pytest.mark.parametrize(
        ("ended", "words"), [("steps", "all steps done"), ("time", "stopped by --time")]
    )
    def test_it_tells_why_it_ended(self, course, painter, ended, words):
        painter.endings["cat.png"] = ended
        result = course("cat.png", "ink.png", "-o", "new.png")
        assert (result.code, result.err) == (0, "")
        assert f"48 × 40, {words} after " in result.out

    def test_it_tells_that_no_step_lowered_the_cost_any_more(self, course, painter):
        painter.endings["cat.png"] = "stalled"
        result = course("cat.png", "ink.png", "-o", "new.png")
        assert (result.code, result.err) == (0, "")
        assert re.search(r"48 × 40, [a-z ,]+ after 3 s, J 5\.5", result.out)
        result = course("cat.png", "ink.png", "-o", "new2.png", "--json")
        assert result.document["pictures"][0]["ended"] == "stalled"
        assert re.search(r"\bstalled\b", course("--help").out)

    def test_a_line_for_each_picture(self, course, painter):
        result = course("cat.png", "dog.png", "ink.png", "-o", "out")
        assert [line.split(":")[0] for line in result.out.splitlines()] == [
            "out/cat_ink.png",
            "out/dog_ink.png",
        ]

    def test_the_help_names_every_field(self, course, painter):
        text = course("--help").out
        document = course("cat.png", "ink.png", "-o", "new.png", "--json").document
        listed = course("--list", "--json").document
        for field in (*document, *document["pictures"][0], *listed, *listed["styles"][0]):
            assert re.search(rf"\b{field}\b", text), field


class TestList:
    def test_it_names_each_style_with_title_and_description(self, course):
        result = course("--list")
        assert (result.code, result.err) == (0, "")
        lines = result.out.splitlines()
        for style, line in zip(list_styles(), lines, strict=True):
            assert line.startswith(f"{style.name} ")
            assert line.endswith(f"  {style.title}. {style.description}")

    def test_as_json(self, course):
        styles = course("--json", "--list").document["styles"]
        assert [style["name"] for style in styles] == [style.name for style in list_styles()]
        assert styles[-1] == vars(list_styles()[-1])

    def test_nothing_is_painted(self, course, painter, here):
        before = snapshot(here)
        result = course("cat.png", "ink.png", "-o", "new.png", "--list")
        assert "woodblock" in result.out
        assert (painter.calls, snapshot(here)) == ([], before)


class TestImports:
    @staticmethod
    def imported(*arguments):
        command = [sys.executable, "-c", IMPORTS, "stylize", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
        *_, last = done.stderr.decode().splitlines()
        code, *modules = last.split()
        return int(code), set(modules)

    def test_help_imports_nothing_heavy(self):
        assert self.imported("--help") == (0, set())

    def test_the_list_and_what_is_wrong_need_no_tensorflow(self, here):
        cat, new = here / "cat.png", here / "new.png"
        for code, *arguments in (
            (0, "--list"),
            (2, cat, "wodblock", "-o", new),
            (2, here / "none.png", "woodblock", "-o", new),
            (2, cat, "woodblock", "-o", cat),
        ):
            got, modules = self.imported(*map(str, arguments))
            assert got == code
            assert not {"tensorflow", "keras", "scipy"} & modules


class TestPlaces:
    def test_an_existing_folder_a_new_one_and_one_for_several(self, course, painter, here):
        (here / "old").mkdir()
        for photos, output, expected in (
            (["cat.png"], "old", ["old/cat_ink.png"]),
            (["dog.png"], "new/", ["new/dog_ink.png"]),
            (["cat.png", "owl.png"], "both", ["both/cat_ink.png", "both/owl_ink.png"]),
            (["cat.png"], ".", ["cat_ink.png"]),
        ):
            result = course(*photos, "ink.png", "-o", output, "--json")
            assert (result.code, result.err) == (0, "")
            assert [each["picture"] for each in result.document["pictures"]] == expected
            assert all(is_red(each) for each in expected)

    def test_the_photos_of_a_folder(self, course, painter, here):
        (here / "photos").mkdir()
        for name in ("owl.png", "cat.png"):
            (here / name).rename(here / "photos" / name)
        (here / "photos" / "notes.txt").write_text("no photo")
        assert course("photos", "dog.png", "ink.png", "-o", "out/").code == 0
        assert painter.contents == ["cat.png", "owl.png", "dog.png"]
        assert {path.name for path in (here / "out").iterdir()} == {
            *("cat_ink.png", "dog_ink.png", "owl_ink.png")
        }

    def test_blended_styles_are_all_in_the_name(self, course, painter, here):
        arguments = ("cat.png", "woodblock", "--blend", "ink.png:1", "--size", 32, "-o", "out/")
        assert course(*arguments).code == 0
        assert [path.name for path in (here / "out").iterdir()] == ["cat_woodblock+ink.png"]

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            *(("a.png", "PNG"), ("a.PNG", "PNG"), ("a.jpg", "JPEG"), ("a.jpeg", "JPEG")),
            *(("a.webp", "WEBP"), ("a.tif", "TIFF"), ("a.tiff", "TIFF"), ("a.bmp", "BMP")),
        ],
    )
    def test_the_end_of_the_name_decides_the_format(self, course, painter, name, expected):
        assert course("cat.png", "ink.png", "-o", name).code == 0
        with Image.open(name) as image:
            assert image.format == expected
        assert is_red(name)

    def test_a_jpeg_has_quality_95(self, course, painter):
        course("cat.png", "ink.png", "-o", "new.jpg")
        Image.new("RGB", (48, 40), RED).save("reference.jpg", quality=95)
        with Image.open("new.jpg") as image, Image.open("reference.jpg") as reference:
            assert image.quantization == reference.quantization

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.bmp"])
    def test_what_the_camera_noted_is_not_passed_on(self, course, painter, name):
        exif = Image.Exif()
        exif[0x013B] = "somebody at home"  # Artist
        exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})  # GPS
        with Image.open("cat.png") as image:
            image.save("camera.jpg", exif=exif, comment=b"somebody at home")
        assert Path("camera.jpg").read_bytes().count(b"somebody at home") == 2
        assert course("camera.jpg", "ink.png", "-o", name).code == 0
        assert b"somebody" not in Path(name).read_bytes()
        with Image.open(name) as image:
            assert not image.getexif().get_ifd(0x8825)

    REFUSED = (
        (["cat.png", "-o", "a.gif"], "a.gif must end in one of .bmp, .jpeg, .jpg, .png, "),
        (["cat.png", "-o", "a"], "a must end in one of "),
        (["cat.png", "-o", ""], "--output is empty"),
        (["cat.png", "dog.png", "-o", ""], "--output is empty"),
        (["cat.png", "-o", "no/a.png"], "The folder no is missing. Make it first."),
        (["cat.png", "-o", "no/out/"], "The folder no is missing. Make it first."),
        (["cat.png", "dog.png", "-o", "no/out"], "The folder no is missing. Make it first."),
        (["cat.png", "dog.png", "-o", "a.png"], "2 photos need a folder, and a.png looks like"),
        (["cat.png", "dog.png", "-o", "owl.png"], "owl.png is no folder"),
        (["cat.png", "-o", "owl.png/"], "owl.png/ is no folder"),
        (["cat.png", "-o", "owl.png"], "owl.png is there already. Give another --output, or --ov"),
        (
            ["cat.png", "dog.png", "-o", "full"],
            "full/cat_ink.png is there already, as are 1 others",
        ),
        (["cat.png", "sub/cat.jpg", "-o", "out"], "cat.png and sub/cat.jpg would both become out/"),
        (["cat.png", "sub/CAT.png", "-o", "out"], "cat.png and sub/CAT.png would both become out/"),
        (["cat.png", "cat.png", "-o", "out"], "cat.png and cat.png would both become out/"),
        (["cat.png", "-o", "cat.png", "--overwrite"], "cat.png would replace cat.png, which is"),
        (["cat.png", "-o", "./sub/../cat.png", "--overwrite"], "would replace cat.png, which is"),
        (["cat.png", "-o", "ink.png", "--overwrite"], "ink.png would replace ink.png, which is"),
        (["cat.png", "-o", "link.png", "--overwrite"], "link.png would replace cat.png, which is"),
        (["cat.png", "-o", "x.png", "--mask", "x.png", "--overwrite"], "x.png would replace x.png"),
        (["cat.png", "-o", "x.png", "--blend", "x.png:1", "--overwrite"], "would replace x.png"),
        (["cat.png", "-o", "dangling.png"], "dangling.png is there already"),
        (["cat.png", "-o", "odd", "--overwrite"], "odd/cat_ink.png is there and no file"),
        (["cat.png", "-o", f"{'n' * 300}.png"], "cannot be written (File name too long)"),
        (["cat.png", "dog.png", "-o", "out", "--mask", "mask.png"], "--mask is for one photo"),
    )

    @pytest.mark.parametrize(("arguments", "message"), REFUSED)
    def test_what_cannot_be_written_is_refused_before_anything_is_painted(
        self, course, painter, here, arguments, message
    ):
        (here / "x.png").write_bytes((here / "dog.png").read_bytes())
        for name in ("sub/cat.jpg", "sub/CAT.png", "full/cat_ink.png", "full/dog_ink.png"):
            (here / name).parent.mkdir(exist_ok=True)
            (here / name).write_bytes((here / "cat.png").read_bytes())
        (here / "odd" / "cat_ink.png").mkdir(parents=True)
        (here / "link.png").symlink_to("cat.png")
        (here / "dangling.png").symlink_to("nothing.png")
        before = snapshot(here)
        index = arguments.index("-o")
        result = course(*arguments[:index], "ink.png", *arguments[index:])
        assert (result.code, result.out) == (2, "")
        assert re.fullmatch(r"course: error: [^\n]+\n", result.err)
        assert message in result.err
        assert painter.calls == []
        assert snapshot(here) == before

    def test_with_leave_a_picture_is_replaced(self, course, painter, here):
        before = snapshot(here)
        assert course("cat.png", "ink.png", "-o", "owl.png", "--overwrite").code == 0
        assert is_red("owl.png")
        after = snapshot(here)
        assert after.pop("owl.png") != before.pop("owl.png")
        assert after == before  # no draft beside it

    @pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
    @pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
    def test_the_user_decides_who_may_read_a_picture(self, course, painter, here, overwrite):
        for mask, name in ((0o077, "mine.png"), (0o022, "ours.png")):
            before = os.umask(mask)
            try:
                course("cat.png", "ink.png", "-o", name, *overwrite)
            finally:
                assert os.umask(before) == mask
            assert (here / name).stat().st_mode & 0o777 == 0o666 & ~mask


def no_hard_links(*arguments, **options):
    raise OSError(errno.EPERM, "Operation not permitted")


class TestWriting:
    @pytest.mark.parametrize("links", [True, False])
    def test_a_file_that_appears_meanwhile_stays(self, course, painter, here, monkeypatch, links):
        if not links:
            monkeypatch.setattr(os, "link", no_hard_links)
        painter.meanwhile = lambda: (here / "new.png").write_text("somebody else's")
        before = snapshot(here)
        result = course("cat.png", "ink.png", "-o", "new.png")
        assert (result.code, result.out) == (2, "")
        assert "new.png has appeared meanwhile and stays as it is" in result.err
        assert snapshot(here) == before | {"new.png": b"somebody else's"}

    def test_a_file_system_without_hard_links_will_do(self, course, painter, here, monkeypatch):
        monkeypatch.setattr(os, "link", no_hard_links)
        before = snapshot(here)
        assert course("cat.png", "ink.png", "-o", "new.png").code == 0
        assert is_red("new.png")
        assert set(snapshot(here)) == {*before, "new.png"}

    @pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
    def test_a_full_disk_leaves_everything_as_it_was(
        self, course, painter, here, monkeypatch, overwrite
    ):
        def save(image, path, **options):
            Path(path).write_bytes(b"half of")
            raise OSError(errno.ENOSPC, "No space left on device")

        name = "owl.png" if overwrite else "new.png"
        before = snapshot(here)
        monkeypatch.setattr(Image.Image, "save", save)
        result = course("cat.png", "ink.png", "-o", name, *overwrite)
        assert result == (2, "", "course: error: cat.png: No space left on device.\n")
        assert snapshot(here) == before

    @pytest.mark.skipif(
        os.name != "posix" or os.geteuid() == 0, reason="a superuser may write anywhere"
    )
    def test_a_folder_that_may_not_be_written_to_is_noticed_first(self, course, painter, here):
        (here / "locked").mkdir(mode=0o555)
        result = course("cat.png", "ink.png", "-o", "locked/new.png")
        assert result.code == 2
        assert "locked/new.png cannot be written (Permission denied)" in result.err
        assert painter.calls == []


class TestInputs:
    def test_an_unknown_style_is_an_error_with_a_suggestion(self, course, painter, here):
        before = snapshot(here)
        for arguments in (("wodblock",), ("ink.png", "--blend", "wodblock:1")):
            result = course("cat.png", *arguments, "-o", "out/")
            assert (result.code, result.out) == (2, "")
            assert result.err.endswith("Received: 'wodblock'. Did you mean 'woodblock'?\n")
        assert (painter.calls, snapshot(here)) == ([], before)

    def test_what_cannot_be_read_is_an_error_before_anything_is_painted(
        self, course, painter, here
    ):
        (here / "broken.jpg").write_text("no photo")
        (here / "empty").mkdir()
        before = snapshot(here)
        for arguments, message in (
            (("none.png", "ink.png"), "There is no photo none.png."),
            (("cat.png", "none.png"), "There is no photo none.png."),
            (("broken.jpg", "ink.png"), "broken.jpg cannot be read as a photo"),
            (("cat.png", "broken.jpg"), "broken.jpg cannot be read as a photo"),
            (("cat.png", "ink.png", "--mask", "broken.jpg"), "broken.jpg cannot be read as a"),
            (("cat.png", "ink.png", "--mask", "no.png"), "There is no photo no.png."),
            (("empty", "ink.png"), "The folder empty holds no image file"),
            (("cat.png", "empty"), "or the path of an image file. Received: 'empty'."),
            (("cat.png", "empty/"), "empty is a folder. Give a photo in it."),
        ):
            result = course(*arguments, "-o", "out/")
            assert (result.code, result.out) == (2, "")
            assert re.fullmatch(r"course: error: [^\n]+\n", result.err)
            assert message in result.err
        assert (painter.calls, snapshot(here)) == ([], before)

    def test_of_several_photos_those_that_cannot_be_read_are_skipped(self, course, painter, here):
        (here / "broken.jpg").write_text("no photo")
        photos = ("broken.jpg", "cat.png", "none.png", "dog.png")
        result = course(*photos, "ink.png", "-o", "out", "--json")
        assert result.code == 2
        assert painter.contents == ["cat.png", "dog.png"]
        broken, missing = result.document["skipped"]
        assert broken["photo"] == "broken.jpg"
        assert broken["reason"].startswith("broken.jpg cannot be read as a photo")
        assert missing == {"photo": "none.png", "reason": "There is no photo none.png."}
        assert result.err.splitlines() == [
            f"course: skipped: {broken['reason']}",
            "course: skipped: There is no photo none.png.",
        ]
        assert {path.name for path in (here / "out").iterdir()} == {"cat_ink.png", "dog_ink.png"}

    def test_of_several_photos_those_that_cannot_be_painted_are_skipped(
        self, course, painter, here
    ):
        painter.endings["cat.png"] = ValueError("`content` is odd. Take another `max_side`.")
        result = course("cat.png", "dog.png", "ink.png", "-o", "out")
        assert result.code == 2
        assert result.out.startswith("out/dog_ink.png: ")
        assert result.err == ("course: skipped: cat.png: the photo is odd. Take another --size.\n")
        assert [path.name for path in (here / "out").iterdir()] == ["dog_ink.png"]

    def test_if_none_can_be_used_it_says_so(self, course, painter, here):
        result = course("no1.png", "no2.png", "ink.png", "-o", "out", "--json")
        assert result.document == {"error": "None of the photos can be used.", "exit_code": 2}
        assert result.err.count("course: skipped: ") == 2
        assert not (here / "out").exists()
        painter.endings = {name: ValueError("odd") for name in ("cat.png", "dog.png")}
        result = course("cat.png", "dog.png", "ink.png", "-o", "out")
        assert (result.code, result.out) == (2, "")
        assert result.err.splitlines()[-1] == "course: error: None of the photos could be painted."
        assert not (here / "out").exists()


class TestInterrupted:
    def test_the_photos_behind_it_are_not_painted(self, course, painter, here):
        painter.endings["dog.png"] = "interrupted"
        result = course("cat.png", "dog.png", "owl.png", "ink.png", "-o", "out", "--json")
        assert result.code == 130
        assert painter.contents == ["cat.png", "dog.png"]
        assert [each["ended"] for each in result.document["pictures"]] == [
            "converged",
            "interrupted",
        ]
        assert result.document["not_painted"] == ["owl.png"]
        assert result.err == (
            "course: warning: Interrupted. out/dog_ink.png is as far as it came. "
            "Photos that were not painted: 1.\n"
        )
        assert is_red("out/dog_ink.png")

    def test_before_a_picture_has_begun_those_before_it_are_told(self, course, painter, here):
        painter.endings["dog.png"] = KeyboardInterrupt()
        result = course("cat.png", "dog.png", "owl.png", "ink.png", "-o", "out", "--json")
        assert result.code == 130
        assert [each["photo"] for each in result.document["pictures"]] == ["cat.png"]
        assert result.document["not_painted"] == ["dog.png", "owl.png"]
        assert result.err == ("course: warning: Interrupted. Photos that were not painted: 2.\n")

    @pytest.mark.parametrize("output", ["new.png", "out/"])
    def test_before_there_is_anything_it_is_an_error(self, course, painter, here, output):
        before = snapshot(here)
        painter.endings["cat.png"] = KeyboardInterrupt()
        result = course("cat.png", "ink.png", "-o", output)
        assert result == (130, "", "course: error: Interrupted.\n")
        assert snapshot(here) == before
