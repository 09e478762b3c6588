"""Side by side: the same threads and the same posts in commentsvc, Isso, WordPress and Waline, set up as each advises.

All servers of a peer share core 0, the load comes from core 1, one peer after the other. Isso and Waline are looked for
in the folders named by BENCH_ISSO (a virtual environment with isso and gunicorn) and BENCH_WALINE (a folder where
@waline/vercel is installed), WordPress where Debian puts it; what is not there is left out and said.
"""

# ruff: noqa: E501  (configurations of others, as they are written)

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import brotli

from bench import hot_reads, load
from bench.hot_reads import LOAD_CORE, SERVER_CORE
from tests.support import nginx, report, seeding, servers
from tests.support.servers import Server

SIZES = (100, 1000)
CONNECTIONS = 32


@dataclass
class Peer:
    """One system as it runs: the page of a thread by its size, a script that posts, and what the reader downloads."""

    name: str
    how: str
    servers: list[Server]
    reads: dict[int, str]
    headers: tuple[str, ...]
    post_url: str
    post_script: str
    started_s: float
    widget_bytes: int | None = None
    notes: dict[str, str] = field(default_factory=dict)


def words(number: int) -> str:
    return seeding.prose(random.Random(number))


LUA = """
local n = 0
math.randomseed(os.time())
local me = math.random(1, 1000000000)
wrk.method = "POST"
wrk.headers["Content-Type"] = "%s"
function request()
  n = n + 1
  local who = me .. "x" .. n
  return wrk.format(nil, nil, nil, (string.gsub([[%s]], "WHO", who)))
end
"""


def run(rounds: int = 2, seconds: float = 4) -> list[dict[str, object]]:
    servers.need("wrk", "nginx")
    rows = []
    for make in (commentsvc, commentsvc_behind_nginx, isso, wordpress, waline):
        with servers.folder() as folder, contextlib.ExitStack() as stack:
            try:
                peer = stack.enter_context(make(folder))
            except FileNotFoundError as error:
                print(f"{make.__name__}: left out, {error}", flush=True)
                continue
            rows.append(measured(peer, folder, rounds, seconds))
        time.sleep(2)
    return compared(rows)


def measured(peer: Peer, folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    row: dict[str, object] = {"peer": peer.name, "how": peer.how, "started_s": round(peer.started_s, 1)}
    for size, url in peer.reads.items():
        _settle(url)
        body, _ = hot_reads.fetched(url, *peer.headers)
        done = [load.wrk(url, seconds, CONNECTIONS, LOAD_CORE, peer.headers) for _ in range(rounds)]
        best = max(done, key=lambda one: one.per_s)
        row |= {
            f"read_{size}_per_s": round(best.per_s, 1),
            f"read_{size}_p99_ms": round(best.p99_ms),
            f"read_{size}_kb": round(len(body) / 1024),
        }
        row[f"read_{size}_errors"] = sum(one.errors for one in done)
    _settle(next(iter(peer.reads.values())))
    script = folder / "post.lua"
    script.write_text(peer.post_script)
    done = [load.wrk(peer.post_url, seconds, CONNECTIONS, LOAD_CORE, script=script) for _ in range(rounds)]
    best = max(done, key=lambda one: one.per_s)
    row |= {
        "posts_per_s": round(best.per_s, 1),
        "post_p99_ms": round(best.p99_ms),
        "post_errors": sum(one.errors for one in done),
    }
    row |= {"memory_mb": round(sum(server.rss_mb() for server in peer.servers)), "widget_bytes": peer.widget_bytes}
    print(json.dumps(row), flush=True)
    return row


def _settle(url: str) -> None:
    """Wait until what the load before has left in the server's queue is done."""
    for _ in range(2):
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(url, timeout=180).read()


def compared(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """A line for each thing measured, a column for each peer, with its ratio to the first."""
    names = {
        "read_100_per_s": "100 comments, reads/s", "read_1000_per_s": "1,000 comments, reads/s",
        "read_1000_p99_ms": "1,000 comments, p99 ms", "posts_per_s": "posts/s", "memory_mb": "memory, MB",
        "started_s": "start, s", "widget_bytes": "widget, bytes (brotli)",
    }  # fmt: skip
    lines = []
    for name, title in names.items():
        line: dict[str, object] = {"": title}
        for row in rows:
            value, first = row.get(name), rows[0].get(name)
            is_number = isinstance(value, int | float) and isinstance(first, int | float) and first
            line[str(row["peer"])] = f"{value:,} ({value / first:.2g})" if is_number else value  # type: ignore[operator]
        lines.append(line)
    return lines


@contextlib.contextmanager
def commentsvc(folder: Path) -> Iterator[Peer]:
    port = servers.free_port()
    env = servers.settings(folder, port)
    app = seeding.prepare(env)
    for size in SIZES:
        seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], f"/{size}", size)
    url = f"http://127.0.0.1:{port}"
    began = time.monotonic()
    with servers.running(servers.serve(port), f"{url}/healthz", folder / "log", SERVER_CORE, env) as server:
        started = time.monotonic() - began
        script = hot_reads.fetched(f"{url}/embed.js", "Accept-Encoding: br")[0]
        yield _ours("commentsvc", "commentsvc serve, SQLite", [server], url, started, len(script))


