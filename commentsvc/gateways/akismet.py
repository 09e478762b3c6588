"""Akismet: asks it with a time limit while a reader waits, and pauses after a failure."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import asdict

import requests

from commentsvc.core.verdict import Outside
from commentsvc.gateways import safe_http
from commentsvc.gateways.spam_question import SpamQuestion

log = logging.getLogger(__name__)

# A reader waits for the answer: with what we do ourselves it must stay below two seconds.
PATIENCE_S = 1.2
TEACHING_S = 10.0
# After a failure nobody is asked for so long: else every reader would wait, and every thread of the server with them.
REST_S = 30.0
THREADS = 8
AKISMET_URL = "https://rest.akismet.com/1.1"


class Akismet:
    is_there = True

    def __init__(self, key: str, url: str) -> None:
        self._key = key
        self._url = url or AKISMET_URL
        self._rests_until = 0.0
        # In threads of its own: no timeout of a socket covers a name server that does not answer.
        self._threads = ThreadPoolExecutor(THREADS, "spam-service")

    def ask(self, asked: SpamQuestion) -> Outside:
        if time.monotonic() < self._rests_until:
            return Outside.NO_ANSWER
        waiting = self._threads.submit(self._call, "comment-check", asked, PATIENCE_S)
        try:
            response = waiting.result(timeout=PATIENCE_S)
            answer = _read(response)
        except (FutureTimeout, OSError) as error:
            waiting.cancel()
            answer = Outside.NO_ANSWER
            log.warning("the spam service did not answer: %s", type(error).__name__)
        if answer is Outside.NO_ANSWER:
            self._rests_until = time.monotonic() + REST_S
        return answer

    def teach(self, asked: SpamQuestion, is_spam: bool) -> None:
        response = self._call("submit-spam" if is_spam else "submit-ham", asked, TEACHING_S)
        response.raise_for_status()

    def _call(self, method: str, asked: SpamQuestion, timeout_s: float) -> requests.Response:
        with safe_http.bounded(requests.Session(), timeout_s) as session:
            data = {"api_key": self._key, **asdict(asked)}
            return session.post(f"{self._url}/{method}", data=data, allow_redirects=False)


def _read(response: requests.Response) -> Outside:
    """`true` and `false` are the answers; anything else (`invalid`, a page of a proxy, an error) is none."""
    answer = response.text.strip()[:20] if response.status_code == 200 else ""
    if answer == "false":
        return Outside.HAM
    if answer == "true":
        return Outside.BLATANT if response.headers.get("X-akismet-pro-tip") == "discard" else Outside.SPAM
    log.warning("the spam service answered %s, which is no answer", response.status_code)
    return Outside.NO_ANSWER
