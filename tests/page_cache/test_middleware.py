"""The page cache: fresh within a second, the same bytes until then, and answers while the database is away."""

import gc
import gzip
import itertools
import re
import threading
import time
import weakref

import brotli
import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client

from commentsvc.core.status import Action
from commentsvc.page_cache.concurrency import release_while_waiting
from commentsvc.page_cache.middleware import POSTS_MAX, REQUESTS_MAX, PageCache
from commentsvc.page_cache.pages import FIXED, CachedPage
from commentsvc.page_cache.stores import SPELLINGS_MAX, MemoryStore
from commentsvc.services import moderation
from commentsvc.services.moderation import Moderator
from commentsvc.store import comment_pages
from commentsvc.store.db import db
from commentsvc.store.versions import PageDependency
from commentsvc.web.http.cached_routes import ROUTES
from tests.support.clocks import next_window
from tests.support.http import eventually

THREAD = "/embed/v1/comments?site=blog&thread=/post"
JSON = "/api/v1/comments?site=blog&thread=/post"
HOSTED = "/t/blog?thread=/post"
READS = [THREAD, JSON, HOSTED, "/api/v1/counts?site=blog&thread=/post", "/api/v1/recent?site=blog"]


def shows(client, word: str, within_s: float = 1.0, address: str = THREAD) -> bool:
    """Whether the page shows the word at some moment within the time that the contract allows."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if word in client.get(address).text:
            return True
        time.sleep(0.05)
    return False


def hides(client, word: str, within_s: float = 1.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if word not in client.get(THREAD).text:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("address", READS)
def test_every_public_read_is_tagged_compressed_and_open_to_any_page(client, make_comment, address):
    make_comment(body="Hello there " * 50)
    plain = client.get(address)
    assert plain.status_code == 200
    assert plain.headers["ETag"].startswith('"')
    assert address == HOSTED or plain.headers["Access-Control-Allow-Origin"] == "*"
    assert "Accept-Encoding" in plain.headers["Vary"]
    for encoding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        packed = client.get(address, headers={"Accept-Encoding": f"{encoding}, identity;q=0.5"})
        assert packed.headers["Content-Encoding"] == encoding
        assert unpack(packed.data) == plain.data
        assert packed.headers["ETag"] != plain.headers["ETag"], "a strong tag names the very bytes"
        again = client.get(
            address, headers={"Accept-Encoding": encoding, "If-None-Match": f'"x", {packed.headers["ETag"]}'}
        )
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == packed.headers["ETag"]
    assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    assert "Content-Encoding" not in client.get(address, headers={"Accept-Encoding": "br;q=0, gzip;q=0.0"}).headers
    head = client.head(address)
    assert (head.data, head.headers["Content-Length"]) == (b"", str(len(plain.data)))


def test_a_decision_is_seen_by_every_process_within_a_second(make_app, client, site, alice, make_comment, app):
    waiting = make_comment(status="pending", body="unseen yet")
    elsewhere = make_app().test_client()  # another process: shares the database and nothing else
    for reader in (client, elsewhere):
        assert "unseen yet" not in reader.get(THREAD).text
    by = Moderator(alice)

    decided = moderation.decide([waiting], Action.APPROVE, by, "", site.created_at)
    for reader in (client, elsewhere):
        assert shows(reader, "unseen yet")
        assert shows(reader, "unseen yet", address=JSON)
        assert shows(reader, '"/post":1', address=READS[3])

    moderation.undo(decided.undo, by, site.created_at)
    for reader in (client, elsewhere):
        assert hides(reader, "unseen yet")


def test_a_change_of_policy_is_seen_within_a_second(client, site, make_comment):
    from tests.support.cast import set_policy

    make_comment()
    assert "Reply" in client.get(THREAD).text
    set_policy(site, is_open=False)
    assert shows(client, "Comments are closed.")


def test_one_version_is_built_once_however_many_ask(app, make_comment, at_once):
    make_comment()
    cache = app.extensions["page_cache"]
    before = cache.builds
    answers = at_once(*[lambda: app.test_client().get(THREAD)] * 8)
    assert {a.data for a in answers} == {answers[0].data}
    assert cache.builds == before + 1

    next_window(app)  # it looks again, and finds nothing changed
    at_once(*[lambda: app.test_client().get(THREAD)] * 8)
    assert cache.builds == before + 1


def test_names_that_mean_nothing_make_no_new_pages(app, client, make_comment):
    make_comment()
    client.get(THREAD)
    builds = app.extensions["page_cache"].builds
    for number in range(5):
        assert client.get(f"{THREAD}&utm_source={number}").status_code == 200
    assert app.extensions["page_cache"].builds == builds


class Away:
    """Takes the database away from an app, as a stopped server or a lost file does, and gives it back."""

    def __init__(self, app, tmp_path):
        self.app, self.file = app, tmp_path / "commentsvc.sqlite3"

    def __enter__(self):
        self.engine = db.engine
        db.session.remove()
        self.engine.dispose()
        if self.engine.dialect.name == "sqlite":
            for file in self.file.parent.glob(self.file.name + "*"):
                file.rename(file.with_name("away-" + file.name))
        else:
            from sqlalchemy import event

            @event.listens_for(self.engine, "do_connect")
            def refuse(dialect, record, args, parameters):
                parameters["port"] = 1  # nobody listens there
                parameters["host"] = "127.0.0.1"
                args[:] = []

            self.refuse = refuse
        return self

    def __exit__(self, *_):
        if self.engine.dialect.name == "sqlite":
            for file in self.file.parent.glob("away-" + self.file.name + "*"):
                file.rename(file.with_name(file.name.removeprefix("away-")))
        else:
            from sqlalchemy import event

            event.remove(self.engine, "do_connect", self.refuse)


def test_reads_go_on_while_the_database_is_away_and_writes_say_when_to_come_back(app, client, tmp_path, make_comment):
    make_comment(body="still here")
    known = {address: client.get(address).data for address in READS}
    with Away(app, tmp_path):
        next_window(app)
        for address, bytes_before in known.items():
            answer = client.get(address)
            assert (answer.status_code, answer.data) == (200, bytes_before), address
        body = {"site": "blog", "thread": "/post", "body": "x", "author": {"name": "C", "email": "c@example.org"}}
        refused = client.post("/api/v1/comments", json=body)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.mimetype == "application/problem+json"
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        assert client.get("/embed/v1/comments?site=blog&thread=/never-read").status_code == 503
    make_comment(body="back again")
    assert shows(client, "back again", within_s=2.5)


def test_after_a_restart_the_last_pages_come_from_disk_while_the_database_is_away(
    make_app, app, client, tmp_path, make_comment
):
    make_comment(body="kept on disk")
    known = {address: client.get(address).data for address in READS}
    restarted = make_app()
    with restarted.app_context(), Away(restarted, tmp_path):
        reader = restarted.test_client()
        for address, bytes_before in known.items():
            assert reader.get(address).data == bytes_before, address
        assert reader.get("/embed/v1/comments?site=blog&thread=/never-read").status_code == 503
    make_comment(body="and fresh again")
    assert shows(restarted.test_client(), "and fresh again", within_s=2.5)


def test_a_torn_file_on_disk_is_as_good_as_none(make_app, app, client, tmp_path, make_comment):
    make_comment()
    client.get(THREAD)
    for file in (tmp_path / "published").glob("*.page"):
        file.write_bytes(b"{")
    restarted = make_app()
    with restarted.app_context(), Away(restarted, tmp_path):
        assert restarted.test_client().get(THREAD).status_code == 503


def test_memory_is_bounded_by_bytes_and_forgets_the_least_recently_read():
    def page(name):
        return CachedPage("200 OK", [], name.encode() * 10, name, True, None, 0.0)

    memory = MemoryStore(max_bytes=page("a").size_bytes * 2)
    memory.put("a", page("a"))
    memory.put("b", page("b"))
    assert memory.get("a")
    memory.put("c", page("c"))
    assert memory.get("a") and memory.get("c") and memory.get("b") is None


def test_a_reader_with_a_session_never_gets_or_leaves_a_shared_page(client, site):
    with client.session_transaction() as session:
        session["own"] = []
    answer = client.get(HOSTED)
    assert "ETag" not in answer.headers
    assert "no-store" in answer.headers["Cache-Control"]


def test_no_read_is_lost_while_comments_are_approved(app, alice, make_comment, now):
    """Readers ask all the time while a moderator works: each sees all that was decided a second before."""
    ids = [make_comment(status="pending", body=f"number-{n}.") for n in range(8)]
    shown: set[int] = set()
    missing: set[int] = set()
    reads = itertools.count()
    stop = threading.Event()

    def read():
        reader = app.test_client()
        while not stop.is_set():
            expected = set(shown)
            seen = set(map(int, re.findall(r"number-(\d+)\.", reader.get(THREAD).text)))
            missing.update(expected - seen)
            next(reads)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n, comment_id in enumerate(ids):
        moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
        for _ in range(3):  # a page of the window before may be sent while it is built again
            next_window(app)
        shown.add(n)
        until = next(reads) + 6
        eventually(lambda least=until: next(reads) > least, "the readers have read")
    stop.set()
    for reader in readers:
        reader.join()
    assert missing == set()


def test_pages_follow_each_other_without_gap_or_double_while_comments_arrive(client, site, make_comment):
    ids = [make_comment(body=f"c{n}") for n in range(7)]
    reply = make_comment(parent=ids[0], body="reply")
    seen, cursor = [], ""
    while True:
        page = client.get(JSON + f"&limit=3&cursor={cursor}").json
        seen += [c["id"] for c in page["comments"]]
        if not page["next"]:
            break
        cursor = page["next"]
    assert seen == [ids[0], reply, *ids[1:]]
    newest = client.get(JSON + "&limit=3&sort=newest").json
    assert [c["id"] for c in newest["comments"]] == ids[:3:-1]
    rest = client.get(JSON + f"&limit=100&sort=newest&cursor={newest['next']}").json
    assert [c["id"] for c in rest["comments"]] == [*ids[3:0:-1], ids[0], reply]


@pytest.mark.parametrize("query", ["cursor=xyz", "cursor=%00", "sort=worst", "limit=0", "limit=1000", "limit=x"])
def test_a_wrong_page_is_named(client, site, query):
    answer = client.get(f"{JSON}&{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == query.partition("=")[0]


def test_a_deleted_comment_with_replies_leaves_its_place_and_nothing_else(client, site, alice, make_comment, now):
    parent = make_comment(name="Carol", body="secret words")
    reply = make_comment(parent=parent, name="Dave", body="an answer")
    moderation.decide([parent], Action.DELETE, Moderator(alice), "", now)

    page = client.get(JSON).json
    assert next((c["id"], c["status"], c["html"]) for c in page["comments"]) == (parent, "deleted", "")
    assert page["comments"][0]["author"]["name"] == ""
    assert page["comments"][1]["id"] == reply
    assert page["thread"]["count"] == 1
    fragment = client.get(THREAD).text
    assert "This comment was removed." in fragment
    assert "secret words" not in fragment and "Carol" not in fragment

    moderation.decide([reply], Action.SPAM, Moderator(alice), "", now)
    next_window(client.application)
    assert client.get(JSON).json["comments"] == []


def test_one_sites_pages_never_show_anothers(client, site, mallory, other_site, make_comment):
    make_comment(body="on the blog")
    make_comment(body="elsewhere", on=other_site)
    assert "elsewhere" not in client.get(THREAD).text
    assert "on the blog" not in client.get(THREAD.replace("blog", "other")).text


def test_defaults_spelled_out_are_the_same_page(client, app, make_comment):
    make_comment(body="here")
    builds = app.extensions["page_cache"].builds
    for more in ("", "&sort=oldest", "&cursor=&lang=", "&limit=&utm_source=x"):
        assert client.get(JSON + more).status_code == 200
    assert app.extensions["page_cache"].builds == builds + 1


@pytest.mark.parametrize("address", [JSON, THREAD, "/t/blog?thread=%2Fpost", "/feeds/blog.atom?thread=%2Fpost"])
def test_a_path_that_only_looks_like_a_page_gets_and_ends_none_that_is_kept(client, app, make_comment, address):
    make_comment(body="here")
    path, _, query = address.partition("?")
    look_alike = path + "%3F" + query.replace("=/", "=%2F").replace("%", "%25")
    assert client.get(address).status_code == 200
    builds = app.extensions["page_cache"].builds
    assert client.get(look_alike).status_code in (404, 422)
    assert client.get(address).status_code == 200
    assert app.extensions["page_cache"].builds == builds


@pytest.fixture
def widget_part(app, tmp_path):
    """Puts a file where the widget's build puts its parts."""
    app.static_folder = str(tmp_path / "static")
    (tmp_path / "static" / "embed").mkdir(parents=True)

    def put(name, source):
        (tmp_path / "static" / "embed" / name).write_text(source)

    return put


