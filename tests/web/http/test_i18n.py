"""Pages, fragments, texts and errors in the reader's language."""

import pytest

from commentsvc.core import translations
from commentsvc.core.status import Status
from commentsvc.store import sites
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.transactions import write
from tests.support.cast import set_policy

FRAGMENT = "/embed/v1/comments?site=blog&thread=/post"
OURS = "https://comments.example"
HOSTED = "/t/blog?thread=/post"
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def set_texts(site):
    def change(texts) -> None:
        with write():
            sites.change_policy(sites.by_key("blog"), {"texts": texts})

    return change


def in_german(key: str) -> str:
    return translations.of("de")[key]


def test_a_fragment_speaks_the_language_that_it_is_asked_for(client, make_comment):
    make_comment()
    page = client.get(FRAGMENT + "&lang=de-CH").text
    assert '<section class="thread" part="thread" lang="de" dir="ltr"' in page
    assert in_german("Reply") in page
    assert '<section class="thread" part="thread" lang="ar" dir="rtl"' in client.get(FRAGMENT + "&lang=ar").text
    assert 'lang="en"' in client.get(FRAGMENT, headers=GERMAN).text, "the same for everybody, so nobody's own"


def test_where_none_of_ours_is_asked_for_a_site_speaks_its_own(client, make_comment, site):
    make_comment()
    set_policy(site, language="fr-CA")
    for address in (FRAGMENT, FRAGMENT + "&lang=xx", HOSTED):
        assert 'lang="fr"' in client.get(address).text
    assert 'lang="de"' in client.get(HOSTED, headers=GERMAN).text


def test_a_hosted_page_speaks_the_browsers_language_and_one_in_the_address_before_it(client, make_comment):
    make_comment()
    assert '<html lang="de" dir="ltr">' in client.get(HOSTED, headers=GERMAN).text
    assert '<html lang="en" dir="ltr">' in client.get(HOSTED).text
    arabic = client.get(HOSTED + "&lang=ar", headers=GERMAN)
    assert '<html lang="ar" dir="rtl">' in arabic.text
    assert "Accept-Language" in arabic.headers["Vary"]
    assert "thread=%2Fpost&amp;reply_to=1&amp;lang=ar" in arabic.text, "links keep the language of the address"
    assert "lang=" not in client.get(HOSTED, headers=GERMAN).text.replace('lang="', "")


def test_a_made_up_language_makes_no_new_page(app, client, make_comment):
    make_comment()
    edge = app.extensions["page_cache"]
    client.get(FRAGMENT)
    client.get(HOSTED)
    builds = edge.builds
    for number in range(5):
        client.get(f"{FRAGMENT}&lang=x{number}")
        client.get(f"{HOSTED}&lang=x{number}")
        client.get(HOSTED, headers={"Accept-Language": f"x{number}"})
    assert edge.builds == builds


def test_dates_are_in_the_language_of_the_page(client, make_comment, site):
    number = make_comment()
    when = client.get(f"/api/v1/comments/{number}").json["created_at"]
    assert when[:4] + "年" in client.get(FRAGMENT + "&lang=ja").text


