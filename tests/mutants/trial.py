"""One mutant's trial: in a copy of the tree, with the nearest tests and a time limit."""

import compileall
import os
import py_compile
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec, TestOutcome

from .operators import register

ROOT = Path(__file__).parents[2]
# `CI` makes Hypothesis try the same examples each time.
os.environ["CI"] = "true"
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-k", "not postgresql"]
PYTEST += [f"-pno:{plugin}" for plugin in ("cacheprovider", "playwright", "schemathesis", "xdist")]  # a second less
# Tests of core take nothing from conftest.py, which imports the whole service.
PYTEST_CORE = [*PYTEST, "--noconftest"]


@dataclass(frozen=True)
class Outcome:
    mutation: MutationSpec
    result: str  # killed, timeout, survived or error
    detail: str


def copy_tree(to: Path) -> None:
    """Copy what git knows or could know of, and compile it so that each run need not.

    Compiled files are checked by content, since a mutant may be written within the clock's resolution.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    compileall.compile_dir(to / "commentsvc", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)


def command(files: Iterable[str]) -> list[str]:
    is_core = all(file.startswith("tests/core/") for file in files)
    return [*(PYTEST_CORE if is_core else PYTEST), *files]


def usual_seconds(tree: Path, files: Iterable[str], processes: int) -> dict[str, float]:
    """How long each test file takes on the code as it is; stops the run when one fails there."""

    def run(file: str) -> float:
        began = time.monotonic()
        done = subprocess.run(command([file]), cwd=tree, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{file} fails without a mutant:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        return time.monotonic() - began

    each = sorted(set(files))
    with ThreadPoolExecutor(processes) as pool:
        return dict(zip(each, pool.map(run, each), strict=True))


def enter(trees: "SimpleQueue[Path]") -> None:
    os.chdir(trees.get())
    register()


def attempt(mutation: MutationSpec, files: list[str], timeout_s: float) -> Outcome:
    done = mutate_and_test([mutation], shlex.join(command(files)), timeout_s)
    if done.test_outcome == TestOutcome.SURVIVED:
        return Outcome(mutation, "survived", done.diff or "")
    if done.test_outcome != TestOutcome.KILLED:
        return Outcome(mutation, "error", done.output or str(done.worker_outcome))
    if done.output == "timeout":
        return Outcome(mutation, "timeout", done.diff or "")
    return Outcome(mutation, "killed", done.diff or "")