@pytest.mark.parametrize(
    ("name", "kind", "for_ever"),
    [
        ("compose-0a1b2c3d.js", "text/javascript; charset=utf-8", True),
        ("compose.0A1B2C3D.css", "text/css; charset=utf-8", True),
        ("comment-composing.js", "text/javascript; charset=utf-8", False),
    ],
)
def test_a_part_of_the_widget_is_kept_for_ever_when_its_name_holds_its_hash(
    app, client, widget_part, name, kind, for_ever
):
    source = "export const words = 'so many words to be made small';\n" * 200
    widget_part(name, source)
    answer = client.get(f"/embed/{name}", headers={"Accept-Encoding": "br, gzip"})
    assert brotli.decompress(answer.data).decode() == source
    assert len(answer.data) == len(brotli.compress(source.encode(), quality=11))
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert ("immutable" in answer.headers["Cache-Control"]) is for_ever

    builds = app.extensions["page_cache"].builds
    next_window(client.application)
    assert client.get(f"/embed/{name}?v=2").text == source
    assert app.extensions["page_cache"].builds == builds


@pytest.mark.parametrize("name", ["none.js", "../desk.js", "..%2Fdesk.js", "secret.txt", "%00.js", "folder.js"])
def test_what_is_no_part_of_the_widget_is_not_served(client, widget_part, tmp_path, name):
    widget_part("secret.txt", "x")
    (tmp_path / "static" / "desk.js").write_text("x")
    (tmp_path / "static" / "embed" / "folder.js").mkdir()
    assert client.get(f"/embed/{name}").status_code == 404


