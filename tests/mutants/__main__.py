"""Mutation testing: change one place of the code, run the nearest tests, and expect them to fail.

`python -m tests.mutants --sample 300 --seed 14` tries a seeded sample. Mutants are made in copies of the tree, one for
each process; the tree itself is never changed. Exit status 1 when too few mutants are killed.
"""

import argparse
import fnmatch
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

from .nearest import test_files
from .operators import TELL_NOTHING, annotations, family, register
from .trial import ROOT, Outcome, attempt, copy_tree, enter, usual_seconds

# Where a mistake costs most: pure rules, permissions, and changes of a comment's status.
MODULES = [
    "commentsvc/core/*.py",
    "commentsvc/services/transitions.py",
    "commentsvc/web/auth/*.py",
    "commentsvc/web/http/access.py",
]
KILLED_AT_LEAST = 85  # per cent
# A mutant may take three times what its tests take on the code as it is: an endless loop ends there.
LIMIT_FACTOR, LIMIT_EXTRA_S = 3, 20


def draw(tree: Path, patterns: list[str], sample: int, seed: int) -> list[MutationSpec]:
    """A seeded sample of mutants; each place of the code and kind of change counts once, whatever its variants."""
    modules = [p for p in sorted((tree / "commentsvc").rglob("*.py")) if p.read_text().strip()]
    paths = [p.relative_to(tree) for p in modules]
    paths = [p for p in paths if any(fnmatch.fnmatch(p.as_posix(), pattern) for pattern in patterns)]
    with use_db(":memory:", WorkDB.Mode.create) as found:
        init(paths, found, {})
        mutations = [item.mutations[0] for item in found.work_items]
    hints = {path: annotations((tree / path).read_text()) for path in paths}

    places = defaultdict(list)
    for mutation in mutations:
        if mutation.operator_name.endswith(TELL_NOTHING):
            continue
        if any(begin <= mutation.start_pos < end for begin, end in hints[mutation.module_path]):
            continue
        places[mutation.module_path.as_posix(), mutation.start_pos, family(mutation)].append(mutation)

    chance = random.Random(seed)
    chosen = chance.sample(sorted(places), min(sample, len(places)))
    print(f"{len(places)} places in {len(paths)} modules, {len(chosen)} of them tried, seed {seed}", flush=True)
    return [chance.choice(sorted(places[key], key=_order)) for key in chosen]


def _order(mutation: MutationSpec) -> tuple[str, int]:
    return mutation.operator_name, mutation.occurrence


def told(outcome: Outcome) -> str:
    """A survivor in a few lines: where, what was changed, and the two versions of the line."""
    place = f"{outcome.mutation.module_path}:{outcome.mutation.start_pos[0]}"
    lines = [line for line in outcome.detail.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    shown = "\n".join(f"    {line}" for line in (lines or outcome.detail.splitlines()[-5:]))
    return f"{outcome.result}: {place} {outcome.mutation.operator_name}\n{shown}"


def table(outcomes: list[Outcome]) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        for row in (outcome.mutation.module_path.as_posix(), "all"):
            counts[row][outcome.result] += 1
    lines = [f"{'module':44} {'mutants':>8} {'killed':>8} {'timeout':>8} {'survived':>8}"]
    for name in [*sorted(set(counts) - {"all"}), "all"]:
        row = counts[name]
        lines.append(f"{name:44} {row.total():8} {row['killed']:8} {row['timeout']:8} {row['survived']:8}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--at-least", type=int, default=KILLED_AT_LEAST, help="per cent that must be killed")
    parser.add_argument("modules", nargs="*", default=MODULES, help="path patterns (default: those in this file)")
    options = parser.parse_args()

    began = time.monotonic()
    register()
    with tempfile.TemporaryDirectory(prefix="commentsvc-mutants-") as folder:
        first = Path(folder, "0")
        copy_tree(first)
        os.chdir(first)
        mutations = draw(first, options.modules, options.sample, options.seed)
        tests = {path: test_files(first, path.as_posix()) for path in {m.module_path for m in mutations}}
        if untested := sorted(path.as_posix() for path, files in tests.items() if not files):
            sys.exit(f"No test file was found for {', '.join(untested)}: name one in tests/mutants/nearest.py.")
        usual_s = usual_seconds(first, chain.from_iterable(tests.values()), options.processes)
        trees = get_context("spawn").SimpleQueue()
        trees.put(first)
        for number in range(1, options.processes):
            shutil.copytree(first, Path(folder, str(number)))
            trees.put(Path(folder, str(number)))

        outcomes = []
        os.chdir(ROOT)
        with ProcessPoolExecutor(options.processes, get_context("spawn"), enter, (trees,)) as pool:
            waiting = []
            for mutation in mutations:
                files = tests[mutation.module_path]
                timeout_s = LIMIT_FACTOR * sum(usual_s[file] for file in files) + LIMIT_EXTRA_S
                waiting.append(pool.submit(attempt, mutation, files, timeout_s))
            try:
                for done in as_completed(waiting):
                    outcomes.append(done.result())
                    if outcomes[-1].result in ("survived", "error"):
                        print(told(outcomes[-1]), flush=True)
            except BaseException:  # Ctrl-C too: end with the mutants at hand, not after all that wait
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    killed = sum(outcome.result in ("killed", "timeout") for outcome in outcomes)
    share = killed / len(outcomes)
    print(
        f"\n{table(outcomes)}\n\n{killed} of {len(outcomes)} killed ({share:.0%}) in {time.monotonic() - began:.0f} s"
    )
    if any(outcome.result == "error" for outcome in outcomes):
        print("Some mutants could not be tried (see above).")
        return 1
    return 0 if share * 100 >= options.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
