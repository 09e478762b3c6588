"""Finds characters that are formatting to CommonMark but were typed as text, and hides them from it.

docs/formatting.md has the table of cases. A hidden character is replaced by a stand-in, a noncharacter of Unicode, and
put back after rendering. So a rule need not know whether its characters are in code: there they come back as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

from commentsvc.core import linkify

# A stand-in for nothing: it parts two characters. Unicode keeps U+FDD0 to U+FDEF for such inner use.
MARK = "\ufdd0"
_HIDDEN = "\\*_~.)(:#>+!=-|"
_STAND_INS = {ord(char): chr(ord(MARK) + 1 + number) for number, char in enumerate(_HIDDEN)}
_BACK = {ord(stand_in): chr(char) for char, stand_in in _STAND_INS.items()} | {ord(MARK): ""}
_IN_URL = re.compile("|".join(quote(chr(code)) for code in _BACK))
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")

# cmark drops raw HTML; "<" with a mark behind it is text for cmark, and leaves alone what else "<" does: autolinks,
# link targets.
_HTML_START = re.compile(r"<(?=[/!?]|[a-z][a-z0-9-]*+(?:[\s/>]|\Z))", re.I)

# Scripts without spaces between words: in these, emphasis begins and ends between two letters.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\uff66-\uff9f\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W_{_UNSPACED}]"
_FULL_WIDTH = "、。〈〉《》「」『』【】〔〕！（），：；？～“”‘’…"
_FACE = r"[-^<>.;='~]"

# What may stand before a trap on its line: quotes and list items. The last of them may itself be the trap.
_QUOTES = r"^[ \t>]*+"
_BEFORE = r"^(?:[ \t]*+(?:>|[-+*](?=[ \t])|(?:0|[1-9][0-9]{0,2})[.)](?=[ \t])))*[ \t]*"
_END = r"(?=[ \t]*+$)"


def _rule(pattern: str, before: str = "") -> Callable[[str], str]:
    """Replaces what `pattern` matches by stand-ins, where it follows `before`."""
    compiled = re.compile(f"(?P<before>{before})(?P<trap>{pattern})", re.M)
    return lambda text: compiled.sub(lambda found: found["before"] + found["trap"].translate(_STAND_INS), text)


_RULES = [
    # Operators and gender stars: 5*3*2, Leser*innen. A bracket on one side also counts.
    _rule(rf"(?<={_LETTER})\*++(?={_LETTER}|\()|(?<=\))\*++(?={_LETTER})"),
    # Names of programs: __init__.
    _rule(r"(?<![A-Za-z0-9_])__[A-Za-z0-9]++(?:_[A-Za-z0-9]++)*+__(?![A-Za-z0-9_])"),
    # Faces and file patterns: *-*, *.*.
    _rule(r"(?<![*\w])\*(?:_|[^\w\s*`]){1,4}\*(?![*\w])"),
    # A backslash is text where it protects nothing, and in a shrug, a Windows share, and at the end of a line.
    _rule(r"(?<=[¯‾￣])\\{1,2}(?!\\)"),
    _rule(r"(?<!\S)\\\\(?=[A-Za-z0-9])"),
    _rule(r"(?<!\\)\\(?=[{}\"',;/?@$%^\n])|(?<![\\\]])\\(?=\()|(?<![\\0-9])\\(?=[.)])"),
    # wow![here](https://…) is no picture; a[i](x) and [sic]() are no links.
    _rule(r"(?<=[\w!?])!(?=\[)"),
    _rule(r"(?<=\])\((?=[^\s()<>/#:.?]*+\))"),
    # Numbers that no list has: years, 007. A list counts to 999.
    _rule(r"(?:[0-9]{4,9}|0[0-9]{1,8})[.)](?=[ \t]|$)", _BEFORE),
    # Nothing but signs on a line: no empty list, heading, or underline of a heading.
    _rule(rf"(?:-{{1,2}}|[+*]|={{1,2}}|#{{1,6}}(?:[ \t]++#++)?){_END}", _QUOTES),
    _rule(r"[0-9]{1,9}[.)](?=[ \t]*+(?:\n[ \t]*+$|\Z))", _BEFORE),
    # + 1 · # of people · >= 5 · >10 · >_< · >:( · * sighs * · ~~~ so nice ~~~
    _rule(r"\+(?=[ \t]++[0-9])", _BEFORE),
    _rule(r"#(?=[ \t]++of\b)", _BEFORE),
    _rule(r">(?=[=0-9]|[-_.^]++<|[:;=][-'o]?[()\[\]DPp/|3*](?!\w))", _BEFORE),
    _rule(r"\*(?=[ \t][^*\n]*+\*[ \t]*+$)", _QUOTES),
    _rule(r"~{3,}+(?=[^\n]*~[ \t]*$)", _BEFORE),
    # ^_^ · -_-; after the rules that look for these signs themselves.
    _rule(rf"(?<={_FACE})_(?={_FACE})"),
]
# CommonMark ends emphasis after punctuation only before a space or more punctuation: **注意：**文字.
_BETWEEN_FULL_WIDTH = re.compile(rf"(?<=[{_FULL_WIDTH}])(?=\*)|(?<=\*)(?=[{_FULL_WIDTH}])")


def hidden(source: str) -> str:
    """The source for cmark, of the same lines; `shown` takes the stand-ins out of what cmark makes of it."""
    source = _HTML_START.sub("<" + MARK, _NONCHARACTERS.sub("", source))
    source = _without_wide_tables(_without_definitions(_with_whole_addresses(source)))
    for rule in _RULES:
        source = rule(source)
    return _BETWEEN_FULL_WIDTH.sub(MARK, source)


def shown(html: str) -> str:
    """What cmark wrote, with the hidden characters in their places again."""
    html = html.translate(_BACK)
    return _IN_URL.sub(lambda found: _BACK[ord(_unquoted(found.group()))], html) if "%EF%B7" in html else html


def _unquoted(code: str) -> str:
    return bytes.fromhex(code.replace("%", "")).decode()


def _with_whole_addresses(source: str) -> str:
    """Hides signs of emphasis in bare addresses, which become links only after rendering."""
    out = []
    last = 0
    for start, end in linkify.addresses(source):
        out += [source[last:start], source[start:end].translate(_IN_ADDRESS)]
        last = end
    return "".join([*out, source[last:]])


_IN_ADDRESS = {ord(char): _STAND_INS[ord(char)] for char in "*_~"}

_DEFINITION = re.compile(
    r"(?P<label>\[[^\[\]\n]{1,200}+\])?(?P<colon>(?<=\]):)(?P<target>[ \t]*+<?(?:https?://|mailto:))?"
)
_LABEL = re.compile(r"\[[^\[\]\n]{1,200}+\](?!:)")


def _without_definitions(source: str) -> str:
    """Hides the colon of `[update]: fixed`: a definition has a web address, and a `[label]` refers to it."""
    if "]:" not in source:
        return source
    used = Counter(_folded(found.group()) for found in _LABEL.finditer(source))

    def colon(found: re.Match[str]) -> str:
        label = found["label"] or ""
        if found["target"] and used[_folded(label)]:
            return found.group()
        return label + ":".translate(_STAND_INS) + (found["target"] or "")

    return _DEFINITION.sub(colon, source)


def _folded(label: str) -> str:
    return " ".join(label.casefold().split())


_DELIMITERS = re.compile(r"[ \t>]*+[|:-][|: \t-]*+")
_BLANK = re.compile(r"[ \t>]*+")
_CELLS_SPARE = 100


def _without_wide_tables(source: str) -> str:
    """Hides the delimiter row of a table that would have more cells than its lines have characters.

    cmark gives each row as many cells as the first has, so that a wide table of short lines grows with their product.
    """
    if "|" not in source:
        return source
    lines = source.split("\n")
    rows = characters = 0  # from the next line to the end of its paragraph
    for number in reversed(range(len(lines))):
        line = lines[number]
        if _BLANK.fullmatch(line):
            rows = characters = 0
            continue
        if "|" in line and _DELIMITERS.fullmatch(line):
            columns = sum(1 for part in line.split("|") if "-" in part)
            if columns * rows > characters + _CELLS_SPARE:
                lines[number] = line.replace("|", "|".translate(_STAND_INS))
        rows += 1
        characters += len(line)
    return "\n".join(lines)
