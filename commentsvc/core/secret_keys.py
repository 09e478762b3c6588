"""Which secret keys can be guessed: words of examples, keyboard rows, and texts that repeat themselves."""

from __future__ import annotations

import re

MIN_LENGTH = 16
# Sixteen random hexadecimal digits have fewer different ones in about one case of ten thousand.
MIN_DISTINCT = 6
MIN_REST = 8  # characters that must remain without words of examples and runs of characters
MIN_ROW = 4
ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "0123456789abcdef",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "!@#$%^&*()",
)
# Placeholders for keys in documentation, READMEs and compose files; the longest first.
WORDS = sorted(
    "change changeme changethis changeit changed replace replaceme placeholder example sample default insecure secret "
    "secretkey supersecret topsecret mysecret secure security password passphrase passwd passw0rd pa55word p4ssw0rd "
    "letmein admin administrator commentsvc comments comment django flask rails development production testing random "
    "randomstring string generate generated generateme insert please somekey somesecret yoursecret yourkey your "
    "thisisa thisisnota thisisnot nobodywillguess correcthorsebatterystaple hunter2 welcome monkey dragon iloveyou "
    "keyboard keyboardcat long value here with todo fixme never guess key "
    "dev prod notfor localhost".split(),
    key=len,
    reverse=True,
)
# A command that nobody ran, or the words of a manual in their brackets.
COMMANDS = re.compile(
    r"\$\(|\$\{|`|token_urlsafe|token_hex|import\s+secrets|python3?\s+-c|openssl\s+rand|/dev/urandom|^<.*>$|^\.\.\.|…"
)
LEET = str.maketrans("@$!", "asi")


def weakness(value: str) -> str:
    """The reason why this key could be guessed, as the end of a sentence about it; '' for a good one."""
    if len(value) < MIN_LENGTH:
        return f"is too short ({len(value)} characters); use {MIN_LENGTH} or more"
    if COMMANDS.search(value):
        return "is the text of a command or of a manual, not its output"
    if len(set(value)) < MIN_DISTINCT:
        return f"has too few different characters ({len(set(value))})"
    if _repeats(value):
        return "repeats a shorter text"
    if not _has_enough(_without_words(value)) or not _has_enough(_without_words(value.translate(LEET))):
        return "is made of words and rows that everybody tries first"
    return ""


def _repeats(value: str) -> bool:
    """Whether the whole is one text again and again, in capitals or not, the last time perhaps cut off."""
    folded = value.casefold()
    return any(
        (folded[:period] * (len(folded) // period + 1))[: len(folded)] == folded
        for period in range(1, len(folded) // 2 + 1)
    )


def _has_enough(rest: str) -> bool:
    return len(rest) >= MIN_REST and len(set(rest)) >= MIN_DISTINCT


def _without_words(value: str) -> str:
    """The letters and digits that are left without known words and without runs along a row."""
    # Words of everyday language count: a sentence of one's own is no example that others try.
    rest = re.sub(r"[\W_]+", "", _without_rows(value.casefold()))
    for word in WORDS:
        rest = rest.replace(word, "")
    return rest


def _without_rows(value: str) -> str:
    kept, at = [], 0
    while at < len(value):
        run = max(_run_length(value, at, row) for row in (*ROWS, *(row[::-1] for row in ROWS)))
        if run >= MIN_ROW:
            at += run
        else:
            kept.append(value[at])
            at += 1
    return "".join(kept)


def _run_length(value: str, at: int, row: str) -> int:
    """The number of characters from here on that follow each other in the row."""
    start = row.find(value[at])
    length = 0
    while (
        start >= 0
        and value[at + length : at + length + 1]
        and value[at + length] == row[start + length : start + length + 1]
    ):
        length += 1
    return length
