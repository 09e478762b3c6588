"""The moderators' search language: parses queries, and says whether a comment matches."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from commentsvc.core.errors import Invalid
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import find_number

QUERY_MAX = 300  # characters
WORD_MAX = 64  # characters of a word that are looked up; longer ones differ before that
WORDS_MAX = 1_000  # different words of one comment that are looked up

KEYS = ("id", "author", "email", "ip", "thread", "status", "has", "before", "after")
ANY_STATUS = "any"
# The end of a permalink, of a blog's page or of ours; WordPress's links end in the same way.
_PERMALINK = re.compile(r"https?://\S+#comment-(?P<number>\S+)", re.I)
_PART = re.compile(r"""(?:(?P<key>[^\W\d_]+):(?!//))?(?:"(?P<phrase>[^"]*)"?|(?P<word>\S+|(?<=:)))""")


def without_status(query: str) -> str:
    """The query without its `status:`, which chooses a list and narrows none."""
    return " ".join(_STATUS_PART.sub("", query).split())


_STATUS_PART = re.compile(r"""(?<!\S)status:(?:"[^"]*"?|\S*)""", re.I)


@dataclass(frozen=True)
class Search:
    """A parsed query; all parts must match. `after` is inclusive, `before` exclusive.

    `is_any_status` looks through all lists; so does a query for one comment by its number.
    """

    words: tuple[str, ...] = ()
    author: str = ""
    email: str = ""
    ip: str = ""
    thread: str = ""
    status: Status | None = None
    is_any_status: bool = False
    comment_id: int | None = None
    has_link: bool = False
    before: datetime | None = None
    after: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return self == Search()

    @property
    def asks_for_address(self) -> bool:
        return bool(self.email or self.ip)

    def index_words(self, site_id: int) -> list[str]:
        """The beginnings of words that every comment of the site that fits holds, as `index_of` keeps them."""
        found = [word for text in self.words for word in words_of(text)]
        return _of_site(site_id, [*found, *_whole(self.author, self.email, self.has_link)])


# Begins what stands among a comment's words and is no word of its text.
_MARK = "\u2020"


def parse(query: str) -> Search:
    """Read `id: author: email: ip: thread: status: has:link before: after:` and free text; quotes hold words together.

    A permalink is the comment that it leads to.
    Raises Invalid, with a sentence that names the mend, for a key or value there is none of.
    """
    query = query.replace("\0", "").strip()
    if len(query) > QUERY_MAX:
        raise Invalid("q", f"Use at most {QUERY_MAX} characters to search.")
    words: list[str] = []
    asked: dict[str, str] = {}
    for part in _PART.finditer(query):
        key = (part["key"] or "").lower()
        if permalink := _PERMALINK.fullmatch(part[0]):
            asked["id"] = permalink["number"]
            continue
        value = (part["word"] if part["phrase"] is None else part["phrase"]).strip()
        if not key:
            words += [value] if value else []
        elif key not in KEYS:
            known = ", ".join(f"{name}:" for name in KEYS)
            raise Invalid(
                "q", f"“{key}:” is not a search filter. Filters: {known}. To search for the text itself, quote it."
            )
        elif not value:
            raise Invalid("q", f"Enter a value after “{key}:”, such as {_EXAMPLE[key]}.")
        else:
            asked[key] = value
    return Search(
        words=tuple(words),
        author=asked.get("author", ""),
        email=asked.get("email", "").lower(),
        ip=asked.get("ip", "").lower(),
        thread=asked.get("thread", ""),
        status=_status(asked["status"]) if "status" in asked and asked["status"].lower() != ANY_STATUS else None,
        is_any_status="id" in asked or asked.get("status", "").lower() == ANY_STATUS,
        comment_id=_number(asked["id"]) if "id" in asked else None,
        has_link=_has_link(asked["has"]) if "has" in asked else False,
        before=_day("before", asked["before"]) if "before" in asked else None,
        after=_day("after", asked["after"]) if "after" in asked else None,
    )


_EXAMPLE = {
    "id": "id:1234",
    "author": 'author:"Carol Danvers"',
    "email": "email:carol@example.org",
    "ip": "ip:192.0.2.1",
    "thread": "thread:/2026/hello/",
    "status": "status:spam",
    "has": "has:link",
    "before": "before:2026-03-01",
    "after": "after:2026-03-01",
}


def _number(value: str) -> int:
    number = find_number(value)
    if number is None:
        raise Invalid("q", f"“{value}” is not the number of a comment, such as {_EXAMPLE['id']}.")
    return number


def _status(value: str) -> Status:
    if value.lower() not in set(Status):
        raise Invalid("q", f"“{value}” is not a status. Use one of {', '.join(Status)}, {ANY_STATUS}.")
    return Status(value.lower())


def _has_link(value: str) -> bool:
    if value.lower() not in ("link", "links"):
        raise Invalid("q", f"“has:{value}” is not a search filter. Use has:link.")
    return True


def _day(key: str, value: str) -> datetime:
    """`after:` a day begins with it, `before:` it ends with the day before; the days are those of UTC."""
    try:
        found = date.fromisoformat(value)
        if len(value) != 10:
            raise ValueError
        return datetime.combine(found, time(), UTC)
    except ValueError:
        raise Invalid("q", f"“{key}:{value}” is not a date; write it like {_EXAMPLE[key]}.") from None


def fits(search: Search, texts: Iterable[str]) -> bool:
    """Whether every word asked for begins a word in one of `texts`, whatever its case and accents."""
    folded = [fold(text) for text in texts]
    return all(any(_begins(word, text) for text in folded) for word in map(fold, search.words))


def _begins(word: str, text: str) -> bool:
    at = text.find(word)
    while at >= 0:
        if at == 0 or not (word[:1].isalnum() and text[at - 1].isalnum()) or _is_run(word[0]):
            return True
        at = text.find(word, at + 1)
    return False


def fold(text: str) -> str:
    """The form in which texts are compared: no case, no accents, one width."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)).casefold())


def words_of(text: str) -> list[str]:
    """The words by which a text is looked up, in order; scripts without spaces give each pair of neighbours.

    A query may hold a single sign of such a script; it is looked up as the beginning of a pair.
    """
    found: list[str] = []
    folded = fold(text)
    if folded.isascii():
        return [run[:WORD_MAX] for run in _WORD.findall(folded)]
    for run in _WORD.findall(folded):
        start = 0
        for at in range(1, len(run) + 1):
            if at == len(run) or _is_run(run[at]) != _is_run(run[start]):
                found += _pairs(run[start:at]) if _is_run(run[start]) else [run[start : min(at, start + WORD_MAX)]]
                start = at
    return found


def index_of(site_id: int, source: str, name: str, email: str, has_link: bool) -> str:
    """All the words of a comment, each once, with spaces between; each names its site, so that none is looked up
    among those of others.
    """
    words = dict.fromkeys(word for text in (name, email, source) for word in _with_ends(text))
    return " ".join(_of_site(site_id, [*_whole(name, email, has_link), *list(words)[:WORDS_MAX]]))


def _whole(name: str, email: str, has_link: bool) -> list[str]:
    """Terms that are looked up whole: names and addresses share their words with too many other comments."""
    found = [f"{_MARK}{kind}{_short(fold(value))}" for kind, value in (("n", name), ("e", email)) if value]
    return [*found, *([f"{_MARK}link"] if has_link else [])]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _of_site(site_id: int, words: list[str]) -> list[str]:
    return [f"{site_id}{_MARK}{word}" for word in dict.fromkeys(words)]


def _with_ends(text: str) -> list[str]:
    """As words_of, with the last character of each run alone: otherwise a query for it would find nothing."""
    found = words_of(text)
    if not text.isascii():
        found += [run[-1] for run in _WORD.findall(fold(text)) if _is_run(run[-1])]
    return found


_WORD = re.compile(r"[^\W_]+")
# Scripts that put no space between words: Thai, Lao, Burmese, Khmer, kana, and all the Han blocks.
_RUNS = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def _is_run(sign: str) -> bool:
    code = ord(sign)
    return code >= 0x0E00 and any(low <= code <= high for low, high in _RUNS)


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]
