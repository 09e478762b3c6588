"""The kinds of background jobs, what each holds, and its form as JSON in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, get_origin, get_type_hints


class JobKind(StrEnum):
    """The values are in the database: a job of an older version keeps its kind."""

    MAIL = "mail"
    NO_MAIL = "no_mail"
    AVATAR = "picture"
    LEARN_IMPORTED = "learn"
    TEACH_SPAM_SERVICE = "teach"
    PENDING_NOTICE = "waiting"
    REPLY_NOTICE = "answered"
    CONFIRM_SUBSCRIPTION = "confirm"
    CONFIRM_COMMENT = "confirm_comment"
    NORMALIZE_THREADS = "normalize_threads"
    IMPORT = "import"
    UNDO_IMPORT = "undo_import"
    READ_PAGE = "read_page"


# Kinds that talk to another server. Each has its own queue, so that a slow server delays no other kind.
REMOTE_KINDS = frozenset({JobKind.MAIL, JobKind.AVATAR, JobKind.TEACH_SPAM_SERVICE, JobKind.READ_PAGE})
# Kinds that may take minutes. They have a queue together, so that they delay no mail.
LONG_KINDS = frozenset({JobKind.NORMALIZE_THREADS, JobKind.IMPORT, JobKind.UNDO_IMPORT})


@dataclass(frozen=True)
class JobPayload:
    """The payload of a job of one kind; `remote_url` is the address it requests, for kinds that ask several servers."""

    kind: ClassVar[JobKind]

    @property
    def remote_url(self) -> str:
        return ""


@dataclass(frozen=True)
class MailJob(JobPayload):
    kind = JobKind.MAIL

    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoMailJob(MailJob):
    """A sign-in code that is not sent: asking for one costs the same whether the address has an account or not."""

    kind = JobKind.NO_MAIL


@dataclass(frozen=True)
class AvatarJob(JobPayload):
    """Fetch an account's picture from the provider."""

    kind = JobKind.AVATAR

    account_id: int
    url: str

    @property
    def remote_url(self) -> str:
        return self.url


@dataclass(frozen=True)
class LearnImportedJob(JobPayload):
    """Teach the spam filter by imported comments with numbers above `after_id`."""

    kind = JobKind.LEARN_IMPORTED

    site_id: int
    after_id: int


@dataclass(frozen=True)
class TeachSpamServiceJob(JobPayload):
    """Tell the spam service that a moderator disagreed."""

    kind = JobKind.TEACH_SPAM_SERVICE

    comment_id: int
    is_spam: bool


@dataclass(frozen=True)
class PendingNoticeJob(JobPayload):
    """Mail the moderators who want it at once about a pending comment."""

    kind = JobKind.PENDING_NOTICE

    comment_id: int


@dataclass(frozen=True)
class ReplyNoticeJob(JobPayload):
    """Mail an author about a published reply; `comment_id` is the reply."""

    kind = JobKind.REPLY_NOTICE

    comment_id: int


@dataclass(frozen=True)
class ConfirmSubscriptionJob(JobPayload):
    """Ask an address whether its holder wants mail about replies."""

    kind = JobKind.CONFIRM_SUBSCRIPTION

    subscription_id: int


@dataclass(frozen=True)
class ConfirmCommentJob(JobPayload):
    """Ask an address whether its holder wrote the comment; `language` is the reader's, None for the site's."""

    kind = JobKind.CONFIRM_COMMENT

    comment_id: int
    language: str | None = None


@dataclass(frozen=True)
class NormalizeThreadsJob(JobPayload):
    """Give a site's threads the keys of its present rules; those that are one page by them stay as they are."""

    kind = JobKind.NORMALIZE_THREADS

    site_id: int


@dataclass(frozen=True)
class ImportJob(JobPayload):
    """Check or import an uploaded file; `run_id` is the import."""

    kind = JobKind.IMPORT

    run_id: int


@dataclass(frozen=True)
class UndoImportJob(JobPayload):
    """Delete all comments that an import has added, as one act of an account; `batch` names the act."""

    kind = JobKind.UNDO_IMPORT

    run_id: int
    by_account_id: int
    batch: str


@dataclass(frozen=True)
class ReadPageJob(JobPayload):
    """Read the page of a thread for its title and address; `url` is where it may be, "" where nothing is known."""

    kind = JobKind.READ_PAGE

    thread_id: int
    url: str = ""

    @property
    def remote_url(self) -> str:
        return self.url


PAYLOADS: Mapping[JobKind, type[JobPayload]] = {
    made.kind: made
    for made in (
        MailJob,
        NoMailJob,
        AvatarJob,
        LearnImportedJob,
        TeachSpamServiceJob,
        PendingNoticeJob,
        ReplyNoticeJob,
        ConfirmSubscriptionJob,
        ConfirmCommentJob,
        NormalizeThreadsJob,
        ImportJob,
        UndoImportJob,
        ReadPageJob,
    )
}


def to_json(payload: JobPayload) -> dict[str, Any]:
    return asdict(payload)


def from_json(kind: JobKind, stored: object) -> JobPayload:
    """The payload of a stored job; raises ValueError, which quotes no value, when a field is missing or misshapen.

    Fields that the kind does not know are left out: a newer version may have written them.
    """
    if not isinstance(stored, dict):
        raise ValueError("the job holds no payload")  # noqa: TRY004 (bad data, not a caller's mistake)
    made = PAYLOADS[kind]
    hints = get_type_hints(made)
    values = {one.name: stored[one.name] for one in fields(made) if one.name in stored}
    for name, value in values.items():
        if not _is_a(value, hints[name]):
            raise ValueError(f"the job's payload has a wrong “{name}”")
    try:
        return made(**values)
    except TypeError as error:
        missing = sorted({one.name for one in fields(made)} - set(values))
        raise ValueError(f"the job's payload lacks {', '.join(missing)}") from error


def _is_a(value: object, hint: Any) -> bool:
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
