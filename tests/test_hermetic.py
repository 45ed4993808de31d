"""The course needs no network, writes where it may only, and works wherever it is installed.

The guard is tests/hermetic/sitecustomize.py. Its first half here proves both directions: what it
must refuse is refused, and the same is done where it is allowed.
"""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
GUARD = ROOT / "tests" / "hermetic"
TIMEOUT_S = 240
FOREIGN = ("COURSE_", "IPYTHON", "JUPYTER_", "KERAS_", "MPL", "PIP_", "PYTHON", "TF_", "XDG_")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="folders and links as on Linux and macOS")


def environment(**variables) -> dict[str, str]:
    """What a process starts with: nothing that this one was told, then these variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {name: str(value) for name, value in variables.items()}


def snapshot(folder: Path) -> dict[str, tuple]:
    """All names below a folder with what tells of a change; the folder's own entry too."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (
            status.st_mode,
            status.st_size,
            status.st_mtime_ns,
            status.st_nlink,
        )
    return found


@dataclass(frozen=True)
class Places:
    """Folders of one test. Only `allowed` and `temporary` may be written to under the guard."""

    allowed: Path
    outside: Path
    temporary: Path
    refusals: Path

    @property
    def variables(self) -> dict[str, Path]:
        return {
            "PYTHONPATH": GUARD,
            "COURSE_MAY_WRITE": self.allowed,
            "COURSE_REFUSALS": self.refusals,
            "TMPDIR": self.temporary,
        }


def make_places(folder: Path) -> Places:
    places = Places(*(folder / name for name in ("may ü 可", "may not ü 不", "tmp", "refusals")))
    for each in (places.allowed, places.outside, places.temporary):
        each.mkdir()
    return places


@pytest.fixture
def places(tmp_path):
    return make_places(tmp_path)


def python(code: str, *arguments, cwd: Path, **variables) -> str:
    """What Python prints; the process must end well and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# Runs statements, each for itself, and prints what came of them.
ATTEMPTS = """
import json, os, shutil, socket, sqlite3, sys
from pathlib import Path

socket.setdefaulttimeout(5)
results = {}
for name, (statement, variables) in json.loads(sys.argv[1]).items():
    try:
        exec(statement, globals() | variables)
        results[name] = "done"
    except Exception as error:
        results[name] = f"{type(error).__name__}: {error}"
