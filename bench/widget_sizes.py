"""Download sizes before comments show, and of the whole widget, beside peers; one compressor for all.

Run by `python -m bench.widget_sizes`; needs npm and pip with their registries, and writes docs/widget-size.md.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import brotli

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "commentsvc" / "web" / "static"


@dataclass(frozen=True)
class Widget:
    """`reading` is what must come before a comment shows, script and styles; `all` is everything the widget has."""

    name: str
    reading: tuple[Path, ...]
    all: tuple[Path, ...]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        widgets = [ours(), *npm_peers(Path(folder)), isso(Path(folder))]
        lines = [row(widget) for widget in widgets]
    text = HEAD + "\n".join(lines) + "\n"
    (ROOT / "docs" / "widget-size.md").write_text(text, encoding="utf-8")
    print(text)


def ours() -> Widget:
    script = STATIC / "embed.js"
    return Widget("commentsvc", (script,), (script, *sorted((STATIC / "embed").glob("*.js"))))


def npm_peers(folder: Path) -> list[Widget]:
    found = []
    for package, names in {
        "artalk": ("Artalk.js", "Artalk.css"),
        "@waline/client": ("waline.js", "waline.css"),
        "twikoo": ("twikoo.min.js",),
    }.items():
        packed = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()
        target = folder / packed.removesuffix(".tgz")
        with tarfile.open(folder / packed) as archive:
            archive.extractall(target, filter="data")
        files = tuple(target / "package" / "dist" / name for name in names)
        found.append(Widget(packed.removesuffix(".tgz").replace("waline-client", "Waline client"), files, files))
    return found


def isso(folder: Path) -> Widget:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "isso", "-d", str(folder)]
    subprocess.run(command, check=True)
    [packed] = folder.glob("isso-*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    package = folder / packed.name.removesuffix(".tar.gz") / "isso"
    files = (package / "js" / "embed.min.js", package / "css" / "isso.css")
    return Widget(packed.name.removesuffix(".tar.gz"), files, files)


def row(widget: Widget) -> str:
    reading, total = (sum(map(size, files)) for files in (widget.reading, widget.all))
    ratio = reading / size(STATIC / "embed.js")
    zipped = sum(len(gzip.compress(file.read_bytes(), 9)) for file in widget.reading)
    return f"| {widget.name} | {kilobytes(reading)} | {kilobytes(zipped)} | {ratio:.1f} | {kilobytes(total)} |"


def size(file: Path) -> int:
    return len(brotli.compress(file.read_bytes(), quality=11))


def kilobytes(size_bytes: int) -> str:
    return f"{size_bytes / 1000:.1f} kB"


HEAD = """# Size of the widget

`python -m bench.widget_sizes` measures the files that each project publishes to its registry, all compressed by the
same compressor (brotli 11 and gzip 9). "Before comments show" is what a reader downloads before comments show:
scripts and styles. "Everything" is the whole widget. Fonts, pictures, emoticons and the comments themselves are not
counted. commentsvc loads its code for writing, sign-in and voting on demand; the others load everything at once.
`make widget` fails when commentsvc's sizes exceed 6 kB before comments show and 22 kB in all other files.

| widget | before comments show, brotli | gzip | ratio | everything, brotli |
| --- | --- | --- | --- | --- |
"""

if __name__ == "__main__":
    main()
