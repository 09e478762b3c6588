"""Counts acknowledged comments and mails through the database, the API and `commentsvc recount`."""

import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.load import WORDS
from tests.support.http import eventually

MAIL_MAX_S = 120.0
SHOWN_MAX_S = 10.0
LEARNT_MAX_S = 20.0


@dataclass
class Found:
    """The results of a fault's rounds."""

    rounds: int = 0
    acknowledged: int = 0
    refused: int = 0
    lost: int = 0
    doubled: int = 0
    differences: int = 0
    reads_refused: int = 0
    longest_s: float = 0.0
    healthy_s: float = 0.0
    mails: int | None = None
    mails_lost: int | None = None
    mails_doubled: int | None = None
    troubles: list[str] = field(default_factory=list)


def _in_files(setup):
    """How often the words of each comment are kept, in each database file."""
    for file in (None, *setup.other_files):
        said = (WORDS.findall(source or "") for (source,) in setup.rows("SELECT source FROM comment", file))
        yield Counter(words for all_words in said for words in all_words)


def count_comments(setup, found, expected):
    """Add those of `expected` that no file has, and those that one file has more than once."""
    kept = list(_in_files(setup))
    found.lost += sum(not any(one[words] for one in kept) for words in expected)
    found.doubled += sum(count > 1 for one in kept for count in one.values())


def not_shown(setup, load):
    """The words of comments answered as approved that the database has and the API does not show."""
    kept = next(_in_files(setup))
    wanted = {words: number for words, number in load.published.items() if kept[words]}

    def missing():
        shown, cursor = set(), ""
        while cursor is not None:
            after = f"&cursor={cursor}" if cursor else ""
            page = setup.service.read(load.thread + "&sort=oldest" + after, timeout_s=30).json
            shown |= {comment["id"] for comment in page["comments"]}
            cursor = page["next"]
        return {words for words, number in wanted.items() if number not in shown}

    end = time.monotonic() + SHOWN_MAX_S
    while (unseen := missing()) and time.monotonic() < end:
        time.sleep(0.2)
    return unseen


def count_mails(setup, found, asked_mail):
    """Wait until each address has its mail, except mails that wait for a retry."""

    def have_all():
        setup.change("UPDATE job SET run_at = NULL WHERE run_at IS NOT NULL AND lease_until IS NULL")
        time.sleep(0.5)
        return asked_mail <= {address for address, _ in list(setup.inbox.taken)}

    with contextlib.suppress(AssertionError):
        eventually(have_all, "all mails are sent", MAIL_MAX_S)
    sent = Counter(address for address, _ in setup.inbox.taken if address in asked_mail)
    found.mails = len(asked_mail)
    found.mails_lost = len(asked_mail - set(sent))
    found.mails_doubled = sum(count > 1 for count in sent.values())


def recount(setup, found):
    """Differences that `commentsvc recount` finds; the spam filter is given time to learn from the last comments."""

    def differences():
        process = setup.command("recount", "--dry-run", "--json")
        output = process.communicate()[0]
        return json.loads(output)["differences"]

    end = time.monotonic() + LEARNT_MAX_S
    while (wrong := differences()) and time.monotonic() < end:
        time.sleep(1)
    found.differences = len(wrong)
    if wrong:
        found.troubles.append(f"recount: {json.dumps(wrong[:3])}")
