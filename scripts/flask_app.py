"""The app for Flask's own commands: `make dev` runs it with reload and debugger, `make shell` gives it a prompt."""

from __future__ import annotations

import os
import sys
from typing import Any

# Flask's reloader also loads the app in the process that only watches files. That process keeps the old code,
# so it must not run background jobs; neither must a shell.
if os.environ.get("WERKZEUG_RUN_MAIN") == "true":
    os.environ["COMMENTSVC_SERVE_JOBS"] = "on"

from sqlalchemy import func, select

from commentsvc.config_values import BadSetting
from commentsvc.server import application
from commentsvc.store.db import Base, db
from commentsvc.store.transactions import write

try:
    app = application()
except BadSetting as error:
    sys.exit(str(error))


@app.shell_context_processor
def names() -> dict[str, Any]:
    """What the shell knows without an import: every model by its class name, and what a query or a change needs."""
    models = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
    return {**models, "db": db, "select": select, "func": func, "write": write}
