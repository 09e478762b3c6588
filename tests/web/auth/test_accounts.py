"""One's own account: ways to sign in, where one is signed in, a copy of all, and erasing it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import func, select

from commentsvc.demo import provider_answers, provider_kinds
from commentsvc.demo import providers as stand_ins
from commentsvc.services import posting
from commentsvc.services import widget_tokens as widget_tokens_service
from commentsvc.services.submissions import Draft, Notify, Sender, Submission
from commentsvc.services.widget_tokens import TokenGrant
from commentsvc.store import accounts, counters, identities, memberships, sites
from commentsvc.store import widget_tokens as stored_widget_tokens
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.identities import Identity
from commentsvc.store.jobs import Job
from commentsvc.store.sessions import Session
from commentsvc.store.subscriptions import Subscription
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, find_csrf
from tests.support.sign_in import ANN, SERVICE, sign_in_with


@pytest.fixture
def zoo():
    with stand_ins.serve(lambda address: stand_ins.ProviderStandIns(address, SERVICE)) as running:
        yield running


@pytest.fixture
def app(make_app, zoo):
    made = make_app(**{k.removeprefix("COMMENTSVC_"): v for k, v in zoo.settings().items()})
    with made.app_context():
        yield made
        db.session.remove()


@pytest.fixture
def ann(app, client, site):
    """Signed in by GitHub, with two comments on the blog; gives the account's number."""
    assert sign_in_with(client, "github").status_code == 303
    account = accounts.account_by_email("ann@example.org")
    for n in range(2):
        draft = Draft("/post", "", "A post", None, f"Words {n}", "Ann Lee", account.email, None)
        sender = Sender(account, "192.0.2.1", "Browser", False, "github")
        posting.post(sites.by_key("blog"), Submission(draft, sender), SECRET, datetime.now(UTC))
    return account.id


def act(client, path, **form):
    token = find_csrf(client.get("/account").text)
    return client.post(path, data={"csrf_token": token, **form}, follow_redirects=True)


def begin_to_link(client, provider, **more):
    """From the form of the account's page to the provider."""
    token = find_csrf(client.get("/account").text)
    return client.post("/account/link", data={"csrf_token": token, "provider": provider, **more})


def ask_to_link(client, provider, person=ANN, **more):
    """To the provider and back, to the page that names the identity."""
    begun = begin_to_link(client, provider, **more)
    assert begun.status_code == 302, begun.text
    chosen = requests.post(begun.location, data={"person": person["id"]}, allow_redirects=False, timeout=10)
    return client.get(chosen.headers["Location"].removeprefix(SERVICE))


def agree(client, page):
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    path = re.search(r'<form class="narrow" method="post" action="([^"]+)"', page.text)[1]
    return client.post(path, data=form)


def link(client, provider, person=ANN):
    return client.get(agree(client, ask_to_link(client, provider, person)).location)


def providers_of(account_id):
    db.session.rollback()
    return [i.provider for i in identities.identities_of(account_id)]


def test_the_page_shows_what_is_kept(client, ann):
    page = client.get("/account").text
    assert page.count("/post</bdi></a>") == 2  # its title is shown once a comment there is approved
    assert "GitHub: <bdi>annlee</bdi>" in page and "(this browser)" in page
    copy = client.get("/account/copy.json")
    assert "attachment" in copy.headers["Content-Disposition"]
    assert [c["text"] for c in copy.json["comments"]] == ["Words 1", "Words 0"]
    assert copy.json["account"]["email"] == "ann@example.org"


def test_nobody_else_sees_it(app, ann):
    stranger = app.test_client()
    assert stranger.get("/account").location.startswith("/auth/signin")
    for path in ("/account/copy.json", "/account/erase"):
        assert "ann@example.org" not in stranger.get(path, follow_redirects=True).text


def test_another_way_to_sign_in_is_added_only_by_proof_and_the_last_one_stays(app, client, ann):
    assert link(client, "discord").status_code == 200
    assert providers_of(ann) == ["github", "discord"]
    other = app.test_client()
    sign_in_with(other, "discord")
    assert "ann@example.org" in other.get("/account").text, "it opens the same account"

    number = db.session.scalar(select(Identity.id).where(Identity.provider == "github"))
    act(client, "/account/unlink", identity=number)
    assert providers_of(ann) == ["discord"]
    number = db.session.scalar(select(Identity.id).where(Identity.provider == "discord"))
    assert "only sign-in method" in act(client, "/account/unlink", identity=number).text
    assert providers_of(ann) == ["discord"]


