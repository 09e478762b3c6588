"""A thread for search engines: schema.org's DiscussionForumPosting with its comments as a tree, in JSON-LD."""

from __future__ import annotations

from typing import Any

from commentsvc.core import excerpts
from commentsvc.core.status import Status
from commentsvc.core.tree import Node
from commentsvc.services.thread_pages import ThreadPage
from commentsvc.store.comments import Comment
from commentsvc.web.http import urls
from commentsvc.web.http.app_setup import machine_time

TEXT_MAX = 20_000  # the longest comment's


def discussion(page: ThreadPage) -> dict[str, Any] | None:
    """The thread as far as this page shows it; None while it shows nothing.

    The posting is what the blog shares: the page itself, of which we know address, title and first comment's time.
    Google asks for author, text and time of it, and for the address of the conversation's main page on all its pages.
    """
    thread = page.thread
    told = [_comment(node) for node in page.roots if _is_told(node)]
    if thread is None or not told:
        return None
    url = thread.url or urls.hosted_url(page.site.key, page.key)
    title = thread.title or page.key
    blog = {"@type": "Organization", "name": page.site.name}
    return {
        "@context": "https://schema.org",
        "@type": "DiscussionForumPosting",
        "@id": url,
        "url": url,
        "headline": title,
        "text": title,
        "author": {**blog, "url": page.site.main_origin} if page.site.main_origin else blog,
        "datePublished": machine_time(thread.created_at),
        "sharedContent": {"@type": "WebPage", "url": url},
        "commentCount": page.count,
        "comment": told,
    }


def _is_told(node: Node[Comment]) -> bool:
    """A comment that only its author sees yet is nobody else's to know."""
    return node.comment.status == Status.APPROVED or bool(node.replies)


def _comment(node: Node[Comment]) -> dict[str, Any]:
    comment = node.comment
    # `tree.LEVELS_DRAWN` bounds how deep this goes.
    answers = {"comment": [_comment(reply) for reply in node.replies if _is_told(reply)]} if node.replies else {}
    if comment.status != Status.APPROVED:
        return {"@type": "Comment", "creativeWorkStatus": "Deleted", **answers}
    author = {"@type": "Person", "name": comment.author_name}
    told = {
        "@type": "Comment",
        "@id": urls.permalink(comment),
        "url": urls.permalink(comment),
        "text": excerpts.plain(comment.html, TEXT_MAX),
        "author": {**author, "url": comment.author_website} if comment.author_website else author,
        "datePublished": machine_time(comment.created_at),
        "upvoteCount": comment.score,  # one number for votes for and against, as Google wants it
    }
    if comment.edited_at:
        told["dateModified"] = machine_time(comment.edited_at)
    return {**told, **answers}
