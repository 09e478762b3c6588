"""Comments for MkDocs (this file is a hook) and for Pelican (it is a plugin), with a copy of them in the built pages.

A template gets the comments of a page by `{{ comments(page) }}` in MkDocs and `{{ comments(article) }}` in Pelican.
Copy this one file; it needs Python 3.9 or later. The README of each system has the options.
"""

from __future__ import annotations

import http.client
import logging
import urllib.error
import urllib.parse
import urllib.request
from html import escape

from markupsafe import Markup  # of Jinja, which both generators use

PATIENCE_S = 10


class Comments:
    """Renders the comments of pages for one build."""

    def __init__(self, options, log):
        """`options` are those of the blog's configuration; raises ValueError when `service` or `site` is missing."""
        missing = [name for name in ("service", "site") if not options.get(name)]
        if missing:
            raise ValueError(f"comments: set {' and '.join(missing)}")
        self.options = options
        self.service = options["service"].rstrip("/")
        self.log = log
        self.service_is_away = False

    def render(self, *, thread, url, title, lang):
        """The script and the element as HTML; `thread` is the page's path with the folder that the site is in."""
        shown = {
            "site": self.options["site"],
            "thread": thread,
            "lang": self.options.get("lang") or lang,
            "sort": self.options.get("sort"),
        }
        shown = {name: value for name, value in shown.items() if value}
        attributes = {**shown, "url": url, "title": Markup(title).striptags()}  # titles are HTML
        tag = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if value)
        copy = self._fetch_copy(shown) if self.options.get("copy", True) else ""
        hosted = f"{self.service}/t/{shown['site']}?{urllib.parse.urlencode({'thread': thread})}"
        return (
            f'<script type="module" src="{escape(self.service)}/embed.js"></script>\n'
            f"<comment-thread{tag}>{copy}"
            f'<noscript><a href="{escape(hosted)}">Read and write comments</a></noscript></comment-thread>'
        )

    def _fetch_copy(self, shown):
        """The comments of a page as HTML without a form.

        A page without a copy is better than none, so that the build goes on where there is no answer. It asks no more
        then, because each page would wait for the service.
        """
        if self.service_is_away:
            return ""
        address = f"{self.service}/embed/v1/comments?{urllib.parse.urlencode({**shown, 'form': '0'})}"
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            reason = f"there is no site “{shown['site']}”" if error.code == 404 else f"status {error.code}"
            self.log.warning("comments: %s: %s", address, reason)
        except (OSError, http.client.HTTPException) as error:
            self.service_is_away = True
            self.log.warning("comments: %s: %s; this build asks for no more comments", address, error)
        return ""


def on_env(env, *, config, files):
    """MkDocs calls this once in a build. The options are `extra.comments` of mkdocs.yml."""
    comments = Comments(config.extra.get("comments", {}), logging.getLogger("mkdocs.hooks.comments"))

    def render(page):
        return comments.render(
            thread=page.abs_url or f"/{page.url}",
            url=page.canonical_url,
            title=page.title,
            lang=page.meta.get("lang") or config.theme.get("language"),
        )

    env.globals["comments"] = render
    return env


def register():
    """Pelican calls this when it loads the plugin. The options are `COMMENTS` of pelicanconf.py."""
    from pelican import signals

    def add_to_templates(pelican):
        settings = pelican.settings
        comments = Comments(settings.get("COMMENTS", {}), logging.getLogger("pelican.plugins.comments"))
        origin = settings["SITEURL"]

        def render(page):
            path = f"{urllib.parse.urlsplit(origin).path}/{page.url}"
            return comments.render(
                thread=path,
                url=urllib.parse.quote(f"{origin}/{page.url}", safe=":/%") if origin else None,
                title=page.title,
                lang=page.lang,
            )

        settings["JINJA_GLOBALS"] = {**settings.get("JINJA_GLOBALS", {}), "comments": render}

    signals.initialized.connect(add_to_templates, weak=False)
