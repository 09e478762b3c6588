"""Hides addresses in the findings of checks from moderators who may not see addresses."""

from __future__ import annotations

from commentsvc.core import networks

_OF_MAIL = "mail:"  # how the spam filter once named the domain of an address among its words


def redacted_match(match: str, rule: str, email: str | None) -> str:
    """The text that `rule` matched, without e-mail and network addresses and parts of them."""
    if "@" in match or networks.network(match) is not None:
        return ""
    if rule == "pace":  # how much came from the same network, or from the same person
        return ""
    if rule == "spam filter":
        score, colon, words = match.partition(": ")
        kept = ", ".join(word for word in words.split(", ") if not word.startswith(_OF_MAIL))
        return f"{score}{colon}{kept}" if kept else score
    # Words are looked for in the address too; one that is in both is not shown.
    is_word = rule.startswith("rule ") or rule == "this rule"
    return "" if is_word and email and match.casefold() in email.casefold() else match
