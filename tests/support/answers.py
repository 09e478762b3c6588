"""Shorthands for the moderation API's calls and for problem details."""

from tests.support.cast import BLOG


def decide(client, auth, action, *ids, **more):
    return client.post("/api/v1/moderation/decisions", json={"ids": list(ids), "action": action, **more}, headers=auth)


def fields_of(answer):
    assert answer.mimetype == "application/problem+json"
    return [e["field"] for e in answer.json["errors"]]


GUEST = {"name": "Carol", "email": "carol@example.org", "website": "https://carol.example/"}


def post(client, origin=BLOG, headers=None, **fields):
    body = {
        "site": "blog",
        "thread": "/post",
        "url": BLOG + "/post",
        "title": "A post",
        "body": "Hello",
        "author": GUEST,
    }
    body = {k: v for k, v in {**body, **fields}.items() if v is not ...}
    return client.post("/api/v1/comments", json=body, headers={"Origin": origin, **(headers or {})})