@contextlib.contextmanager
def commentsvc_behind_nginx(folder: Path) -> Iterator[Peer]:
    with commentsvc(folder) as peer:
        port = int(peer.servers[0].url.split(":")[2].split("/")[0])
        with nginx.running_nginx(folder, [port]) as front:
            both = [*peer.servers, front]
            yield _ours(
                "commentsvc behind nginx",
                "deploy/nginx.conf",
                both,
                hot_reads.origin(front),
                peer.started_s,
                peer.widget_bytes,
            )


def _ours(name: str, how: str, running: list[Server], url: str, started: float, widget: int | None) -> Peer:
    reads = {size: f"{url}/embed/v1/comments?site=blog&thread=/{size}&limit=100" for size in SIZES}
    body = '{"site":"blog","thread":"/posts","body":"Words of WHO, enough of them to be a comment.","author":{"name":"G WHO","email":"gWHO@example.org"}}'
    script = LUA % ("application/json", body)
    return Peer(name, how, running, reads, (hot_reads.ENCODING,), f"{url}/api/v1/comments", script, started, widget)


@contextlib.contextmanager
def isso(folder: Path) -> Iterator[Peer]:
    """As its documentation advises: gunicorn with four workers; its flood guard off, as ours is."""
    home = Path(os.environ.get("BENCH_ISSO", ""))
    if not (home / "bin" / "gunicorn").exists():
        raise FileNotFoundError("BENCH_ISSO names no environment with isso and gunicorn")
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    conf = folder / "isso.cfg"
    conf.write_text(
        f"[general]\ndbpath = {folder}/isso.db\nhost = {url}\n[server]\nlisten = {url}\n[guard]\nenabled = false\n"
        "[hash]\nsalt = bench\nalgorithm = pbkdf2\n"
    )
    command = [str(home / "bin" / "gunicorn"), "-b", f"127.0.0.1:{port}", "-w", "4", "--preload", "isso.run"]
    began = time.monotonic()
    env = {"ISSO_SETTINGS": str(conf)}
    with servers.running(command, f"{url}/info", folder / "log", SERVER_CORE, env) as server:
        started = time.monotonic() - began
        for size in SIZES:
            post = {"author": "A", "email": "a@example.org", "title": "T"}
            _post(f"{url}/new?uri=/{size}/", post | {"text": words(0)}, url)
        connection = sqlite3.connect(folder / "isso.db")
        for size in SIZES:
            row = "tid, parent, created, mode, remote_addr, text, author, email, voters, notification"
            source = f"SELECT c.tid, NULL, c.created + ?, 1, c.remote_addr, ?, ?, c.email, c.voters, 0 FROM comments c JOIN threads t ON t.id = c.tid WHERE t.uri = '/{size}/' LIMIT 1"
            for n in range(1, size):
                connection.execute(f"INSERT INTO comments ({row}) {source}", (n, words(n), f"Reader {n}"))
        connection.commit()
        connection.close()
        widget = hot_reads.fetched(f"{url}/js/embed.min.js")[0]
        reads = {size: f"{url}/?uri=/{size}/" for size in SIZES}
        script = LUA % (
            "application/json",
            '{"title":"T","author":"G WHO","email":"gWHO@example.org","text":"Words of WHO, enough of them to be a comment."}',
        )
        yield Peer(
            "Isso",
            "gunicorn, 4 workers, SQLite",
            [server],
            reads,
            ("Accept-Encoding: gzip",),
            f"{url}/new?uri=/posts/",
            script,
            started,
            len(brotli.compress(widget)),
        )


