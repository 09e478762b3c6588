"""`make migration m="Add a column"`: the next revision in migrations/versions, from what the models have and the
revisions lack.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import flask_migrate

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store import engine, migrations
from commentsvc.store.db import db


def write(message: str, folder: Path) -> Path:
    """Compare the models with an empty database that has all revisions; gives the file that was written."""
    before = set((folder / "versions").glob("*.py"))
    number = 1 + max(int(path.name[:4]) for path in before)
    with tempfile.TemporaryDirectory(prefix="commentsvc-migration-") as instance_dir:
        settings = {"COMMENTSVC_SECRET_KEY": secrets.token_urlsafe(32), "COMMENTSVC_INSTANCE_DIR": instance_dir}
        config = from_environment(settings, dotenv=None)
        engine.create_file(config)
        with create_app(config).app_context():
            migrations.upgrade()
            flask_migrate.migrate(directory=str(folder), message=message, rev_id=f"{number:04}")
            db.engine.dispose()
    (written,) = set((folder / "versions").glob("*.py")) - before
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "--quiet", written], check=True)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('Say what the revision does: make migration m="Add a column"')
    print(f"Wrote {write(sys.argv[1].strip(), migrations.folder())}. Read it, complete it, then run:")
    print(".venv/bin/pytest tests/store/test_migrations.py")
