"""Signs in with a provider's stand-in, step by step as a browser does."""

import re
from html import unescape

import requests

from commentsvc.demo import provider_kinds

ANN = provider_kinds.PEOPLE[0]
SERVICE = "https://comments.example"


def sign_in_with(client, provider, person=ANN, goal="/auth/signin", cancel=False):
    """From our login address to the provider's page, a click there, and back; gives our last answer."""
    begun = begin(client, provider, goal)
    if begun.status_code != 302:
        return begun
    form = {"cancel": "1"} if cancel else {"person": person["id"]}
    chosen = requests.post(begun.location, data=form, allow_redirects=False, timeout=10)
    return client.get(answer_of(client.application, provider, chosen))


def begin(client, provider, goal="/auth/signin"):
    server = {"instance": "social.example"} if provider == "mastodon" else {}
    return client.get(f"/auth/{provider}/login", query_string={"next": goal, **server})


def answer_of(app, provider, chosen):
    """Where the provider's answer lands in the reader's browser: a redirect, or a form posted without cookies."""
    if provider != "apple":
        assert chosen.status_code == 302, chosen.text
        assert chosen.headers["Location"].startswith(f"{SERVICE}/auth/{provider}/callback?")
        return chosen.headers["Location"].removeprefix(SERVICE)
    fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', chosen.text)}
    posted = app.test_client().post(f"/auth/{provider}/callback", data=fields)
    assert (posted.status_code, "Set-Cookie" in posted.headers) == (303, False), posted.text
    return posted.location
