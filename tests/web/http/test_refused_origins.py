"""A page of an unknown origin: the log tells the operator which are known and how to add it; readers learn no more."""

import logging

import pytest

from commentsvc.services import site_settings
from commentsvc.store.audit_log import ActorKind
from commentsvc.web.http import refused_origins
from tests.support.cast import BLOG

COMMENT = {"site": "blog", "thread": "/post", "body": "Hello", "author": {"name": "Ann", "email": "ann@example.org"}}
SECRET = "https://secret.staging.example"
WRONG = "https://www.blog.example"


@pytest.fixture
def with_staging(site, now):
    site_settings.change(site.id, {"origins": [BLOG, SECRET]}, ActorKind.COMMAND_LINE, "", now)
    return site


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.WARNING, refused_origins.__name__)
    return lambda: [one.getMessage() for one in caplog.records if one.name == refused_origins.__name__]


def post(client, origin):
    return client.post("/api/v1/comments", json=COMMENT, headers={"Origin": origin})


def asked(client, origin):
    return client.get("/embed/v1/may-write?site=blog", headers={"Origin": origin}).json


def test_the_log_says_once_which_are_known_and_how_to_add_one(client, with_staging, told):
    for _ in range(3):
        assert post(client, WRONG).status_code == 403
        asked(client, WRONG)
    assert told() == [
        f"a page of {WRONG} may not write to the site “blog”, whose origins are {BLOG}, {SECRET}. If it is a page of "
        f"yours, run: commentsvc site set blog origins='{BLOG},{SECRET},{WRONG}'"
    ]


def test_the_widget_says_it_too_where_its_post_was_stopped_by_the_browser(client, with_staging, told):
    assert asked(client, WRONG) == {"may_write": False, "main_origin": BLOG}
    assert len(told()) == 1
    assert asked(client, SECRET) == {"may_write": True} and len(told()) == 1


def test_the_answer_names_only_the_origin_that_is_public(client, with_staging):
    refused = post(client, WRONG)
    assert refused.json["main_origin"] == BLOG and WRONG in refused.json["detail"]
    for answer in (refused.text, str(asked(client, WRONG)), client.get("/feeds/blog.atom").text):
        assert SECRET not in answer
    assert BLOG in client.get("/feeds/blog.atom").text


@pytest.mark.parametrize("origin", ["null", "https://a b", "https://x.example/'; rm -rf", "x", "https://*.example.org"])
def test_what_is_no_origin_is_refused_and_not_logged(client, with_staging, told, origin):
    assert post(client, origin).status_code == 403
    assert told() == []


def test_nobody_fills_the_log(client, with_staging, told, monkeypatch):
    monkeypatch.setattr(refused_origins, "TOLD_MAX", 3)
    for number in range(6):
        post(client, f"https://x{number}.example")
    assert len(told()) == 3
