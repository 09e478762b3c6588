"""Quotes a stranger's words in a mail so that no mail program makes a link or a picture of them."""

from __future__ import annotations

import re

# Mail programs make links of whatever looks like an address, with or without a scheme.
_SCHEME = re.compile(r"(?<=[A-Za-z0-9])[:：](?=[/\\]{2})")
# Schemes without `//` that programs make links of, and shares of Windows (`\\server\share`).
_OPAQUE = re.compile(
    r"\b((?:tel|sms|smsto|mms|callto|skype|sip|sips|xmpp|facetime(?:-audio)?|mailto|file|javascript|vbscript|data|magnet"
    r"|news|nntp|urn|geo|maps|bitcoin|ethereum|lightning|steam|spotify|whatsapp|viber|signal|tg|matrix|irc|ms-[a-z-]+"
    r"|zoommtg|teams|view-source|about|blob|cid|mid|intent|market|itms(?:-apps)?|search-ms|onenote|slack|vscode))[:：](?=\S)",
    re.I,
)
_SHARE = re.compile(r"\\(?=\\+[^\s\\])|(?<!\S)/(?=/[^\s/])")
_AT = re.compile(r"(?<=\S)@(?=\S)")
_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_]{2})")


def defang(text: str) -> str:
    """The same words, readable, with the places bracketed by which programs know an address."""
    text = _SCHEME.sub("[:]", text)
    text = _OPAQUE.sub(r"\1[:]", text)
    text = _SHARE.sub(lambda found: f"[{found.group()}]", text)
    text = _AT.sub("[at]", text)
    return _DOT.sub("[.]", text)


def quoted(text: str, width: int = 72) -> str:
    """Tamed, and each line with `> ` before it, as mails quote; long lines are broken between words."""
    out = []
    for line in defang(text).splitlines() or [""]:
        current = ""
        for word in line.split(" "):
            if current and len(current) + 1 + len(word) > width:
                out.append(current)
                current = word
            else:
                current = f"{current} {word}" if current else word
        out.append(current)
    return "\n".join(f"> {line}".rstrip() for line in out)
