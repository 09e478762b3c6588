"""Tells the operator of pages that were refused for their origin: which origins are known, and how to add one."""

from __future__ import annotations

import logging

from flask import Flask, current_app, request

from commentsvc.core import origins
from commentsvc.core.errors import Invalid
from commentsvc.store.sites import Site

log = logging.getLogger(__name__)

TOLD_MAX = 200  # pairs of site and origin in a process: anybody can send an Origin, and the log is not for them


def init_app(app: Flask) -> None:
    app.extensions["refused_origins_told"] = set()


def tell(site: Site) -> None:
    """Write once to the log that a page of the request's origin may not write to the site."""
    told: set[tuple[str, str]] = current_app.extensions["refused_origins_told"]
    try:
        origin = origins.normal(request.headers["Origin"])
    except Invalid:  # such as "null", of a page in a sandbox: nothing that could be added
        return
    if (site.key, origin) in told or len(told) >= TOLD_MAX:
        return
    told.add((site.key, origin))
    known = [one.origin for one in site.origins]
    log.warning(
        "a page of %s may not write to the site “%s”, whose origins are %s. If it is a page of yours, run: "
        "commentsvc site set %s origins=%s",
        origin,
        site.key,
        ", ".join(known),
        site.key,
        f"'{','.join([*known, origin])}'",
    )
