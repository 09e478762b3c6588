"""Asks running services over HTTP, and waits until something holds."""

import gzip
import json
import time
import urllib.error
import urllib.request


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


def eventually(see, within_s: float, what: str):
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := see():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {within_s} s")