def test_pages_age_with_the_half_seconds_of_the_wall_clock_and_say_so_to_nginx_alone():
    """A cache in front that counts whole seconds then never adds to the second that the contract allows."""
    clock, wall = [100.0], [1000.30]
    asked = []

    def inner(environ, start_response):
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, 1))
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"hello"]

    def changes():
        asked.append(clock[0])
        return set()

    cache = PageCache(inner, None, changes, MemoryStore(2**20), NullStore(), ROUTES, lambda: clock[0], lambda: wall[0])
    reader = Client(cache)

    def read_at(second):
        clock[0], wall[0] = 100.0 + second - 1000.30, second
        return reader.get("/t/blog?thread=/post").headers["X-Accel-Expires"]

    assert read_at(1000.30) == "@1000"
    assert read_at(1000.49) == "@1000" and len(asked) == 1
    assert read_at(1000.51) == "@1000" and len(asked) == 2
    assert read_at(1000.99) == "@1000" and len(asked) == 2
    assert read_at(1001.01) == "@1001" and len(asked) == 3


SOURCE = (1, b"/post")


class NullStore:
    """Keeps nothing."""

    def get(self, key):
        return None

    def put(self, key, page):
        pass

    def drop(self, key):
        pass


def new_cache(inner, clock=None, changes=set, versions=lambda dependency: (1, 1)):
    """A cache of a megabyte, whose clock is the first element of `clock`."""
    at = (lambda: clock[0]) if clock else time.monotonic
    return PageCache(inner, versions, changes, MemoryStore(2**20), NullStore(), ROUTES, at, at)


