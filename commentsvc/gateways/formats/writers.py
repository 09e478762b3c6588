"""Writes comments for other systems: WordPress (WXR), Disqus (XML) and Isso (JSON), as text, piece by piece."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote_plus, urlsplit
from xml.sax.saxutils import escape as escape_text

from commentsvc.core.status import Status
from commentsvc.core.wordpress_html import from_html


@dataclass(frozen=True)
class WrittenComment:
    """A comment as other systems know one; `source` is Markdown where `is_markdown`, else HTML."""

    id: int
    parent_id: int | None
    kind: str
    author_name: str
    author_email: str
    author_website: str
    ip: str
    user_agent: str
    created_at: datetime
    status: Status
    html: str
    source: str
    is_markdown: bool


@dataclass(frozen=True)
class WrittenThread:
    """A page with its comments, in order of id.

    A reply that was imported before its parent has the lower id of the two. `numbers` has other ids for comments of
    such a thread, with which each parent comes before its replies; it is empty for other threads.
    """

    id: int
    key: str
    url: str
    title: str
    is_open: bool
    created_at: datetime
    numbers: Mapping[int, int]
    comments: Iterable[WrittenComment]


@dataclass(frozen=True)
class WrittenSite:
    key: str
    name: str
    origin: str
    exported_at: datetime
    threads: Iterable[WrittenThread]


WXR_STATUS = {
    Status.APPROVED: "1",
    Status.PENDING: "0",
    Status.SPAM: "spam",
    Status.REJECTED: "trash",
    Status.DELETED: "trash",
}
# XML 1.0, 2.2: no control characters but these, and no half characters.
_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(55296, 57344), 65534, 65535))
# WordPress's titles are HTML. Its importer finds a post by its title, in which an "&" alone is mostly not escaped.
_TITLE_MARKUP = re.compile(r"<|&(?=[#\w])")


def _title(value: str) -> str:
    return _TITLE_MARKUP.sub(lambda found: escape_text(found.group()), value)


def _text(value: str) -> str:
    return escape_text(value.translate(_FORBIDDEN))


def _cdata(value: str) -> str:
    return f"<![CDATA[{value.translate(_FORBIDDEN).replace(']]>', ']]]]><![CDATA[>')}]]>"


def _address(site: WrittenSite, thread: WrittenThread) -> str:
    """The page's address; a path gets the site's origin, and another identifier a path of its own."""
    if thread.url:
        return thread.url
    return site.origin + (thread.key if thread.key.startswith("/") else f"/{thread.key}")


def wordpress(site: WrittenSite) -> Iterator[str]:
    """WXR 1.2, which WordPress's own importer takes: a post for each page, published, without content.

    Local times are UTC: the file does not say in which time zone the blog is that will import it.
    """
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"\n'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"\n'
        ' xmlns:wp="http://wordpress.org/export/1.2/">\n<channel>\n'
        f"<title>{_text(site.name)}</title>\n<link>{_text(site.origin)}</link>\n"
        "<wp:wxr_version>1.2</wp:wxr_version>\n"
        f"<wp:base_site_url>{_text(site.origin)}</wp:base_site_url>\n"
        f"<wp:base_blog_url>{_text(site.origin)}</wp:base_blog_url>\n"
    )
    taken: dict[tuple[str, datetime], datetime] = {}
    for thread in site.threads:
        address = _address(site, thread)
        # WordPress takes "0" for no title, and a post without title and content is refused with all its comments.
        title = next(one for one in (thread.title.strip(), thread.key, address) if one not in ("", "0"))
        at = f"{_free_time(taken, title, thread.created_at):%Y-%m-%d %H:%M:%S}"
        name = urlsplit(address).path.rstrip("/").rpartition("/")[2]
        yield (
            f"<item>\n<title>{_cdata(_title(title))}</title>\n<link>{_text(address)}</link>\n"
            f'<guid isPermaLink="false">{_text(address)}</guid>\n<dc:creator>{_cdata("")}</dc:creator>\n'
            f"<content:encoded>{_cdata('')}</content:encoded>\n<excerpt:encoded>{_cdata('')}</excerpt:encoded>\n"
            f"<wp:post_id>{thread.id}</wp:post_id>\n<wp:post_date>{at}</wp:post_date>\n"
            f"<wp:post_date_gmt>{at}</wp:post_date_gmt>\n"
            f"<wp:comment_status>{'open' if thread.is_open else 'closed'}</wp:comment_status>\n"
            f"<wp:ping_status>closed</wp:ping_status>\n<wp:post_name>{_cdata(name)}</wp:post_name>\n"
            "<wp:status>publish</wp:status>\n<wp:post_parent>0</wp:post_parent>\n<wp:menu_order>0</wp:menu_order>\n"
            f"<wp:post_type>post</wp:post_type>\n<wp:post_password>{_cdata('')}</wp:post_password>\n"
            "<wp:is_sticky>0</wp:is_sticky>\n"
        )
        for one in thread.comments:
            yield _wordpress_comment(one, thread.numbers)
        yield "</item>\n"
    yield "</channel>\n</rss>\n"


def _free_time(taken: dict[tuple[str, datetime], datetime], title: str, at: datetime) -> datetime:
    """The time of a page, or the next second at which no page of this title begins; remembers it in `taken`.

    WordPress's importer takes two posts with one title and time for one post (post_exists). MariaDB compares titles
    without case and accents.
    """
    letters = re.sub(r"\W", "", unicodedata.normalize("NFKD", title).casefold())
    start = at = at.replace(microsecond=0)
    while (letters, at) in taken:
        at = taken[letters, at]
    taken[letters, start] = taken[letters, at] = at + timedelta(seconds=1)
    return at


def _wordpress_comment(one: WrittenComment, numbers: Mapping[int, int]) -> str:
    at = f"{one.created_at:%Y-%m-%d %H:%M:%S}"
    # WordPress keeps names and addresses escaped for HTML.
    fields = {
        # WordPress's importer adds comments in order of their ids, and loses a parent that comes later.
        "id": str(numbers.get(one.id, one.id)),
        "author": _cdata(escape_text(one.author_name)),
        "author_email": _cdata(one.author_email),
        "author_url": _cdata(escape_text(one.author_website)),
        "author_IP": _cdata(one.ip),
        "date": _cdata(at),
        "date_gmt": _cdata(at),
        "content": _cdata(from_html(one.html)),
        "approved": _cdata(WXR_STATUS[one.status]),
        "type": _cdata(one.kind),
        "parent": str(numbers.get(one.parent_id, one.parent_id) if one.parent_id else 0),
        "user_id": "0",
    }
    return (
        "<wp:comment>\n"
        + "".join(f"<wp:comment_{k}>{v}</wp:comment_{k}>\n" for k, v in fields.items())
        + "</wp:comment>\n"
    )


def disqus(site: WrittenSite) -> Iterator[str]:
    """Disqus's own XML: all threads, then all posts. It has no place for pending and rejected comments."""
    yield (
        '<?xml version="1.0" encoding="utf-8"?>\n<disqus xmlns="http://disqus.com"'
        ' xmlns:dsq="http://disqus.com/disqus-internals">\n'
        f'<category dsq:id="1"><forum>{_text(site.key)}</forum><title>General</title><isDefault>true</isDefault>'
        "</category>\n"
    )
    for thread in site.threads:
        yield (
            f'<thread dsq:id="{thread.id}">\n<id>{_text(thread.key)}</id>\n<forum>{_text(site.key)}</forum>\n'
            f'<category dsq:id="1"/>\n<link>{_text(_address(site, thread))}</link>\n'
            f"<title>{_text(thread.title)}</title>\n<message/>\n<createdAt>{_utc(thread.created_at)}</createdAt>\n"
            f"<isClosed>{_flag(not thread.is_open)}</isClosed>\n<isDeleted>false</isDeleted>\n</thread>\n"
        )
    for thread in site.threads:
        for one in thread.comments:
            if one.kind == "comment" and one.status in (Status.APPROVED, Status.SPAM, Status.DELETED):
                yield _disqus_post(thread, one)
    yield "</disqus>\n"


