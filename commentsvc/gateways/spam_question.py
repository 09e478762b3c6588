"""The data of a comment that a spam service gets, with Akismet's field names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SpamQuestion:
    """A comment, in Akismet's words (https://akismet.com/developers/detailed-docs/comment-check/)."""

    blog: str
    permalink: str
    user_ip: str
    user_agent: str
    comment_type: str  # `comment` or `reply`
    comment_author: str
    comment_author_email: str
    comment_author_url: str
    comment_content: str
