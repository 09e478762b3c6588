"""The steady load of a round: posts with keys that are sent again until they are answered, reads, and health checks."""

import contextlib
import http.client
import itertools
import re
import threading
import time
import uuid
from collections import Counter

from tests.support.service import PATIENCE_S, Answer, ask

WRITERS = 4
CLIENT_TIMEOUT_S = 60.0  # longer than any answer may take, so that a request that hangs is seen as long as it hangs
AGAIN_S = 0.2
# As long as a service may be away in a round. A comment that is given up was not acknowledged, so it can't be lost.
GIVE_UP_S = 120.0
WORDS = re.compile(r"\bwords[0-9a-f]{8}n\d+\b")
LATER = frozenset({429, 503})
_numbers = itertools.count(1)


def new_words():
    """A text that is in no other comment, which WORDS finds."""
    return f"words{uuid.uuid4().hex[:8]}n{next(_numbers)}"


class Load:
    """Runs within the `with`; afterwards its fields say what was answered.

    `acknowledged` has the answered comment's id by its words, `published` those of them that were answered as approved
    (201), `asked_mail` the words by the address that a mail must
    reach, `statuses` counts the answers to posts by status, `reads_refused` the answers to reads other than 200, and
    `longest_s` is how long the slowest request of all had no answer.
    """

    def __init__(self, service, thread, wants_mail=False, pause_s=0.05):
        self.service, self.thread, self.wants_mail, self.pause_s = service, thread, wants_mail, pause_s
        self.acknowledged, self.published, self.asked_mail = {}, {}, {}
        self.statuses, self.reads, self.reads_refused, self.longest_s = Counter(), 0, 0, 0.0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._turns = [threading.Lock() for _ in range(WRITERS)]
        read = f"/api/v1/comments?site=blog&thread={thread}&limit=100"
        self._threads = [threading.Thread(target=self._write, args=(turn,)) for turn in self._turns]
        self._threads += [
            threading.Thread(target=self._look, args=(path, pause_s))
            for path, pause_s in ((read, 0.05), ("/healthz", 0.2), ("/readyz", 0.2))
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def post(self, words, key, number, timeout_s=CLIENT_TIMEOUT_S):
        """One try; the answer, or None when the connection could not be made or broke."""
        author = {"name": f"Carol {words}", "email": f"{words}@example.org"}
        body = {"site": "blog", "thread": self.thread, "body": f"Said once: {words}", "author": author}
        # Of a network of their own each: behind a trusted proxy they are not counted as one.
        address = f"{20 + number % 80}.{number // 80 % 250}.{number % 250}.7"
        headers = {"Idempotency_Key": key, "X_Forwarded_For": address}
        return self._ask(
            self.service.url + "/api/v1/comments", {**body, "notify": self.wants_mail}, timeout_s, **headers
        )

    def _ask(self, url, body=None, timeout_s=CLIENT_TIMEOUT_S, **headers) -> Answer | None:
        began = time.monotonic()
        try:
            return ask(url, body, timeout_s, **headers)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            took_s = time.monotonic() - began
            with self._lock:
                self.longest_s = max(self.longest_s, took_s)

    @contextlib.contextmanager
    def paused(self):
        """No comment is on its way within."""
        with contextlib.ExitStack() as stack:
            for turn in self._turns:
                stack.enter_context(turn)
            yield

    def is_taken(self):
        """Whether a new comment is taken at once."""
        answer = self.post(new_words(), uuid.uuid4().hex, next(_numbers), timeout_s=PATIENCE_S)
        return answer is not None and answer.status in (201, 202)

    def _write(self, turn):
        while not self._stop.is_set():
            with turn:
                self.post_until_answered()
            self._stop.wait(self.pause_s)

    def post_until_answered(self):
        """Send a new comment again, always with its key, until it is answered otherwise than by 503; gives the id."""
        words, key, number = new_words(), uuid.uuid4().hex, next(_numbers)
        end = time.monotonic() + GIVE_UP_S
        while time.monotonic() < end:
            answer = self.post(words, key, number)
            with self._lock:
                self.statuses[answer.status if answer else "no answer"] += 1
            if answer and answer.status in (201, 202):
                with self._lock:
                    self.acknowledged[words] = answer.json["id"]
                    if answer.status == 201:
                        self.published[words] = answer.json["id"]
                    if self.wants_mail:
                        self.asked_mail[f"{words}@example.org"] = words
                return answer.json["id"]
            if answer and answer.status not in LATER:
                return None
            time.sleep(AGAIN_S)
        return None

    def _look(self, path, pause_s):
        while not self._stop.wait(pause_s):
            answer = self._ask(self.service.url + path)
            if path.startswith("/api/") and answer:
                with self._lock:
                    self.reads += 1
                    self.reads_refused += answer.status != 200
