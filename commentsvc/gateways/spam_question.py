"""What a spam service is asked about a comment, with the names that Akismet's interface uses."""

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
