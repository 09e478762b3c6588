"""Two owners change one form: different fields are both kept; for the same field both values are shown."""

from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from commentsvc.services import rules as rules_service
from commentsvc.services.rules import RuleText
from commentsvc.store import accounts, memberships, sites
from commentsvc.store import rules as stored_rules
from commentsvc.store.audit_log import ActorKind, AuditEntry
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from tests.support.cast import add_account


class Form(HTMLParser):
    """The fields of one form of a page, as a browser would send them: that with a field of this name."""

    def __init__(self, html, holding):
        super().__init__()
        self.forms, self.select, self.area = [], None, None
        self.feed(html)
        self.fields = next(form for form in self.forms if holding in form)

    def add(self, name, value):
        self.forms[-1].setdefault(name, []).append(value)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "form":
            self.forms.append({})
        if not self.forms:
            return
        if tag == "input" and found.get("name") and (found.get("type") != "checkbox" or "checked" in found):
            self.add(found["name"], found.get("value", ""))
        elif tag == "select" and found.get("name"):
            self.select = found["name"]
        elif tag == "option" and self.select:
            self.option = found.get("value")
            if "selected" in found:
                self.add(self.select, found["value"])
        elif tag == "textarea" and found.get("name"):
            self.area = found["name"]
            self.add(self.area, "")

    def handle_data(self, data):
        if self.area:
            self.forms[-1][self.area][-1] += data

    def handle_endtag(self, tag):
        self.select = None if tag == "select" else self.select
        self.area = None if tag == "textarea" else self.area


@pytest.fixture
def two(app, site, alice, sign_in, now):
    """The browsers of two owners, Alice and Bob."""
    bob = add_account("bob@example.org", "Bob", site, Role.OWNER, now)
    browsers = app.test_client(), app.test_client()
    for browser, account in zip(browsers, (alice, bob), strict=True):
        sign_in(browser, account)
    return browsers


def opened(browser, path, holding):
    page = browser.get(path)
    assert page.status_code == 200
    return Form(page.text, holding).fields


def sent(browser, path, form, **changes):
    answer = browser.post(path, data={**form, **changes})
    db.session.rollback()
    return answer


SETTINGS = "/dashboard/blog/settings"


def test_each_owner_saves_what_they_changed(two, site):
    alices, bobs = two
    hers, his = opened(alices, SETTINGS, "origins"), opened(bobs, SETTINGS, "origins")
    assert sent(alices, SETTINGS, hers, mode="off", signin_required="yes").status_code == 303
    assert sent(bobs, SETTINGS, his, links_max="7", words="Post Comment = Send it").status_code == 303
    site = sites.by_key("blog")
    assert (site.policy.mode, site.policy.signin_required, site.policy.links_max) == ("off", True, 7)
    assert site.texts == {"Post Comment": "Send it"}
    names = [set(entry.after) for entry in db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "setting"))]
    assert names == [{"mode", "signin_required"}, {"links_max", "texts"}], "nobody is said to have changed more"


def test_who_changed_the_same_sees_both_and_decides(two, site):
    alices, bobs = two
    hers, his = opened(alices, SETTINGS, "origins"), opened(bobs, SETTINGS, "origins")
    sent(alices, SETTINGS, hers, mode="off", links_max="5", name="Alice's notes", warn_before_hold="yes")
    changes = {"mode": "new", "name": "Bob's notes", "flags_hold": "9", "is_transparent": "yes"}
    refused = sent(bobs, SETTINGS, his, **changes)
    assert refused.status_code == 409
    assert "Alice has changed this since you opened the page. It is now: “off”." in refused.text
    assert "It is now: “Alice&#39;s notes”." in refused.text
    site = sites.by_key("blog")
    assert (site.policy.mode, site.name, site.policy.flags_hold) == ("off", "Alice's notes", 3), "nothing was saved"

    again = Form(refused.text, "origins").fields
    assert {name: again[name] for name in changes} == {name: [value] for name, value in changes.items()}, "his input"
    assert again["links_max"] == ["5"] and again["warn_before_hold"] == ["yes"], "what he did not touch is as it is now"
    assert sent(bobs, SETTINGS, again).status_code == 303
    site = sites.by_key("blog")
    assert (site.policy.mode, site.name, site.policy.links_max) == ("new", "Bob's notes", 5)
    assert (site.policy.flags_hold, site.policy.warn_before_hold, site.policy.is_transparent) == (9, True, True)


def test_two_who_choose_the_same_are_of_one_mind(two, site):
    alices, bobs = two
    hers, his = opened(alices, SETTINGS, "origins"), opened(bobs, SETTINGS, "origins")
    assert sent(alices, SETTINGS, hers, mode="off").status_code == 303
    assert sent(bobs, SETTINGS, his, mode="off", links_max="4").status_code == 303
    assert sites.by_key("blog").policy.links_max == 4


