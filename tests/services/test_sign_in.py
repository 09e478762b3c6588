"""Sign-in services: validity of codes and links, for one browser, once, and for a limited time."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from commentsvc.core import tokens
from commentsvc.core.errors import Invalid, NotFound, TooMany
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.services import api_tokens as api_tokens_service
from commentsvc.services import sign_in
from commentsvc.services.sign_in import CODES_PER_EMAIL, Asker, Browser
from commentsvc.store import accounts, sessions
from commentsvc.store import api_tokens as stored_api_tokens
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.sessions import SigninCode
from commentsvc.store.transactions import write
from tests.support.cast import SECRET

MINUTE = timedelta(minutes=1)
BROWSER = Browser("192.0.2.1", "test", "de")


@pytest.fixture
def send(app, alice):
    """Ask for a code; gives (code, link) as the mail has them, or None when no mail was made."""

    def ask(at, email="alice@example.org", ip="192.0.2.1", limited=False, joins=False, browser="hers", known=False):
        written = []

        def write_mail(name, language, code, link):
            written.append((code, link))
            return RenderedMail("S", "T", "<p>T</p>")

        sign_in.send_code(email, Asker(ip, browser, known), limited, SECRET, write_mail, at, joins)
        job = db.session.scalars(select(Job).order_by(Job.id.desc()).limit(1)).one()
        return written[0] if job.kind == "mail" else None

    return ask


def enter(code, at, email="alice@example.org", browser="hers"):
    return sign_in.by_code(email, code, SECRET, browser, BROWSER, at)


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def refused(code, at, email="alice@example.org", browser="hers"):
    with pytest.raises(Invalid) as caught:
        enter(code, at, email, browser)
    db.session.rollback()
    return caught.value.problems[0][0] == "code"


def test_the_right_code_opens_a_session_once(send, now):
    code, _ = send(now)
    token = enter(code, now + 9 * MINUTE)
    session = sessions.find_session(tokens.digest(token), now + 9 * MINUTE)
    assert session.account.email == "alice@example.org"
    assert refused(code, now + 9 * MINUTE)


def test_an_address_is_the_same_in_any_case_and_with_blanks(send, now):
    code, _ = send(now, email=" Alice@Example.org ")
    assert enter(code, now, email="ALICE@example.org")


def test_after_five_wrong_tries_the_right_code_is_worth_nothing(send, now):
    code, _ = send(now)
    assert all(refused(wrong(code), now) for _ in range(4))
    assert enter(code, now), "the fifth try may still be right"
    code, _ = send(now)
    assert all(refused(wrong(code), now) for _ in range(5))
    assert refused(code, now)


def test_tries_made_at_once_are_all_counted(app, send, at_once, now):
    code, _ = send(now)

    def guess():
        with app.app_context():
            try:
                return enter(wrong(code), now)
            finally:
                db.session.remove()

    assert all(isinstance(r, Invalid) for r in at_once(*[guess] * 8))
    db.session.rollback()
    assert db.session.scalar(select(SigninCode.tries)) == 5


def test_a_code_taken_at_once_by_two_opens_one_session(app, send, at_once, now):
    code, _ = send(now)

    def take():
        with app.app_context():
            try:
                return enter(code, now)
            finally:
                db.session.remove()

    results = at_once(*[take] * 6)
    assert sum(isinstance(r, str) for r in results) == 1
    assert sum(isinstance(r, Invalid) for r in results) == 5


def test_a_code_ends_after_ten_minutes_and_with_the_next_one(send, now):
    first, _ = send(now)
    assert refused(first, now + 10 * MINUTE)
    second, _ = send(now + MINUTE)
    if second != first:
        assert refused(first, now + MINUTE)
    assert enter(second, now + 2 * MINUTE)


def test_a_code_is_for_its_address_alone(send, bob, now):
    code, _ = send(now)
    assert refused(code, now, email="bob@example.org")
    assert refused(code, now, email="nobody@example.org")


def test_code_and_link_are_one_and_used_together(send, now):
    code, link = send(now)
    assert sign_in.whom_a_link_signs_in(link, now)[0] == "Alice"
    assert sign_in.whom_a_link_signs_in(link, now)[0] == "Alice", "looking does not use it up"
    assert sign_in.by_link(link, BROWSER, now)
    with pytest.raises(NotFound):
        sign_in.by_link(link, BROWSER, now)
    db.session.rollback()
    assert refused(code, now)


def test_a_link_ends_and_a_made_up_one_never_began(send, alice, now):
    _, link = send(now)
    for token, at in ((link, now + 10 * MINUTE), ("made-up", now), ("", now)):
        with pytest.raises(NotFound):
            sign_in.whom_a_link_signs_in(token, at)
    with write():
        printed = sign_in.printed_link(alice, now)
    assert sign_in.whom_a_link_signs_in(printed, now + timedelta(hours=23))
    with pytest.raises(NotFound):
        sign_in.whom_a_link_signs_in(printed, now + timedelta(hours=25))


def test_who_comes_from_a_blog_may_be_new_and_gets_an_account_with_the_proof(send, now):
    code, link = send(now, email="ann@example.org", joins=True)
    assert sign_in.whom_a_link_signs_in(link, now)[0] == "ann@example.org"
    assert accounts.find_account("ann@example.org") is None, "nobody has proved anything yet"
    token = enter(code, now, email="ann@example.org")
    session = sessions.find_session(tokens.digest(token), now)
    assert (session.account.name, session.account.email, session.provider) == ("ann", "ann@example.org", "email")
    assert [(i.provider, i.subject) for i in session.account.identities] == [("email", "ann@example.org")]


def test_an_unknown_address_gets_no_mail_and_no_different_answer(send, now):
    assert send(now, email="nobody@example.org") is None
    assert [job.kind for job in db.session.scalars(select(Job))] == ["no_mail"]


def statements_of(act):
    """The SQL that an act runs, in order."""
    seen = []

    def note(connection, cursor, statement, *rest):
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return seen


@pytest.mark.parametrize("joins", [False, True])
def test_a_known_and_an_unknown_address_ask_the_same_of_the_database(send, now, joins):
    def ask(email):
        db.session.remove()
        return statements_of(lambda: send(now, email, limited=True, joins=joins))

    assert ask("alice@example.org") == ask("nobody@example.org")
    codes = statements_of(lambda: refused("x", now)), statements_of(lambda: refused("x", now, "nobody@example.org"))
    assert codes[0] == codes[1]


def test_one_network_asks_for_twenty_codes_an_hour_whomever_they_are_for(send, now):
    for n in range(20):
        send(now, f"p{n}@example.org", limited=True)
    with pytest.raises(TooMany) as caught:
        send(now, "alice@example.org", limited=True)
    assert caught.value.retry_after_s == 3600
    db.session.rollback()
    assert send(now, ip="198.51.100.7", limited=True), "elsewhere nobody waits"
    assert send(now + timedelta(minutes=61), limited=True)


def test_strangers_neither_flood_a_mailbox_nor_lock_its_holder_out(send, now):
    def strangers():
        return [send(now, ip=f"198.51.100.{n}", browser=f"s{n}", limited=True) for n in range(8)]

    mailed = [letter for letter in strangers() if letter]
    assert len(mailed) == CODES_PER_EMAIL, "the others see the same answer"
    own = send(now, browser="hers", known=True, limited=True)
    assert own, "a browser that has signed in here before always can"
    for browser in ("s0", "s1", "nobody's"):
        for _ in range(7):
            assert refused(wrong(own[0]), now, browser=browser)
    assert enter(own[0], now, browser="hers"), "and nobody else uses up its tries"


def test_where_no_more_is_mailed_the_newest_mail_still_signs_in(send, now):
    mailed = [send(now, ip=f"198.51.100.{n}", browser=f"s{n}", limited=True) for n in range(6)]
    assert mailed[-1] is None
    assert send(now, browser="a new one", limited=True) is None
    code, _link = mailed[-2]
    assert refused(wrong(code), now, browser="a new one")
    assert enter(code, now, browser="a new one")
    assert sign_in.by_link(mailed[0][1], BROWSER, now), "every link that was mailed works, too"


def test_nothing_that_signs_in_can_be_read_from_the_database(send, alice, now):
    code, link = send(now)
    with write():
        token = api_tokens_service.new_api_token(alice, None, now)
    row = db.session.scalar(select(SigninCode))
    kept = {row.code_hash, row.link_hash}
    assert kept.isdisjoint({code.encode(), link.encode(), tokens.digest(code)}), (
        "a short code is keyed, not just hashed"
    )
    assert stored_api_tokens.find_token(tokens.digest(token)).token_hash != token.encode()


def test_a_session_ends_when_told_and_by_itself(send, now):
    code, _ = send(now)
    token = enter(code, now)
    digest = tokens.digest(token)
    assert sessions.find_session(digest, now + timedelta(days=13))
    assert sessions.find_session(digest, now + timedelta(days=15)) is None
    sign_in.sign_out(token, now + MINUTE)
    assert sessions.find_session(digest, now + 2 * MINUTE) is None
    sign_in.sign_out(token, now + MINUTE)


@pytest.mark.parametrize(
    ("network", "most"),
    [("192.0.2.1", 20), ("2001:db8:7:7::{}", 20), ("2001:db8:7:{}::1", 60), ("192.0.2.{}", 60)],
)
def test_one_network_does_not_mail_any_number_of_strangers(send, now, network, most):
    sent = 0
    for number in range(most + 10):
        try:
            sent += send(now, f"p{number}@example.net", network.format(number), True, True) is not None
        except TooMany:
            db.session.rollback()
    assert sent == most
    assert send(now, "dora@example.net", "198.51.100.1", True, True)
