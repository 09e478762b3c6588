"""Every page of a signed-in person: kept by nobody, closed to scripts of others, and with a way to sign out."""

import re

from tests.support.access import ROWS, Proof

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

# Asked for every few seconds with a tag: how many comments wait, and nothing of them.
NUMBERS_ALONE = {"/dashboard/blog/counts"}


def pages(client):
    """Each page that goes by the session cookie and shows itself to the owner of the blog."""
    for row in ROWS:
        if row.method != "GET" or row.proof is not Proof.COOKIE:
            continue
        path = re.sub(r"<(?:int:)?\w+>", "1", row.route.replace("<site_key>", "blog"))
        answer = client.get(path)
        if answer.status_code == 200:
            yield path, answer


def test_nothing_of_a_session_is_kept_and_every_page_has_sign_out(client, alice, sign_in, make_comment):
    make_comment(status="pending")
    sign_in(client, alice)
    seen = 0
    for path, answer in pages(client):
        if path not in NUMBERS_ALONE:
            assert answer.headers["Cache-Control"] in ("no-store", "private, no-store"), path
        assert "Access-Control-Allow-Origin" not in answer.headers, path
        if answer.mimetype != "text/html" or not answer.text.lstrip().startswith("<!doctype"):
            continue
        seen += 1
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert STRICT.items() <= policy.items(), path
        if not path.startswith("/auth/"):  # the steps of showing who one is
            assert 'action="/auth/signout"' in answer.text, path
    assert seen > 12


def test_every_answer_says_what_it_is(client, alice, sign_in):
    sign_in(client, alice)
    for row in ROWS:
        path = re.sub(r"<(?:int:|path:)?\w+>", "1", row.route.replace("<site_key>", "blog"))
        answer = client.open(path, method=row.method)
        is_text = answer.mimetype.startswith("text/") or answer.mimetype.endswith("xml")
        assert answer.status_code == 204 or answer.mimetype, row.name
        assert not is_text or answer.mimetype_params.get("charset") == "utf-8", (row.name, answer.content_type)
        answer.close()


def test_no_answer_lets_another_origin_send_cookies(client, alice, sign_in):
    """Public reads are open to every origin; none takes a cookie from one."""
    sign_in(client, alice)
    for row in ROWS:
        path = re.sub(r"<(?:int:|path:)?\w+>", "1", row.route.replace("<site_key>", "blog"))
        for method in (row.method, "OPTIONS"):
            answer = client.open(path, method=method, headers={"Origin": "https://mallory.example"})
            answer.close()
            assert "Access-Control-Allow-Credentials" not in answer.headers, path