print(json.dumps(results))
"""
# What changes a folder: `place`, with a file "old", an empty folder "empty" and a link "away" to
# `other` in it. `other` may be written to; `link` leads from a folder of the other kind to `place`.
CHANGES = {
    "a new file": 'open(f"{place}/new", "w").close()',
    "a file that must be new": 'open(f"{place}/new", "x").close()',
    "a path of bytes": 'open(os.fsencode(f"{place}/new"), "wb").close()',
    "a path object": 'Path(place, "new").write_text("")',
    "a relative path with ..": 'open(os.path.relpath(f"{place}/new"), "w").close()',
    "a path through ..": 'open(f"{other}/../../{Path(place).relative_to(root)}/new", "w").close()',
    "a path through a link": 'open(f"{link}/new", "w").close()',
    "a link to a file": 'open(f"{link}_old", "a").write("more")',
    "more at the end": 'open(f"{place}/old", "a").write("more")',
    "a file to read and write": 'open(f"{place}/old", "r+").write("mo")',
    "os.open": 'os.close(os.open(f"{place}/new", os.O_CREAT | os.O_RDWR))',
    "os.open that empties": 'os.close(os.open(f"{place}/old", os.O_RDWR | os.O_TRUNC))',
    "os.open in an open folder": (
        'os.close(os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=os.open(place, os.O_RDONLY)))'
    ),
    "os.mkdir": 'os.mkdir(f"{place}/new")',
    "os.makedirs": 'os.makedirs(f"{place}/new/newer")',
    "os.mkdir in an open folder": 'os.mkdir("new", dir_fd=os.open(place, os.O_RDONLY))',
    "os.rmdir": 'os.rmdir(f"{place}/empty")',
    "os.remove": 'os.remove(f"{place}/old")',
    "os.unlink in an open folder": 'os.unlink("old", dir_fd=os.open(place, os.O_RDONLY))',
    "os.remove of a link": 'os.remove(f"{place}/away")',
    "os.rename away": 'os.rename(f"{place}/old", f"{other}/old")',
    "os.replace into it": (
        'Path(other, "mine").touch(); os.replace(f"{other}/mine", f"{place}/new")'
    ),
    "os.symlink": 'os.symlink(other, f"{place}/new")',
    "os.link": 'Path(other, "mine").touch(); os.link(f"{other}/mine", f"{place}/new")',
    "os.truncate": 'os.truncate(f"{place}/old", 1)',
    "os.chmod": 'os.chmod(f"{place}/old", 0o600)',
    "os.fchmod of a file to read": 'os.fchmod(os.open(f"{place}/old", os.O_RDONLY), 0o600)',
    "os.utime": 'os.utime(f"{place}/old", (1, 1))',
    "a folder tree removed": "shutil.rmtree(place)",
    "a file copied": 'shutil.copy(f"{place}/old", f"{place}/new")',
    "a database": 'sqlite3.connect(f"{place}/new.db").execute("create table t (x)")',
    "a database by its address": (
        'sqlite3.connect(f"file:{place}/new.db", uri=True).execute("create table t (x)")'
    ),
    "a socket": 'os.chdir(place); socket.socket(socket.AF_UNIX).bind("new")',
}
# What leads off this machine → the name or address that the refusal must tell.
LEAVING = {
    "a connection": ('socket.socket().connect(("192.0.2.1", 80))', "192.0.2.1"),
    "connect_ex": ('socket.socket().connect_ex(("192.0.2.1", 80))', "192.0.2.1"),
    "create_connection": ('socket.create_connection(("192.0.2.1", 80))', "192.0.2.1"),
    "a datagram": (
        'socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 9))',
        "192.0.2.1",
    ),
    "a datagram in parts": (
        'socket.socket(type=socket.SOCK_DGRAM).sendmsg([b""], [], 0, ("192.0.2.1", 9))',
        "192.0.2.1",
    ),
    "getaddrinfo": ('socket.getaddrinfo("example.org", 80)', "example.org"),
    "getaddrinfo of bytes": ('socket.getaddrinfo(b"example.org", 80)', "example.org"),
    "getaddrinfo, version 6": ('socket.getaddrinfo("2001:db8::1", 80)', "2001:db8::1"),
    "an address that ends like one of this machine": (
        'socket.getaddrinfo("2001:db8::127.0.0.1", 80)',
        "2001:db8::127.0.0.1",
    ),
    "an address that holds another": (
        'socket.getaddrinfo("::ffff:192.0.2.1", 80)',
        "::ffff:192.0.2.1",
    ),
    "gethostbyname": ('socket.gethostbyname("example.org")', "example.org"),
    "gethostbyname_ex": ('socket.gethostbyname_ex("example.org")', "example.org"),
    "gethostbyaddr": ('socket.gethostbyaddr("192.0.2.1")', "192.0.2.1"),
    "getnameinfo": ('socket.getnameinfo(("192.0.2.1", 80), 0)', "192.0.2.1"),
    "a page": (
        'import urllib.request; urllib.request.urlopen("http://example.org/")',
        "example.org",
    ),
}
STAYING = {
    "a server and its client": (
        "server = socket.create_server(('127.0.0.1', 0)); "
        "client = socket.create_connection(server.getsockname()); "
        "server.accept()[0].sendall(b'hello'); assert client.recv(5) == b'hello'"
    ),
    "datagrams": (
        "sockets = [socket.socket(type=socket.SOCK_DGRAM) for _ in 'ab']; "
        "sockets[0].bind(('', 0)); "
        "sockets[1].sendto(b'hello', ('127.0.0.1', sockets[0].getsockname()[1])); "
        "assert sockets[0].recv(5) == b'hello'"
    ),
    "the name localhost": "socket.getaddrinfo('localhost', 80)",
    "no name": "socket.getaddrinfo(None, 80)",
    "its address": "socket.getaddrinfo('127.0.0.1', 80)",
    "its address, version 6": "socket.getaddrinfo('::1', 80)",
    "its address in another": "socket.getaddrinfo('::ffff:127.0.0.1', 80)",
    "a pair of sockets": "first, second = socket.socketpair(); first.sendall(b'hello')",
}
READING = {
    "a file": 'assert open(f"{place}/old").read() == "old"',
    "os.open": 'os.close(os.open(f"{place}/old", os.O_RDONLY))',
    "a folder": 'assert sorted(os.listdir(place)) == ["empty", "old"]',
    "a database": 'sqlite3.connect(f"file:{place}/old?mode=ro", uri=True)',
    "a database in memory": 'sqlite3.connect(":memory:").execute("create table t (x)")',
    "nowhere": 'open(os.devnull, "w").write("gone")',
    "the standard output": 'open("/dev/stdout", "a").close()',
    "the temporary folder": "import tempfile; tempfile.NamedTemporaryFile().write(b'x')",
    "a file without a name": "import tempfile; tempfile.TemporaryFile().truncate(5)",
    "memory": 'if hasattr(os, "memfd_create"): os.ftruncate(os.memfd_create("x"), 5)',
    "a pipe": "ends = os.pipe(); open(ends[1], 'w').write('x')",
}


def attempt(statements: dict[str, tuple[str, dict]], places: Places, **variables) -> dict[str, str]:
    """What came of each statement under the guard: "done", or the type and text of its error."""
    printed = python(
        ATTEMPTS, json.dumps(statements), cwd=places.allowed, **places.variables | variables
    )
    return json.loads(printed)


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """(place, before, after, what came of it) of each change: outside, and where it may be."""
    root = tmp_path_factory.mktemp("ch")
    places, statements, before = make_places(root), {}, {}
    for direction, here, there in (
        ("outside", places.outside, places.allowed),
        ("allowed", places.allowed, places.outside),
    ):
        for number, (name, statement) in enumerate(CHANGES.items()):
            place, other = here / str(number), places.allowed / f"other {direction} {number}"
            (place / "empty").mkdir(parents=True)
            (place / "old").write_text("old")
            other.mkdir()
            (place / "away").symlink_to(other)
            link = there / f"link {direction} {number}"
            link.symlink_to(place)
            Path(f"{link}_old").symlink_to(place / "old")
            words = {"place": place, "other": other, "link": link, "root": root}
            variables = {key: str(value) for key, value in words.items()}
            statements[f"{direction}: {name}"] = (statement, variables)
    for key, (_, variables) in statements.items():
        before[key] = snapshot(Path(variables["place"]))
    results = attempt(statements, places)
    return {
        key: (
            variables["place"],
            before[key],
            snapshot(Path(variables["place"])) if Path(variables["place"]).exists() else {},
            results[key],
        )
        for key, (_, variables) in statements.items()
    }


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """What came of reaching out, with a proxy on this machine that would be allowed."""
    places = make_places(tmp_path_factory.mktemp("net"))
    statements = {name: (code, {}) for name, (code, _) in LEAVING.items()}
    statements |= {name: (code, {}) for name, code in STAYING.items()}
    return attempt(statements, places, http_proxy="http://127.0.0.1:9", HTTP_PROXY="127.0.0.1:9")


class TestTheGuard:
    @pytest.mark.parametrize("name", CHANGES)
    def test_outside_it_is_refused_and_nothing_has_changed(self, changes, name):
        place, before, after, result = changes[f"outside: {name}"]
        assert result.startswith("Refused: Only ")
        assert f" of {os.path.realpath(place)}" in result
        assert result.endswith("list its folder in COURSE_MAY_WRITE.")
        assert after == before

    @pytest.mark.parametrize("name", CHANGES)
    def test_where_it_may_it_is_done(self, changes, name):
        _, before, after, result = changes[f"allowed: {name}"]
        assert result == "done"
        assert after != before

    @pytest.mark.parametrize("name", LEAVING)
    def test_what_leaves_the_machine_is_refused(self, network, name):
        result = network[name]
        assert result.startswith("Refused: Only this machine may be reached. Received: socket.")
        assert LEAVING[name][1] in result

    @pytest.mark.parametrize("name", STAYING)
    def test_what_stays_on_the_machine_is_done(self, network, name):
        assert network[name] == "done"

    def test_reading_and_what_is_no_file_of_anybody_are_left_alone(self, places):
        (places.outside / "empty").mkdir()
        (places.outside / "old").write_text("old")
        here = {"place": str(places.outside)}
        results = attempt({name: (code, here) for name, code in READING.items()}, places)
        assert results == dict.fromkeys(READING, "done")

    def test_the_way_to_where_it_may_be_is_made_and_no_other(self, places):
        far = places.outside / "far" / "farther"
        statements = {
            "the way": "os.makedirs(far / 'farthest')",
            "beside it": "os.mkdir(far.parent / 'nearby')",
            "a longer name": "os.mkdir(far.parent / 'farther too')",
            "a shorter name": "os.mkdir(far.parent / 'far')",
            "no folder": "os.chmod(far.parent, 0o700)",
        }
        variables = {"far": str(far)}
        results = attempt(
            {name: (f"far = Path(far); {code}", variables) for name, code in statements.items()},
            places,
            COURSE_MAY_WRITE=f"{far}{os.pathsep}{places.allowed}",
        )
        assert results.pop("the way") == "done"
        assert all(each.startswith("Refused: Only") for each in results.values()), results
        assert [path.name for path in far.parent.iterdir()] == ["farther"]

    def test_a_process_elsewhere_that_a_process_starts_is_guarded_too(self, places):
        """Although PYTHONPATH and COURSE_MAY_WRITE were relative to the first one's folder."""
        start = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], cwd='/')"
        write = (
            f"open({str(places.allowed / 'new')!r}, 'w').close()\n"
            "try:\n"
            f"    open({str(places.outside / 'new')!r}, 'w')\n"
            "except RuntimeError as error:\n"
            "    print(type(error).__name__)\n"
        )
        relative = {
            "PYTHONPATH": os.path.relpath(GUARD, places.allowed),
            "COURSE_MAY_WRITE": ".",
        }
        printed = python(start, "-c", write, cwd=places.allowed, **places.variables | relative)
        assert printed == "Refused\n"
        assert (places.allowed / "new").exists()
        assert not (places.outside / "new").exists()

    def test_a_refusal_that_is_forgiven_is_noted(self, places):
        code = (
            "import contextlib, sys\n"
            "with contextlib.suppress(Exception):\n"
            "    open(sys.argv[1], 'w')\n"
        )
        python(code, places.allowed / "new", cwd=places.allowed, **places.variables)
        assert places.refusals.read_text() == ""
        python(code, places.outside / "new", cwd=places.allowed, **places.variables)
        (line,) = places.refusals.read_text(encoding="utf-8").splitlines()
        assert f"Received: open of {places.outside / 'new'}" in line

    def test_another_sitecustomize_still_runs(self, places):
        (places.allowed / "sitecustomize.py").write_text("import sys; sys.flavour = 'vanilla'")
        paths = os.pathsep.join(map(str, (GUARD, places.allowed)))
        code = "import sys; print(sys.flavour, sys.modules['sitecustomize'].Refused.__name__)"
        variables = places.variables | {"PYTHONPATH": paths}
        assert python(code, cwd=places.allowed, **variables) == "vanilla Refused\n"
        assert not (places.allowed / "__pycache__").exists()

    def test_without_it_the_same_is_done(self, places):
        variables = places.variables | {"PYTHONPATH": ""}
        code = "import sys; open(sys.argv[1], 'w').close()"
        python(code, places.outside / "new", cwd=places.allowed, **variables)
        assert (places.outside / "new").exists()


