"""Compares the comments of two WordPresses field by field; lists the differences that are accepted, with the reason."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

BLOCKS = {"p", "br", "li", "ul", "ol", "blockquote", "pre", "hr", "div", "h2", "table", "tr"}
PUBLIC = {"publish", "inherit"}

# Reasons why a comment of the first WordPress is not in the second one.
LEFT_OUT = [
    ("spam is not in WordPress's own export", lambda one: one["status"] == "spam"),
    (
        "its post is not public",
        lambda one: one["post_status"] not in PUBLIC or one["post_password"],
    ),
    ("a plugin's type, which is no comment", lambda one: one["type"] not in ("", "comment", "pingback", "trackback")),
    ("it has no text and is not in the trash", lambda one: not one["content"].strip() and "trash" not in one["status"]),
]
# Comments whose words or tags change, by their labels in fill.php.
CHANGED = {
    "text: strike": "<strike> is <s> here",
    "text: abbreviation": "<abbr> and <acronym> have no counterpart here; their words stay",
    "text: link in new window": "a relative link has no target outside of its blog; its words stay",
    "text: line separators": "Unicode's line separators are line breaks here",
    "text: tags across paragraphs": "emphasis over several paragraphs begins anew in each",
    "HTML: divs": "<div> is a paragraph here, <span> its words",
    "HTML: heading": "headings are bold paragraphs here",
    "HTML: table": "a table is a line for each row here",
    "HTML: image": "images are links here",
    "HTML: iframe": "embeds are readable text here",
    "HTML: underline and small": "tags without a counterpart here; their words stay",
}
# Of a person who may not write any HTML, WordPress keeps none of these. Their lines must stay apart.
REMOVED_BY_WORDPRESS = re.compile("<(ul|ol|li|pre|hr|sub|sup|div|h2)\\b")


def _is_later(was, now):
    return timedelta(0) < datetime.fromisoformat(now) - datetime.fromisoformat(was) < timedelta(minutes=1)


# Field, reason, and whether the difference is this one.
ACCEPTED = [
    *(
        (name, reason, lambda old, new, _unfiltered, label=label: old["label"] == label)
        for label, reason in CHANGED.items()
        for name in ("lines", "markup")
    ),
    (
        "markup",
        "tags that the person who imports may not write; the lines stay",
        lambda old, new, unfiltered: not unfiltered and REMOVED_BY_WORDPRESS.search(old["content"]),
    ),
    ("date", "local times are UTC", lambda old, new, _: new["date"] == new["date_gmt"]),
    (
        "date_gmt",
        "a time to come is the time of our import",
        lambda old, new, _: old["label"] == "future" and new["date_gmt"] < old["date_gmt"],
    ),
    (
        "date_gmt",
        "computed from the local time, because the first WordPress has none",
        lambda old, new, _: old["label"] == "no date in GMT" and new["date_gmt"] == old["gmt_of_date"],
    ),
    ("parent", "its parent is not in WordPress's own export", lambda old, new, _: old["parent"] == "lost"),
    ("author", "a comment has a name here", lambda old, new, _: (old["author"], new["author"]) == ("", "Anonymous")),
    ("email", "addresses are in small letters here", lambda old, new, _: old["email"].lower() == new["email"]),
    ("url", "an address that leads nowhere", lambda old, new, _: " " in unquote(old["url"]) and not new["url"]),
    (
        "url",
        "WordPress escapes what a plugin did not",
        lambda old, new, _: old["url"].replace("&", "&amp;") == new["url"],
    ),
    ("status", "trash is trash", lambda old, new, _: (old["status"], new["status"]) == ("post-trashed", "trash")),
    ("user_id", "names stay, accounts of the first WordPress do not", lambda old, new, _: new["user_id"] == 0),
    ("post_type", "pages have one type here", lambda old, new, _: new["post_type"] == "post"),
    ("post_status", "an attachment is a page here", lambda old, new, _: old["post_status"] == "inherit"),
    (
        "post_title",
        "a page without title is named by its address",
        lambda old, new, _: old["post_title"] in ("", "0") and new["post_title"] in unquote(old["link"]),
    ),
    (
        "post_date_gmt",
        "some seconds later, because WordPress's importer takes posts of one title and time for one",
        lambda old, new, _: (
            old["post_title"].upper().startswith("SAM") and _is_later(old["post_date_gmt"], new["post_date_gmt"])
        ),
    ),
]
FIELDS = (
    *("parent", "author", "email", "url", "ip", "date", "date_gmt", "status", "type", "user_id", "lines", "markup"),
    *("post_title", "post_date_gmt", "post_status", "post_type", "comment_status"),
)


@dataclass
class Result:
    equal: int = 0  # comments
    accepted: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unused: set[str] = field(default_factory=set)  # reasons of the list that no comment needed


def compare(before, after, report, is_unfiltered):
    result = Result()
    kept = []
    for one in before:
        reason = next((reason for reason, applies in LEFT_OUT if applies(one)), "")
        if reason:
            result.accepted.append(f"left out: {reason}")
        else:
            kept.append(one)
    left_out = len(before) - len(kept)
    spam = sum(one["status"] == "spam" for one in before)
    if report["left_out"] != left_out - spam or report["added"] != len(kept):
        result.wrong.append(
            f"the import's report counts otherwise: {report['added']} added, {report['left_out']} left out"
        )

    pairs = _pairs(kept, after, result)
    partner = {old["id"]: new["id"] for old, new in pairs}
    used = set()
    for old, new in pairs:
        old = {**old, "parent": partner.get(old["parent"], "lost" if old["parent"] else 0)}
        different = [name for name in FIELDS if _value(old, name) != _value(new, name)]
        result.equal += not set(different) - {"date"}
        for name in different:
            reason = next(
                (reason for of, reason, applies in ACCEPTED if of == name and applies(old, new, is_unfiltered)), ""
            )
            if reason:
                used.add(reason)
                result.accepted.append(f"{name}: {reason}")
            else:
                was, now = _value(old, name), _value(new, name)
                result.wrong.append(f"{old['label']}: {name}: {was!r:.300} became {now!r:.300}")
    result.unused = {reason for _, reason, _ in ACCEPTED} - used
    return result


def _pairs(kept, after, result):
    """The same comment in both, found by its post, its time and its order among those of one time, else its words."""
    places = defaultdict(lambda: ([], []))
    for number, comments, post in ((0, kept, "link"), (1, after, "post")):
        for one in comments:
            places[unquote(one[post]).lower(), one["date_gmt"]][number].append(one)
    pairs, single, found = [], [], []
    for old, new in places.values():
        if len(old) == len(new):
            pairs += zip(old, new, strict=True)
        else:
            single += old
            found += new
    for old in single:
        same = [one for one in found if (old["author"], old["content"]) == (one["author"], one["content"])]
        if len(same) == 1:
            pairs.append((old, same[0]))
            found.remove(same[0])
        else:
            result.wrong.append(f"{old['label']}: is missing")
    result.wrong += [f"a comment too many: {one['content']:.100}" for one in found]
    return pairs


def _value(one, name):
    if name == "lines":
        return lines(one["html"])
    if name == "markup":
        return markup(one["html"])
    return unescape(one[name]) if name == "post_title" else one[name]  # a title is HTML


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tokens = []

    def handle_starttag(self, tag, attributes):
        kept = {name: value for name, value in attributes if name in ("href", "title", "start")}
        self.tokens.append((tag, tuple(sorted(kept.items()))))

    def handle_endtag(self, tag):
        self.tokens.append((f"/{tag}", ()))

    def handle_data(self, data):
        if self.tokens and isinstance(self.tokens[-1], str):
            data = self.tokens.pop() + data
        self.tokens.append(data)


def _tokens(html):
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.tokens


def lines(html):
    """The lines that a visitor sees, without their tags."""
    text = ""
    for token in _tokens(html):
        if isinstance(token, str):
            text += token
        elif token[0].lstrip("/") in BLOCKS:
            text += "\n"
    return [line for line in (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n")) if line]


def markup(html):
    """The tags that a visitor's browser gets, with addresses and titles of links, and the words between them."""
    found = []
    for token in _tokens(html):
        if not isinstance(token, str):
            found.append(token)
        elif token.strip():
            found.append(re.sub(r"\s+", " ", token).strip())
    return found


