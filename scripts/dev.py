"""`make dev`: the demo's data with Flask's reload and debugger; the widget is built again on each change."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from commentsvc.config_values import PREFIX
from commentsvc.core.errors import CommentError
from commentsvc.demo import run as demo

ROOT = Path(__file__).parents[1]
EMBED = ROOT / "embed"
# Read once by the service, like its modules: a change starts it again. Pages that it keeps in memory go with it.
READ_ONCE = ("commentsvc/web/templates/**/*", "commentsvc/locale/**/*", "commentsvc/web/static/**/*")
STOP_MAX_S = 10

Start = Callable[..., "subprocess.Popen[bytes]"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--blog-port", type=int, default=8001)
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with demo.prepared(arguments.port, arguments.blog_port), settings_file() as path:
            commands = {"the service": service(arguments.port), **widget()}
            print(f"  A prompt on this data: make shell ENV={path}, make db-shell ENV={path}\n", flush=True)
            return run(commands)
    except CommentError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def settings_file() -> Iterator[Path]:
    """The demo's settings as a file, for other commands, while the demo runs."""
    path = Path("instance") / "dev.env"
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(
        "".join(f"{name}={quoted(value)}\n" for name, value in os.environ.items() if name.startswith(PREFIX))
    )
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def quoted(value: str) -> str:
    """For python-dotenv: one of the values is a key of several lines."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def service(port: int) -> Start:
    files = [str(path) for pattern in READ_ONCE for path in ROOT.glob(pattern) if path.is_file()]
    environ = {"FLASK_SKIP_DOTENV": "1", "FLASK_RUN_EXTRA_FILES": os.pathsep.join(files)}
    flask = [sys.executable, "-m", "flask", "--app", str(ROOT / "scripts" / "flask_app.py"), "run", "--debug"]
    return partial(subprocess.Popen, [*flask, "--host", demo.HOST, "--port", str(port)], env={**os.environ, **environ})


def widget() -> dict[str, Start]:
    """The widget's build, which runs again on each change of its sources; nothing where its tools are missing."""
    if shutil.which("node") is None:
        print("  The widget is not built again when you change it: Node is not installed.")
        return {}
    if not (EMBED / "node_modules").is_dir():
        print("  The widget is not built again when you change it: run `npm ci` in embed/ first.")
        return {}
    return {"the widget's build": partial(subprocess.Popen, ["node", "watch.mjs"], cwd=EMBED)}


def run(commands: dict[str, Start]) -> int:
    """Run all of them until one ends or Ctrl+C is pressed; then none of them is left, nor any child of theirs."""
    children: dict[int, str] = {}
    try:
        for name, start in commands.items():
            # A process group for each: what it starts itself is ended with it.
            children[start(process_group=0).pid] = name
        pid, status = os.wait()
        print(f"{children[pid]} ended by itself (status {os.waitstatus_to_exitcode(status)})", file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, number)
            if number is signal.SIGTERM:
                wait_for(children)


def wait_for(pids: Iterable[int]) -> None:
    """Give each process up to STOP_MAX_S to finish what it is doing."""
    ends_at = time.monotonic() + STOP_MAX_S
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # it has ended before
            while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < ends_at:
                time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
