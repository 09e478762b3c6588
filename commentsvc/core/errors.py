"""All errors of the service, as one tree; web/http/errors.py maps them to HTTP status codes.

CommentError
├── NotFound        does not exist, or this person may not know of it
├── NotSignedIn     sign in first
│   ├── NotProved   show a second factor, or add one
│   └── NotFresh    sign in again: the sign-in is too old for this action
├── NotAllowed      signed in, without the right
├── Invalid         one or more fields of the input are wrong
├── Conflict        the state has changed, or is already as wanted
│   └── Overlap     others have changed the same fields of a form
├── TooMany         rate limit; says how long to wait
├── Challenged      the browser must solve a proof of work first
├── Nudged          a rule would hold this text; change it or send it anyway
├── Sanctioned      a moderator's sanction forbids writing now
├── BadFile         an import file is unusable; says where and why
└── BadDatabase     the database schema does not fit this version
"""

from __future__ import annotations

from collections.abc import Mapping


class CommentError(Exception):
    """`slug` is stable and for programs; `str(error)` is for people and names the remedy.

    `more` is what programs need besides, by name.
    """

    slug = "error"
    more: Mapping[str, object] = {}

    @property
    def sentences(self) -> list[str]:
        """The messages as raised: a Phrase can be translated, `str()` is English."""
        return list(self.args)


class NotFound(CommentError):
    slug = "not-found"


class NotSignedIn(CommentError):
    slug = "not-signed-in"


class NotProved(NotSignedIn):
    """`has_factor` is false for an account that must add a second factor first."""

    slug = "not-proved"

    def __init__(self, reason: str, has_factor: bool) -> None:
        self.has_factor = has_factor
        super().__init__(reason)


class NotFresh(NotSignedIn):
    slug = "not-fresh"


class NotAllowed(CommentError):
    slug = "not-allowed"


class Invalid(CommentError):
    """`problems` holds (field, sentence) pairs; a form shows each beside its field."""

    slug = "invalid"

    def __init__(self, field: str, reason: str, *more: tuple[str, str]) -> None:
        self.problems: list[tuple[str, str]] = [(field, reason), *more]
        super().__init__(" ".join(reason for _, reason in self.problems))

    @property
    def sentences(self) -> list[str]:
        return [reason for _, reason in self.problems]


class Conflict(CommentError):
    """`slug` says which conflict: `duplicate`, `closed`, `changed-since`, …"""

    slug = "conflict"

    def __init__(self, reason: str, slug: str = "conflict") -> None:
        self.slug = slug
        super().__init__(reason)


class Overlap(Conflict):
    """Fields of a form that others have changed since it was opened: by field, what is there now and who set it."""

    def __init__(self, now_is: Mapping[str, tuple[object, str]]) -> None:
        self.now_is = now_is
        names = ", ".join(f"{name} ({who})" for name, (_, who) in now_is.items())
        super().__init__(f"Changed by others since you opened this page: {names}. Nothing was saved.", "changed-since")


class TooMany(CommentError):
    slug = "too-many"

    def __init__(self, reason: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(reason)


class Challenged(CommentError):
    """`more` holds the challenge."""

    slug = "challenge"

    def __init__(self, reason: str, challenge: Mapping[str, object]) -> None:
        self.more = {"challenge": challenge}
        super().__init__(reason)


class Nudged(CommentError):
    """`more` holds the reasons: a sentence each, and what was found."""

    slug = "nudge"

    def __init__(self, reason: str, reasons: list[dict[str, str]]) -> None:
        self.more = {"reasons": reasons}
        super().__init__(reason)


class Sanctioned(CommentError):
    """`slug` says how: `warned` (acknowledge it and go on), `suspended`, `banned`. `more` holds the sanction."""

    def __init__(self, sentences: list[str], slug: str, sanction: Mapping[str, object]) -> None:
        self.slug = slug
        self.more = {"sanction": sanction}
        super().__init__(*sentences)

    def __str__(self) -> str:
        return " ".join(self.args)


class BadFile(CommentError):
    """`line` is 1-based; None when the trouble has no line (a file that cannot be opened)."""

    slug = "bad-file"

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(f"line {line}: {reason}" if line is not None else reason)


class BadDatabase(CommentError):
    slug = "bad-database"
