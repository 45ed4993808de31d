import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pytest
import skimage
from filelock import FileLock
from PIL import Image

from course_utils import __version__
from course_utils.cli import galleries, main, output
from course_utils.cli.photos import load_encoder
from course_utils.cli.program import build_parser
from course_utils.data import load_orl_faces
from course_utils.recognition.gallery import EncoderIdentity, Gallery, Threshold

ROOT = Path(__file__).resolve().parent.parent
ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"

HEAVY = ("tensorflow", "keras", "dlib", "scipy", "numpy", "tqdm")
IMPORTS = f"""
import sys
from course_utils.cli import main
code = main(sys.argv[1:])
print(code, *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@pytest.fixture
def course(capsys, monkeypatch):
    """Runs a command in this process, as a terminal would, but with texts for the streams."""
    monkeypatch.delenv("COURSE_GALLERY", raising=False)

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return run


def start(*command, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": ROOT} | options
    return subprocess.Popen([sys.executable, *map(str, command)], **options)


def save(pixels, path):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Small photos of two women, of both, and of nobody; and a file that is no photo."""
    folder = tmp_path_factory.mktemp("photos")
    ann = np.array(Image.open(ASTRONAUT))[20:270, 90:340]
    grace = np.array(Image.open(HOPPER))[50:450, 50:450]
    save(ann, folder / "ann.png")
    save(ann[:, ::-1], folder / "ann2.png")
    save(grace, folder / "grace.png")
    side_by_side = np.full((400, 650, 3), 128, np.uint8)
    side_by_side[:, :400], side_by_side[:250, 400:] = grace, ann
    save(side_by_side, folder / "party.png")
    save(np.rot90(ann), folder / "turned.png")
    save(np.full((64, 64), 128, np.uint8), folder / "nobody.png")
    (folder / "broken.jpg").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def embeddings(photos):
    encode = load_encoder()
    return {name: encode([photos / f"{name}.png"])[0] for name in ("ann", "ann2", "grace")}


@pytest.fixture
def friends(tmp_path, embeddings):
    """The file of a gallery with Ann and Grace."""
    gallery = Gallery(load_encoder(), threshold=Threshold(0.5, 0.001, 1000, "made for this test"))
    gallery.enroll("Ann", embeddings["ann"])
    gallery.enroll("Grace", embeddings["grace"])
    gallery.save(tmp_path / "friends.npz")
    return tmp_path / "friends.npz"


def people_in(path):
    return dict(Gallery.load(path).people)


def distance(first, second):
    return float(np.sqrt(((first.astype(np.float64) - second) ** 2).sum()))