def test_an_identity_is_named_before_it_is_added_and_a_mail_tells_of_it(client, ann):
    page = ask_to_link(client, "mastodon", provider_kinds.PEOPLE[1], instance="social.example")
    assert page.status_code == 200
    for words in ("Add this sign-in method?", "Bo Nakamura", "@bo@social.example", "Your server", "Mastodon"):
        assert words in page.text, words
    assert providers_of(ann) == ["github"], "looking adds nothing"
    assert agree(client, page).location == "/account"
    assert providers_of(ann) == ["github", "mastodon"]
    assert "Sign-in method added." in client.get("/account").text
    mail = db.session.scalars(select(Job).where(Job.kind == "mail")).one().payload
    assert mail["to"] == "ann@example.org"
    assert "Bo Nakamura (Mastodon, social[.]example) can now sign in to your account" in mail["text"]


def test_a_server_is_asked_for_before_an_identity_of_it_is_added(client, ann):
    asked = begin_to_link(client, "mastodon")
    assert (asked.status_code, "Your server" in asked.text) == (200, True)
    assert 'method="post" action="/account/link"' in asked.text and 'value="mastodon"' in asked.text


@pytest.mark.parametrize("instance", ["", "&instance=evil.example"])
@pytest.mark.parametrize("provider", ["github", "mastodon"])
def test_no_link_of_anybody_adds_an_identity_or_replaces_who_is_signed_in(client, ann, zoo, provider, instance):
    zoo.asked.clear()
    page = client.get(
        f"/auth/{provider}/login?link=1&next=/account{instance}", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert page.status_code == 200 and "You are signed in as <b><bdi>annlee</bdi></b>" in page.text
    assert zoo.asked == []
    # Whoever agrees signs in as somebody else, and adds nothing to the account that was left.
    begun = agree(client, page)
    if provider == "mastodon" and not instance:
        assert "Your server" in begun.text
        return
    bo = provider_kinds.PEOPLE[1]["id"]
    chosen = requests.post(begun.location, data={"person": bo}, allow_redirects=False, timeout=10)
    assert client.get(chosen.headers["Location"].removeprefix(SERVICE)).status_code == 303
    assert providers_of(ann) == ["github"]
    assert "ann@example.org" not in client.get("/account").text


def test_an_answer_that_comes_to_a_browser_that_is_signed_in_meanwhile_asks_first(app, client, ann):
    bo = provider_kinds.PEOPLE[1]
    with client.session_transaction() as session:
        mine = dict(session)
    stranger = app.test_client()
    begun = stranger.get("/auth/twitter/login?next=/account")
    with stranger.session_transaction() as session:
        attempts = session["provider_attempts"]
    with client.session_transaction() as session:
        session.update({**mine, "provider_attempts": attempts})
    chosen = requests.post(begun.location, data={"person": bo["id"]}, allow_redirects=False, timeout=10)
    page = client.get(chosen.headers["Location"].removeprefix(SERVICE))
    assert page.status_code == 200
    assert "Sign in as <b><bdi>Bo Nakamura</bdi></b> instead?" in page.text
    assert "ann@example.org" in client.get("/account").text, "nothing has happened yet"
    forged = client.post("/auth/twitter/instead", data={"csrf_token": find_csrf(page.text), "sealed": "x"})
    assert forged.status_code == 400
    assert agree(client, page).location == "/account"
    assert "Bo Nakamura" in client.get("/account").text


def test_adding_takes_a_token_a_fresh_proof_and_the_session_that_began_it(app, client, ann):
    assert client.post("/account/link", data={"provider": "discord"}).status_code == 400
    page = ask_to_link(client, "discord")
    assert client.post("/account/link/add", data={"sealed": "x"}).status_code == 400
    other = app.test_client()
    sign_in_with(other, "github")
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    form["csrf_token"] = find_csrf(other.get("/account").text)
    assert other.post("/account/link/add", data=form).location == "/account"
    assert "has expired" in other.get("/account").text and providers_of(ann) == ["github"]

    begun = begin_to_link(client, "discord")
    act(client, "/auth/signout")
    sign_in_with(client, "twitter", provider_kinds.PEOPLE[1])
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    assert client.get(chosen.headers["Location"].removeprefix(SERVICE)).status_code == 400
    assert providers_of(ann) == ["github"]


def test_a_session_that_is_not_fresh_shows_once_more_who_it_is_before_it_adds(make_app, zoo):
    settings = {k.removeprefix("COMMENTSVC_"): v for k, v in zoo.settings().items()}
    app = make_app(**settings, MAIL_URL="smtp://mail.example:25")
    with app.app_context():
        client = app.test_client()
        assert sign_in_with(client, "github").status_code == 303
        page = ask_to_link(client, "discord")
        with write():
            for row in db.session.scalars(select(Session)):
                row.created_at -= timedelta(hours=1)
        assert begin_to_link(client, "discord").location.startswith("/auth/again")
        assert agree(client, page).location.startswith("/auth/again")
        assert providers_of(accounts.account_by_email("ann@example.org").id) == ["github"]
        db.session.remove()


def test_a_way_to_sign_in_is_removed_only_by_somebody_who_has_just_shown_who_they_are(make_app, zoo):
    settings = {k.removeprefix("COMMENTSVC_"): v for k, v in zoo.settings().items()}
    app = make_app(**settings, MAIL_URL="smtp://mail.example:25")
    with app.app_context():
        client = app.test_client()
        assert sign_in_with(client, "github").status_code == 303
        link(client, "discord")
        number = db.session.scalar(select(Identity.id).where(Identity.provider == "github"))
        form = {"csrf_token": find_csrf(client.get("/account").text), "identity": number}
        with write():
            for row in db.session.scalars(select(Session)):
                row.created_at -= timedelta(hours=1)
        assert client.post("/account/unlink", data=form).location.startswith("/auth/again")
        assert providers_of(accounts.account_by_email("ann@example.org").id) == ["github", "discord"]
        db.session.remove()


def test_what_belongs_to_another_account_is_not_taken_over(app, client, ann):
    bo = provider_kinds.PEOPLE[1]
    assert sign_in_with(app.test_client(), "twitter", bo).status_code == 303
    theirs = db.session.scalar(select(Identity.id).where(Identity.provider == "twitter"))
    page = link(client, "twitter", bo)
    assert "belongs to another account" in page.text
    assert providers_of(ann) == ["github"]
    act(client, "/account/unlink", identity=theirs)
    assert db.session.scalar(select(func.count()).select_from(Identity)) == 2, "nor removed by anybody else"


def test_other_browsers_and_blogs_can_be_signed_out(app, client, ann):
    other = app.test_client()
    sign_in_with(other, "github")
    with write():
        held = TokenGrant(db.session.get_one(Account, ann), sites.by_key("blog"), "github", "f" * 32)
        widget_tokens_service.add_tokens(held, "csw_a", "csr_a", datetime.now(UTC))
    page = client.get("/account").text
    number = re.search(r'name="session" value="(\d+)"', page)[1]
    act(client, "/account/end", session=number)
    assert other.get("/account").status_code == 302
    assert client.get("/account").status_code == 200

    act(client, "/account/end", family="f" * 32)
    assert widget_tokens_service.holder_of("csw_a", datetime.now(UTC)) is None
    sign_in_with(other, "github")
    act(client, "/account/end", everywhere="1")
    assert (other.get("/account").status_code, client.get("/account").status_code) == (302, 200)


@pytest.mark.parametrize("choice", ["keep", "go"])
def test_erasing_leaves_nothing_that_leads_to_the_person(app, client, ann, choice):
    page = act(client, "/account/erase", comments=choice)
    assert "Tick the box" in page.text
    page = act(client, "/account/erase", comments=choice, sure="yes")
    assert "Your account was deleted" in page.text
    db.session.rollback()
    account = db.session.get_one(Account, ann)
    assert (account.name, account.email, account.picture) == ("Deleted account", None, None)
    assert providers_of(ann) == [] and stored_widget_tokens.open_families(ann, datetime.now(UTC)) == []
    rows = db.session.scalars(select(Comment)).all()
    assert {(r.author_name, r.author_email, r.ip, r.user_agent) for r in rows} == {("Deleted account", None, "", "")}
    assert {r.status for r in rows} == ({"pending"} if choice == "keep" else {"deleted"})
    assert any(r.source for r in rows) == (choice == "keep")
    assert [(a.name, a.email, a.account_id) for a in db.session.scalars(select(Author))] == [
        ("Deleted account", None, None)
    ]
    assert counters.of_site(sites.by_key("blog"))["pending"] == (2 if choice == "keep" else 0)

    again = app.test_client()
    sign_in_with(again, "github")
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Account)) == 2, "who comes back is somebody new"