def slow_rebuild():
    """A cache whose second version takes until it is released, with that version, its clock and the two events."""
    release, inside = threading.Event(), threading.Event()
    version, clock = [1], [100.0]

    def inner(environ, start_response):
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, version[0]))
        if version[0] == 2:
            inside.set()
            assert release.wait(5)
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"version %d" % version[0]]

    last = [0]

    def changes():
        changed = {SOURCE} if last[0] != version[0] else set()
        last[0] = version[0]
        return changed

    cache = new_cache(inner, clock, changes=changes, versions=lambda dependency: (1, version[0]))
    return cache, version, clock, inside, release


def test_while_one_request_rebuilds_the_others_read_on_what_is_younger_than_a_second():
    cache, version, clock, inside, release = slow_rebuild()
    address = "/t/blog?thread=/post"
    assert Client(cache).get(address).text == "version 1"
    version[0] = 2
    clock[0] = 100.6
    one = threading.Thread(target=lambda: Client(cache).get(address))
    one.start()
    assert inside.wait(5)
    other = Client(cache).get(address)
    assert other.text == "version 1"
    assert "X-Accel-Expires" not in other.headers, "what is being replaced must not be kept in front"
    release.set()
    one.join()
    assert Client(cache).get(address).text == "version 2"
    assert cache.builds == 2