def test_the_widgets_texts_are_served_with_their_plurals(client, site):
    answer = client.get("/embed/v1/texts?lang=de&site=blog")
    assert (answer.json["lang"], answer.json["dir"]) == ("de", "ltr")
    assert set(answer.json["texts"]) == set(translations.widget_keys())
    assert answer.json["texts"]["Cancel"] == in_german("Cancel")
    assert set(answer.json["texts"]["%(num)s thoughts on “%(title)s”"]) == {"one", "other"}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age=86400" in answer.headers["Cache-Control"]
    assert "stale-while-revalidate" in answer.headers["Cache-Control"]
    again = client.get("/embed/v1/texts?lang=de&site=blog", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    english = client.get("/embed/v1/texts").json
    assert (english["lang"], english["texts"]["Cancel"]) == ("en", "Cancel")
    more = {"one": "Show one more comment", "other": "Show %(num)s more comments"}
    assert english["texts"]["Show %(num)s more comments"] == more
    assert client.get("/embed/v1/texts?site=nowhere").status_code == 404


def test_a_site_says_it_in_its_own_words_and_another_does_not(client, site, other_site, set_texts, make_comment):
    make_comment()
    assert "Leave a comment" in client.get(HOSTED).text
    set_texts({"Leave a comment": "Say <b>something</b>", "Reply": {"de": "Erwidern"}, "Cancel": "Not <i>now</i>"})
    assert "Say &lt;b&gt;something&lt;/b&gt;" in client.get(HOSTED + "&lang=en").text, "words, never markup"
    assert ">Erwidern<" in client.get(FRAGMENT + "&lang=de").text
    assert ">Reply<" in client.get(FRAGMENT + "&lang=en").text
    assert "Say &lt;b&gt;something&lt;/b&gt;" in client.get(FRAGMENT + "&lang=en").text
    assert client.get("/embed/v1/texts?site=blog&lang=de").json["texts"]["Cancel"] == "Not <i>now</i>"
    assert client.get("/embed/v1/texts?site=other").json["texts"]["Cancel"] == "Cancel"
    set_policy(site, body_max=500)
    assert sites.by_key("blog").texts, "another change leaves them alone"


def test_names_within_a_sentence_stay_text(client, make_comment):
    number = make_comment(name="<img src=x>")
    page = client.get(f"{HOSTED}&reply_to={number}&lang=de").text
    assert "<img src=x>" not in page
    assert "<bdi>&lt;img src=x&gt;</bdi>" in page


def test_errors_speak_the_language_of_who_asks(client, site):
    body = {"site": "blog", "thread": "/post", "body": " ", "author": {"name": "Carol", "email": "nonsense"}}
    for address, headers in (("/api/v1/comments?lang=de", {}), ("/api/v1/comments", GERMAN)):
        refused = client.post(address, json=body, headers=headers)
        assert refused.status_code == 422
        assert refused.json["title"] == in_german("Please check your input")
        messages = {problem["field"]: problem["message"] for problem in refused.json["errors"]}
        assert messages["body"] == in_german("Please write your comment first.")
        assert "carol@example.org" in messages["author.email"]
        assert "complete" not in messages["author.email"]
        assert messages["body"] in refused.json["detail"]
    assert "Please write your comment first." in client.post("/api/v1/comments", json=body).json["detail"]


def test_a_label_within_an_error_is_translated_too(client, site):
    body = {"site": "blog", "thread": "/post", "body": "Hello", "author": {"name": "x" * 300, "email": "c@example.org"}}
    message = client.post("/api/v1/comments?lang=de", json=body).json["errors"][0]["message"]
    assert in_german("Your name") in message
    assert "300" in message


def test_why_a_comment_waits_is_told_again_in_another_language(client, make_comment, site):
    body = {"site": "blog", "thread": "/post", "body": "Hello", "author": {"name": "Carol", "email": "c@example.org"}}
    posted = client.post("/api/v1/comments", json=body, headers={"Idempotency-Key": "once"})
    assert posted.json["reason"] == "A moderator reviews every comment here before it appears."
    token = {"X-Edit-Token": posted.json["edit_token"]}
    key = "A moderator reviews every comment here before it appears."
    assert in_german(key) in client.get(f"/embed/v1/comment?id={posted.json['id']}&lang=de", headers=token).text
    again = client.post("/api/v1/comments?lang=de", json=body, headers={"Idempotency-Key": "once"})
    assert again.json["id"] == posted.json["id"]
    assert again.json["reason"] == in_german(key)


def test_what_became_of_a_comment_is_said_on_the_hosted_page(app, client, site):
    form = {"body": "Hallo", "name": "Carol", "email": "c@example.org"}
    page = client.post(HOSTED + "&lang=de", data=form, follow_redirects=True)
    assert page.request.args["lang"] == "de"
    assert in_german("Your comment is awaiting moderation.") in page.text
    refused = app.test_client().post(HOSTED, data={**form, "body": ""}, headers=GERMAN)
    assert (refused.status_code, in_german("Please write your comment first.") in refused.text) == (422, True)


def test_pages_for_people_speak_their_language(client):
    assert in_german("Comments for any page, reviewed before they appear") in client.get("/", headers=GERMAN).text
    missing = client.get("/nothing-here", headers=GERMAN)
    assert in_german("There is no page at this address.") in missing.text
    assert '<html lang="he" dir="rtl">' in client.get("/auth/signin?lang=he").text


def test_the_dashboard_speaks_english(client, site, alice, sign_in, make_comment):
    make_comment(status=Status.PENDING)
    sign_in(client, alice)
    assert '<html lang="en" dir="ltr">' in client.get("/dashboard/blog", headers=GERMAN).text


def test_a_code_is_mailed_in_the_language_of_who_asks(client, alice, csrf):
    page = client.get("/auth/signin", base_url=OURS, headers=GERMAN)
    assert in_german("Send me a code") in page.text
    form = {"email": alice.email, "csrf_token": csrf(page.text)}
    assert client.post("/auth/signin", data=form, base_url=OURS, headers=GERMAN).status_code == 303
    db.session.rollback()
    mail = db.session.query(Job).one().payload
    assert mail["subject"].startswith(in_german("Your sign-in code: %(code)s")[:10])
    assert mail["text"].startswith(in_german("Hello %(name)s,") % {"name": "Alice"} + "\n\n")
    assert "&#" not in mail["text"]
    assert '<html lang="de" dir="ltr">' in mail["html"]


def test_moderators_read_why_in_their_language_and_nothing_of_how_it_is_kept(client, alice, token, make_comment):
    make_comment(status=Status.PENDING)
    queue = client.get("/api/v1/moderation/comments?site=blog&lang=de", headers=token(alice)).json
    (reason,) = queue["comments"][0]["reasons"]
    assert set(reason) == {"rule", "outcome", "sentence", "match"}
    assert reason["sentence"] == in_german("A moderator reviews every comment here before it appears.")
