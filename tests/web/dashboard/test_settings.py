"""Settings, team and tokens in the dashboard: for owners; each change is in the audit log and can be undone."""

import re
from dataclasses import fields
from datetime import timedelta

import pytest
from sqlalchemy import select

from commentsvc.core.policy import Policy
from commentsvc.core.status import Status
from commentsvc.services import accounts as accounts_service
from commentsvc.services import site_settings
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import audit_log, memberships, sites
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.db import db
from commentsvc.store.invitations import Invitation
from commentsvc.store.jobs import Job
from commentsvc.store.memberships import Role
from commentsvc.web.dashboard import settings as page
from tests.support.cast import set_policy


@pytest.fixture
def send(alices, csrf):
    def post(path, client=alices, **form):
        token = csrf(client.get("/dashboard/blog/log").text)
        return client.post(path, data={"csrf_token": token, **form}, follow_redirects=True)

    return post


def form_of(client, path="/dashboard/blog/settings"):
    """The settings form as a browser would send it unchanged."""
    html = client.get(path).text
    form = {
        "name": re.search(r'id="name"[^>]*value="([^"]*)"', html)[1],
        "has": re.findall(r'name="has" value="(\w+)"', html),
    }
    form["origins"] = re.search(r'<textarea id="origins"[^>]*>([^<]*)', html)[1]
    form["words"] = re.search(r'<textarea id="words"[^>]*>([^<]*)', html)[1]
    for name in form["has"]:
        if (found := re.search(rf'<select id="{name}".*?<option value="([^"]*)" selected', html, re.S)) or (
            found := re.search(rf'<input id="{name}"[^>]*value="([^"]*)"', html)
        ):
            form[name] = found[1]
        elif re.search(rf'name="{name}" value="yes" checked', html):
            form[name] = "yes"
    return form


def entries(kind=None):
    db.session.rollback()
    found, _ = audit_log.of_site(sites.by_key("blog"), [kind] if kind else [], None, 50)
    return found


def test_every_setting_has_a_place_and_a_line(alices):
    html = alices.get("/dashboard/blog/settings").text
    names = {field.name for field in fields(Policy)} - page.INNER
    assert all(f'name="has" value="{name}"' in html for name in names)
    assert page.SAYS.keys() == names


def test_a_form_sent_unchanged_changes_nothing(alices, send):
    before = sites.policy_json(sites.by_key("blog"))
    answer = send("/dashboard/blog/settings", **form_of(alices))
    assert "No changes to save." in answer.text
    assert entries() == []
    assert sites.policy_json(sites.by_key("blog")) == before


def test_a_change_takes_effect_is_in_the_audit_log_and_can_be_undone(alices, alice, send):
    version = sites.by_key("blog").version
    form = {**form_of(alices), "mode": "off", "body_max": "5000", "name": "New name", "signin_required": "yes"}
    form["origins"] += "\nhttps://www.blog.example/"
    form["words"] = "Post Comment = Send it"
    assert "Saved: Name, Allowed domains" in send("/dashboard/blog/settings", **form).text
    (entry,) = entries()
    site = sites.by_key("blog")
    assert (site.name, site.policy.mode, site.policy.body_max, site.policy.signin_required) == (
        "New name",
        "off",
        5000,
        True,
    )
    assert [o.origin for o in site.origins] == ["https://blog.example", "https://www.blog.example"]
    assert site.texts == {"Post Comment": "Send it"} and site.version > version
    assert entry.before["mode"] == "all" and entry.after["mode"] == "off" and entry.by_account_id == alice.id
    assert "New name" in alices.get("/dashboard/blog/changes").text

    assert "undone" in send("/dashboard/blog/changes/undo", entry=entry.id).text
    db.session.rollback()
    site = sites.by_key("blog")
    assert (site.name, site.policy.mode, site.texts) == ("Blog notes", "all", {})
    assert [o.origin for o in site.origins] == ["https://blog.example"]
    assert "has changed since" in send("/dashboard/blog/changes/undo", entry=entry.id).text
    assert "undone" in send("/dashboard/blog/changes/undo", entry=entries()[0].id).text, "an undo is undone"