AROUND_TAGS = re.compile(r"\s*(</?(?:p|br|blockquote)>)\s*")  # where browsers show no space


def same_site(before, after):
    """Differences between the JSON exports of a site and of one that was filled with its WXR export."""
    wrong = []
    for kind, described in (("comment", _comment), ("thread", _thread)):
        was, now = (Counter(described(site)) for site in (before, after))
        wrong += [f"our own import of our file: {kind} {one} is missing" for one in (was - now).elements()]
        wrong += [f"our own import of our file: {kind} {one} is new" for one in (now - was).elements()]
    return wrong


def _comment(rows):
    rows = {row["uid"]: row for row in rows if row.get("type") == "comment"}
    names = ("thread", "kind", "status", "author_name", "author_email", "author_website", "ip")
    for row in rows.values():
        above = rows.get(row["parent"], {"created_at": "", "html": ""})
        yield tuple(row[name] for name in names) + tuple(
            value for one in (row, above) for value in (one["created_at"][:19], AROUND_TAGS.sub(r"\1", one["html"]))
        )


def _thread(rows):
    for row in rows:
        if row.get("type") == "thread":
            title = row["title"] if row["title"] not in ("", "0") else row["key"]
            yield row["key"], row["url"], title, row["is_open"], row["created_at"][:16]