def test_a_page_never_takes_more_replies_than_it_can_and_the_rest_follow(client, site, make_comment, monkeypatch):
    monkeypatch.setattr(comment_pages, "REPLIES_MAX", 6)
    few, many = make_comment(body="few"), make_comment(body="many")
    one = make_comment(parent=few, body="one")
    replies = [make_comment(parent=many, body=f"reply {n}") for n in range(4)]
    below = make_comment(parent=replies[-1], body="below")
    assert "more_replies" not in client.get(JSON).json, "all fit: replies come with their comments"

    late = [make_comment(parent=replies[0], body=f"late {n}") for n in range(5)]
    next_window(client.application)
    page = client.get(JSON).json
    assert [c["id"] for c in page["comments"]] == [few, one, many, *replies[:3]]
    assert [more["id"] for more in page["more_replies"]] == [many]
    fragment = client.get(THREAD).text
    assert fragment.count("More replies") == 1
    assert "cursor=" + page["more_replies"][0]["next"] in fragment

    rest, cursor = [], page["more_replies"][0]["next"]
    while cursor:
        following = client.get(f"{JSON}&cursor={cursor}").json
        rest += [c["id"] for c in following["comments"]]
        cursor = following["next"]
    assert sorted(rest) == sorted([replies[3], below, *late])
    drawn = client.get(f"{THREAD}&cursor={page['more_replies'][0]['next']}").text
    assert f'data-parent="{many}"' in drawn and f'data-parent="{replies[3]}"' in drawn


def test_the_cursor_of_anothers_thread_shows_nothing_of_it(client, site, make_comment, monkeypatch):
    monkeypatch.setattr(comment_pages, "REPLIES_MAX", 1)
    root = make_comment()
    for n in range(3):
        make_comment(parent=root, body=f"reply {n}")
    make_comment(thread_key="/other")
    cursor = client.get(JSON).json["more_replies"][0]["next"]
    assert client.get(f"{JSON.replace('/post', '/other')}&cursor={cursor}").json["comments"] == []


@pytest.mark.parametrize(("path", "at_most"), [("/api/v1/comments", POSTS_MAX), ("/api/v1/preview", REQUESTS_MAX)])
def test_reads_from_memory_pass_by_what_waits_for_the_application(path, at_most):
    """A prepared page is served at once, however many posts run or wait."""
    release = threading.Event()
    inside, most_inside, lock = [0], [0], threading.Lock()

    def inner(environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            with lock:
                inside[0] += 1
                most_inside[0] = max(inside[0], most_inside[0])
            assert release.wait(20)
            with lock:
                inside[0] -= 1
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, 1))
        start_response("200 OK", [("Content-Type", "text/html")])
        return [environ["wsgi.input"].read() or b"page"]

    cache = new_cache(inner)
    answers = []
    writers = [
        threading.Thread(target=lambda n=n: answers.append(Client(cache).post(path, data=f"post {n}").text))
        for n in range(at_most * 3)
    ]
    for writer in writers:
        writer.start()
    eventually(lambda: inside[0] == at_most, "as many write as may at once", 10)
    assert [Client(cache).get("/t/blog?thread=/post").text for _ in range(5)] == ["page"] * 5
    release.set()
    for writer in writers:
        writer.join()
    assert most_inside[0] == at_most
    assert sorted(answers) == sorted(f"post {n}" for n in range(at_most * 3)), "each body reached the application"