def test_the_first_address_in_the_list_stands_for_the_site(site, now):
    wanted = ["https://www.blog.example", "https://blog.example"]
    for origins in (wanted, wanted[::-1], [*wanted, "https://*.preview.blog.example"]):
        site_settings.change(site.id, {"origins": origins}, ActorKind.COMMAND_LINE, "", now)
        db.session.expire_all()
        found = sites.by_key("blog")
        assert ([one.origin for one in found.origins], found.main_origin) == (origins, origins[0])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"body_max": "5"}, "a whole number from 200 to 20000"),
        ({"body_max": "many"}, "a whole number"),
        ({"mode": "some"}, "The moderation mode is one of"),
        ({"name": ""}, "name"),
        ({"origins": ""}, "Enter at least one address"),
        ({"origins": "blog.example"}, "is not a valid origin"),
        ({"words": "No such sentence = x"}, "There is no text"),
        ({"words": "Post Comment"}, "write it as"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_nothing_changes(alices, send, changes, sentence):
    answer = send("/dashboard/blog/settings", **{**form_of(alices), "signin_required": "yes", **changes})
    assert answer.status_code == 422
    assert re.search(rf'class="problem" role="alert">[^<]*{re.escape(sentence)}', answer.text)
    db.session.rollback()
    assert sites.by_key("blog").policy.signin_required is False and entries() == []


def test_canned_notes_are_kept_offered_and_brought_back(alices, send, make_comment):
    send("/dashboard/blog/notes", text="Please stay on topic.")
    make_comment(status=Status.PENDING)
    assert '<option value="Please stay on topic.">' in alices.get("/dashboard/blog").text
    number = re.search(r'name="remove" value="(\d+)"', alices.get("/dashboard/blog/settings").text)[1]
    send("/dashboard/blog/notes", remove=number)
    assert "Please stay on topic." not in alices.get("/dashboard/blog").text
    send("/dashboard/blog/changes/undo", entry=entries("canned")[0].id)
    assert '<option value="Please stay on topic.">' in alices.get("/dashboard/blog").text


def test_a_token_is_shown_once_works_and_ends(alices, send, make_comment):
    html = send("/dashboard/blog/tokens", name="my script").text
    token = re.search(r"<code>(cst_[\w-]+)</code>", html)[1]
    headers = {"Authorization": f"Bearer {token}"}
    assert alices.get("/api/v1/moderation/comments?site=blog", headers=headers).status_code == 200
    listed = alices.get("/dashboard/blog/settings").text
    assert token not in listed and "my script" in listed
    number = re.search(r'name="token" value="(\d+)"', listed)[1]
    send("/dashboard/blog/tokens/revoke", token=number)
    assert alices.get("/api/v1/moderation/comments?site=blog", headers=headers).status_code == 401
    assert all(token not in str((e.before, e.after, e.subject)) for e in entries())


def invited(send, email="dave@example.org", role="moderator"):
    send("/dashboard/blog/members", act="invite", email=email, role=role)
    db.session.rollback()
    mail = db.session.scalars(select(Job).where(Job.kind == "mail").order_by(Job.id.desc())).first()
    return mail.payload["to"], re.search(r"/auth/join/\S+", mail.payload["text"])[0]


def test_an_invitation_by_mail_makes_a_member_once(app, alices, send, csrf):
    to, link = invited(send)
    assert to == "dave@example.org"
    daves = app.test_client()
    asked = daves.get(link)
    assert "<bdi>Alice</bdi></b> invites you to be a moderator" in asked.text and "dave@example.org" in asked.text
    db.session.rollback()
    assert stored_accounts.find_account("dave@example.org") is None, "looking does nothing"
    joined = daves.post(link, data={"csrf_token": csrf(asked.text)}, follow_redirects=True)
    assert joined.status_code == 200 and "Blog notes" in joined.text
    assert daves.get("/dashboard/blog/settings").status_code == 403
    assert daves.get(link).status_code == 404, "single use"
    assert entries("member")[0].after == {"role": "moderator"}


def test_an_invitation_is_in_the_language_of_the_account_else_of_the_site(app, alices, alice, send, site, mallory):
    set_policy(site, language="es")
    accounts_service.choose_language(mallory, "de")
    for email, subject, asked in (
        ("dave@example.org", "Alice le invita a moderar Blog notes", "Aceptar e iniciar sesión"),
        ("mallory@example.org", "Alice lädt Sie zur Moderation von Blog notes ein", "Annehmen und anmelden"),
    ):
        _, link = invited(send, email)
        mail = db.session.scalars(select(Job).where(Job.kind == "mail").order_by(Job.id.desc())).first()
        assert mail.payload["subject"] == subject
        assert asked in app.test_client().get(link).text


def test_an_invitation_ends_after_a_week_and_when_it_is_taken_back(app, alices, send, csrf):
    _, link = invited(send)
    number = re.search(r'name="invitation" value="(\d+)"', alices.get("/dashboard/blog/members").text)[1]
    send("/dashboard/blog/members", act="take-back", invitation=number)
    assert app.test_client().get(link).status_code == 404
    _, link = invited(send)
    row = db.session.scalars(select(Invitation).order_by(Invitation.id.desc())).first()
    row.expires_at -= timedelta(days=8)
    db.session.commit()
    assert app.test_client().get(link).status_code == 404


def test_roles_change_and_come_back_and_an_owner_stays(alices, alice, bob, send, site):
    assert "A site needs at least one owner" in send("/dashboard/blog/members", act="remove", member=alice.id).text
    assert (
        "A site needs at least one owner"
        in send("/dashboard/blog/members", act="role", member=alice.id, role="moderator").text
    )
    send("/dashboard/blog/members", act="role", member=bob.id, role="owner")
    db.session.rollback()
    assert memberships.role_on(stored_accounts.account_by_email("bob@example.org"), site) is Role.OWNER
    send("/dashboard/blog/members", act="remove", member=bob.id)
    db.session.rollback()
    assert memberships.role_on(stored_accounts.account_by_email("bob@example.org"), site) is None
    send("/dashboard/blog/changes/undo", entry=entries("member")[0].id)
    db.session.rollback()
    assert memberships.role_on(stored_accounts.account_by_email("bob@example.org"), site) is Role.OWNER


def test_sign_ins_of_members_are_in_the_audit_log(alices, alice):
    assert audit_log.last_sign_ins([alice.id]).keys() == {alice.id}
    assert "last signed in" in alices.get("/dashboard/blog/members").text


@pytest.mark.parametrize("who", ["bob", "mallory"])
def test_only_owners_get_in(request, app, site, sign_in, csrf, who):
    account = request.getfixturevalue(who)
    client = app.test_client()
    sign_in(client, account)
    token = csrf(client.get("/account").text)
    expected = 403 if who == "bob" else 404
    for path in ("settings", "members", "changes"):
        assert client.get(f"/dashboard/blog/{path}").status_code == expected, path
    for path in ("settings", "members", "notes", "tokens", "tokens/revoke", "changes/undo"):
        answer = client.post(f"/dashboard/blog/{path}", data={"csrf_token": token, "name": "Mine", "text": "x"})
        assert answer.status_code == expected, path
    db.session.rollback()
    assert sites.by_key("blog").name == "Blog notes" and entries() == []
