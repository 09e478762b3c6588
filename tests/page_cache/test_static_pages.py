"""The publisher of static pages: which files nginx gets, for how long, and when there is no lease."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client

from commentsvc.config_values import BadSetting
from commentsvc.core.status import Action
from commentsvc.page_cache import static_pages
from commentsvc.page_cache.middleware import PageCache
from commentsvc.page_cache.static_pages import LIFE_WINDOWS, PAGES_MAX, StaticPagePublisher
from commentsvc.services import moderation
from commentsvc.services.moderation import Moderator
from commentsvc.store import page_changes, threads, versions
from commentsvc.store.versions import PageDependency
from commentsvc.web.http.cached_routes import ROUTES, STATIC_KINDS
from tests.support import servers
from tests.support.cast import set_policy

PAGE = "/embed/v1/comments?site=blog&thread=%2Fpost"
NAME = "embed.br.site=blog&thread=%2Fpost"


class Reader:
    """A service with a publisher, whose clock moves only when it is told to."""

    def __init__(self, app, folder):
        self.folder, self.half_second = folder, 2_000_000_000
        read = page_changes.change_reader(app).read
        self.publisher = StaticPagePublisher(folder, read, versions.threads_reader(app), STATIC_KINDS)
        assert self.publisher._become_publisher()
        cache = app.extensions["page_cache"]
        stores = cache._memory, cache._disk
        changes = page_changes.change_reader(app).read
        self.cache = PageCache(cache._inner, cache._versions, changes, *stores, ROUTES, self.now, self.now)
        self.cache.hot_pages = self.publisher
        self.client = Client(self.cache)

    def now(self):
        return self.half_second / 2 + 0.1

    def read(self, address=PAGE, times=2, **headers):
        """Request the page once in each of `times` half seconds, each after a round of the publisher."""
        for _ in range(times):
            self.half_second += 1
            self.publisher.publish_round(self.half_second / 2 - 0.1)
            self.client.get(address, headers={"Accept-Encoding": "br", **headers})

    def laid_out(self):
        """The files that nginx would find in the next half second."""
        self.half_second += 1
        self.publisher.publish_round(self.half_second / 2 - 0.1)
        lease = self.folder / "leases" / static_pages._lease_name(self.half_second)
        return sorted(path.name for path in lease.iterdir()) if lease.exists() else []


@pytest.fixture
def reader(app):
    with servers.folder("/dev/shm") as folder:
        reader = Reader(app, folder)
        yield reader
        reader.publisher._give_up_folder()


def test_a_page_is_laid_out_once_both_halves_of_a_second_have_asked_for_it(reader, make_comment):
    make_comment(body="laid out")
    reader.read(times=1)
    assert reader.laid_out() == []
    reader.read(times=1)
    assert reader.laid_out() == [], "the same half again: nginx's own cache has it for this half only"
    reader.half_second += 1
    reader.read(times=1)
    assert reader.laid_out() == [NAME]


def test_what_has_changed_is_gone_at_the_next_turn_and_back_when_it_is_read(reader, app, site, alice, make_comment):
    held = make_comment(status="pending", body="to be approved")
    reader.read()
    assert reader.laid_out() == [NAME]
    by = Moderator(alice)
    moderation.decide([held], Action.APPROVE, by, "", datetime.now(UTC))
    assert reader.laid_out() == []
    reader.read()
    assert reader.laid_out() == [NAME]
    set_policy(site, name="changed")
    assert reader.laid_out() == []


def test_a_page_without_comments_is_laid_out_too_and_goes_with_its_first_comment(reader, site, make_comment):
    reader.read()
    assert reader.laid_out() == [NAME]
    make_comment()
    assert reader.laid_out() == []


def test_a_page_that_nobody_asks_the_service_for_goes_after_a_while(reader, make_comment):
    make_comment()
    reader.read()
    assert reader.laid_out() == [NAME]
    reader.half_second += LIFE_WINDOWS
    assert reader.laid_out() == []
    reader.read(times=1)
    assert reader.laid_out() == [NAME], "its bytes are known: one reader is enough"


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("/embed/v1/comments?site=blog&thread=/post", {}),
        ("/embed/v1/comments?site=blog&thread=..", {"Accept-Encoding": "identity"}),
        ("/embed/v1/comments?site=blog&thread=%2Fpost&more=" + "x" * 200, {}),
        ("/embed/v1/comments?site=blog&thread=%2Fpost&x=ä", {}),
        ("/embed/v1/comments?site=nowhere&thread=%2Fpost", {}),
        ("/api/v1/counts?site=blog&thread=%2Fpost", {}),
        ("/t/blog?thread=%2Fpost", {}),
        ("/embed.js?x", {}),
    ],
)
def test_what_nginx_could_not_give_by_itself_is_not_laid_out(reader, make_comment, address, headers):
    make_comment()
    reader.read(address, times=3, **headers)
    assert reader.laid_out() == []


def test_a_page_with_a_header_that_nginx_does_not_know_is_not_laid_out(reader, make_comment, app):
    @app.after_request
    def more(response):
        response.headers["X-More"] = "yes"
        return response

    make_comment()
    reader.read(times=3)
    assert reader.laid_out() == []


def test_while_the_database_is_away_nothing_is_leased_and_the_pages_stay(reader, make_comment):
    make_comment()
    reader.read()
    assert reader.laid_out() == [NAME]
    read = reader.publisher._changes._read

    def away():
        raise OperationalError("SELECT", {}, Exception("gone"))

    reader.publisher._changes._read = away
    with pytest.raises(OperationalError):
        reader.laid_out()
    assert not (reader.folder / "leases" / static_pages._lease_name(reader.half_second)).exists()
    reader.publisher._changes._read = read
    assert reader.laid_out() == [NAME]


def test_no_page_is_written_when_the_folder_is_full(reader, make_comment, monkeypatch):
    make_comment()
    monkeypatch.setattr(static_pages, "PAGES_MAX", 2)
    for n in range(3):
        reader.read(f"{PAGE}&more={n}")
    assert len(reader.laid_out()) == 2
    assert PAGES_MAX > 2


def test_without_readers_there_is_no_query_and_no_lease(reader):
    def fails():
        raise AssertionError("asked")

    reader.publisher._changes._read = fails
    assert reader.laid_out() == []
    assert list((reader.folder / "leases").iterdir()) == []


def test_one_process_fills_the_folder_and_another_only_after_it(reader, make_comment):
    make_comment()
    reader.read()
    assert reader.laid_out() == [NAME]
    other = StaticPagePublisher(reader.folder, set, reader.publisher._current_pages, STATIC_KINDS)
    assert not other._become_publisher()
    assert reader.laid_out() == [NAME]
    reader.publisher._give_up_folder()
    assert other._become_publisher()
    assert list((reader.folder / "pages").iterdir()) == [], "it knows nothing of what lies there"
    other._give_up_folder()


def test_a_folder_that_went_is_said_once_and_made_anew(reader, caplog):
    stop = threading.Event()
    (reader.folder / "handed-in").rmdir()
    thread = threading.Thread(target=reader.publisher.run, args=(stop,))
    thread.start()
    for _ in range(40):
        if (reader.folder / "handed-in").exists():
            break
        stop.wait(0.1)
    stop.set()
    thread.join()
    assert (reader.folder / "handed-in").exists()
    assert caplog.text.count("nginx asks the service for each page") == 1


def test_which_pages_stand_is_asked_for_many_threads_and_sites_at_once(app, site, other_site, make_comment):
    make_comment()
    thread = threads.find(site, "/post")
    standing = versions.threads_reader(app)
    now = PageDependency(site.id, bytes(thread.key_hash), (site.version, thread.version))
    empty = PageDependency(other_site.id, threads.hash_of("/nobody-wrote"), (other_site.version, 0))
    past = PageDependency(site.id, bytes(thread.key_hash), (site.version, thread.version - 1))
    gone = PageDependency(99, threads.hash_of("/post"), (1, 0))
    assert standing([now, empty, past, gone]) == {now, empty}


def test_a_folder_that_cannot_hold_the_pages_stops_the_start(tmp_path):
    with pytest.raises(BadSetting, match="COMMENTSVC_STATIC_PAGES_DIR: must be a folder"):
        static_pages.prepare(tmp_path / "missing" / "below")
    with servers.folder("/dev/shm") as folder:
        static_pages.prepare(folder / "made")
        assert list((folder / "made").iterdir()) == []
