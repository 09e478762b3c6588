"""The command line in processes of its own that need not load the program again.

Loading takes each command a second, and the tests run hundreds: so a process that has loaded it is forked. The
installed script, which does the same from nothing, has tests too (SCRIPT).
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path

SCRIPT = Path(sys.executable).parent / "commentsvc"
PATIENCE_S = 60.0

_loaded = multiprocessing.get_context("forkserver")
_loaded.set_forkserver_preload(["commentsvc.cli.main", "tests.support.commands"])


def run(words: tuple[str, ...], environ: Mapping[str, str], folder: Path) -> tuple[int, str, str]:
    """Run a command in a folder, with exactly these variables; gives exit status, standard output and error."""
    out, err = folder / ".stdout", folder / ".stderr"
    process = _loaded.Process(target=_run, args=(words, dict(environ), str(folder), str(out), str(err)))
    process.start()
    process.join(PATIENCE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"commentsvc {' '.join(words)}: no end within {PATIENCE_S:.0f} s")
    said = out.read_text(), err.read_text()
    out.unlink()
    err.unlink()
    return process.exitcode, *said


def _run(words: tuple[str, ...], environ: dict[str, str], folder: str, out: str, err: str) -> None:
    from commentsvc.cli.main import main

    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = [str(SCRIPT), *words]
    main()