def _disqus_post(thread: WrittenThread, one: WrittenComment) -> str:
    parent = f'<parent dsq:id="{one.parent_id}"/>\n' if one.parent_id else ""
    email = f"<email>{_text(one.author_email)}</email>" if one.author_email else ""
    return (
        f'<post dsq:id="{one.id}">\n<id/>\n<message>{_cdata(one.html)}</message>\n'
        f"<createdAt>{_utc(one.created_at)}</createdAt>\n<isDeleted>{_flag(one.status is Status.DELETED)}</isDeleted>\n"
        f"<isSpam>{_flag(one.status is Status.SPAM)}</isSpam>\n"
        f"<author>{email}<name>{_text(one.author_name)}</name><isAnonymous>true</isAnonymous></author>\n"
        f'<ipAddress>{_text(one.ip)}</ipAddress>\n<thread dsq:id="{thread.id}"/>\n{parent}</post>\n'
    )


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def isso(site: WrittenSite) -> Iterator[str]:
    """The JSON of `isso import --type generic`, which publishes everything: only approved comments are written."""
    yield "["
    is_first = True
    for thread in site.threads:
        found = [
            _isso_comment(one) for one in thread.comments if one.kind == "comment" and one.status is Status.APPROVED
        ]
        if found:
            page = {"id": thread.key, "title": quote_plus(thread.title), "comments": found}
            yield ("" if is_first else ",\n") + json.dumps(page, ensure_ascii=False)
            is_first = False
    yield "]\n"


def _isso_comment(one: WrittenComment) -> dict[str, object]:
    return {
        "id": one.id,
        "parent": one.parent_id,
        "author": one.author_name,
        "email": one.author_email,
        "website": one.author_website,
        "remote_addr": one.ip,
        "created": f"{one.created_at:%Y-%m-%d %H:%M:%S}",
        "text": one.source if one.is_markdown else one.html,
    }
