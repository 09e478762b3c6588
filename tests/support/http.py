"""Asks running services over HTTP, and waits until something holds."""

import gzip
import json
import time
import urllib.error
import urllib.request

# For what is certain to come, on a machine that does much else.
EVENTUALLY_S = 30.0


def ask(url: str, body: dict | None = None, token: str = "", sent_from: str = "", timeout_s: float = 10):
    """Status, headers and JSON or text of an answer, also when it is a refusal."""
    headers = {"Accept-Encoding": "gzip"} | ({"Content-Type": "application/json"} if body else {})
    if sent_from:
        headers["X-Forwarded-For"] = sent_from
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            packed, status, got = answer.read(), answer.status, answer.headers
    except urllib.error.HTTPError as error:
        packed, status, got = error.read(), error.code, error.headers
    text = (gzip.decompress(packed) if got["Content-Encoding"] == "gzip" else packed).decode()
    is_json = "json" in got.get("Content-Type", "")
    return status, got, json.loads(text) if is_json else text


def eventually(is_true, what: str, within_s: float = EVENTUALLY_S):
    """The first true value of `is_true`, which is called until then; an OSError of it counts as false."""
    end, found, error = time.monotonic() + within_s, None, None
    while not found:
        assert time.monotonic() < end, f"not within {within_s} s: {what} ({error or found!r})"
        time.sleep(0.02)
        try:
            found, error = is_true(), None
        except OSError as failure:
            found, error = None, failure
    return found
