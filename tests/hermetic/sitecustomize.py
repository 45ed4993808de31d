"""A guard for every Python process: nothing leaves the machine, nothing is written elsewhere.

Python imports a module of this name when it starts. Put the folder on PYTHONPATH, and the process
and all Python processes that it starts (workers of pytest, kernels of Jupyter) refuse

- connections and name lookups, but for those of this machine itself (Jupyter needs them);
- whatever makes, changes or removes a file outside the folders that the variable COURSE_MAY_WRITE
  lists (with ":" between them, ";" on Windows), the temporary folder and /dev; but folders on the
  way to one of those may be made.

A refusal is a `Refused`. It is no OSError, which libraries forgive too easily; the variable
COURSE_REFUSALS may name a file that gets a line for each, in case a library forgives it anyway.

What compiled code does by itself (HDF5, TensorFlow, ZeroMQ) and what other programs do is not
seen: look at what is in an empty home folder afterwards. A name that is given to `connect` of a
socket itself is looked up before the connection is refused. Python writes no bytecode under the
guard, and goes through no proxy, since a proxy on this machine would lead out of it.
"""

import _thread
import os
import sys
from importlib.machinery import PathFinder

HERE = os.path.dirname(os.path.realpath(__file__))
MAY_WRITE = "COURSE_MAY_WRITE"
REFUSALS = "COURSE_REFUSALS"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
OPEN_ALREADY = ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd")
# Event → for each path in it: its position, that of the folder it is relative to (None if there
# is none), whether a link at its end is followed.
CHANGES = {
    "os.chflags": ((0, None, True),),
    "os.chmod": ((0, 2, True),),
    "os.chown": ((0, 3, True),),
    "os.link": ((1, 3, False),),
    "os.mkdir": ((0, 2, False),),
    "os.remove": ((0, 1, False),),
    "os.removexattr": ((0, None, True),),
    "os.rename": ((0, 2, False), (1, 3, False)),
    "os.rmdir": ((0, 1, False),),
    "os.setxattr": ((0, None, True),),
    "os.symlink": ((1, 2, False),),
    "os.truncate": ((0, None, True),),
    "os.utime": ((0, 3, True),),
}
ADDRESSED = ("socket.connect", "socket.sendto", "socket.sendmsg")
LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname")

opening = _thread._local()  # the folder that `os.open` was given, which its event keeps to itself
plain_open = os.open


class Refused(RuntimeError):
    """Something was to leave the machine, or to be written outside the allowed folders."""


def refuse(message):
    if log is not None:
        os.write(log, f"{os.getpid()} {' '.join(sys.argv[:1])}: {message}\n".encode())
    raise Refused(message)


def path_of(number):
    """The path of an open file; None if it has none, such as a pipe."""
    for table in ("/proc/self/fd", "/dev/fd"):
        try:
            path = os.readlink(f"{table}/{number}")
        except OSError:
            continue
        return path if path.startswith("/") and not path.startswith("/memfd:") else None
    return None


def real_path(path, dir_fd, follow):
    """Where a path leads, without `..` and links; None if it is nowhere that could be refused."""
    if isinstance(path, int):
        path = path_of(path)
        if path is None:
            return None
    path = os.fsdecode(path)
    if "\0" in path or not path:
        return None  # the call fails by itself
    if dir_fd is not None and dir_fd >= 0 and not os.path.isabs(path):
        base = path_of(dir_fd)
        if base is None:
            return None  # no folder: the call fails
        path = os.path.join(base, path)
    if os.path.normpath(path).startswith(OPEN_ALREADY):
        return None
    if follow:
        return os.path.realpath(path)
    parent, name = os.path.split(path.rstrip("/") or "/")
    if name in ("", ".", ".."):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(parent), name)


def check_path(event, path, dir_fd=None, *, follow=True):
    try:
        real = real_path(path, dir_fd, follow)
    except OSError:  # the working folder is gone
        real = os.fsdecode(path)
    if real is None:
        return
    compared = os.path.normcase(real)
    on_the_way = event == "os.mkdir" and any(each.startswith(compared + os.sep) for each in allowed)
    inside = any(compared == each or compared.startswith(each + os.sep) for each in allowed)
    if not (inside or on_the_way):
        refuse(
            f"Only {', '.join(allowed)} may be written to. Received: {event} of {real}. If the "
            f"course may do that, list its folder in {MAY_WRITE}."
        )


