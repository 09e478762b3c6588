"""Findings of checks for moderators who may not see addresses."""

import pytest

from commentsvc.core.redaction import redacted_match

EMAIL = "carol@Example.org"


@pytest.mark.parametrize(
    ("match", "rule", "shown"),
    [
        ("carol@example.org", "rule 7", ""),
        ("@example.org", "sanction", ""),
        ("192.0.2.7", "sanction", ""),
        ("2001:db8::/32", "rule 7", ""),
        ("3 in 60 s from 192.0.2.0/24", "pace", ""),
        ("casino", "rule 7", "casino"),
        ("casino", "this rule", "casino"),
        ("CAROL", "rule 7", ""),
        ("example", "this rule", ""),
        ("example", "first comment", "example"),
        ("0.97: casino, mail:example.org, pills", "spam filter", "0.97: casino, pills"),
        ("0.97: mail:example.org", "spam filter", "0.97"),
        ("0.97", "spam filter", "0.97"),
        ("", "rule 7", ""),
    ],
)
def test_nothing_that_tells_of_an_address_is_shown(match, rule, shown):
    assert redacted_match(match, rule, EMAIL) == shown


def test_without_an_address_a_word_is_shown():
    assert redacted_match("carol", "rule 7", None) == "carol"
