"""Imports of files in tests, without a command line."""

from commentsvc.services import imports
from commentsvc.services.imports import ImportOptions
from commentsvc.store.audit_log import ActorKind


def quiet(_what, _done, _total):
    pass


def run(path, site, now, format="wordpress", progress=quiet, **options):
    return imports.run(format, path, site, ImportOptions(**options), progress, ActorKind.COMMAND_LINE, now)
