"""Signing in with each provider, over HTTP, against stand-ins that are as strict as the real ones."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from sqlalchemy import select

from commentsvc import worker
from commentsvc.demo import provider_answers, provider_kinds
from commentsvc.demo import providers as stand_ins
from commentsvc.gateways.mail import NullMailer
from commentsvc.gateways.providers.base import SignInFailure
from commentsvc.gateways.providers.facebook import Facebook
from commentsvc.gateways.providers.openid import OpenId
from commentsvc.page_cache.middleware import REQUESTS_MAX
from commentsvc.services import posting
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import comments, memberships
from commentsvc.store.accounts import Account
from commentsvc.store.db import db
from commentsvc.store.identities import Identity
from commentsvc.store.jobs import Job
from commentsvc.store.provider_clients import ProviderClient
from commentsvc.store.transactions import write
from commentsvc.web.api import serializers
from tests.support.cast import BLOG, SECRET, data, find_csrf, find_data
from tests.support.http import eventually
from tests.support.sign_in import ANN, SERVICE, answer_of, begin, sign_in_with

ALL = sorted(provider_kinds.KINDS)
OPENID = ["apple", "google", "microsoft", "oidc"]
VERIFYING = sorted(set(ALL) - {"facebook", "microsoft", "mastodon"})


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


def identities():
    db.session.rollback()
    return [(i.provider, i.subject) for i in db.session.scalars(select(Identity).order_by(Identity.id))]


def accounts():
    db.session.rollback()
    return [(a.name, a.email) for a in db.session.scalars(select(Account).order_by(Account.id))]


@pytest.mark.parametrize("provider", ALL)
def test_somebody_signs_in_and_is_the_same_the_next_time(app, provider):
    for _ in range(2):
        client = app.test_client()
        back = sign_in_with(client, provider)
        assert (back.status_code, back.location) == (303, "/auth/signin"), back.text
        assert client.get("/auth/signin").status_code == 302, "signed in"
    assert len(identities()) == 1
    [(name, email)] = accounts()
    assert name in ("Ann Lee", "annlee")
    assert email == ("ann@example.org" if provider in VERIFYING else None)


@pytest.mark.parametrize("provider", ALL)
def test_somebody_without_an_address_or_with_an_unproved_one_gets_an_account_without(app, alice_of_the_demo, provider):
    for person in provider_kinds.PEOPLE[1:]:
        assert sign_in_with(app.test_client(), provider, person).status_code == 303
    assert [email for _, email in accounts()][1:] == [None, None]
    assert stored_accounts.find_account("alice@blog.example").id == alice_of_the_demo, "and takes over nobody's"


@pytest.fixture
def alice_of_the_demo(app, now):
    account = stored_accounts.make_account("alice@blog.example", "Alice", True, now)
    db.session.commit()
    return account.id


@pytest.mark.parametrize("provider", VERIFYING)
def test_an_address_that_both_sides_have_proved_is_one_account(app, now, provider):
    mine = stored_accounts.make_account("ann@example.org", "Ann", False, now)
    db.session.commit()
    assert sign_in_with(app.test_client(), provider).status_code == 303
    assert [i.account_id for i in db.session.scalars(select(Identity))] == [mine.id]


@pytest.fixture
def ann_who_moderates(app, site, now):
    with write():
        account = stored_accounts.make_account("ann@example.org", "Ann", False, now)
        memberships.set_role(account, site, memberships.Role.MODERATOR)
    return account.id


def newest_mail():
    db.session.rollback()
    return db.session.scalars(select(Job).where(Job.kind == "mail").order_by(Job.id.desc())).first().payload


@pytest.mark.parametrize("provider", VERIFYING)
def test_no_providers_word_alone_opens_a_moderators_account(app, ann_who_moderates, provider):
    client = app.test_client()
    page = sign_in_with(client, provider, goal="/dashboard/blog")
    assert (page.status_code, "Confirm your email address" in page.text) == (200, True)
    assert client.get("/dashboard/blog").location.startswith("/auth/signin") and identities() == []

    sent = client.post(f"/auth/{provider}/confirm", data={"csrf_token": find_csrf(page.text)})
    assert sent.location == "/auth/code"
    code = re.search(r"\d{3} \d{3}", newest_mail()["text"])[0]
    form = {"csrf_token": find_csrf(client.get("/auth/code").text), "code": code}
    assert client.post("/auth/code", data=form).location == "/dashboard/blog"
    assert client.get("/dashboard/blog").status_code == 200
    assert {name for name, _ in identities()} == {"email", provider}
    assert newest_mail()["subject"] == "A sign-in method was added to your account"
    again = app.test_client()
    assert sign_in_with(again, provider, goal="/dashboard/blog").status_code == 303, "asked once, and only once"
    assert again.get("/dashboard/blog").status_code == 200


def test_a_code_typed_elsewhere_adds_nothing_that_a_provider_said(app, ann_who_moderates):
    mallory, ann = app.test_client(), app.test_client()
    sign_in_with(mallory, "discord")
    mallory.post("/auth/discord/confirm", data={"csrf_token": find_csrf(mallory.get("/auth/signin").text)})
    path = re.search(r"/auth/link/[\w-]+", newest_mail()["text"])[0]
    assert ann.post(path, data={"csrf_token": find_csrf(ann.get(path).text)}).status_code == 303
    assert [name for name, _ in identities()] == ["email"]
    assert mallory.get("/dashboard/blog").location.startswith("/auth/signin")


def test_an_identity_that_nobody_agreed_to_is_not_added_by_a_later_sign_in(app, ann_who_moderates):
    client = app.test_client()
    page = sign_in_with(client, "discord")
    assert "Ann Lee" in page.text and "annlee" in page.text, "the page names whom it is about"
    form = {"csrf_token": find_csrf(page.text), "email": "ann@example.org"}
    client.post("/auth/signin", data=form)
    code = re.search(r"\d{3} \d{3}", newest_mail()["text"])[0]
    form = {"csrf_token": find_csrf(client.get("/auth/code").text), "code": code}
    assert client.post("/auth/code", data=form).status_code == 303
    assert [name for name, _ in identities()] == ["email"]


def test_whoever_waited_for_a_role_by_a_providers_word_gets_none(app, site, now):
    waiting = app.test_client()
    assert sign_in_with(waiting, "discord").status_code == 303
    with write():
        memberships.set_role(stored_accounts.account_by_email("ann@example.org"), site, memberships.Role.OWNER)
    assert waiting.get("/dashboard/blog").location.startswith("/auth/signin"), "the session has ended"
    assert "Confirm your email address" in sign_in_with(app.test_client(), "discord").text


def test_an_administrator_is_asked_too_and_a_reader_is_not(app, now):
    with write():
        stored_accounts.make_account("ann@example.org", "Ann", True, now)
    assert "Confirm your email address" in sign_in_with(app.test_client(), "github").text
    with write():
        stored_accounts.account_by_email("ann@example.org").is_admin = False
    assert sign_in_with(app.test_client(), "github").status_code == 303


IDS = ["x" * 256, "a\0b", "a\nb", "a\x1bb", "a\u202eb", "", None, 7.5, True, ["a"], {"a": 1}]


@pytest.mark.parametrize(
    ("provider", "subject"),
    [(provider, subject) for provider in ("discord", "mastodon", "facebook") for subject in [*IDS, "\ud800"]]
    + [(provider, subject) for provider in ("oidc", "microsoft") for subject in IDS],
)
def test_an_id_that_cannot_be_kept_is_refused_with_a_page(app, client, zoo, provider, subject):
    zoo.says[provider] = {"id": subject, "sub": subject, "oid": subject}
    page = sign_in_with(client, provider)
    assert (page.status_code, "invalid response" in page.text) == (502, True), page.text
    assert accounts() == []


def test_an_id_of_the_longest_kind_is_kept_whole(app, zoo):
    zoo.says["discord"] = {"id": "x" * 255}
    for _ in range(2):
        assert sign_in_with(app.test_client(), "discord").status_code == 303
    assert identities() == [("discord", "x" * 255)]


@pytest.mark.parametrize(
    ("said", "name", "email"),
    [
        ({"global_name": "A\0nn"}, "Somebody", "ann@example.org"),
        ({"global_name": "\ud800"}, "Somebody", "ann@example.org"),
        ({"global_name": "x" * 5000}, "x" * 245, "ann@example.org"),
        ({"email": "a\0b@example.org"}, "Ann Lee", None),
        ({"email": "x" * 300 + "@example.org"}, "Ann Lee", None),
        ({"email": "\ud800@example.org"}, "Ann Lee", None),
        ({"email": "ann@example.org\nBcc: x@example.org"}, "Ann Lee", None),
        ({"avatar": "\0"}, "Ann Lee", "ann@example.org"),
    ],
)
def test_what_a_provider_says_is_cleaned_and_cut(app, client, zoo, said, name, email):
    zoo.says["discord"] = said
    assert sign_in_with(client, "discord").status_code == 303
    assert accounts() == [(name, email)]


@pytest.mark.parametrize("provider", ["oidc", "google", "mastodon"])
@pytest.mark.parametrize(("is_promised", "is_sent", "status"), [(1, 0, 502), (1, 1, 303), (0, 0, 303), (0, 1, 303)])
def test_who_promises_to_name_its_issuer_must(app, client, zoo, provider, is_promised, is_sent, status):
    zoo.promises_iss, zoo.sends_iss = bool(is_promised), bool(is_sent)
    zoo.asked.clear()
    assert sign_in_with(client, provider).status_code == status
    if status != 303:
        assert not [path for path in zoo.asked if path.endswith("/token")], "its code goes nowhere"


@pytest.mark.parametrize("provider", ALL)
def test_an_answer_that_names_another_issuer_is_refused_by_every_provider(app, client, zoo, provider):
    begun = begin(client, provider)
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    if provider == "apple":
        fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', chosen.text)}
        answer = client.post("/auth/apple/callback", data={**fields, "iss": provider_kinds.ELSEWHERE}).location
    else:
        query = dict(parse_qsl(urlsplit(chosen.headers["Location"]).query))
        answer = f"/auth/{provider}/callback?" + urlencode({**query, "iss": provider_kinds.ELSEWHERE})
    zoo.asked.clear()
    assert client.get(answer).status_code == 502
    assert not [path for path in zoo.asked if "token" in path] and accounts() == []


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
def test_an_answer_with_a_parameter_twice_is_no_answer(app, client, name):
    begun = begin(client, "github")
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    answer = answer_of(app, "github", chosen)
    assert client.get(f"{answer}&{name}=x&{name}=y").status_code == 400
    assert accounts() == []


def test_a_token_of_another_kind_than_bearer_is_refused(app, client, zoo):
    zoo.token_type = "mac"
    assert [sign_in_with(app.test_client(), provider).status_code for provider in ALL] == [502] * len(ALL)


def test_keys_are_not_asked_for_again_and_again(app, zoo):
    zoo.troubles["oidc"] = "unknown_key"
    for _ in range(6):
        assert sign_in_with(app.test_client(), "oidc").status_code == 502
    assert len([path for path in zoo.asked if path.endswith("/jwks")]) == 2


def facebook_cases():
    path = find_data("auth/facebook_signed_request.json")
    return json.loads(path.read_text()) if path else {"cases": [], "secret": "", "now": 0}


FACEBOOK = facebook_cases()


def signed_at(issued_at, **more):
    document = {"user_id": "218471", "algorithm": "HMAC-SHA256", "issued_at": issued_at, **more}
    payload = base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=")
    mac = hmac.digest(b"app-secret-for-tests", payload, "sha256")
    return f"{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}.{payload.decode()}"


@pytest.mark.skipif(not FACEBOOK["cases"], reason="the test data auth/facebook_signed_request.json is not at hand")
@pytest.mark.parametrize("case", FACEBOOK["cases"], ids=lambda case: case["name"])
def test_signed_requests_of_the_public_cases(case):
    facebook = Facebook({"client_id": "x", "client_secret": FACEBOOK["secret"]})
    found = facebook.signed_user(case["signed_request"], FACEBOOK["now"])
    assert found == ("218471" if case["want"] == "accept" else None)


DAY_S = 24 * 3600


@pytest.mark.parametrize(
    ("issued_at", "is_taken"),
    [(0, True), (-DAY_S + 5, True), (200, True), (-DAY_S - 5, False), (400, False), (10**12, False)],
)
def test_a_signed_request_is_good_for_a_day(issued_at, is_taken):
    facebook = Facebook({"client_id": "x", "client_secret": "app-secret-for-tests"})
    found = facebook.signed_user(signed_at(1_700_000_000 + issued_at), 1_700_000_000)
    assert found == ("218471" if is_taken else None)


@pytest.mark.parametrize("issued_at", [None, "1700000000", 1.7e9, True, [], {}])
def test_a_signed_request_without_a_time_is_refused(issued_at):
    facebook = Facebook({"client_id": "x", "client_secret": "app-secret-for-tests"})
    assert facebook.signed_user(signed_at(issued_at), 1_700_000_000) is None


@pytest.mark.parametrize("user", ["", "a\0b", "x" * 256, True, None, ["1"]])
def test_a_signed_request_about_nobody_is_refused(user):
    facebook = Facebook({"client_id": "x", "client_secret": "app-secret-for-tests"})
    assert facebook.signed_user(signed_at(1_700_000_000, user_id=user), 1_700_000_000) is None


@pytest.mark.parametrize("value", ["", ".", "é.é", "\ud800.x", "x" * 5000, "a.b.c"])
def test_what_is_no_signed_request_is_refused(client, value):
    data = {"signed_request": value.encode("utf-8", "surrogatepass")}
    for path in ("deauthorize", "data-deletion"):
        assert client.post(f"/auth/facebook/{path}", data=data).status_code == 400


def test_the_code_of_a_deletion_does_not_say_whose_it_is(app, client, zoo):
    signed = provider_answers.signed_request(zoo.clients["facebook"][1], "218471")
    answer = client.post("/auth/facebook/data-deletion", data={"signed_request": signed}).json
    code = answer["confirmation_code"]
    parts = [code, *code.split(".")]
    decoded = b"".join(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
    assert b"218471" not in decoded and "218471" not in code
    assert client.get(answer["url"].removeprefix(SERVICE)).status_code == 200


@pytest.mark.parametrize("provider", ALL)
def test_cancel_and_denial_end_on_a_page_that_says_so(app, client, zoo, provider):
    for trouble in (None, "deny"):
        zoo.troubles[provider] = trouble
        page = sign_in_with(client, provider, cancel=trouble is None)
        assert page.status_code == 403
        assert "You are not signed in" in page.text and provider_kinds.KINDS[provider].label in page.text
    assert accounts() == []


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize(("trouble", "status"), [("500", 503), ("html", 502), ("huge", 503), ("redirect", 502)])
def test_a_provider_in_trouble_ends_on_a_page_that_says_so(app, client, zoo, provider, trouble, status):
    begun = begin(client, provider)
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    zoo.troubles[provider] = trouble
    page = client.get(answer_of(app, provider, chosen))
    assert page.status_code == status, page.text
    assert "Traceback" not in page.text and "You are not signed in" in page.text
    assert "Try again" in page.text
    assert accounts() == []


@pytest.mark.parametrize("provider", OPENID)
@pytest.mark.parametrize("trouble", ["wrong_nonce", "wrong_key", "wrong_issuer", "wrong_audience", "old_token"])
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(app, client, zoo, provider, trouble):
    zoo.troubles[provider] = trouble
    page = sign_in_with(client, provider)
    assert (page.status_code, "invalid response" in page.text) == (502, True)
    assert accounts() == []


@pytest.mark.parametrize("provider", ["google", "oidc"])
def test_an_answer_of_another_issuer_is_refused_and_its_code_goes_nowhere(app, client, zoo, provider):
    zoo.troubles[provider] = "another_iss"
    zoo.asked.clear()
    assert sign_in_with(client, provider).status_code == 502
    assert not [path for path in zoo.asked if path.endswith("/token")]


def test_keys_that_changed_are_looked_for(app, zoo):
    assert sign_in_with(app.test_client(), "oidc").status_code == 303
    zoo.rotate_keys()
    assert sign_in_with(app.test_client(), "oidc").status_code == 303


def test_discovery_that_speaks_of_another_issuer_is_refused(app, client, zoo):
    zoo.troubles["oidc"] = "wrong_discovery"
    assert sign_in_with(client, "oidc").status_code == 502


@pytest.mark.parametrize("provider", ALL)
def test_a_code_that_came_too_late_or_twice_is_refused(app, client, zoo, provider):
    begun = begin(client, provider)
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    zoo.age_codes(provider_kinds.KINDS[provider].code_life_s + 1)
    answer = answer_of(app, provider, chosen)
    late = client.get(answer)
    assert (late.status_code, "too long" in late.text) == (400, True), late.text
    assert client.get(answer).status_code == 400, "the state is used up"


@pytest.mark.parametrize("provider", ALL)
def test_an_answer_counts_only_in_the_browser_that_asked_and_at_its_own_door(app, client, provider):
    begun = begin(client, provider)
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    answer = answer_of(app, provider, chosen)
    assert app.test_client().get(answer).status_code == 400, "another browser: login CSRF"
    other = next(name for name in ALL if name != provider)
    assert client.get(answer.replace(f"/auth/{provider}/", f"/auth/{other}/")).status_code == 400, "mix-up"
    right = dict(parse_qsl(urlsplit(begun.location).query))["state"]
    for state in ("", "x", right[:-1]):
        path = f"/auth/{provider}/callback?" + urlencode({"code": "x", "state": state})
        assert client.get(path).status_code == 400
    assert accounts() == []


def test_apple_tells_the_name_once_and_it_is_kept_and_its_form_leaves_no_trace_in_an_address(app, zoo):
    client = app.test_client()
    begun = begin(client, "apple")
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    assert "Ann" in chosen.text
    answer = answer_of(app, "apple", chosen)
    assert not [word for word in ("Ann", "ann@example.org", "code=") if word in answer]
    assert client.get(answer).status_code == 303
    assert sign_in_with(app.test_client(), "apple").status_code == 303
    assert accounts() == [("Ann Lee", "ann@example.org")]


@pytest.mark.parametrize(
    "user", ["", "x", "[]", "{}", '{"name": 1}', '{"name": {"firstName": ["x"]}}', '{"name": {"firstName": "\\u0000"}}']
)
def test_apple_without_a_name_that_can_be_shown_makes_somebody(app, zoo, user):
    client = app.test_client()
    begun = begin(client, "apple")
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', chosen.text)}
    posted = app.test_client().post("/auth/apple/callback", data={**fields, "user": user})
    assert client.get(posted.location).status_code == 303
    assert [name for name, _ in accounts()] == ["Somebody"]


def test_a_form_is_taken_only_from_who_posts_one_and_only_ours_comes_back(client):
    assert client.post("/auth/google/callback", data={"code": "x"}).status_code == 405
    assert client.get("/auth/apple/finish?k=x").status_code == 400
    assert client.get("/auth/apple/finish").status_code == 400


def test_facebook_without_an_address_and_twitter_that_refuses_it_sign_in_all_the_same(app, zoo):
    zoo.troubles.update(facebook="no_email", twitter="refuse_email")
    for provider in ("facebook", "twitter"):
        assert sign_in_with(app.test_client(), provider).status_code == 303
    assert [email for _, email in accounts()] == [None, None]


def test_no_secret_stands_in_an_address_a_page_or_the_log(app, client, zoo, caplog):
    for provider in ALL:
        begun = begin(client, provider)
        assert zoo.clients[provider][1] not in begun.location
        zoo.troubles[provider] = "500"
        page = sign_in_with(client, provider)
        assert begun.headers["Referrer-Policy"] == page.headers["Referrer-Policy"] == "no-referrer"
        assert zoo.clients[provider][1] not in page.text + caplog.text
    assert "code=" not in caplog.text


def test_only_what_is_configured_is_offered(make_app, client, site):
    bare = make_app().test_client()
    assert bare.get("/auth/twitter/login").status_code == 404
    assert bare.get("/auth/nothing/login").status_code == 404
    thread = client.get("/embed/v1/comments?site=blog&thread=/post").text
    assert "[&#34;twitter&#34;, &#34;X (Twitter)&#34;]" in thread
    assert "Example ID" in thread


def test_the_picture_is_fetched_once_by_the_service_and_served_by_it(app, client, site, zoo):
    sign_in_with(client, "twitter", goal=authorize_path())
    hosts = app.extensions["commentsvc"].named_hosts
    assert worker.run_due(NullMailer(), datetime.now(UTC), hosts) == 1
    ann = db.session.scalars(select(Account)).one()
    zoo.asked.clear()
    draft, sender = Draft("/post", "", "", None, "Hi", "Ann Lee", "", None), Sender(ann, "", "", False, "twitter")
    posted = posting.post(site, Submission(draft, sender), SECRET, datetime.now(UTC))
    address = shapes_of(client, posted.comment.id)
    assert address == f"{SERVICE}/avatars/{ann.picture}.webp"
    picture = client.get(address.removeprefix(SERVICE))
    assert (picture.status_code, picture.mimetype, picture.data[8:12]) == (200, "image/webp", b"WEBP")
    assert "immutable" in picture.headers["Cache-Control"]
    assert zoo.asked == []
    assert client.get(f"/avatars/{'0' * 64}.webp").status_code == 404


def shapes_of(client, comment_id):
    with client.application.test_request_context():
        return serializers.own_comment_json(comments.by_id(comment_id))["author"]["avatar"]


def authorize_path(**more):
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {"client_id": "blog", "redirect_uri": BLOG + "/post", "response_type": "code", "state": "s",
             "code_challenge": challenge, "code_challenge_method": "S256", **more}  # fmt: skip
    return "/auth/authorize?" + urlencode(query)


@pytest.mark.parametrize("provider", ALL)
def test_from_the_blog_straight_to_the_provider_and_back_names_the_blog_once(app, client, site, provider):
    path = authorize_path(provider=provider)
    begun = client.get(path)
    assert begun.status_code == 302
    assert parse_qs(urlsplit(begun.location).query)["next"] == [path]
    assert sign_in_with(client, provider, goal=path).location == path
    page = client.get(path)
    assert "on <bdi>Blog notes</bdi>" in page.text and "Continue as" in page.text
    form = {"csrf_token": find_csrf(page.text), "act": "continue", "name": "Ann Lee"}
    assert client.post(path, data=form).location.startswith(BLOG + "/post#commentsvc=1&code=")


def test_from_the_page_that_names_the_blog_nobody_is_asked_twice(app, client, site):
    path = authorize_path()
    page = client.get(path)
    link = re.search(r'href="(/auth/github/login\?next=[^"]+)"', page.text)[1].replace("&amp;", "&")
    assert parse_qs(urlsplit(link).query)["next"] == [path]
    assert sign_in_with(client, "github", goal=path).location == path
    assert client.get(path).location.startswith(BLOG + "/post#commentsvc=1&code=")


def test_who_did_not_get_through_one_door_may_choose_another(app, client, site, zoo):
    zoo.troubles["twitter"] = "deny"
    page = sign_in_with(client, "twitter", goal=authorize_path(provider="twitter"))
    other = re.search(r'href="(/auth/authorize[^"]+)"', page.text)[1].replace("&amp;", "&")
    chosen = client.get(other)
    assert chosen.status_code == 200
    assert "Continue with GitHub" in chosen.text


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"TWITTER_CLIENT_ID": "x"}, "TWITTER_CLIENT_SECRET"),
        ({"OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "y"}, "OIDC_ISSUER"),
        ({"APPLE_CLIENT_ID": "x", "APPLE_TEAM_ID": "y"}, "APPLE_KEY_ID"),
        (
            {"APPLE_CLIENT_ID": "x", "APPLE_TEAM_ID": "y", "APPLE_KEY_ID": "z", "APPLE_PRIVATE_KEY": "no key"},
            "APPLE_PRIVATE_KEY",
        ),
        ({"GITHUB_CLIENT_ID": "x", "GITHUB_CLIENT_SECRET": "y", "GITHUB_TOKEN_URL": "github.com"}, "GITHUB_TOKEN_URL"),
        ({"GITHUB_CLIENT_ID": "x", "GITHUB_CLIENT_SECRET": "y", "GITHUB_COLOUR": "red"}, "GITHUB_COLOUR"),
    ],
)
def test_half_a_providers_settings_stop_the_start(changes, name):
    from commentsvc.config import from_environment
    from commentsvc.config_values import BadSetting

    environ = {
        "COMMENTSVC_SECRET_KEY": "a secret for tests, long enough",
        **{f"COMMENTSVC_{k}": v for k, v in changes.items()},
    }
    with pytest.raises(BadSetting, match=f"COMMENTSVC_{name}"):
        from_environment(environ, None)


@pytest.mark.parametrize(
    "typed", ["social.example", "@ann@social.example", "https://social.example/@ann", " Social.Example "]
)
def test_a_reader_names_their_own_server_as_they_know_it(app, client, zoo, typed):
    begun = client.get("/auth/mastodon/login", query_string={"instance": typed})
    assert begun.location.startswith(zoo.base_url + "/mastodon/oauth/authorize?")
    assert "Your server" in client.get("/auth/mastodon/login").text
    sign_in_with(client, "mastodon")
    assert identities() == [("mastodon", f"social.example#{ANN['id']}")]
    registered = [path for path in zoo.asked if path.endswith("/api/v1/apps")]
    assert len(registered) == 1, "once for each server"
    assert zoo.clients["mastodon"][1].encode() not in db.session.scalars(select(ProviderClient.secret)).one()


@pytest.mark.parametrize(
    "typed", ["nowhere", "127.0.0.1", "localhost", "a b.example", "social.example:8080", "[::1]", "x" * 300]
)
def test_what_is_no_servers_name_is_asked_again(client, typed):
    page = client.get("/auth/mastodon/login", query_string={"instance": typed})
    assert (page.status_code, "not the name of a server" in page.text) == (422, True)


def test_no_typed_server_leads_into_our_network(make_app):
    bare = make_app(MASTODON_CLIENT_ID="auto").test_client()
    page = bare.get("/auth/mastodon/login?instance=no-such-server.invalid")
    assert (page.status_code, "is not responding" in page.text) == (503, True)


def test_an_older_server_is_asked_for_what_it_knows(app, client, zoo):
    zoo.troubles["mastodon"] = "4.2"
    assert sign_in_with(client, "mastodon").status_code == 303


def test_a_server_that_has_forgotten_us_is_registered_with_again(app, client, zoo):
    assert sign_in_with(client, "mastodon").status_code == 303
    begun = begin(app.test_client(), "mastodon")
    assert begun.status_code == 302
    old, zoo.clients["mastodon"] = zoo.clients["mastodon"], ("a-new-client", "a-new-secret")
    other = app.test_client()
    begun = begin(other, "mastodon")
    refused = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    assert refused.status_code == 400, "there the reader sees that server's own page"
    zoo.clients["mastodon"] = old
    begun = begin(other, "mastodon")
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    zoo.clients["mastodon"] = ("a-new-client", "a-new-secret")
    assert other.get(chosen.headers["Location"].removeprefix(SERVICE)).status_code == 400
    assert sign_in_with(other, "mastodon").status_code == 303, "the next try works"


@pytest.mark.parametrize(
    "make_app", ["sqlite"], indirect=True
)  # it takes ten seconds, and no database has a part in it
def test_a_provider_that_is_slow_is_not_waited_for_long(app, client, zoo):
    begun = begin(client, "github")
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    zoo.troubles["github"], asked_before = "slow", len(zoo.asked)
    answer, free = answer_of(app, "github", chosen), app.extensions["page_cache"]._request_limit._places
    with ThreadPoolExecutor(1) as elsewhere:
        waiting = elsewhere.submit(client.get, answer)
        eventually(lambda: len(zoo.asked) > asked_before, "the provider was asked")
        assert not waiting.done() and free._value == REQUESTS_MAX, "it keeps nobody's place"
        page = waiting.result()
    assert (page.status_code, "is not responding" in page.text) == (503, True)


@pytest.mark.parametrize(("off_s", "status"), [(-100, 303), (100, 303), (-200, 502), (200, 502)])
def test_a_providers_clock_may_be_off_by_two_minutes(app, client, zoo, off_s, status):
    zoo.clock_off_s = off_s
    zoo.token_life_s = 1
    assert sign_in_with(client, "google").status_code == status


# Each case of the public list, and the test that drives it; those of other files are named with their file.
PUBLIC_CASES = {
    "state missing": "test_an_answer_counts_only_in_the_browser_that_asked_and_at_its_own_door",
    "state replayed": "test_a_code_that_came_too_late_or_twice_is_refused",
    "iss parameter of another provider": "test_an_answer_that_names_another_issuer_is_refused_by_every_provider",
    "code used twice": "test_a_code_that_came_too_late_or_twice_is_refused",
    "error + code both": "test_an_answer_with_an_error_and_a_code_is_an_error",
    "two state values": "test_an_answer_with_a_parameter_twice_is_no_answer",
    "id_token alg none": "test_an_id_token_that_anybody_can_sign_is_refused",
    "id_token HS256 signed with RSA public key": "test_an_id_token_that_anybody_can_sign_is_refused",
    "kid unknown 1000 times": "test_keys_are_not_asked_for_again_and_again",
    "aud other client": "test_an_id_token_that_is_not_for_this_sign_in_is_refused",
    "exp past / iat future > leeway": "test_a_providers_clock_may_be_off_by_two_minutes",
    "iss trailing slash": "test_an_issuer_with_another_ending_is_another_issuer",
    "sub number": "test_an_id_that_cannot_be_kept_is_refused_with_a_page",
    "email_verified absent": "test_an_address_that_nobody_calls_verified_is_not_kept",
    "userinfo returns HTML / 500 / 10 MB / hangs": "test_a_provider_in_trouble_ends_on_a_page_that_says_so",
    "discovery endpoint on http / private IP": "test_discovery_over_https_names_no_endpoint_without_it",
    "token reply token_type mac": "test_a_token_of_another_kind_than_bearer_is_refused",
    "popup result sent with targetOrigin *": "test_authorize.py: test_a_popup_gets_a_page_that_tells_exactly_…",
    "return_to=//evil, javascript:, other site": "test_signin.py: test_a_crafted_next_is_dropped_at_every_step",
    "PKCE downgrade: provider ignores challenge": "test_an_id_token_that_is_not_for_this_sign_in_is_refused",
    "same email at two providers, unverified": "test_an_address_that_nobody_calls_verified_is_not_kept",
    "merge while other session open": "test_accounts.py: test_what_belongs_to_another_account_is_not_taken_over",
    "avatar url http://127.0.0.1": "test_avatars.py",
    "tenant removed mid-login": "test_authorize.py: test_a_request_that_is_not_ours_ends_on_a_page_and_goes_nowhere",
    "logout then back button": "test_signin.py: test_the_session_ends_at_sign_out_even_when_the_cookie_is_kept",
}


def test_every_public_case_of_signing_in_is_driven():
    cases = json.loads(data("auth/oauth_oidc_cases_public.json").read_text())
    assert {case["name"] for case in cases} == set(PUBLIC_CASES)
    for test in PUBLIC_CASES.values():
        assert ".py" in test or callable(globals().get(test)), test


def test_an_answer_with_an_error_and_a_code_is_an_error(app, client):
    begun = begin(client, "github")
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    answer = answer_of(app, "github", chosen)
    assert client.get(f"{answer}&error=access_denied").status_code == 403
    assert accounts() == []


@pytest.mark.parametrize("trouble", ["alg_none", "alg_hs256"])
def test_an_id_token_that_anybody_can_sign_is_refused(app, client, zoo, trouble):
    zoo.troubles["oidc"] = trouble
    assert sign_in_with(client, "oidc").status_code == 502
    assert accounts() == []


@pytest.mark.parametrize("provider", ["oidc", "google"])
def test_an_issuer_with_another_ending_is_another_issuer(app, client, zoo, provider):
    begun = begin(client, provider)
    chosen = requests.post(begun.location, data={"person": ANN["id"]}, allow_redirects=False, timeout=10)
    query = dict(parse_qsl(urlsplit(chosen.headers["Location"]).query))
    answer = f"/auth/{provider}/callback?" + urlencode({**query, "iss": query["iss"] + "/"})
    assert client.get(answer).status_code == 502
    zoo.says[provider] = {"iss": zoo.issuer(provider) + "/"}
    assert sign_in_with(client, provider).status_code == 502
    assert accounts() == []


@pytest.mark.parametrize("claim", [None, "true", 1, "yes", [True]])
def test_an_address_that_nobody_calls_verified_is_not_kept(app, client, zoo, claim):
    zoo.says["google"] = {"email_verified": claim}
    assert sign_in_with(client, "google").status_code == 303
    assert [email for _, email in accounts()] == [None]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_discovery_over_https_names_no_endpoint_without_it(name):
    provider = OpenId({"client_id": "x", "issuer": "https://id.example"})
    found = {"issuer": "https://id.example", "jwks_uri": "https://id.example/jwks"}
    found |= {f"{end}_endpoint": f"https://id.example/{end}" for end in ("authorization", "token")}
    provider._get = lambda url: {**found, name: "http://id.example/x"}
    with pytest.raises(SignInFailure, match="invalid response"):
        provider._discover()
    provider._get = lambda url: found
    assert provider._discover() == found


@pytest.mark.parametrize("where", ["cross-site", "same-site", "none"])
def test_no_link_of_another_site_names_the_server_that_says_who_somebody_is(app, client, zoo, where):
    path = "/auth/mastodon/login?instance=social.example&next=/account"
    page = client.get(path, headers={"Sec-Fetch-Site": where})
    assert page.status_code == 200 and 'name="instance" type="text" value=""' in page.text
    assert client.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 302, "the form of that page"