def test_comments_pass_by_long_work_and_who_waits_for_another_machine_keeps_nobody():
    away, release = threading.Event(), threading.Event()

    def inner(environ, start_response):
        if environ["PATH_INFO"] == "/long":
            assert release.wait(20)
        if environ["PATH_INFO"] == "/elsewhere":
            with release_while_waiting():
                assert away.wait(20)
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    cache = new_cache(inner)
    answers = []

    def ask(path):
        asking = threading.Thread(target=lambda: answers.append(Client(cache).post(path).text))
        asking.start()
        return asking

    waiting = [ask("/elsewhere") for _ in range(REQUESTS_MAX * 2)]
    assert Client(cache).post("/other").text == "/other"
    working = [ask("/long") for _ in range(REQUESTS_MAX)]
    assert Client(cache).post("/api/v1/comments").text == "/api/v1/comments"
    held_up = ask("/other")
    held_up.join(0.2)
    assert held_up.is_alive() and answers == []
    release.set()
    held_up.join(20)
    away.set()
    for thread in waiting + working:
        thread.join(20)
    assert len(answers) == len(waiting) + len(working) + 1


def test_a_page_that_is_kept_keeps_nothing_of_the_half_seconds_that_are_gone():
    """Prepared responses are freed with their half second: pages must not reference them."""
    clock = [100.0]

    def inner(environ, start_response):
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, 1))
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"page"]

    cache = new_cache(inner, clock)
    assert Client(cache).get("/t/blog?thread=/post").text == "page"
    gone = weakref.ref(cache._window)
    clock[0] = 101.0
    assert Client(cache).get("/t/blog?thread=/other").text == "page"
    gc.collect()
    assert gone() is None


def test_few_responses_of_a_page_are_kept_however_many_words_it_is_asked_in():
    body = b"x" * 100_000

    def inner(environ, start_response):
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, 1))
        start_response("200 OK", [("Content-Type", "text/html")])
        return [body]

    cache = new_cache(inner)
    for n in range(5 * SPELLINGS_MAX):
        assert Client(cache).get("/t/blog", headers={"Accept-Encoding": f"x{n}"}).data == body
    assert len(cache._memory.ready) == SPELLINGS_MAX
    assert cache.builds == 1


def test_a_page_that_memory_has_no_room_for_takes_its_responses_with_it():
    body = b"x" * 100_000

    def inner(environ, start_response):
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, 1))
        start_response("200 OK", [("Content-Type", "text/html")])
        return [body]

    cache = new_cache(inner)
    for n in range(30):
        assert Client(cache).get(f"/t/blog?thread=/{n}", headers={"Accept-Encoding": "identity"}).data == body
    held = cache._memory.ready.values()
    assert 2**20 // 2 < sum(len(response.body) for response in held) < 2**20
    assert len({response.page for response in held}) == len(cache._memory._pages) == len(held)


def test_a_page_goes_on_being_sent_without_a_question_of_its_own_until_its_source_changes():
    """Of a thousand hot pages, only those are compared with the database whose threads have changed."""
    clock, news, asked, built = [100.0], [None], [], []

    def inner(environ, start_response):
        key = environ["QUERY_STRING"].partition("=")[2].encode()
        built.append(key)
        environ["commentsvc.depends_on"] = PageDependency(1, key, (1, 1))
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"page"]

    def versions(dependency):
        asked.append(dependency.key_hash)
        return (1, 1)

    cache = new_cache(inner, clock, changes=lambda: news[0], versions=versions)

    def read_all():
        clock[0] += 0.5
        for name in "abc":
            assert Client(cache).get("/t/blog", query_string={"thread": name}).text == "page"

    read_all()
    news[0] = set()
    read_all()
    assert (built, asked) == ([b"a", b"b", b"c"], [])
    news[0] = {(1, b"b"), (2, b"c"), (1, b"")}  # one of the threads, another site's, and the site's feed
    read_all()
    assert asked == [b"b"]
    news[0] = {(1, None)}  # the site's settings
    read_all()
    assert asked == [b"b", b"a", b"b", b"c"]
    news[0] = None  # rows were deleted that were not read yet
    read_all()
    assert asked == [b"b", b"a", b"b", b"c", b"a", b"b", b"c"]
    news[0] = set()
    read_all()
    assert len(asked) == 7 and len(built) == 3