def test_what_was_wrong_in_a_stale_form_is_still_compared_with_what_it_showed(two, site):
    alices, bobs = two
    hers, his = opened(alices, SETTINGS, "origins"), opened(bobs, SETTINGS, "origins")
    sent(alices, SETTINGS, hers, mode="off")
    wrong = sent(bobs, SETTINGS, his, body_max="5", votes="up")
    assert wrong.status_code == 422
    form = Form(wrong.text, "origins").fields
    assert form["body_max"] == ["5"] and form["votes"] == ["up"]
    assert sent(bobs, SETTINGS, form, body_max="500").status_code == 303
    policy = sites.by_key("blog").policy
    assert (policy.mode, policy.body_max, policy.votes) == ("off", 500, "up")


def test_a_change_by_the_command_line_is_named(two, site, now):
    from commentsvc.services import site_settings

    alices, _ = two
    form = opened(alices, SETTINGS, "origins")
    site_settings.change(site.id, {"mode": "off"}, ActorKind.COMMAND_LINE, "", now)
    refused = sent(alices, SETTINGS, form, mode="new")
    assert refused.status_code == 409 and "the command line has changed this" in refused.text


@pytest.mark.parametrize(
    ("place", "path", "holding", "hers", "his"),
    [
        ("rules", "checks", "min_compose_s", {"links_max": "6"}, {"min_compose_s": "9"}),
        ("spam", "spam", "spam_hold", {"spam_hold": "77"}, {"spam_filter": []}),
    ],
)
def test_the_checks_and_the_filter_keep_what_both_changed(two, site, place, path, holding, hers, his):
    alices, bobs = two
    first, second = (opened(browser, f"/dashboard/blog/{place}", holding) for browser in two)
    before = sites.policy_json(sites.by_key("blog"))
    assert sent(alices, f"/dashboard/blog/{path}", first, **hers).status_code == 303
    assert sent(bobs, f"/dashboard/blog/{path}", second, **his).status_code == 303
    after = sites.policy_json(sites.by_key("blog"))
    assert {name for name in after if after[name] != before[name]} == {*hers, *his}

    third, fourth = (opened(browser, f"/dashboard/blog/{place}", holding) for browser in two)
    (name,) = [name for name in (*hers, *his) if name in ("links_max", "spam_hold")]
    assert sent(alices, f"/dashboard/blog/{path}", third, **{name: "81"}).status_code == 303
    refused = sent(bobs, f"/dashboard/blog/{path}", fourth, **{name: "82"})
    assert refused.status_code == 409 and "Alice has changed this" in refused.text and "“81”" in refused.text
    again = Form(refused.text, holding).fields
    assert again[name] == ["82"]
    assert sent(bobs, f"/dashboard/blog/{path}", again).status_code == 303
    assert sites.policy_json(sites.by_key("blog"))[name] == 82


def test_a_rule_that_both_edit(two, site, alice, now):
    alices, bobs = two
    number = rules_service.add(site, RuleText("words", "casino\npoker", "hold"), alice, now).id
    path = f"/dashboard/blog/rules/{number}"
    hers, his = opened(alices, path, "value"), opened(bobs, path, "value")
    assert sent(alices, path, hers, outcome="spam", do="save").status_code == 303
    assert sent(bobs, path, his, value="casino\r\npoker\r\nroulette", do="save").status_code == 303
    rule = stored_rules.by_id(number)
    assert (rule.value, rule.outcome) == ("casino\npoker\nroulette", "spam")

    hers, his = opened(alices, path, "value"), opened(bobs, path, "value")
    sent(alices, path, hers, value="casino", do="save")
    refused = sent(bobs, path, his, value="poker", do="save")
    assert refused.status_code == 409 and "Alice has changed this" in refused.text and "“casino”" in refused.text
    assert stored_rules.by_id(number).value == "casino"
    again = Form(refused.text, "value").fields
    assert again["value"] == ["poker"]
    assert sent(bobs, path, again, do="save").status_code == 303
    assert stored_rules.by_id(number).value == "poker"


def test_a_rule_that_was_tried_in_between_is_still_compared(two, site, alice, now):
    alices, bobs = two
    number = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now).id
    path = f"/dashboard/blog/rules/{number}"
    his = opened(bobs, path, "value")
    tried = Form(sent(bobs, path, his, value="poker", do="test", body="poker").text, "value").fields
    sent(alices, path, opened(alices, path, "value"), value="roulette", do="save")
    assert sent(bobs, path, tried, do="save").status_code == 409


def test_a_role_that_was_changed_meanwhile_is_looked_at_again(two, site, now):
    alices, bobs = two
    dora = add_account("dora@example.org", "Dora", site, Role.MODERATOR, now)
    path = "/dashboard/blog/members"
    stale = {"csrf_token": opened(bobs, path, "member")["csrf_token"], "member": dora.id, "shown": "moderator"}
    fresh = {"csrf_token": opened(alices, path, "member")["csrf_token"], "member": dora.id, "shown": "moderator"}
    sent(alices, path, fresh, act="role", role="owner")
    answer = bobs.post(path, data={**stale, "act": "role", "role": "moderator"}, follow_redirects=True)
    assert "Alice changed the role of Dora to owner since you opened this page." in answer.text
    db.session.rollback()
    assert memberships.role_on(accounts.account_by_email("dora@example.org"), site) is Role.OWNER