def test_erasing_ends_every_browser_and_token_of_the_account(app, client, ann, token):
    other = app.test_client()
    sign_in_with(other, "github")
    headers = token(db.session.get_one(Account, ann))
    assert other.get("/account").status_code == 200
    assert app.test_client().get("/api/v1/viewer?site=blog&thread=/post", headers=headers).status_code == 200
    act(client, "/account/erase", comments="go", sure="yes")
    assert other.get("/account").location.startswith("/auth/signin")
    assert app.test_client().get("/api/v1/viewer?site=blog&thread=/post", headers=headers).status_code == 401


def test_a_sites_only_owner_is_told_to_find_another(client, ann, site):
    with write():
        db.session.scalars(select(Identity)).one().is_confirmed = True
        memberships.set_role(db.session.get_one(Account, ann), sites.by_key("blog"), memberships.Role.OWNER)
    assert "only owner" in act(client, "/account/erase", comments="go", sure="yes").text
    db.session.rollback()
    assert providers_of(ann) == ["github"]


def test_forms_need_their_token(client, ann):
    for path in ("/account/unlink", "/account/end", "/account/erase"):
        assert client.post(path, data={"sure": "yes", "everywhere": "1"}).status_code == 400
    assert providers_of(ann) == ["github"]


def test_facebook_may_take_its_users_away_and_ask_for_their_data_to_go(app, client, site, zoo):
    sign_in_with(client, "facebook")
    assert client.get("/account").status_code == 200
    secret = zoo.clients["facebook"][1]
    outside = app.test_client()
    for forged in ("", "x", "a.b", provider_answers.signed_request("another secret", ANN["id"])):
        for path in ("/auth/facebook/deauthorize", "/auth/facebook/data-deletion"):
            assert outside.post(path, data={"signed_request": forged}).status_code == 400
    assert client.get("/account").status_code == 200

    signed = {"signed_request": provider_answers.signed_request(secret, str(ANN["id"]))}
    assert outside.post("/auth/facebook/deauthorize", data=signed).status_code == 200
    assert client.get("/account").status_code == 302, "signed out everywhere"

    sign_in_with(client, "facebook")
    answer = outside.post(
        "/auth/facebook/data-deletion", data={"signed_request": provider_answers.signed_request(secret, ANN["id"])}
    )
    assert set(answer.json) == {"url", "confirmation_code"}
    assert answer.json["url"].startswith(SERVICE + "/auth/facebook/deletion/")
    page = outside.get(answer.json["url"].removeprefix(SERVICE))
    assert "is deleted" in page.text and answer.json["confirmation_code"] in page.text
    db.session.rollback()
    assert db.session.scalars(select(Identity)).all() == []
    assert [a.name for a in db.session.scalars(select(Account))] == ["Deleted account"]
    assert outside.get("/auth/facebook/deletion/made-up").status_code == 404