def _post(url: str, body: dict[str, object], origin: str = "") -> dict[str, object]:
    headers = {"Content-Type": "application/json"} | ({"Origin": origin} if origin else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, object] = json.load(answer)
        return found


PHP_FPM = """
[global]
pid = {folder}/fpm.pid
error_log = {folder}/fpm.log
daemonize = no
[www]
user = www-data
group = www-data
listen = {folder}/fpm.sock
listen.owner = www-data
pm = dynamic
pm.max_children = 8
pm.start_servers = 4
pm.min_spare_servers = 2
pm.max_spare_servers = 6
php_admin_value[opcache.enable] = 1
php_admin_value[opcache.validate_timestamps] = 0
"""
PHP_NGINX = """
daemon off; worker_processes 1; pid {folder}/n.pid; error_log {folder}/n.log; user www-data;
events {{ worker_connections 1024; }}
http {{
  include /etc/nginx/mime.types; access_log off; sendfile on; gzip on; gzip_types text/css application/javascript application/json;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port}; root {folder}/wordpress; index index.php;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ \\.php$ {{ include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:{folder}/fpm.sock; }}
  }}
}}
"""
WP_CONFIG = """<?php
define('DB_NAME', 'wp'); define('DB_USER', 'wp'); define('DB_PASSWORD', 'wp'); define('DB_HOST', 'localhost:{folder}/my.sock');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
foreach (['AUTH_KEY','SECURE_AUTH_KEY','LOGGED_IN_KEY','NONCE_KEY','AUTH_SALT','SECURE_AUTH_SALT','LOGGED_IN_SALT','NONCE_SALT'] as $k) define($k, 'bench');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true);
define('WP_HOME', 'http://127.0.0.1:{port}'); define('WP_SITEURL', 'http://127.0.0.1:{port}');
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', '{folder}/wordpress/');
require_once ABSPATH . 'wp-settings.php';
"""
WP_INSTALL = """<?php
define('WP_INSTALLING', true); $_SERVER['HTTP_HOST'] = '127.0.0.1:{port}';
require '{folder}/wordpress/wp-load.php'; require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Bench', 'admin', 'a@example.org', true, '', 'bench');
update_option('comment_moderation', 0); update_option('comment_previously_approved', 0); update_option('comments_notify', 0);
update_option('moderation_notify', 0); update_option('permalink_structure', '');
$bodies = json_decode(file_get_contents('{folder}/bodies.json'));
$made = [];
foreach ([100, 1000, 0] as $size) {{
  $id = wp_insert_post(['post_title' => "Post $size", 'post_content' => 'A post.', 'post_status' => 'publish', 'comment_status' => 'open']);
  $made[$size] = $id;
  for ($n = 0; $n < $size; $n++) wp_insert_comment(['comment_post_ID' => $id, 'comment_author' => "Reader $n", 'comment_author_email' => "r$n@example.org", 'comment_content' => $bodies[$n], 'comment_approved' => 1]);
}}
echo json_encode($made);
"""


