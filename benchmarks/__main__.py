"""Runs the benchmarks, each in a process of its own, and writes what they found."""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.catalogue import BENCHMARKS, require_peers, versions
from benchmarks.report import BEGIN, END, as_block, as_page, with_block
from benchmarks.results import (
    QUICK_NOTE,
    Findings,
    Results,
    findings_from_dict,
    results_as_json,
)
from course_utils.files import replaced_when_complete

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Everything; 0 if all ran and was written, else nothing is written."""
    options = parsed(arguments)
    try:
        require_peers(options.names)
        results = run_all(options.names, quick=options.quick)
    except (ModuleNotFoundError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in write(results, options.output):
        print(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}")
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; stops at those that would write half or hasty results over the good ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"only these, of {', '.join(BENCHMARKS)}"
    )
    parser.add_argument(
        "--output", type=Path, default=RESULTS, metavar="DIR", help="where the results go"
    )
    parser.add_argument("--quick", action="store_true", help=f"a trial; {QUICK_NOTE}")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"NAME must be among {', '.join(BENCHMARKS)}. Received: {name!r}.")
    if options.output.resolve() == RESULTS:
        if options.quick:
            parser.error(f"--quick ({QUICK_NOTE}) needs an --output of its own.")
        if options.names:
            parser.error(
                "benchmarks/results holds all benchmarks of one run. Give --output with a NAME, "
                "or leave the names out."
            )
    options.names = list(dict.fromkeys(options.names)) or list(BENCHMARKS)
    return options


def run_all(names: Sequence[str], *, quick: bool = False) -> Results:
    """Runs the benchmarks one after the other; stops at the first that fails."""
    started = datetime.datetime.now(datetime.UTC)
    about = machine.describe()
    if quick:
        print(QUICK_NOTE)
    if about["load"] > 0.5:
        print(f"Others use this machine (load {about['load']}): the times will be too long.")
    return Results(
        date=started.isoformat(timespec="seconds"),
        machine=about,
        versions=versions(names),
        benchmarks=[run(name, quick=quick) for name in names],
        quick=quick,
    )


def run(name: str, *, quick: bool = False) -> Findings:
    """One benchmark, in a process of its own, which prints what it finds as it finds it."""
    print(f"{name}:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "findings.json"
        command = [sys.executable, "-m", "benchmarks.alone", name, "--json", str(answer)]
        started = time.perf_counter()
        ended = subprocess.run([*command, *(["--quick"] if quick else [])], cwd=ROOT, check=False)
        seconds = time.perf_counter() - started
        if ended.returncode != 0 or not answer.exists():
            raise RuntimeError(
                f"The benchmark {name} failed (exit status {ended.returncode}): see above. "
                "Nothing was written."
            )
        findings = findings_from_dict(json.loads(answer.read_text(encoding="utf-8")))
    print(f"  {name}: {seconds:.0f} s", flush=True)
    return replace(findings, seconds=round(seconds, 1))


def write(results: Results, folder: Path) -> list[Path]:
    """Writes all files of the results; to benchmarks/results, the README's block as well."""
    from benchmarks.charts import charts  # Matplotlib, which the others need not wait for

    contents = {
        folder / "results.json": results_as_json(results).encode(),
        folder / "README.md": as_page(results).encode(),
        **{folder / name: content for name, content in charts(results).items()},
    }
    if folder.resolve() == RESULTS:
        readme = ROOT / "README.md"
        changed = with_block(readme.read_text(encoding="utf-8"), as_block(results))
        if changed is None:
            print(f"README.md has no {BEGIN} and {END}: the block was not written.")
        else:
            contents[readme] = changed.encode()
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        with replaced_when_complete(path) as draft:
            draft.write_bytes(content)
    return list(contents)


if __name__ == "__main__":
    sys.exit(main())
