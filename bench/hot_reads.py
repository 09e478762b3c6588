"""Hot reads: `commentsvc serve` beside nginx that serves the very same bytes as files, on one core, turn by turn."""

from __future__ import annotations

import gzip
import statistics
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import brotli

from bench import load
from bench.load import Load
from tests.support import seeding, servers
from tests.support.nginx import program
from tests.support.servers import Server

THREADS = {10: "/ten", 100: "/hundred", 1000: "/thousand"}
SERVER_CORE, LOAD_CORE = "0", "1"
ENCODING = "Accept-Encoding: br, gzip"
CONDITIONAL = ("fragment-100", "json-100")  # asked again with If-None-Match


@dataclass(frozen=True)
class Question:
    name: str
    path: str
    headers: tuple[str, ...] = ()


NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; multi_accept on; }}
http {{
  access_log off;
  server_tokens off;
  etag on;
  sendfile {sendfile};
  keepalive_requests 100000000;
  open_file_cache max=1000;
  open_file_cache_valid 60s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} reuseport;
    root {folder}/files;
    {locations}
  }}
}}
"""
LOCATION = """
    location = /{name} {{
      default_type "{kind}";
      {headers}
    }}
"""
# Headers that a server adds by itself, about the file or the connection; both servers send all others.
OF_THE_SERVER = {"content-type", "content-length", "etag", "server", "date", "connection", "x-accel-expires"}


def fetched(url: str, *headers: str) -> tuple[bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers=dict(header.split(": ", 1) for header in headers))
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def questions() -> list[Question]:
    """In the words of the widget, which spells a query as browsers do."""
    asked = []
    for count, key in THREADS.items():
        key = quote(key, safe="")
        asked.append(Question(f"fragment-{count}", f"/embed/v1/comments?site=blog&thread={key}", (ENCODING,)))
        asked.append(Question(f"json-{count}", f"/api/v1/comments?site=blog&thread={key}", (ENCODING,)))
    asked.append(Question("embed.js", "/embed.js", (ENCODING,)))
    return asked


def run(rounds: int = 3, seconds: float = 2, options: tuple[str, ...] = ()) -> list[dict[str, object]]:
    """Measure each question on both servers, one after the other, `rounds` times; prints a table as it goes."""
    servers.need("nginx", "wrk", "taskset")
    rows: list[dict[str, object]] = []
    with servers.folder() as folder:
        port, nginx_port = servers.free_port(), servers.free_port()
        env = servers.settings(folder, port)
        app = seeding.prepare(env)
        for count, key in THREADS.items():
            seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], key, count)
        serve = servers.serve(port, "--no-worker", *options)
        with servers.running(serve, f"http://127.0.0.1:{port}/healthz", folder / "log", SERVER_CORE, env) as ours:
            base = f"http://127.0.0.1:{port}"
            conf = nginx_conf(folder, nginx_port, base)
            command = [program(), "-p", str(folder), "-c", str(conf)]
            with servers.running(command, f"http://127.0.0.1:{nginx_port}/none", folder / "log", SERVER_CORE) as theirs:
                for question in questions():
                    rows.append(paired(question, ours, theirs, rounds, seconds, False))
                    if question.name in CONDITIONAL:
                        rows.append(paired(question, ours, theirs, rounds, seconds, True))
                print(f"memory of the worker: {max(ours.workers_rss_mb()):.0f} MB resident")
    return rows


def nginx_conf(folder: Path, port: int, base: str) -> Path:
    """Write what the service answers as files, exactly those bytes, and a configuration that serves them."""
    files = folder / "files"
    files.mkdir()
    locations = []
    for question in questions():
        body, headers = fetched(base + question.path, *question.headers)
        unpacked = {"br": brotli.decompress, "gzip": gzip.decompress}[headers["content-encoding"]](body)
        assert unpacked, "an empty page measures nothing"
        (files / question.name).write_bytes(body)
        said = (f'add_header {name} "{value}";' for name, value in headers.items() if name not in OF_THE_SERVER)
        locations.append(
            LOCATION.format(name=question.name, kind=headers["content-type"], headers="\n      ".join(said))
        )
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, port=port, sendfile="on", locations="".join(locations)))
    return path


def paired(
    question: Question, ours: Server, theirs: Server, rounds: int, seconds: float, conditional: bool
) -> dict[str, object]:
    """Both in turn, so that what else the machine does falls on both alike; the ratio is the median of the pairs'.

    `cpu` is the same ratio by processor time a request: what it would be on a machine of one's own.
    """
    our_url, their_url = origin(ours) + question.path, f"{origin(theirs)}/{question.name}"
    our_headers = their_headers = question.headers
    if conditional:
        our_headers += (f"If-None-Match: {fetched(our_url, *question.headers)[1]['etag']}",)
        their_headers += (f"If-None-Match: {fetched(their_url, *question.headers)[1]['etag']}",)
    pairs = []
    for _ in range(rounds):
        one, one_cost = _costed(ours, our_url, our_headers, seconds)
        other, other_cost = _costed(theirs, their_url, their_headers, seconds)
        pairs.append((one, other, one.per_s / other.per_s, other_cost / one_cost))
    row: dict[str, object] = {
        "what": f"{question.name}{' (304)' if conditional else ''}",
        "per_s": round(statistics.median(pair[0].per_s for pair in pairs)),
        "nginx_per_s": round(statistics.median(pair[1].per_s for pair in pairs)),
        "ratio": round(statistics.median(pair[2] for pair in pairs), 2),
        "cpu": round(statistics.median(pair[3] for pair in pairs), 2),
        "p99_ms": round(statistics.median(pair[0].p99_ms for pair in pairs), 2),
        "nginx_p99_ms": round(statistics.median(pair[1].p99_ms for pair in pairs), 2),
    }
    line = (
        "{what:20} {per_s:>8}/s  nginx {nginx_per_s:>8}/s  ratio {ratio:4} cpu {cpu:4} p99 {p99_ms} ms ({nginx_p99_ms})"
    )
    print(line.format(**row), flush=True)
    return row


def origin(server: Server) -> str:
    return server.url.rpartition("/")[0]


def _costed(server: Server, url: str, headers: tuple[str, ...], seconds: float) -> tuple[Load, float]:
    """The load, and the processor time of the server a request, in microseconds."""
    began = server.cpu_s()
    done = load.wrk(url, seconds, cores=LOAD_CORE, headers=headers)
    assert not done.errors, "refused or broken requests measure nothing"
    return done, (server.cpu_s() - began) / (done.per_s * seconds) * 1e6


if __name__ == "__main__":
    run()
