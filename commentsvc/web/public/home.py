"""The home page: a description of the service, and a link to the dashboard."""

from __future__ import annotations

from flask import Blueprint, render_template

from commentsvc.core import routes
from commentsvc.web.http.app_setup import settings

pages = Blueprint("home", __name__)


@pages.get(routes.HOME)
def show() -> str:
    return render_template("home.html", base_url=settings().base_url)
