"""Backups of everything: written while serving, and restored into an empty database of either kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from commentsvc.config import Config
from commentsvc.core import tokens
from commentsvc.core.errors import BadFile, Conflict
from commentsvc.gateways import backup_file
from commentsvc.services import people
from commentsvc.store import engine, erasure, migrations, recounts, whole_tables
from commentsvc.store.db import db
from commentsvc.store.transactions import begin_read, retried, write

Progress = Callable[[str, int, int], None]
NAME = "commentsvc-%Y%m%dT%H%M%SZ.backup"
PATTERN = "commentsvc-*.backup"


@dataclass(frozen=True)
class BackupSummary:
    """A backup's manifest in short: rows by table, when it was made, and from which database."""

    path: Path
    tables: dict[str, int]
    created_at: datetime
    database: str
    erased_again: int = 0
    replaced: Path | None = None  # the backup of what a restore has replaced
    has_other_secret: bool = False

    def sentence(self) -> str:
        counts = ", ".join(f"{self.tables.get(name, 0):,} {name}s" for name in ("site", "thread", "comment", "account"))
        return f"{counts}; {sum(self.tables.values()):,} rows in all, as of {self.created_at:%Y-%m-%d %H:%M:%S} UTC"


def back_up(path: Path, config: Config, progress: Progress, now: datetime) -> BackupSummary:
    """Write everything of all sites into one file, as of one moment; others read and write meanwhile.

    The file is there only when it is whole. Raises BadFile when it can't be written.
    """
    begin_read()
    recounts.allow_long_reading()
    try:
        about = {
            "created_at": now.isoformat(),
            "program": version("commentsvc"),
            "revision": whole_tables.revision(),
            "database": db.engine.dialect.name,
            "secret": _fingerprint(config),
        }
        total = sum(whole_tables.count(name) for name in whole_tables.names())
        with backup_file.replacing(path) as file:
            counts = backup_file.write(file, _tables(progress, total), about, now.timestamp())
    finally:
        db.session.rollback()
    return BackupSummary(path, dict(counts), now, about["database"])


def _tables(progress: Progress, total: int) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    done = 0

    def counted(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        nonlocal done
        for row in rows:
            done += 1
            if done % 1000 == 0 or done == total:
                progress("rows", done, total)
            yield row

    for name in whole_tables.names():
        yield name, counted(whole_tables.read(name))


def _fingerprint(config: Config) -> str:
    """Tells whether two installations have the same secret, without saying anything of it."""
    return tokens.keyed(config.secret_key, "backup").hex()[:16]


def verify(path: Path) -> BackupSummary:
    """Read a backup to its end and compare every part with its manifest; raises BadFile."""
    manifest = backup_file.verify(path)
    return _summary(path, manifest)


def _summary(path: Path, manifest: dict[str, Any], **more: Any) -> BackupSummary:
    at = datetime.fromisoformat(manifest["created_at"])
    return BackupSummary(path, manifest["tables"], at, manifest["database"], **more)


def restore(path: Path, config: Config, is_replacing: bool, progress: Progress, now: datetime) -> BackupSummary:
    """Fill an empty database with a backup, and bring it to this program's schema.

    A database with sites is refused unless `is_replacing`: then it is backed up first, beside the backup. Who was
    erased there since is erased again. Raises BadFile for a damaged backup, before anything is changed, and Conflict.
    """
    manifest = backup_file.verify(path)
    if not migrations.knows(manifest["revision"]):
        raise BadFile("the backup was made by a newer program; upgrade this one first")
    engine.create_file(config)
    replaced = None
    if not whole_tables.is_empty_of_sites():
        if not is_replacing:
            raise Conflict("The database has sites already. Use --replace, which backs it up first.", "not-empty")
        migrations.check_schema()
        replaced = path.parent / f"replaced-{now:%Y%m%dT%H%M%SZ}.backup"
        back_up(replaced, config, progress, now)
    erased = _erasures()

    whole_tables.drop_all()
    migrations.upgrade_to(manifest["revision"])
    _fill(path, sum(manifest["tables"].values()), progress)
    migrations.upgrade()

    _keep_erasures(erased)
    again = people.erase_again(config, now)
    other_secret = manifest["secret"] != _fingerprint(config)
    return _summary(path, manifest, erased_again=again, replaced=replaced, has_other_secret=other_secret)


def _erasures() -> Sequence[dict[str, Any]]:
    """What the database knows of people who were erased, where it has such a table."""
    try:
        return list(whole_tables.read("erasure")) if whole_tables.has("erasure") else []
    finally:
        db.session.rollback()


@retried
def _keep_erasures(rows: Sequence[dict[str, Any]]) -> None:
    with write():
        erasure.add_missing(rows)


def _fill(path: Path, total: int, progress: Progress) -> None:
    done = 0
    with db.engine.begin() as connection:
        writer = whole_tables.TableWriter(connection)
        for table, rows in backup_file.rows(path):
            writer.write(table, rows)
            done += len(rows)
            progress("rows restored", done, total)
        writer.end()


# By the worker


def newest(folder: Path) -> Path | None:
    """The newest backup of a folder, by its name."""
    return max(folder.glob(PATTERN), default=None)


def is_due(folder: Path, every: timedelta, now: datetime) -> bool:
    """Whether the newest backup of a folder is older than `every`."""
    last = newest(folder)
    return last is None or last.stem <= (now - every).strftime(NAME).removesuffix(".backup")


def keep_up(config: Config, now: datetime) -> bool:
    """Write a backup into the folder of the setting when it is due, and delete the oldest; gives whether it wrote one.

    Of several workers that share the folder one writes: the name, by the second, is taken by a lock file.
    """
    if config.backup_dir is None:
        return False
    folder = config.backup_dir
    folder.mkdir(parents=True, exist_ok=True)
    if not is_due(folder, timedelta(hours=config.backup_every_h), now):
        return False
    with backup_file.locked(folder / ".lock") as is_mine:
        if not is_mine or not is_due(folder, timedelta(hours=config.backup_every_h), now):
            return False
        back_up(folder / now.strftime(NAME), config, lambda *_: None, now)
        for old in sorted(folder.glob(PATTERN))[: -config.backup_keep]:
            old.unlink()
    return True
