"""A real `commentsvc serve` with its log, and what a blog's page and an operator ask of it."""

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from itertools import count

from commentsvc.store.db import db
from tests.support import seeding, servers
from tests.support.http import eventually

# A response slower than this hangs: the promised two seconds, doubled for a busy machine.
PATIENCE_S = 4.0
_numbers = count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message  # names in any case
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def ask(url, body=None, timeout_s=PATIENCE_S, **headers):
    """The answer, whatever its status; raises TimeoutError or URLError when there is none in time."""
    head = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **head})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class Service:
    """Serves the sites `blog` (everything is published) and `held` from a folder; `env` holds its settings.

    start() and stop() may be repeated; data stays in the folder or the database.
    """

    def __init__(self, folder, database_url="", *options, **settings):
        self.folder, self.options = folder, options
        self.port = servers.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "serve.log"
        self.env = servers.settings(folder / "instance", self.port, database_url, **settings)
        self.database = folder / "instance" / "commentsvc.sqlite3"
        self._stack = contextlib.ExitStack()
        self.process = None

    def prepare(self):
        """Make the database and its two sites; gives Alice's token."""
        app = seeding.prepare(self.env)
        token = seeding.moderators_token(app)
        with app.app_context():
            db.engine.dispose()
        return token

    def start(self, before_start=None):
        """`before_start` runs in the new process, to limit it."""
        command = servers.serve(self.port, *self.options)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.env},
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=before_start,
            )
        servers.wait_for(self.url + "/healthz", self.process, self.log)
        return self

    def stop(self):
        if self.process is not None:
            servers.stop(self.process)
            self.process = None

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_error):
        self.stop()

    def post(self, words=None, key=None, timeout_s=PATIENCE_S, site="blog", thread="/post"):
        """The answer to a guest's new comment; `words` are made up when none are given."""
        number = next(_numbers)
        author = {"name": f"Carol {number}", "email": f"carol{number}@example.org"}
        body = {"site": site, "thread": thread, "body": words or f"Comment number {number}.", "author": author}
        headers = {"Idempotency_Key": key} if key else {}
        return ask(self.url + "/api/v1/comments", body, timeout_s, **headers)

    def read(self, thread="/post", site="blog", timeout_s=PATIENCE_S):
        return ask(f"{self.url}/api/v1/comments?site={site}&thread={thread}&limit=100", timeout_s=timeout_s)

    def bodies(self, thread="/post"):
        """The texts of all published comments, as HTML."""
        return " ".join(comment["html"] for comment in self.read(thread).json["comments"])

    def ready(self, timeout_s=PATIENCE_S):
        return ask(self.url + "/readyz", timeout_s=timeout_s)

    def metric(self, name):
        lines = ask(self.url + "/metrics").body.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.split(" ")[0] == f"commentsvc_{name}")

    def until_ready(self):
        eventually(lambda: self.ready().status == 200, "the service is ready")

    def until_not_ready(self):
        return eventually(lambda: (found := self.ready()).status == 503 and found, "the service is not ready")
