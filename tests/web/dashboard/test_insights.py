"""Insights: the numbers are those of the comments and decisions, in every form; the public page only where wanted."""

import csv
import io
from datetime import timedelta

import pytest

from commentsvc.core.status import Action, Status
from commentsvc.services import moderation
from commentsvc.services.moderation import Moderator
from commentsvc.store import comments
from commentsvc.web.dashboard import insights
from tests.support.cast import set_policy


@pytest.fixture
def busy(make_comment, alice, bob, now):
    """Six comments of yesterday: Alice decides on four after 10, 20, 30 and 40 seconds; Bob changes one."""
    ids = [make_comment(f"/p{n % 2}", Status.PENDING, body=f"{n}", title=f"=Page {n % 2}") for n in range(6)]
    for step, action in enumerate([Action.APPROVE, Action.APPROVE, Action.SPAM, Action.REJECT]):
        written_at = comments.by_id(ids[step]).created_at
        moderation.decide([ids[step]], action, Moderator(alice), "", written_at + timedelta(seconds=10 * (step + 1)))
    moderation.decide([ids[2]], Action.APPROVE, Moderator(bob), "", now)
    return ids


def test_the_numbers_are_those_of_what_happened(alices, busy):
    found = alices.get("/dashboard/blog/insights.json?days=7").json
    assert len(found["days"]) == 7
    assert sum(day["approved"] for day in found["days"]) == 3
    assert sum(day["pending"] for day in found["days"]) == 2
    assert sum(day["rejected"] for day in found["days"]) == 1
    assert found["wait_s"] == {"median": 20.0, "p90": 40.0}
    assert found["queue"]["waiting"] == 2 and found["queue"]["empty_in_s"] is not None
    assert {m["name"]: (m["decided"], m["changed_by_others"]) for m in found["moderators"]} == {
        "Alice": (4, 1),
        "Bob": (1, 0),
    }
    assert found["agreement"] == 0.8
    assert {(t["key"], t["count"]) for t in found["threads"]} == {("/p0", 3), ("/p1", 3)}
    assert found["rules"] == [{"rule": "mode all", "status": "pending", "count": 6}]
    assert found["spam"] == {"caught_by_rules": 0, "found_by_moderators": 1, "wrongly_caught": 1}


@pytest.mark.parametrize("days", insights.PERIODS)
def test_the_page_says_them_in_charts_and_in_tables(alices, busy, days):
    page = alices.get(f"/dashboard/blog/insights?days={days}")
    assert page.status_code == 200
    assert 'role="img" aria-label="Comments per day: Peak:' in page.text and "<rect class=" in page.text
    assert "Show as a table" in page.text and "=Page 0" in page.text
    assert "80%" in page.text


def test_an_empty_site_has_insights_too(alices):
    page = alices.get("/dashboard/blog/insights")
    assert page.status_code == 200 and "queue is empty" in page.text
    assert alices.get("/dashboard/blog/insights?days=8").status_code == 422


def test_csv_runs_nothing(alices, busy):
    answer = alices.get("/dashboard/blog/insights.csv?days=7")
    assert answer.mimetype == "text/csv" and "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == ["day", "pending", "approved", "rejected", "spam", "deleted"]
    assert ["/p0", "'=Page 0", "3"] in rows


def test_the_public_page_is_there_only_where_the_owner_wants_it(app, site, busy, make_comment):
    reader = app.test_client()
    insights._public_insights.clear()
    assert reader.get("/transparency/blog").status_code == 404
    set_policy(site, is_transparent=True)
    page = reader.get("/transparency/blog")
    assert page.status_code == 200 and "public" in page.headers["Cache-Control"]
    assert "Alice" not in page.text and "Bob" not in page.text and "=Page" not in page.text
    assert "Set-Cookie" not in page.headers


def test_the_public_page_is_in_the_readers_language_without_the_dashboard(app, site, busy):
    insights._public_insights.clear()
    set_policy(site, is_transparent=True, language="fr", mode="all", flood_from="off")
    page = app.test_client().get("/transparency/blog", headers={"Accept-Language": "de"})
    assert '<html lang="de" dir="ltr">' in page.text and "Die letzten 90 Tage" in page.text
    assert "Accept-Language" in page.headers["Vary"]
    assert "<form" not in page.text and "flood" not in page.text
    assert '<html lang="fr" dir="ltr">' in app.test_client().get("/transparency/blog").text


def test_mallory_gets_404(app, site, mallory, sign_in):
    client = app.test_client()
    sign_in(client, mallory)
    for form in ("", ".json", ".csv"):
        assert client.get(f"/dashboard/blog/insights{form}").status_code == 404