# What somebody might do with the package, from an installed copy; prints what came of it.
USE = """
import importlib, json, pkgutil, sys
from pathlib import Path

import numpy as np

import course_utils
from course_utils.session import start_session

start_session(seed=0)
modules = [each.name for each in pkgutil.walk_packages(course_utils.__path__, "course_utils.")]
public = 0
for name in modules:
    module = importlib.import_module(name)
    public += len([getattr(module, each) for each in getattr(module, "__all__", ())])

from course_utils.data import load_orl_faces, read_photo
from course_utils.models import build_embedding_model
from course_utils.recognition import EncoderIdentity, Gallery
from course_utils.weights import read_manifest, weights_folder, weights_path

photos = load_orl_faces(dtype="float32", shrink=2).images[:10, ..., None]
embeddings = {}
for name in read_manifest():
    encoder = build_embedding_model(photos.shape[1:])
    encoder.load_weights(weights_path(name))
    embeddings[name] = encoder(photos).numpy()
first = next(iter(embeddings.values()))

gallery = Gallery(EncoderIdentity("trained", "none", first.shape[1]))
gallery.enroll("Zoé 张三", first)
folder = Path("galleries of the door 门")
folder.mkdir()
gallery.save(folder / "who may ü 谁.npz")
again = Gallery.load(folder / "who may ü 谁.npz")

print(json.dumps({
    "package": course_utils.__file__,
    "modules": {name: sys.modules[name].__file__ for name in modules},
    "public": public,
    "weights": str(weights_folder()),
    "norms": [float(norm) for each in embeddings.values() for norm in np.linalg.norm(each, axis=1)],
    "different": len({each.tobytes() for each in embeddings.values()}),
    "people": dict(again.people),
    "kept": bool((again.embeddings("Zoé 张三") == first).all()),
    "photo": read_photo("my photos 照片/été.png").tolist(),
}))
"""
PHOTO = Path("my photos 照片") / "été.png"
PICTURE = Path("painted 图") / "été, wood.png"