@contextlib.contextmanager
def wordpress(folder: Path) -> Iterator[Peer]:
    """nginx, php-fpm with opcache, MariaDB; its flood guard off by its own filter. Read is the page with all comments."""
    fpm = next(Path("/usr/sbin").glob("php-fpm*"), None)
    if fpm is None or not Path("/usr/share/wordpress").exists() or not Path("/usr/sbin/mariadbd").exists():
        raise FileNotFoundError("php-fpm, mariadb-server or wordpress is not installed")
    port = servers.free_port()
    shutil.copytree("/usr/share/wordpress", folder / "wordpress", symlinks=False, ignore_dangling_symlinks=True)
    (folder / "wordpress" / "wp-config.php").write_text(WP_CONFIG.format(folder=folder, port=port))
    plugins = folder / "wordpress" / "wp-content" / "mu-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    (plugins / "bench.php").write_text(
        "<?php remove_action('template_redirect', 'redirect_canonical'); remove_action('check_comment_flood', 'check_comment_flood_db', 10); add_filter('wp_is_comment_flood', '__return_false', 99); add_filter('comment_flood_filter', '__return_false', 99); add_filter('pre_wp_mail', '__return_true');"
    )
    (folder / "bodies.json").write_text(json.dumps([words(n) for n in range(max(SIZES))]))
    data = folder / "mysql"
    subprocess.run(
        ["mariadb-install-db", f"--datadir={data}", "--user=mysql", "--auth-root-authentication-method=normal"],
        check=True,
        capture_output=True,
    )
    began = time.monotonic()
    socket = folder / "my.sock"
    database = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, "/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={socket}", "--skip-networking", f"--pid-file={data}/pid"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    folder.chmod(0o777)
    try:
        _wait_until(socket.exists, "MariaDB")
        sql = "CREATE DATABASE wp; CREATE USER wp@localhost IDENTIFIED BY 'wp'; GRANT ALL ON wp.* TO wp@localhost;"
        subprocess.run(["mariadb", "--no-defaults", f"--socket={socket}", "-uroot", "-e", sql], check=True)
        (folder / "fpm.conf").write_text(PHP_FPM.format(folder=folder))
        (folder / "n.conf").write_text(PHP_NGINX.format(folder=folder, port=port))
        (folder / "install.php").write_text(WP_INSTALL.format(folder=folder, port=port))
        said = subprocess.run(["php", str(folder / "install.php")], check=True, capture_output=True, text=True).stdout
        posts = json.loads(said[said.rindex("{") :])
        pool = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, str(fpm), "--fpm-config", str(folder / "fpm.conf"), "--nodaemonize"],
            start_new_session=True,
        )
        try:
            _wait_until((folder / "fpm.sock").exists, "php-fpm")
            url = f"http://127.0.0.1:{port}"
            with servers.running(
                [nginx.program(), "-c", str(folder / "n.conf")],
                f"{url}/?p={posts['100']}",
                folder / "log",
                SERVER_CORE,
            ) as front:
                started = time.monotonic() - began
                running = [front, Server(pool, "", folder / "log"), Server(database, "", folder / "log")]
                reads = {size: f"{url}/?p={posts[str(size)]}" for size in SIZES}
                script = LUA % (
                    "application/x-www-form-urlencoded",
                    f"comment=Words+of+WHO,+enough+of+them+to+be+a+comment.&author=G+WHO&email=gWHO%40example.org&comment_post_ID={posts['0']}&comment_parent=0",
                )
                yield Peer(
                    "WordPress",
                    "nginx, php-fpm with opcache, MariaDB",
                    running,
                    reads,
                    ("Accept-Encoding: gzip",),
                    f"{url}/wp-comments-post.php",
                    script,
                    started,
                )
        finally:
            servers.stop(pool)
    finally:
        servers.stop(database)


def _wait_until(is_there, what: str) -> None:
    end = time.monotonic() + servers.START_MAX_S
    while not is_there():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not start")
        time.sleep(0.05)