class TestProgram:
    def test_help_imports_nothing_heavy_and_is_quick(self):
        process = start("-c", IMPORTS, "--help")
        out, err = process.communicate(timeout=60)
        assert err.decode().split() == ["0"]
        assert out.decode().startswith("usage: course [-h]")

    def test_a_gallery_is_listed_without_tensorflow_and_dlib(self, friends):
        process = start("-c", IMPORTS, "gallery", "list", "--gallery", friends)
        out, err = process.communicate(timeout=60)
        assert not {"tensorflow", "keras", "dlib"} & set(err.decode().split())
        assert out.decode() == "Ann: 1 template\nGrace: 1 template\n"

    def test_a_photo_that_is_missing_is_noticed_without_tensorflow(self, friends):
        process = start("-c", IMPORTS, "identify", "none.jpg", "--gallery", friends)
        _, err = process.communicate(timeout=60)
        line, last = err.decode().splitlines()
        assert line == "course: error: There is no photo none.jpg."
        assert last.startswith("2")
        assert not {"tensorflow", "keras", "dlib"} & set(last.split())

    def test_a_program_of_its_own_says_nothing_but_the_answer(self, photos):
        pair = photos / "ann.png", photos / "grace.png"
        process = start("-m", "course_utils.cli", "verify", *pair)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 1
        assert err == b""
        assert re.fullmatch(
            r"different people: distance 0\.\d{3}, threshold 0\.510 "
            r"\(FMR 0\.001 on ORL faces, 40 people, aligned\)\n",
            out.decode(),
        )

    def test_the_script_that_is_installed_calls_main(self):
        scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
        assert EntryPoint("course", scripts["course"], "console_scripts").load() is main

    def test_a_reader_who_leaves_is_no_error(self, friends):
        reader, writer = os.pipe()
        os.close(reader)
        module = ("-m", "course_utils.cli")
        for arguments in (("gallery", "list", "--gallery", friends), ("--help",)):
            process = start(*module, *arguments, stdout=writer)
            _, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (0, b"")
        os.close(writer)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    @pytest.mark.parametrize("arguments", [["--help"], ["gallery", "info"]])
    def test_a_full_disk_is_an_error_on_one_line(self, friends, arguments):
        with open("/dev/full", "w") as full:
            process = start(
                *("-m", "course_utils.cli", *arguments),
                stdout=full,
                env=os.environ | {"COURSE_GALLERY": str(friends)},
            )
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (2, b"course: error: No space left on device.\n")

    def test_a_program_without_stdout_runs(self, friends, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        assert main(["gallery", "list", "--gallery", str(friends)]) == 0

    def test_it_says_its_version(self, course):
        assert course("--version") == (0, f"course {__version__}\n", "")

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a POSIX system")
    def test_control_c_ends_it_with_130_and_one_line(self, course, friends):
        handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            with FileLock(f"{friends}.lock"):  # the command waits here
                signal.setitimer(signal.ITIMER_REAL, 0.5)
                result = course("gallery", "remove", "Ann", "--gallery", friends, "--json")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
        assert result.code == 130
        assert result.err == "course: error: Interrupted.\n"
        assert result.document == {"error": "Interrupted.", "exit_code": 130}
        assert people_in(friends) == {"Ann": 1, "Grace": 1}


class TestUsage:
    WRONG = (
        ([], "required: COMMAND. See: course --help"),
        (["dance"], "invalid choice: 'dance'"),
        (["gallery"], "required: COMMAND. See: course gallery --help"),
        (["verify", "a.jpg"], "required: PHOTO. See: course verify --help"),
        (["verify", "a.jpg", "b.jpg", "--fmr", "0"], "--fmr: expected a number above 0, at most 1"),
        (["verify", "a.jpg", "b.jpg", "--fmr", "1.5"], "not '1.5'"),
        (["verify", "a.jpg", "b.jpg", "--fmr", "low"], "not 'low'"),
        (["verify", "a.jpg", "b.jpg", "--threshold", "-1"], "expected a number, at least 0"),
        (["verify", "a.jpg", "b.jpg", "--threshold", "nan"], "not 'nan'"),
        (["verify", "a.jpg", "b.jpg", "--threshold", "inf"], "not 'inf'"),
        (["verify", "a", "b", "--threshold", "1", "--fmr", "0.01"], "not allowed with"),
        (["verify", "a", "b", "--thresh", "1"], "unrecognized arguments: --thresh 1"),
        (["identify", "a.jpg"], "required: --gallery"),
        (["identify", "a.jpg", "--gallery", "g", "-k", "0"], "expected an integer, at least 1"),
        (["identify", "a.jpg", "--gallery", "g", "-k", "1.5"], "not '1.5'"),
        (["enroll", "Ann", "--gallery", "g"], "required: PHOTO"),
        (["gallery", "list"], "required: --gallery"),
        (["gallery", "calibrate", "f", "--gallery", "g", "--fmr", "2"], "at most 1, not '2'"),
    )

    @pytest.mark.parametrize(("arguments", "message"), WRONG)
    def test_wrong_usage_is_one_line_and_exit_code_2(self, course, arguments, message):
        result = course(*arguments)
        assert (result.code, result.out) == (2, "")
        assert re.fullmatch(r"course: error: [^\n]+\n", result.err)
        assert message in result.err

    def test_wrong_usage_with_json_is_a_document_too(self, course):
        result = course("verify", "a.jpg", "--json")
        message = "the following arguments are required: PHOTO. See: course verify --help"
        assert result.document == {"error": message, "exit_code": 2}
        assert result.err == f"course: error: {message}\n"

    @pytest.mark.parametrize(
        ("between", "together"),
        [
            ("verify a.jpg --fmr 0.01 b.jpg", "verify --fmr 0.01 a.jpg b.jpg"),
            ("identify a.jpg -k 2 b.jpg --gallery g", "identify -k 2 --gallery g a.jpg b.jpg"),
            (
                "enroll Ann a.jpg --skip b.jpg --gallery g",
                "enroll --skip --gallery g Ann a.jpg b.jpg",
            ),
            (
                "enroll Ann --gallery g a.jpg --fmr 1 b.jpg",
                "enroll --gallery g --fmr 1 Ann a.jpg b.jpg",
            ),
        ],
    )
    def test_options_may_stand_between_photos(self, between, together):
        options = build_parser().parse_args(between.split())
        assert options == build_parser().parse_args(together.split())
        assert options.photos == ["a.jpg", "b.jpg"]

    def test_what_stands_behind_two_dashes_may_begin_with_one(self):
        options = build_parser().parse_args(["enroll", "--gallery", "g", "--", "-Ann", "-a.jpg"])
        assert (options.name, options.photos, options.gallery) == ("-Ann", ["-a.jpg"], "g")

    def test_json_after_two_dashes_is_a_photo(self, course):
        assert course("verify", "--", "--json").out == ""

    def test_the_group_of_commands_explains_itself(self, course):
        result = course("gallery", "--help")
        assert result.code == 0
        for each in ("list", "remove Ann", "calibrate colleagues/", "info"):
            assert f"\n  course gallery {each} --gallery friends.npz" in result.out

    @pytest.mark.parametrize(
        "command",
        [["verify"], ["enroll"], ["identify"], ["stylize"]]
        + [["gallery", each] for each in ("list", "remove", "calibrate", "info")],
    )
    def test_each_command_explains_itself(self, course, command):
        result = course(*command, "--help")
        assert (result.code, result.err) == (0, "")
        for part in (f"\n  course {' '.join(command)} ", "fields of the JSON", "exit code:", "130"):
            assert part in result.out

    def test_the_overview_names_commands_exit_codes_and_the_variable(self, course):
        out = course("--help").out
        for name in ("verify", "enroll", "identify", "gallery", "stylize"):
            assert re.search(rf"^    {name} ", out, re.MULTILINE)
        for part in ("COURSE_GALLERY", "exit code:"):
            assert part in out


class TestVerify:
    def test_the_same_woman_is_accepted(self, course, photos, embeddings):
        result = course("verify", photos / "ann.png", photos / "ann2.png", "--json")
        assert (result.code, result.err) == (0, "")
        assert result.document == {
            "photos": [str(photos / "ann.png"), str(photos / "ann2.png")],
            "same_person": True,
            "distance": pytest.approx(distance(embeddings["ann"], embeddings["ann2"]), abs=1e-5),
            "threshold": pytest.approx(0.511, abs=0.001),
            "fmr": 0.001,
            "source": "ORL faces, 40 people, aligned",
        }
        assert list(result.document) == [
            *("photos", "same_person", "distance", "threshold", "fmr", "source")
        ]

    def test_another_rate_has_another_threshold(self, course, photos):
        result = course("verify", photos / "ann.png", photos / "grace.png", "--fmr", 0.01, "--json")
        assert result.code == 1
        assert result.document["fmr"] == 0.01
        assert result.document["threshold"] == pytest.approx(0.577, abs=0.001)

    def test_a_threshold_of_ones_own_counts_from_both_sides(self, course, photos, embeddings):
        pair = photos / "ann.png", photos / "grace.png"
        apart = distance(embeddings["ann"], embeddings["grace"])
        above = course("verify", *pair, "--threshold", apart + 0.001)
        below = course("verify", *pair, "--threshold", apart - 0.001, "--json")
        assert above.code == 0
        assert above.out == (
            f"same person: distance {apart:.3f}, threshold {apart + 0.001:.3f} "
            "(given with --threshold)\n"
        )
        assert below.code == 1
        assert (below.document["fmr"], below.document["source"]) == (None, None)

    def test_a_photo_equals_itself_at_threshold_0(self, course, photos):
        assert course("verify", photos / "ann.png", photos / "ann.png", "--threshold", 0).code == 0

    def test_a_rate_without_a_threshold_says_which_there_are(self, course, photos):
        result = course("verify", photos / "ann.png", photos / "ann2.png", "--fmr", 0.5)
        assert result.code == 2
        assert "must be one of [0.001, 0.01]. Received: fmr=0.5." in result.err

    def test_no_face_is_exit_code_3(self, course, photos):
        result = course("verify", photos / "ann.png", photos / "nobody.png")
        assert (result.code, result.out) == (3, "")
        assert result.err.startswith(f"course: error: No face was found in {photos}/nobody.png. ")

    def test_several_faces_are_exit_code_3(self, course, photos):
        result = course("verify", photos / "party.png", photos / "grace.png", "--json")
        assert result.code == result.document["exit_code"] == 3
        assert result.document["error"].startswith(f"2 faces were found in {photos}/party.png")
        assert result.err == f"course: error: {result.document['error']}\n"

    def test_the_largest_of_several_may_be_asked_for(self, course, photos):
        result = course("verify", photos / "party.png", photos / "grace.png", "--largest")
        assert result.code == 0

    def test_a_missing_photo_a_folder_and_no_photo_are_exit_code_2(self, course, photos):
        for other, message in (
            ("none.png", "There is no photo none.png."),
            (photos, f"{photos} is a folder. Give a photo in it."),
            (photos / "broken.jpg", "broken.jpg cannot be read as a photo"),
        ):
            result = course("verify", other, photos / "ann.png")
            assert (result.code, result.out) == (2, "")
            assert message in result.err
            assert result.err.count("\n") == 1

    @pytest.mark.parametrize("skip", [[], ["--skip"]])
    def test_a_missing_package_is_exit_code_2(self, course, photos, tmp_path, monkeypatch, skip):
        monkeypatch.setitem(sys.modules, "dlib", None)
        file = tmp_path / "g.npz"
        result = course("enroll", "Ann", photos / "ann.png", "--gallery", file, *skip)
        assert (result.code, result.out) == (2, "")
        assert re.fullmatch(r"course: error: .*pip install 'dlib-bin.*\n", result.err)
        assert not file.exists()


class TestEnroll:
    def test_a_new_gallery_gets_the_calibrated_threshold(
        self, course, photos, tmp_path, embeddings
    ):
        file = tmp_path / "new friends ö.npz"
        result = course("enroll", "张三", photos / "ann.png", "--gallery", file)
        assert result == (0, f"张三: 1 photo enrolled, 1 template in {file}\n", "")
        gallery = Gallery.load(file)
        assert gallery.threshold.fmr == 0.001
        assert gallery.threshold.source == "ORL faces, 40 people, aligned"
        np.testing.assert_allclose(gallery.embeddings("张三"), [embeddings["ann"]], atol=1e-5)

    def test_the_rate_of_a_new_gallery_may_be_chosen(self, course, photos, tmp_path):
        file = tmp_path / "new.npz"
        result = course("enroll", "Ann", photos / "ann.png", "--gallery", file, "--fmr", 0.01)
        assert (result.code, result.err) == (0, "")
        assert Gallery.load(file).threshold.fmr == 0.01

    def test_json_says_what_was_enrolled(self, course, photos, friends):
        result = course("enroll", "Ann", photos / "ann2.png", "--gallery", friends, "--json")
        assert (result.code, result.err) == (0, "")
        assert result.document == {
            "gallery": str(friends),
            "new": False,
            "name": "Ann",
            "enrolled": [str(photos / "ann2.png")],
            "skipped": [],
            "warnings": [],
            "num_templates": 2,
            "num_people": 2,
            "threshold": {
                "distance": 0.5,
                "fmr": 0.001,
                "num_impostors": 1000,
                "source": "made for this test",
            },
        }

    def test_a_name_is_tidied(self, course, photos, friends):
        decomposed = "  Jose\u0301 "
        result = course("enroll", decomposed, photos / "ann.png", "--gallery", friends, "--json")
        assert result.document["name"] == "José"
        assert "José" in people_in(friends)

    @pytest.mark.parametrize(
        ("bad", "code"), [("broken.jpg", 2), ("nobody.png", 3), ("party.png", 3), ("none.png", 2)]
    )
    def test_one_bad_photo_and_nothing_is_enrolled(self, course, photos, friends, bad, code):
        before = friends.read_bytes()
        names = photos / "ann2.png", photos / bad
        result = course("enroll", "Ann", *names, "--gallery", friends)
        assert (result.code, result.out) == (code, "")
        assert re.fullmatch(rf"course: error: [^\n]*{re.escape(bad)}[^\n]*\n", result.err)
        assert friends.read_bytes() == before

    def test_one_bad_photo_and_no_file_is_made(self, course, photos, tmp_path):
        names = photos / "ann.png", photos / "broken.jpg"
        assert course("enroll", "Ann", *names, "--gallery", tmp_path / "new.npz").code == 2
        assert list(tmp_path.iterdir()) == []

    def test_bad_photos_may_be_skipped(self, course, photos, friends):
        bad = ["broken.jpg", "nobody.png", "none.png", "party.png"]
        names = [photos / name for name in ("ann.png", *bad, "ann2.png")]
        result = course("enroll", "Ann", *names, "--gallery", friends, "--skip", "--json")
        assert result.code == 0
        assert result.document["enrolled"] == [str(names[0]), str(names[-1])]
        skipped = result.document["skipped"]
        assert [each["photo"] for each in skipped] == [str(photos / name) for name in bad]
        assert result.err.splitlines() == [f"course: skipped: {each['reason']}" for each in skipped]
        assert people_in(friends) == {"Ann": 3, "Grace": 1}

    @pytest.mark.parametrize(("bad", "code"), [("broken.jpg", 2), ("nobody.png", 3)])
    def test_if_all_are_skipped_it_is_an_error(self, course, photos, friends, bad, code):
        before = friends.read_bytes()
        result = course("enroll", "Ann", photos / bad, "--gallery", friends, "--skip")
        assert (result.code, result.out) == (code, "")
        skipped, error = result.err.splitlines()
        assert skipped.startswith("course: skipped: ")
        assert error == "course: error: None of the photos can be used."
        assert friends.read_bytes() == before

    def test_the_largest_of_several_faces_may_be_asked_for(self, course, photos, tmp_path):
        file = tmp_path / "new.npz"
        arguments = ("Grace", photos / "party.png", "--gallery", file, "--largest")
        assert course("enroll", *arguments).code == 0
        assert course("identify", photos / "grace.png", "--gallery", file).code == 0

    def test_of_a_folder_its_images_are_taken_sorted_and_nothing_else(
        self, course, photos, friends, tmp_path
    ):
        folder = tmp_path / "photos of Ann (été)"
        (folder / "deeper.png").mkdir(parents=True)
        shutil.copy(photos / "ann2.png", folder / "b.PNG")
        shutil.copy(photos / "ann.png", folder / "a.png")
        shutil.copy(photos / "grace.png", folder / ".hidden.png")
        shutil.copy(photos / "grace.png", folder / "deeper.png")
        (folder / "notes.txt").write_text("not a photo")
        result = course("enroll", "Ann", folder, "--gallery", friends, "--json")
        assert (result.code, result.err) == (0, "")
        assert result.document["enrolled"] == [str(folder / "a.png"), str(folder / "b.PNG")]

    def test_a_folder_without_images_is_an_error(self, course, friends, tmp_path):
        folder = tmp_path / "empty"
        folder.mkdir()
        result = course("enroll", "Ann", folder, "--gallery", friends, "--skip")
        assert result.code == 2
        assert f"The folder {folder} holds no image file" in result.err

    def test_photos_of_two_people_are_enrolled_with_a_warning(self, course, photos, tmp_path):
        pair = photos / "ann.png", photos / "grace.png"
        result = course("enroll", "Ann", *pair, "--gallery", tmp_path / "new.npz", "--json")
        assert result.code == 0
        assert len(result.document["enrolled"]) == 2
        (warning,) = result.document["warnings"]
        assert warning.startswith(f"{pair[0]} and {pair[1]} are 0.")
        assert warning.endswith("are these the same person?")
        assert result.err == f"course: warning: {warning}\n"

    def test_a_face_unlike_the_earlier_ones_is_warned_of(self, course, photos, tmp_path):
        file = tmp_path / "new.npz"
        assert course("enroll", "Ann", photos / "ann.png", "--gallery", file).err == ""
        result = course("enroll", "Ann", photos / "grace.png", "--gallery", file)
        assert result.code == 0
        assert "from the photos of Ann that are enrolled already" in result.err
        assert people_in(file) == {"Ann": 2}

    def test_a_face_that_is_somebody_else_already_is_warned_of(self, course, photos, friends):
        result = course("enroll", "Eileen", photos / "ann2.png", "--gallery", friends)
        assert result.code == 0
        assert re.fullmatch(
            r"course: warning: \S+ann2\.png is accepted as Ann as well, distance 0\.\d{3}: "
            r"is one person enrolled under two names\?\n",
            result.err,
        )
        again = course("enroll", "Eileen", photos / "ann.png", "--gallery", friends)
        assert "is accepted as Ann as well, distance 0.000" in again.err  # Eileen or Ann is nearest

    def test_a_rate_for_an_existing_gallery_is_not_taken_silently(self, course, photos, friends):
        arguments = ("Ann", photos / "ann.png", "--gallery", friends, "--fmr", 0.01)
        result = course("enroll", *arguments)
        assert result.code == 0
        assert "course: warning: --fmr is for a new gallery" in result.err
        assert Gallery.load(friends).threshold.fmr == 0.001

    @pytest.mark.parametrize("name", ["", "two\nlines", "x" * 201])
    def test_what_is_no_name_is_an_error(self, course, photos, tmp_path, name):
        result = course("enroll", name, photos / "ann.png", "--gallery", tmp_path / "new.npz")
        assert result.code == 2
        assert re.fullmatch(r"course: error: `name` must [^\n]+\n", result.err)

    def test_a_folder_that_is_missing_is_noticed_first(self, course, photos, tmp_path):
        result = course("enroll", "Ann", photos / "broken.jpg", "--gallery", tmp_path / "a" / "g")
        assert result.code == 2
        assert f"The folder {tmp_path / 'a'} is missing" in result.err


class TestIdentify:
    def test_every_face_is_looked_up_largest_first(self, course, photos, friends, embeddings):
        result = course("identify", photos / "party.png", "--gallery", friends, "--json")
        assert (result.code, result.err) == (0, "")
        document = result.document
        assert list(document) == ["gallery", "threshold", "photos"]
        assert document["threshold"]["distance"] == 0.5
        (photo,) = document["photos"]
        assert list(photo) == ["photo", "error", "quarter_turns", "faces"]
        assert (photo["error"], photo["quarter_turns"]) == (None, 0)
        assert [face["identity"] for face in photo["faces"]] == ["Grace", "Ann"]
        grace, ann = photo["faces"]
        assert list(grace) == ["box", "confidence", "identity", "candidates"]
        assert list(grace["box"]) == ["top", "left", "bottom", "right"]
        assert grace["box"]["right"] < 400 < ann["box"]["left"]
        assert [match["name"] for match in ann["candidates"]] == ["Ann", "Grace"]
        apart = distance(embeddings["ann"], embeddings["grace"])
        assert ann["candidates"][1]["distance"] == pytest.approx(apart, abs=0.1)

    def test_the_text_says_who_where_and_how_near(self, course, photos, friends):
        result = course("identify", photos / "party.png", "--gallery", friends)
        first, *lines = result.out.splitlines()
        assert first == f"{photos / 'party.png'}: 2 faces"
        box = r"\(top \d+, left \d+, bottom \d+, right \d+\)"
        assert re.fullmatch(rf"  1\. Grace {box}", lines[0])
        assert re.fullmatch(r"     nearest: Grace 0\.\d{3}, Ann 0\.\d{3}", lines[1])
        assert re.fullmatch(rf"  2\. Ann {box}", lines[2])

    def test_as_many_candidates_as_asked_for(self, course, photos, friends):
        arguments = ("identify", photos / "ann.png", "--gallery", friends, "--json")
        (photo,) = course(*arguments, "-k", 1).document["photos"]
        assert [match["name"] for match in photo["faces"][0]["candidates"]] == ["Ann"]
        (photo,) = course(*arguments, "-k", 99).document["photos"]
        assert len(photo["faces"][0]["candidates"]) == 2

    def test_a_stranger_is_exit_code_1(self, course, photos, friends):
        course("gallery", "remove", "Grace", "--gallery", friends)
        result = course("identify", photos / "grace.png", "--gallery", friends)
        assert result.code == 1
        assert "\n  1. not in the database (top " in result.out
        assert "\n     nearest: Ann 0." in result.out
        result = course("identify", photos / "grace.png", "--gallery", friends, "--json")
        assert result.document["photos"][0]["faces"][0]["identity"] is None

    def test_in_an_empty_gallery_everybody_is_a_stranger(self, course, photos, friends):
        for name in ("Ann", "Grace"):
            course("gallery", "remove", name, "--gallery", friends)
        result = course("identify", photos / "ann.png", "--gallery", friends)
        assert result.code == 1
        assert "nearest: nobody, the gallery is empty" in result.out
        assert course("gallery", "list", "--gallery", friends).out == "nobody is enrolled\n"

    def test_a_photo_on_its_side_says_so(self, course, photos, friends):
        result = course("identify", photos / "turned.png", "--gallery", friends)
        assert result.code == 0
        assert result.out.splitlines()[0].endswith("turned.png: 1 face, turned by 270°")

    @pytest.mark.parametrize(
        ("names", "code"),
        [
            (["ann.png", "grace.png"], 0),
            (["ann.png", "stranger.png"], 1),
            (["nobody.png"], 3),
            (["stranger.png", "nobody.png", "ann.png"], 3),
            (["nobody.png", "broken.jpg", "stranger.png"], 2),
            (["broken.jpg", "none.png"], 2),
        ],
    )
    def test_of_several_photos_the_most_serious_counts(self, course, photos, friends, names, code):
        if "stranger.png" in names:
            course("gallery", "remove", "Grace", "--gallery", friends)
        paths = [photos / name.replace("stranger", "grace") for name in names]
        result = course("identify", *paths, "--gallery", friends)
        assert result.code == code
        for path in paths:
            assert f"{path}: " in result.out
        unreadable = [path for path in paths if path.name in ("broken.jpg", "none.png")]
        lines = result.err.splitlines()
        assert len(lines) == len(unreadable)
        for path, line in zip(unreadable, lines, strict=True):
            assert line.startswith("course: error: ")
            assert str(path) in line
            assert f"{path}: not read" in result.out

    def test_a_photo_without_a_face_says_so(self, course, photos, friends):
        result = course("identify", photos / "nobody.png", "--gallery", friends)
        assert result == (3, f"{photos / 'nobody.png'}: no face was found\n", "")

    def test_a_photo_that_cannot_be_read_is_in_the_document(self, course, photos, friends):
        paths = photos / "ann.png", photos / "broken.jpg"
        result = course("identify", *paths, "--gallery", friends, "--json")
        ann, broken = result.document["photos"]
        assert (ann["error"], len(ann["faces"])) == (None, 1)
        assert "cannot be read as a photo" in broken["error"]
        assert broken["faces"] == []

    def test_a_single_photo_that_cannot_be_read_is_an_error(self, course, photos, friends):
        result = course("identify", photos / "broken.jpg", "--gallery", friends, "--json")
        assert list(result.document) == ["error", "exit_code"]
        assert result.code == result.document["exit_code"] == 2

    def test_a_folder_stands_for_its_images(self, course, photos, friends):
        result = course("identify", photos, "--gallery", friends, "--json")
        names = [Path(photo["photo"]).name for photo in result.document["photos"]]
        assert names == sorted(path.name for path in photos.iterdir())

    def test_a_gallery_without_a_threshold_is_an_error(self, course, photos, tmp_path):
        file = tmp_path / "bare.npz"
        Gallery(load_encoder()).save(file)
        result = course("identify", photos / "ann.png", "--gallery", file)
        assert result.code == 2
        assert "course gallery calibrate" in result.err
        result = course("enroll", "Ann", photos / "ann.png", "--gallery", file)
        assert result.code == 0
        assert "The gallery has no threshold, so nothing was compared." in result.err
        assert "\nthreshold: none yet" in course("gallery", "info", "--gallery", file).out

    @pytest.mark.parametrize("command", [["identify"], ["enroll", "Ann"]])
    def test_another_encoders_gallery_is_refused(self, course, photos, tmp_path, command):
        file = tmp_path / "other.npz"
        other = EncoderIdentity("another network", "abc", 128)
        Gallery(other, threshold=Threshold(0.5, 0.01, 300, "some")).save(file)
        result = course(*command, photos / "ann.png", "--gallery", file)
        assert result.code == 2
        assert "was made with another encoder, another network" in result.err


class TestGallery:
    def test_the_variable_names_the_gallery(self, course, friends, tmp_path, monkeypatch):
        monkeypatch.setenv("COURSE_GALLERY", str(friends))
        assert course("gallery", "list").out == "Ann: 1 template\nGrace: 1 template\n"
        result = course("gallery", "list", "--gallery", tmp_path / "none.npz")  # goes before it
        assert result == (2, "", f"course: error: {tmp_path}/none.npz: There is no gallery file.\n")
        monkeypatch.setenv("COURSE_GALLERY", "")
        assert "required: --gallery" in course("gallery", "list").err

    def test_list_as_json(self, course, friends):
        result = course("gallery", "list", "--gallery", friends, "--json")
        assert result.document == {
            "gallery": str(friends),
            "people": [
                {"name": "Ann", "num_templates": 1},
                {"name": "Grace", "num_templates": 1},
            ],
            "num_people": 2,
            "num_templates": 2,
        }

    def test_remove_takes_all_templates_of_a_person(self, course, photos, friends):
        course("enroll", "Ann", photos / "ann2.png", "--gallery", friends)
        result = course("gallery", "remove", "Ann", "--gallery", friends)
        assert result == (0, "Ann: 2 templates removed\n", "")
        assert people_in(friends) == {"Grace": 1}
        result = course("gallery", "remove", "Grace", "--gallery", friends, "--json")
        assert result.document == {
            "gallery": str(friends),
            "name": "Grace",
            "num_removed": 1,
            "num_people": 0,
        }

    def test_remove_suggests_similar_names(self, course, friends):
        result = course("gallery", "remove", "Gracie", "--gallery", friends)
        assert (result.code, result.out) == (2, "")
        assert "'Gracie'" in result.err
        assert "Grace" in result.err.replace("Gracie", "")
        assert people_in(friends) == {"Ann": 1, "Grace": 1}

    def test_info_says_which_encoder_rule_and_threshold(self, course, friends):
        lines = course("gallery", "info", "--gallery", friends).out.splitlines()
        assert lines[0] == f"gallery: {friends}, format version 1"
        assert lines[1].startswith(f"encoder: {load_encoder().name}")
        assert lines[2] == "rule: nearest"
        assert lines[3] == (
            "threshold: 0.5 (FMR 0.001 on 1,000 impostor distances: made for this test)"
        )
        assert lines[4:] == ["people: 2", "templates: 2"]

    def test_info_as_json(self, course, friends):
        encoder = load_encoder()
        assert course("gallery", "info", "--gallery", friends, "--json").document == {
            "gallery": str(friends),
            "format_version": 1,
            "encoder": {
                "name": encoder.name,
                "checksum": encoder.checksum,
                "embedding_dim": 128,
            },
            "rule": "nearest",
            "threshold": {
                "distance": 0.5,
                "fmr": 0.001,
                "num_impostors": 1000,
                "source": "made for this test",
            },
            "num_people": 2,
            "num_templates": 2,
        }

    @pytest.mark.parametrize(
        "command",
        [
            *(["gallery", each] for each in ("list", "info")),
            ["gallery", "remove", "Ann"],
            ["gallery", "calibrate", "."],
            ["identify", ASTRONAUT],
            ["enroll", "Ann", ASTRONAUT],
        ],
    )
    def test_a_damaged_gallery_is_exit_code_2_and_left_as_it_is(self, course, friends, command):
        content = friends.read_bytes()[:-100]
        friends.write_bytes(content)
        result = course(*command, "--gallery", friends)
        assert (result.code, result.out) == (2, "")
        assert re.fullmatch(rf"course: error: [^\n]*{friends}[^\n]* damaged[^\n]*\n", result.err)
        assert friends.read_bytes() == content

    def test_a_gallery_that_somebody_is_saving_is_exit_code_2(self, course, friends, monkeypatch):
        monkeypatch.setattr(galleries, "SAVE_TIMEOUT", 0.1)
        with FileLock(f"{friends}.lock"):
            result = course("gallery", "remove", "Ann", "--gallery", friends, "--json")
        assert result.code == result.document["exit_code"] == 2
        assert "locked" in result.err
        assert people_in(friends) == {"Ann": 1, "Grace": 1}

    def test_a_folder_is_no_gallery(self, course, tmp_path):
        result = course("gallery", "list", "--gallery", tmp_path)
        assert result.code == 2
        assert re.fullmatch(r"course: error: [^\n]+\n", result.err)


class TestCalibrate:
    NUM_PEOPLE, NUM_PHOTOS = 4, 3

    @pytest.fixture
    def colleagues(self, tmp_path):
        """Four people of the ORL faces, three photos each, in a folder with a space."""
        faces = load_orl_faces()
        for person in range(self.NUM_PEOPLE):
            photos = faces.images[faces.labels == person][: self.NUM_PHOTOS]
            for number, photo in enumerate(photos):
                folder = tmp_path / "my colleagues" / faces.names[person]
                folder.mkdir(parents=True, exist_ok=True)
                save(np.squeeze(photo), folder / f"{number}.png")
        return tmp_path / "my colleagues"

    @staticmethod
    def pairs(folder):
        """Distances of genuine and of impostor pairs, each computed by itself."""
        paths = sorted(folder.glob("*/*.png"))
        embeddings = load_encoder()(paths)
        genuine, impostor = [], []
        for second in range(len(paths)):
            for first in range(second):
                one_person = paths[first].parent == paths[second].parent
                apart = distance(embeddings[first], embeddings[second])
                (genuine if one_person else impostor).append(apart)
        return genuine, impostor

    def test_the_threshold_accepts_no_more_impostors_than_asked_for(
        self, course, friends, colleagues
    ):
        arguments = ("gallery", "calibrate", colleagues, "--gallery", friends, "--fmr", 0.1)
        result = course(*arguments, "--json")
        assert (result.code, result.err) == (0, "")  # 54 impostor pairs suffice for 3 / 0.1
        document = result.document
        genuine, impostor = self.pairs(colleagues)
        threshold = document["threshold"]
        assert threshold["distance"] == pytest.approx(sorted(impostor)[5], abs=1e-5)
        assert threshold["fmr"] == 0.1
        assert threshold["source"] == "4 people, 12 photos in my colleagues"
        rejected = sum(apart > threshold["distance"] for apart in genuine)
        assert document["fnmr"] == pytest.approx(rejected / len(genuine), abs=1e-6)
        assert document["num_genuine"] == len(genuine) == 4 * 3
        assert document["num_impostors"] == threshold["num_impostors"] == len(impostor) == 6 * 9
        assert (document["num_people"], document["num_photos"]) == (4, 12)
        assert (document["skipped"], document["warnings"]) == ([], [])
        assert Gallery.load(friends).threshold.fmr == 0.1
        assert people_in(friends) == {"Ann": 1, "Grace": 1}

    def test_too_few_pairs_bad_photos_and_enrolled_people_are_reported(
        self, course, photos, friends, colleagues
    ):
        shutil.copy(photos / "broken.jpg", colleagues / "s1")
        (colleagues / "s4").rename(colleagues / "Grace")
        (colleagues / "nothing in it").mkdir()
        for name in ("1.png", "2.png"):
            (colleagues / "s2" / name).unlink()
        result = course("gallery", "calibrate", colleagues, "--gallery", friends)
        assert result.code == 0
        threshold, fnmr = result.out.splitlines()
        assert re.fullmatch(
            r"threshold: 0\.\d+ \(FMR 0\.001 on 36 impostor distances: .*", threshold
        )
        assert re.fullmatch(r"FNMR: \d+\.\d% of 9 genuine pairs", fnmr)
        skipped, enrolled, too_few = result.err.splitlines()
        assert skipped.startswith("course: skipped: ")
        assert "broken.jpg" in skipped
        assert enrolled.startswith("course: warning: Grace is in the gallery: ")
        assert too_few.startswith("course: warning: ")
        assert "36" in too_few

    def test_without_a_genuine_pair_the_fnmr_is_unknown(self, course, photos, friends, tmp_path):
        for name in ("ann", "grace"):
            (tmp_path / "two" / name).mkdir(parents=True)
            shutil.copy(photos / f"{name}.png", tmp_path / "two" / name)
        arguments = ("gallery", "calibrate", tmp_path / "two", "--gallery", friends, "--fmr", 1)
        result = course(*arguments)
        assert result.code == 0
        assert "FNMR: unknown, no two photos are of one person" in result.out
        assert course(*arguments, "--json").document["fnmr"] is None

    def test_less_than_two_people_are_an_error(self, course, photos, friends, tmp_path):
        before = friends.read_bytes()
        (tmp_path / "one" / "ann").mkdir(parents=True)
        shutil.copy(photos / "ann.png", tmp_path / "one" / "ann")
        arguments = ("gallery", "calibrate", tmp_path / "one", "--gallery", friends)
        result = course(*arguments)
        assert result.code == 2
        assert "at least 2 people. Found: 1 such subfolder." in result.err
        (tmp_path / "one" / "bob").mkdir()
        shutil.copy(photos / "nobody.png", tmp_path / "one" / "bob")
        result = course(*arguments)
        assert result.code == 2
        assert "Photos of only one person can be used" in result.err
        assert friends.read_bytes() == before

    def test_a_missing_folder_is_an_error(self, course, friends):
        result = course("gallery", "calibrate", "no folder", "--gallery", friends)
        expected = "course: error: no folder: No such file or directory.\n"
        assert result == (2, "", expected)


class TestOutput:
    def test_control_characters_of_file_names_do_not_reach_the_terminal(
        self, course, photos, friends, tmp_path
    ):
        red = tmp_path / "\x1b[31mred\u202e.png"
        shutil.copy(photos / "ann.png", red)
        result = course("identify", red, "--gallery", friends)
        assert result.code == 0
        assert r"\u001b[31mred\u202e.png: 1 face" in result.out
        result = course("identify", red, "--gallery", friends, "--json")
        assert "\x1b" not in result.out
        assert "\u202e" not in result.out
        assert result.document["photos"][0]["photo"] == str(red)

    def test_names_of_any_alphabet_stay_readable(self, course, friends, photos):
        name = "نیل\u200cوفر 张三 José"
        course("enroll", name, photos / "grace.png", "--gallery", friends)
        assert f"\n{name}: 1 template\n" in course("gallery", "list", "--gallery", friends).out
        assert name in course("gallery", "list", "--gallery", friends, "--json").out

    def test_errors_have_no_control_characters_either(self, course, friends):
        for bad in ("\x1b[2J", "\x9b", "a\nb", os.fsdecode(b"\xff.png")):
            for arguments in (("identify", bad), ("gallery", "remove", bad), ("enroll", bad, bad)):
                result = course(*arguments, "--gallery", friends, "--json")
                assert result.code == 2
                assert re.fullmatch(r"course: error: [^\n]+\n", result.err)
                assert result.err[:-1].isprintable()
                assert result.out.replace("\n", "").isprintable()

    def test_json_is_utf8_and_text_has_escapes_where_the_terminal_is_ascii(
        self, friends, photos, monkeypatch
    ):
        assert main(["enroll", "张三", str(photos / "ann.png"), "--gallery", str(friends)]) == 0
        for option, expected in ([], rb"\u5f20\u4e09: 1 template"), (["--json"], "张三".encode()):
            stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
            monkeypatch.setattr(sys, "stdout", stream)
            assert main(["gallery", "list", "--gallery", str(friends), *option]) == 0
            assert expected in stream.buffer.getvalue()

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain text", "plain text"),
            ("ö\u00a0é\u3000张", "ö\u00a0é\u3000张"),
            ("a\tb\r\n", r"a\tb\r\n"),
            ("\x1b]0;title\x07", r"\u001b]0;title\u0007"),
            ("\x7f\x85\u2028", r"\u007f\u0085\u2028"),
            ("\udcff", r"\udcff"),
            ("👩\u200d🚀", "👩\u200d🚀"),
            ("\U000e0001", r"\udb40\udc01"),
        ],
    )
    def test_printable(self, text, expected):
        assert output.printable(text) == expected

    def test_floats_in_json_are_rounded_at_any_depth(self):
        document = {"b": 1 / 3, "a": [{"c": 2.0}, (1e-9, np.float64(0.1234567))], "n": None, "i": 3}
        text = output.as_json(document)
        assert json.loads(text) == {
            "b": 0.333333,
            "a": [{"c": 2.0}, [0.0, 0.123457]],
            "n": None,
            "i": 3,
        }
        assert text.index('"b"') < text.index('"a"')

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (ValueError("one\ntwo"), "one two"),
            (KeyError("a key"), "a key"),
            (PermissionError(13, "Permission denied", "a b.png"), "a b.png: Permission denied."),
            (OSError(28, "No space left on device"), "No space left on device."),
            (TimeoutError("too long"), "too long"),
            (ImportError(), "ImportError"),
        ],
    )
    def test_an_error_becomes_one_line(self, error, message):
        assert output.message_of(error) == message

    def test_a_terminal_gets_a_progress_bar_on_stderr_only(
        self, course, photos, friends, monkeypatch
    ):
        paths = photos / "ann.png", photos / "ann2.png"
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        result = course("identify", *paths, "--gallery", friends, "--json")
        assert "photo" in result.err
        assert [len(photo["faces"]) for photo in result.document["photos"]] == [1, 1]
