"""Runs every benchmark in turn."""

import importlib
import pkgutil

import benchmarks
from course_utils.session import start_session

if __name__ == "__main__":
    start_session(seed=0, deterministic=False)
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name.startswith("bench_"):
            importlib.import_module(f"benchmarks.{module.name}").main()