def check_open(event, args):
    path, mode, flags = (*args, None, None)[:3]
    if isinstance(path, int):
        return  # was judged when it was opened
    if isinstance(flags, int) and flags & WRITING:
        dir_fd = getattr(opening, "dir_fd", None) if mode is None else None
        check_path(event, path, dir_fd)


def check_change(event, args):
    for position, folder, follow in CHANGES[event]:
        dir_fd = args[folder] if folder is not None and folder < len(args) else None
        check_path(event, args[position], dir_fd, follow=follow)


def check_database(event, args):
    path = os.fsdecode(args[0])
    if path.startswith("file:"):
        from urllib.parse import parse_qs, unquote, urlsplit

        parts = urlsplit(path)
        if parse_qs(parts.query).get("mode", [""])[-1] in ("ro", "memory"):
            return
        path = unquote(parts.path)
    if path not in ("", ":memory:"):
        check_path(event, path)


def is_here(host):
    """Whether a name or an address is that of this machine."""
    import _socket

    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    if host is None or host in ("", "localhost") or host == _socket.gethostname():
        return True
    try:
        numbers = _socket.inet_aton(host)
    except (OSError, TypeError):
        try:
            numbers = _socket.inet_pton(_socket.AF_INET6, str(host).partition("%")[0])
        except (OSError, ValueError):
            return False
        if numbers == bytes(15) + b"\1" or not any(numbers):
            return True
        if numbers[:12] != bytes(10) + b"\xff\xff":
            return False
        numbers = numbers[12:]
    return numbers[0] == 127 or not any(numbers)


def refuse_address(event, address):
    refuse(f"Only this machine may be reached. Received: {event} of {address!r}.")


def check_address(event, args):
    import _socket

    connection, address = args[0], args[1]
    if address is None:
        return  # of a socket that is connected
    if connection.family in (_socket.AF_INET, _socket.AF_INET6):
        if not is_here(address[0]):
            refuse_address(event, address)
    elif connection.family not in local_families:
        refuse_address(event, address)


def check_bind(event, args):
    connection, address = args
    is_name = isinstance(address, str | bytes) and connection.family in local_families
    if is_name and address[:1] not in ("", b"", "\0", b"\0"):  # those are no files
        check_path(event, address, follow=False)


def check_lookup(event, args):
    if not is_here(args[0]):
        refuse_address(event, args[0])


def check_name(event, args):
    if not is_here(args[0][0]):
        refuse_address(event, args[0])


def opened(path, flags, mode=0o777, *, dir_fd=None):
    if dir_fd is None:
        return plain_open(path, flags, mode)
    opening.dir_fd = dir_fd
    try:
        return plain_open(path, flags, mode, dir_fd=dir_fd)
    finally:
        opening.dir_fd = None


def listen(event, args, is_finalizing=sys.is_finalizing):
    """Called for each event. At the very end of the process its modules are gone."""
    check = checks.get(event)
    if check is not None and not is_finalizing():
        check(event, args)


def families():
    import _socket

    return {getattr(_socket, name, None) for name in ("AF_UNIX", "AF_NETLINK")} - {None}


def absolute(variable):
    """The folders that a variable lists, made absolute there too for processes elsewhere."""
    listed = os.environ.get(variable, "").split(os.pathsep)
    folders = [os.path.abspath(each) for each in listed if each]
    if folders:
        os.environ[variable] = os.pathsep.join(folders)
    return folders


absolute("PYTHONPATH")
temporary = next(
    (os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "/tmp"
)
allowed = tuple(
    os.path.normcase(os.path.realpath(each)) for each in (*absolute(MAY_WRITE), temporary, "/dev")
)
log = None
if os.environ.get(REFUSALS):
    os.environ[REFUSALS] = os.path.abspath(os.environ[REFUSALS])
    log = os.open(os.environ[REFUSALS], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
checks = {
    "open": check_open,
    "sqlite3.connect": check_database,
    "socket.bind": check_bind,
    "socket.getnameinfo": check_name,
    **dict.fromkeys(CHANGES, check_change),
    **dict.fromkeys(ADDRESSED, check_address),
    **dict.fromkeys(LOOKUPS, check_lookup),
}
local_families = families()
if plain_open in os.supports_dir_fd:
    os.supports_dir_fd.add(opened)
    os.open = opened
sys.addaudithook(listen)

elsewhere = PathFinder.find_spec(
    "sitecustomize", [each for each in sys.path if os.path.realpath(each) != HERE]
)
if elsewhere is not None:  # this one took its place
    from importlib.util import module_from_spec

    elsewhere.loader.exec_module(module_from_spec(elsewhere))
