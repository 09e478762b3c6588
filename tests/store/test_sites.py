"""Sites as the busiest call looks at them: kept for half a second, and never the reason for a wrong refusal."""

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import object_session

from commentsvc.core.errors import NotFound
from commentsvc.core.policy import Mode
from commentsvc.store import sites
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.cast import BLOG, set_policy

NEW = "https://new.blog.example"
COMMENT = {"site": "blog", "thread": "/post", "body": "Hello", "author": {"name": "Ann", "email": "ann@example.org"}}


def change_elsewhere(statement, **values):
    """As another process does: past this one's session."""
    with db.engine.begin() as connection:
        connection.execute(text(statement) if isinstance(statement, str) else statement, values)


def test_a_change_in_this_process_is_in_force_at_once(site):
    assert sites.cached_by_key("blog").policy.mode is Mode.ALL
    with write():
        sites.change_policy(sites.by_key("blog"), {"mode": Mode.OFF})
        db.session.flush()
        assert sites.cached_by_key("blog").policy.mode is Mode.ALL, "what is not committed is nobody's yet"
    assert sites.cached_by_key("blog").policy.mode is Mode.OFF


def test_what_is_kept_is_in_no_session_and_is_all_there(site):
    kept = sites.cached_by_key("blog")
    db.session.remove()
    assert sites.cached_by_key("blog") is kept and object_session(kept) is None
    assert kept.allows(BLOG) and not kept.allows(NEW)
    with pytest.raises(NotFound):
        sites.cached_by_key("none")


def test_an_origin_that_another_process_has_added_may_write_at_once(client, site):
    assert client.post("/api/v1/comments", json=COMMENT, headers={"Origin": NEW}).status_code == 403
    change_elsewhere("INSERT INTO site_origin (site_id, origin) VALUES (:site, :origin)", site=site.id, origin=NEW)
    assert client.post("/api/v1/comments", json=COMMENT, headers={"Origin": NEW}).status_code == 202


def test_a_mode_that_another_process_has_chosen_holds_the_very_next_comment(client, site):
    set_policy(site, mode="off")
    assert sites.cached_by_key("blog").policy.mode is Mode.OFF
    change_elsewhere(update(sites.Site.__table__).values(settings={**site.settings, "mode": "all"}))
    assert client.post("/api/v1/comments", json=COMMENT).status_code == 202