@dataclass(frozen=True)
class Elsewhere:
    """What came of using an installed copy of the package in an empty folder."""

    site: Path
    work: Path
    home: Path
    before: dict
    after: dict
    refusals: str
    used: tuple[int, str, str]  # exit status, stdout, stderr
    painted: tuple[int, str, str]


def install(folder: Path) -> Path:
    """Builds the wheel and installs it, alone and without the network. Returns where."""
    site = folder / "Ünïcode 课程 folder"
    offline = ["--no-deps", "--no-index", "--no-cache-dir", "--no-compile"]
    source = ["--find-links", folder / "wheel", "faces-and-styles"]
    for command in (
        ["hatchling", "build", "-t", "wheel", "-d", folder / "wheel"],
        ["pip", "install", "--quiet", *offline, "--target", site, *source],
    ):
        subprocess.run(
            [sys.executable, "-m", *map(str, command)],
            cwd=ROOT,
            env=environment(PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK=1),
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
        )
    return site


def set_writable(folder: Path, writable: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | stat.S_IWUSR if writable else mode & ~0o222)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    site, home, settings = install(folder), folder / "home", folder / "settings"
    places = make_places(folder)
    work = places.allowed
    (work / PHOTO).parent.mkdir()
    Image.fromarray(photo()).save(work / PHOTO)
    for each in (home, settings):
        each.mkdir()
    variables = places.variables | {
        "PYTHONPATH": os.pathsep.join(map(str, (GUARD, site))),
        "PYTHONWARNINGS": "error",
        "COURSE_MAY_WRITE": os.pathsep.join(map(str, (work, settings))),
        "HOME": home,
        "KERAS_HOME": settings,  # importing Keras writes keras.json
        "MPLCONFIGDIR": settings,  # importing Matplotlib's pyplot makes a list of fonts
    }
    paint = ["stylize", PHOTO, "woodblock", "-o", f"{PICTURE.parent}/{PICTURE.name}"]
    commands = (["-c", USE], [site / "bin" / "course", *paint, "--steps", "1", "--size", "48"])
    (work / PICTURE).parent.mkdir()
    set_writable(site, False)
    try:
        before = snapshot(site)
        processes = [
            subprocess.Popen(
                [sys.executable, *map(str, command)],
                cwd=work,
                env=environment(**variables),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )
            for command in commands
        ]
        done = [(*each.communicate(timeout=TIMEOUT_S), each.returncode) for each in processes]
        after = snapshot(site)
    finally:
        set_writable(site, True)
    used, painted = [(code, out, err) for out, err, code in done]
    refusals = places.refusals.read_text(encoding="utf-8")
    return Elsewhere(site, work, home, before, after, refusals, used, painted)


