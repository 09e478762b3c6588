"""Threads and comments of a WordPress export, from the fields of its items."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from urllib.parse import urlsplit

from commentsvc.core import links
from commentsvc.core.errors import BadFile

BASE_MAX = 500  # characters, so that what names a comment fits its column
NUMBER_MAX = 20  # digits, of MySQL's bigint

STATUSES = {
    "1": "approved",
    "approve": "approved",
    "approved": "approved",
    "0": "pending",
    "hold": "pending",
    "spam": "spam",
    "trash": "deleted",
    "post-trashed": "deleted",
}
KINDS = {"": "comment", "comment": "comment", "pingback": "pingback", "trackback": "trackback"}
# Post types that WordPress itself publishes; the file does not say how a plugin publishes its own types.
PUBLIC_TYPES = {"post", "page", "attachment"}
PUBLISHED = "publish"
INHERITS = "inherit"  # as public as the post that an attachment belongs to
NO_DATE = "0000-00-00 00:00:00"


@dataclass(frozen=True)
class ExportedThread:
    """A post; `number` counts them in the file, `is_private` is known in the second reading."""

    key: str
    url: str
    title: str
    is_open: bool
    number: int = 0
    is_private: bool = False


@dataclass(frozen=True)
class ExportedComment:
    """`html` is the content as it stands in the file: untrusted. `import_id` names the comment in every run.

    In a file that was put together by hand, two comments may have the same.
    """

    import_id: str
    parent_import_id: str | None
    kind: str
    author_name: str
    author_email: str
    author_website: str
    ip: str
    created_at: datetime
    status: str
    html: str


def privacy(item: dict[str, str]) -> str:
    """The reason why a post is not public; "" for a public one. Files of other systems lack these fields."""
    kind, status = item.get("post_type", "") or "post", item.get("status", "") or PUBLISHED
    if kind not in PUBLIC_TYPES:
        return f"of the type “{kind[:40]}”"
    if item.get("post_password"):
        return "protected by a password"
    if status == PUBLISHED or (status == INHERITS and kind == "attachment"):
        return ""
    return f"with the status “{status[:40]}”"


def thread(item: dict[str, str], number: int, is_private: bool) -> ExportedThread:
    url = item.get("link", "")
    is_open = item.get("comment_status", "open") == "open"
    return ExportedThread(_key(item, url), url, unescape(item.get("title", "")), is_open, number, is_private)


def _key(item: dict[str, str], url: str) -> str:
    """The path of the link, as the widget's default; with plain links (/?p=1) all posts would share one thread."""
    parts = links.parts_of(url) or urlsplit("")
    if parts.path not in ("", "/"):
        return parts.path
    if parts.query:
        return f"{parts.path or '/'}?{parts.query}"
    if item.get("post_name"):
        return f"/{item['post_name']}/"
    return f"/?p={item.get('post_id', '')}" if item.get("post_id") else "/"


def base_of(url: str) -> str:
    """Host and path of the blog, which distinguish its comment 7 from that of another blog."""
    parts = links.parts_of(url)
    base = f"{parts.netloc}{parts.path.rstrip('/')}" if parts and parts.netloc else ""
    return base if len(base) <= BASE_MAX else hashlib.sha256(base.encode()).hexdigest()


def comment(fields: dict[str, str], kind: str, base: str, line: int) -> ExportedComment:
    number = fields.get("comment_id", "")
    if not number.isascii() or not number.isdigit() or len(number) > NUMBER_MAX:
        raise BadFile("a comment without a comment_id", line)
    parent = fields.get("comment_parent", "")
    status = STATUSES.get(fields.get("comment_approved", "1"))
    if status is None:
        raise BadFile(f"comment {number} has the unknown status “{fields['comment_approved'][:40]}”", line)
    return ExportedComment(
        import_id=f"wordpress:{base}#{number}",
        parent_import_id=f"wordpress:{base}#{parent}" if parent not in ("", "0") else None,
        kind=kind,
        author_name=unescape(fields.get("comment_author", "")),  # WordPress keeps it escaped
        author_email=fields.get("comment_author_email", ""),
        author_website=unescape(fields.get("comment_author_url", "")),
        ip=fields.get("comment_author_IP", ""),
        created_at=_time(fields, number, line),
        status=status,
        html=fields.get("comment_content", ""),
    )


def _time(fields: dict[str, str], number: str, line: int) -> datetime:
    """The UTC time; where an old blog has none, the blog's own clock read as UTC."""
    given = [fields.get(name, "") for name in ("comment_date_gmt", "comment_date")]
    for value in given:
        if value and value != NO_DATE:
            try:
                return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            except ValueError:
                raise BadFile(f"comment {number} has the unreadable date “{value[:40]}”", line) from None
    raise BadFile(f"comment {number} has no date", line)