# The empty database that its documentation has one fetch.
WALINE_TABLES = """
CREATE TABLE wl_Comment (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, comment TEXT,
  insertedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP, ip TEXT, link TEXT, mail TEXT, nick TEXT, pid INTEGER, rid INTEGER,
  sticky NUMERIC, status TEXT NOT NULL DEFAULT '', "like" INTEGER, ua TEXT, url TEXT,
  createdAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updatedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE wl_Counter (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER, reaction0 INTEGER, reaction1 INTEGER,
  reaction2 INTEGER, reaction3 INTEGER, reaction4 INTEGER, reaction5 INTEGER, reaction6 INTEGER, reaction7 INTEGER,
  reaction8 INTEGER, url TEXT NOT NULL DEFAULT '', createdAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updatedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE wl_Users (id INTEGER PRIMARY KEY AUTOINCREMENT, display_name TEXT NOT NULL DEFAULT '',
  email TEXT NOT NULL DEFAULT '', password TEXT NOT NULL DEFAULT '', type TEXT NOT NULL DEFAULT '', label TEXT, url TEXT,
  avatar TEXT, github TEXT, twitter TEXT, facebook TEXT, google TEXT, weibo TEXT, qq TEXT, "2fa" TEXT,
  createdAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updatedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
"""


@contextlib.contextmanager
def waline(folder: Path) -> Iterator[Peer]:
    """Node with SQLite, as its documentation shows for a machine of one's own; its flood guard off."""
    home = Path(os.environ.get("BENCH_WALINE", ""))
    entry = home / "node_modules" / "@waline" / "vercel" / "vanilla.js"
    if not entry.exists():
        raise FileNotFoundError("BENCH_WALINE names no folder where @waline/vercel is installed")
    with sqlite3.connect(folder / "waline.sqlite") as connection:
        connection.executescript(WALINE_TABLES)
        names = "comment, insertedAt, nick, mail, url, status, ua, ip"
        for size in SIZES:
            for n in range(size):
                at = f"2026-01-{n // 60 + 1:02d} 10:{n % 60:02d}:00"
                row = (words(n), at, f"Reader {n}", f"r{n}@example.org", f"/{size}/", "approved", "bench", "192.0.2.1")
                connection.execute(f"INSERT INTO wl_Comment ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()
    port = 8360  # where it always listens
    url = f"http://127.0.0.1:{port}"
    env = {
        "SQLITE_PATH": str(folder),
        "JWT_TOKEN": "bench",
        "PORT": str(port),
        "IPQPS": "0",
        "NODE_ENV": "production",
        "COMMENT_AUDIT": "false",
    }
    began = time.monotonic()
    # Each call of its interface asks a service on the internet who may sign people in; here one of ours answers.
    (folder / "services.json").write_text('{"services": []}')
    oauth = servers.free_port()
    asked = [sys.executable, "-m", "http.server", str(oauth), "--bind", "127.0.0.1", "--directory", str(folder)]
    env["OAUTH_URL"] = f"http://127.0.0.1:{oauth}/services.json"
    probe = f"{url}/api/comment?type=count&url=/x"
    with (
        servers.running(asked, env["OAUTH_URL"], folder / "oauth.log", LOAD_CORE),
        servers.running(["node", str(entry)], probe, folder / "log", SERVER_CORE, env) as server,
    ):
        started = time.monotonic() - began
        reads = {size: f"{url}/api/comment?path=/{size}/&pageSize=100&page=1&sortBy=insertedAt_asc" for size in SIZES}
        script = LUA % (
            "application/json",
            '{"url":"/posts/","comment":"Words of WHO, enough of them to be a comment.","nick":"G WHO","mail":"gWHO@example.org","ua":"bench"}',
        )
        yield Peer("Waline", "node, SQLite", [server], reads, (), f"{url}/api/comment", script, started)


if __name__ == "__main__":
    print(report.table(run()))