def photo() -> np.ndarray:
    rows, columns = np.mgrid[:64, :80]
    return np.stack([rows * 3, columns * 3, (rows + columns) % 256], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def report(elsewhere):
    code, out, err = elsewhere.used
    assert (code, err) == (0, "")
    return json.loads(out)


class TestInstalledElsewhere:
    def test_every_module_is_that_copy(self, elsewhere, report):
        package = elsewhere.site / "course_utils"
        assert report["package"] == str(package / "__init__.py")
        files = {str(path) for path in package.rglob("*.py")} - {report["package"]}
        assert set(report["modules"].values()) == files
        assert report["public"] > 100

    def test_the_trained_weights_come_with_it(self, elsewhere, report):
        assert report["weights"] == str(elsewhere.site / "course_utils" / "pretrained")
        names = json.loads((ROOT / "weights" / "manifest.json").read_text("utf-8"))["files"]
        assert report["different"] == len(names)
        np.testing.assert_allclose(report["norms"], np.ones(10 * len(names)), atol=1e-5)

    def test_a_gallery_is_kept_under_any_name(self, elsewhere, report):
        assert report["people"] == {"Zoé 张三": 10}
        assert report["kept"]
        (folder,) = elsewhere.work.glob("galleries*")
        assert "who may ü 谁.npz" in {path.name for path in folder.iterdir()}

    def test_a_photo_of_any_name_is_read(self, report):
        np.testing.assert_array_equal(report["photo"], photo())

    def test_the_command_paints_it(self, elsewhere):
        code, out, err = elsewhere.painted
        assert (code, err) == (0, "")
        assert str(PICTURE) in out
        with Image.open(elsewhere.work / PICTURE) as picture:
            assert picture.size == (48, 38)
            assert len(set(picture.convert("L").tobytes())) > 10

    def test_nothing_of_it_has_changed(self, elsewhere):
        assert len(elsewhere.before) > 100
        assert elsewhere.after == elsewhere.before
        assert not any(name.endswith((".pyc", "__pycache__")) for name in elsewhere.after)

    def test_nothing_was_refused_and_the_home_folder_is_empty(self, elsewhere, report):
        assert elsewhere.refusals == ""
        assert list(elsewhere.home.iterdir()) == []

    def test_nothing_else_is_in_the_working_folder(self, elsewhere, report):
        assert {path.name for path in elsewhere.work.iterdir()} == {
            PHOTO.parent.name,
            PICTURE.parent.name,
            "galleries of the door 门",
        }
