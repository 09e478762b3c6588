"""Mails in every language: whole sentences, the right direction, and nothing of a stranger that is live in it."""

from datetime import UTC, datetime
from types import SimpleNamespace as Row

import pytest

from commentsvc.core import languages
from commentsvc.core.translator import Translator
from commentsvc.gateways import mail_templates

EVIL = 'Mallory <img src="https://evil.example/p.png"> www.evil.example'
AT = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)


def values():
    site = Row(name="Field & Notes")
    thread = Row(title=EVIL, key="/post")
    reason = {"sentence": "Written by a moderator.", "template": "Written by a moderator.", "match": ""}
    parent = Row(author_name=EVIL)
    comment = Row(
        author_name=EVIL, author_email="m@evil.example", thread=thread, created_at=AT, parent=parent, reasons=[reason]
    )
    links = {act: f"https://c.example/m/1-{act}" for act in ("approve", "reject", "spam")}
    shown = [Row(comment=comment, words=EVIL, parent_words=EVIL, found=["evil.example"], links=links)]
    both = {"site": site, "stop": "https://c.example/stop"}
    account = Row(name="Alice")
    pages = {"queue": "https://c.example/q", "settings": "https://c.example/q/mails"}
    desk = {"account": account, "shown": shown, "sees_addresses": True, **pages}
    answer = {"comment": comment, "parent": parent, "thread": thread, "words": EVIL, "page": "https://b.example/p"}
    link = {"link": "https://c.example/link"}
    return {
        "waiting": {**both, **desk, "count": 3},
        "answered": {**both, **answer},
        "confirm": {**both, **link},
        "confirm_comment": {**both, **link},
        "invitation": {**both, **link, "role": "moderator", "by": account},
        "wrong_factors": {"name": EVIL, "page": "https://c.example/account", "service": "c.example"},
        "identity_added": {
            "name": EVIL,
            "identity": EVIL,
            "label": "Mastodon",
            "page": "https://c.example/account",
            "service": "c.example",
        },
        "privacy_code": {"code": "123 456", "service": "c.example", "minutes": 10},
        "signin_code": {**link, "name": "Alice", "code": "123 456", "service": "c.example", "minutes": 10},
    }


@pytest.mark.parametrize("tag", languages.TAGS)
@pytest.mark.parametrize("name", values())
def test_a_mail_is_whole_in_every_language(name, tag):
    english, said = (mail_templates.render(name, Translator(t), **values()[name]) for t in ("en", tag))
    for part in (said.subject, said.text, said.html):
        assert "%(" not in part and "{{" not in part and "None" not in part
    assert "evil.example" not in said.text + said.html and "<img" not in said.html
    assert f'<html lang="{tag}" dir="{languages.direction(tag)}">' in said.html
    assert said.html.count("<a href=") == english.html.count("<a href=")
    assert "\n" not in said.subject
    if tag != "en":
        assert said.subject != english.subject
        lines = {line for line in english.text.splitlines() if len(line) > 20 and "http" not in line}
        shared = {line for line in lines & set(said.text.splitlines()) if "evil" not in line and "---" not in line}
        assert not shared, "a sentence that nobody translated"


def test_time_is_told_as_the_reader_tells_it():
    assert Translator("en").moment(AT) == "24 November 2026, 09:05 UTC"
    assert Translator("de").moment(AT) == "24. November 2026, 09:05 UTC"
    assert Translator("ja").moment(AT) == "2026年11月24日 9:05 UTC"


def test_an_owners_own_words_are_words_and_no_markup():
    translator = Translator("en", {"Hello,": "Hi <b>there</b>,"})
    said = mail_templates.render("confirm", translator, **values()["confirm"])
    assert "Hi <b>there</b>," in said.text and "Hi &lt;b&gt;there&lt;/b&gt;," in said.html