def test_of_an_account_with_other_ways_in_only_what_facebook_gave_goes(app, client, ann, zoo):
    link(client, "facebook")
    signed = provider_answers.signed_request(zoo.clients["facebook"][1], ANN["id"])
    assert app.test_client().post("/auth/facebook/data-deletion", data={"signed_request": signed}).status_code == 200
    assert providers_of(ann) == ["github"]
    assert db.session.get_one(Account, ann).email == "ann@example.org"


def language_of(number):
    db.session.rollback()
    return db.session.get_one(Account, number).language


def test_mails_are_in_the_language_of_the_browser_that_signed_in_first_until_another_is_chosen(app, client, site):
    german, french = ({"HTTP_ACCEPT_LANGUAGE": tag} for tag in ("de-AT, en;q=0.5", "fr"))
    client.environ_base.update(german)
    assert sign_in_with(client, "github").status_code == 303
    number = accounts.account_by_email("ann@example.org").id
    assert language_of(number) == "de"
    assert '<option value="de" lang="de" selected>Deutsch</option>' in client.get("/account").text

    assert "Gespeichert." in act(client, "/account/language", language="ja").text
    assert language_of(number) == "ja"
    other = app.test_client()
    other.environ_base.update(french)
    assert sign_in_with(other, "github").status_code == 303
    assert language_of(number) == "ja", "signing in elsewhere changes nothing that was chosen"
    assert 'role="alert"' in act(client, "/account/language", language="xx").text
    assert language_of(number) == "ja"
    assert client.get("/account/copy.json").json["account"]["language"] == "ja"


def test_a_browser_that_asks_for_no_language_of_ours_chooses_none(client, site):
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "tlh"
    assert sign_in_with(client, "github").status_code == 303
    assert language_of(accounts.account_by_email("ann@example.org").id) is None


def test_erasing_forgets_what_the_address_was_subscribed_to(app, client, site):
    draft = Draft("/post", "", "A post", None, "As a guest", "Ann Lee", "ann@example.org", None, Notify.REPLIES)
    posting.post(site, Submission(draft, Sender(None, "192.0.2.1", "Browser", False)), SECRET, datetime.now(UTC))
    assert db.session.scalar(select(func.count()).select_from(Subscription)) == 1
    assert sign_in_with(client, "github").status_code == 303
    act(client, "/account/erase", sure="yes", comments="keep")
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Subscription)) == 0
