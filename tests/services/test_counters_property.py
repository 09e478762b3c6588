"""Whatever moderators decide, edit, answer and undo, in any order, every kept number equals what counting gives."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commentsvc.core.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.core.status import TARGET, Action, Status
from commentsvc.services import moderation, moderator_replies
from commentsvc.services.moderation import Moderator
from commentsvc.store import comments, decisions
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from tests.support.cast import add_account, add_site
from tests.support.databases import empty_tables
from tests.support.invariants import check_kept_numbers

LEADS_TO = {status: action for action, status in TARGET.items()}
COUNT = 8
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.sets(st.integers(0, COUNT - 1), min_size=1), st.sampled_from(list(Action))),
        st.tuples(st.just("undo"), st.integers(0, 30), st.none()),
        st.tuples(st.just("answer"), st.integers(0, COUNT - 1), st.none()),
        st.tuples(st.just("edit"), st.integers(0, COUNT - 1), st.none()),
    ),
    max_size=12,
)


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_each_move_is_allowed_but_the_one_that_changes_nothing(alice, make_comment, now, before, after):
    comment_id = make_comment(status=before)
    version = comments.by_id(comment_id).version
    if before is after:
        with pytest.raises(Conflict) as caught:
            moderation.decide([comment_id], LEADS_TO[after], Moderator(alice), "", now)
        assert caught.value.slug == "no-change"
        db.session.rollback()
        assert comments.by_id(comment_id).version == version
    else:
        moderation.decide([comment_id], LEADS_TO[after], Moderator(alice), "", now)
        assert (comments.by_id(comment_id).status, comments.by_id(comment_id).version) == (after, version + 1)
    check_kept_numbers()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_walk_of_acts_and_undos_leaves_every_number_true(app, make_comment, now, steps):
    empty_tables()
    site = add_site("blog", "https://blog.example", now=now)
    by = Moderator(add_account("alice@example.org", "Alice", site, Role.OWNER, now))
    ids = [make_comment(f"/{n % 2}", body=f"{n}") for n in range(COUNT // 2)]
    ids += [make_comment(f"/{n % 2}", Status.PENDING, f"P{n}", f"reply {n}", ids[n]) for n in range(COUNT // 2)]
    undos = []
    for at, (act, what, how) in enumerate(steps):
        moment = now + timedelta(seconds=at)
        try:
            if act == "decide":
                undos.append(moderation.decide([ids[n] for n in what], how, by, "", moment).undo)
            elif act == "undo" and undos:
                undos.append(moderation.undo(undos[what % len(undos)], by, moment).undo)
            elif act == "answer":
                undos.append(moderator_replies.answer(ids[what], f"answer {at}", by, None, moment).undo)
            elif act == "edit":
                undos.append(moderation.edit(ids[what], f"edited {at}", by, None, moment).batch)
        except (Conflict, Invalid, NotAllowed, NotFound):
            db.session.rollback()
    check_kept_numbers()


def test_undoing_everything_backwards_leads_to_the_beginning(alice, make_comment, now):
    ids = [make_comment(f"/{n % 2}", Status.PENDING, f"P{n}", f"{n}") for n in range(4)]
    by, undos = Moderator(alice), []
    for step, action in enumerate([Action.APPROVE, Action.SPAM, Action.DELETE, Action.APPROVE]):
        undos.append(moderation.decide(ids[: step + 1], action, by, "", now).undo)
    undos.append(moderator_replies.answer(ids[0], "Hello", by, None, now).undo)
    for undo in reversed(undos):
        moderation.undo(undo, by, now)
    db.session.rollback()
    assert {comments.by_id(i).status for i in ids} == {"pending"}
    rows, _ = decisions.log(comments.by_id(ids[0]).site, ids[0], None, 50)
    assert len(rows) == 1 + 2 * 4, "what happened stays in the log"
    check_kept_numbers()