def test_a_change_that_comes_while_a_page_is_built_is_not_missed():
    """The page may have been read before the change: the look that sees it comes after the one before the page."""
    clock, version, news = [100.0], [1], [set()]

    def inner(environ, start_response):
        was = version[0]
        if was == 1:
            version[0], news[0] = 2, {SOURCE}
            clock[0] += 0.5
            Client(cache).get("/t/blog?thread=/another")  # opens the next window, and sees the change
            news[0] = set()
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, was))
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"version %d" % was]

    cache = new_cache(inner, clock, changes=lambda: news[0], versions=lambda dependency: (1, version[0]))
    Client(cache).get("/t/blog?thread=/post")
    assert Client(cache).get("/t/blog?thread=/post").text == "version 2"


def test_files_and_health_checks_do_not_wait_for_a_database_that_hangs():
    clock, asked = [100.0], []

    def inner(environ, start_response):
        environ["commentsvc.depends_on"] = FIXED
        start_response("200 OK", [("Content-Type", "text/javascript")])
        return [b"script"]

    cache = new_cache(inner, clock, changes=lambda: asked.append(clock[0]) or set())
    Client(cache).get("/embed.js")
    asked.clear()
    clock[0] = 101.0
    for path in ("/embed.js", "/healthz"):
        assert Client(cache).get(path).text == "script"
    assert asked == []
    Client(cache).get("/t/blog?thread=/post")
    assert asked == [101.0]


def test_a_page_kept_while_the_database_is_away_is_compared_when_it_is_back():
    clock, version, news, is_away = [100.0], [1], [None], [False]

    def ask(answer):
        if is_away[0]:
            raise OperationalError("", {}, Exception("away"))
        return answer

    def inner(environ, start_response):
        environ["commentsvc.depends_on"] = PageDependency(*SOURCE, (1, version[0]))
        start_response("503 Away" if is_away[0] else "200 OK", [("Content-Type", "text/html")])
        return [b"version %d" % version[0]]

    cache = new_cache(inner, clock, changes=lambda: ask(news[0]), versions=lambda dependency: ask((1, version[0])))
    read = lambda: Client(cache).get("/t/blog?thread=/post").text  # noqa: E731
    assert read() == "version 1"
    clock[0], version[0], news[0] = 100.5, 2, {SOURCE}

    def fails_after_the_look(dependency):
        is_away[0] = True
        return ask(None)

    cache._versions = fails_after_the_look
    assert read() == read() == "version 1"
    cache._versions = lambda dependency: ask((1, version[0]))
    clock[0], is_away[0], news[0] = 103.0, False, set()
    assert read() == "version 2"


def test_each_approval_is_built_once_and_shown_to_all_within_a_second(make_app, app, alice, make_comment, now):
    """Readers ask two processes all the time while a moderator works."""
    ids = [make_comment(status="pending", body=f"number-{n}.") for n in range(6)]
    apps = [app, make_app()]
    for one in apps:
        one.test_client().get(THREAD)
    builds = [one.extensions["page_cache"].builds for one in apps]
    stop = threading.Event()

    def read(one):
        reader = one.test_client()
        while not stop.is_set():
            reader.get(THREAD)

    readers = [threading.Thread(target=read, args=(one,)) for one in apps for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for n, comment_id in enumerate(ids):
            moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
            for one in apps:
                assert shows(one.test_client(), f"number-{n}.", within_s=1.5)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert [one.extensions["page_cache"].builds for one in apps] == [before + len(ids) for before in builds]


def test_who_comes_when_the_page_is_too_old_waits_for_the_one_rebuild_and_no_longer():
    cache, version, clock, inside, release = slow_rebuild()
    address = "/t/blog?thread=/post"
    assert Client(cache).get(address).text == "version 1"
    version[0], clock[0] = 2, 101.5
    got = []
    readers = [threading.Thread(target=lambda: got.append(Client(cache).get(address).text)) for _ in range(6)]
    for reader in readers:
        reader.start()
    assert inside.wait(5)
    readers[0].join(0.1)
    assert got == [], "what is older than a second is shown to nobody"
    release.set()
    for reader in readers:
        reader.join()
    assert got == ["version 2"] * 6
    assert cache.builds == 2
