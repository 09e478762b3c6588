"""Readers of other systems' exports: what the file holds is read, and a broken file is never half read."""

import gzip
import json
import sqlite3
import tracemalloc
import zipfile
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import isso, registry
from commentsvc.gateways.formats.records import LeftOut, Syntax
from tests.support.cast import data

REAL = [
    ("disqus", "artransfer_Disqus.sample", 4),
    ("isso", "isso_generic.json", 2),
    ("commento", "commento.json", 3),
    ("comentario", "commento.json", 3),
    ("artalk", "artransfer_Disqus.artrans", 4),
    ("artalk", "artransfer_Twikoo.artrans", 7),
    ("artalk", "artransfer_WordPress.artrans", 5),
    ("waline", "artransfer_Valine.sample", 2),
]
COMENTARIO = {
    "version": 3,
    "pages": [{"id": "p1", "path": "/post", "title": "A post", "isReadonly": True}],
    "comments": [
        {"id": "c1", "pageId": "p1", "markdown": "**Hi**", "isApproved": True,
         "createdTime": "2024-01-02T03:04:05.678Z", "userCreated": "u1", "score": 2},
        {"id": "c2", "pageId": "p1", "parentId": "c1", "html": "<p>Yo</p>", "isPending": True, "authorName": "Guest",
         "createdTime": "2024-01-02T03:04:06Z"},
        {"id": "c3", "pageId": "p1", "isDeleted": True, "markdown": "", "createdTime": "2024-01-02T03:04:07Z"},
        {"id": "c4", "pageId": "p1", "markdown": "no", "createdTime": "2024-01-02T03:04:08Z"},
        {"id": "c5", "pageId": "p9", "markdown": "lost", "createdTime": "2024-01-02T03:04:08Z"},
    ],
    "commenters": [{"id": "u1", "email": "ann@example.org", "name": "Ann", "websiteUrl": "https://ann.example"}],
}  # fmt: skip
REMARK42 = [
    {"version": 1, "users": [], "posts": [{"url": "https://b.example/a/", "read_only": True}]},
    {"id": "1", "pid": "", "text": "<p>Hi</p>", "orig": "Hi", "user": {"name": "Ann", "id": "github_1"},
     "locator": {"site": "b", "url": "https://b.example/a/"}, "score": -1, "title": "A",
     "time": "2024-01-02T03:04:05.123456789+01:00"},
    {"id": "2", "pid": "1", "text": "", "user": {"name": "Bo"}, "locator": {"site": "b", "url": "https://b.example/a/"},
     "time": "2024-01-02T03:04:06Z", "delete": True},
]  # fmt: skip
WALINE = {
    "type": "waline", "version": 1, "tables": ["Comment", "Counter", "Users"],
    "data": {
        "Comment": [
            {"objectId": 1, "user_id": 7, "comment": "Hi *there*", "insertedAt": "2024-01-02 03:04:05", "url": "/a",
             "status": "waiting", "ip": "192.0.2.1", "like": 3},
            {"objectId": 2, "pid": 1, "rid": 1, "nick": "Bo", "mail": "bo@example.org", "comment": "Yo",
             "createdAt": 1704164646000, "url": "/a", "status": "spam"},
        ],
        "Counter": [], "Users": [{"objectId": 7, "display_name": "Ann", "email": "ann@example.org"}],
    },
}  # fmt: skip
OLD_BLOGGER = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns='http://www.w3.org/2005/Atom' xmlns:thr='http://purl.org/syndication/thread/1.0'>
<entry><id>tag:blogger.com,1999:blog-1.post-5</id><published>2010-01-01T00:00:00.001-07:00</published>
<category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#comment'/>
<content type='html'>First&lt;br /&gt;words</content><author><name>Ann</name><email>noreply@blogger.com</email></author>
<thr:in-reply-to ref='tag:blogger.com,1999:blog-1.post-2' href='http://b.example/2010/01/a.html'/></entry>
<entry><id>tag:blogger.com,1999:blog-1.post-6</id><published>2010-01-02T00:00:00Z</published>
<category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#comment'/>
<content type='html'>Answer</content><author><name>Bo</name><uri>https://bo.example/</uri></author>
<link rel='related' href='http://www.blogger.com/feeds/1/2/comments/default/5'/>
<thr:in-reply-to ref='tag:blogger.com,1999:blog-1.post-2'/></entry>
<entry><id>tag:blogger.com,1999:blog-1.post-2</id><title>A post</title>
<category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#post'/>
<link rel='alternate' href='http://b.example/2010/01/a.html'/></entry>
</feed>
"""
TAKEOUT = """<?xml version='1.0' encoding='utf-8'?>
<feed xmlns='http://www.w3.org/2005/Atom' xmlns:blogger='http://schemas.google.com/blogger/2018'>
<entry><id>tag:blogger.com,1999:blog-1.post-2</id><blogger:type>POST</blogger:type>
<blogger:status>DRAFT</blogger:status><title>Secret</title></entry>
<entry><id>tag:blogger.com,1999:blog-1.post-3</id><blogger:type>POST</blogger:type>
<blogger:status>LIVE</blogger:status><blogger:filename>/2010/01/b.html</blogger:filename></entry>
<entry><id>tag:blogger.com,1999:blog-1.post-7</id><blogger:type>COMMENT</blogger:type>
<blogger:status>LIVE</blogger:status><blogger:parent>tag:blogger.com,1999:blog-1.post-2</blogger:parent>
<content type='html'>hidden</content><author><name>Ann</name></author>
<blogger:created>2010-01-01T00:00:00Z</blogger:created></entry>
<entry><id>tag:blogger.com,1999:blog-1.post-8</id><blogger:type>COMMENT</blogger:type>
<blogger:status>SPAM_COMMENT</blogger:status><blogger:parent>tag:blogger.com,1999:blog-1.post-3</blogger:parent>
<content type='html'>buy</content><author><name>Bo</name></author><published>2010-01-01T00:00:00Z</published></entry>
</feed>
"""


def isso_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """CREATE TABLE threads (id INTEGER PRIMARY KEY, uri VARCHAR(256) UNIQUE, title VARCHAR(256));
            CREATE TABLE comments (tid REFERENCES threads(id), id INTEGER PRIMARY KEY, parent INTEGER,
            created FLOAT NOT NULL, modified FLOAT, mode INTEGER, remote_addr VARCHAR, text VARCHAR, author VARCHAR,
            email VARCHAR, website VARCHAR, likes INTEGER DEFAULT 0, dislikes INTEGER DEFAULT 0, voters BLOB NOT NULL);
            INSERT INTO threads VALUES (1, '/a/', 'A');
            INSERT INTO comments VALUES
            (1, 1, NULL, 1704164645.5, NULL, 1, '192.0.2.0', '*Hi*', 'Ann', 'ann@example.org', NULL, 5, 2, ''),
            (1, 2, 1, 1704164646, 1704164700, 2, '', 'Yo', NULL, NULL, NULL, 0, 0, ''),
            (1, 3, 1, 1704164647, NULL, 4, '', '', NULL, NULL, NULL, 0, 0, ''),
            (9, 4, NULL, 1704164648, NULL, 1, '', 'lost', NULL, NULL, NULL, 0, 0, '');"""
        )
        connection.commit()
    return path


def made(format, path):
    """A file of this format, made by its own schema."""
    texts = {
        "comentario": json.dumps(COMENTARIO, indent=1),
        "remark42": "".join(json.dumps(line) + "\n" for line in REMARK42),
        "waline": json.dumps(WALINE, indent=1),
        "blogger": OLD_BLOGGER,
    }
    if format == "isso":
        return isso_database(path)
    path.write_text(texts[format], "utf-8")
    return path


def read(format, path):
    """The rows of the second reading, which knows all pages."""
    reader = registry.reader(format, path)
    list(reader)
    return list(reader)


@pytest.mark.parametrize(("format", "name", "count"), REAL)
def test_a_real_file_is_read_whole(format, name, count):
    rows = read(format, data(f"import/{name}"))
    assert [row[1].number for row in rows] == list(range(1, count + 1))
    assert all(row[1].created_at and row[1].text and not row[1].mended for row in rows)
    named = {row[1].import_id for row in rows}
    assert all(row[1].parent_import_id in named for row in rows if row[1].parent_import_id)


def test_disqus_posts_know_their_pages_parents_and_authors():
    one, two, lost, empty, deleted, answer = read("disqus", data("import/isso_disqus.xml"))
    assert isinstance(lost, LeftOut) and (lost.number, "1337" in lost.reason) == (3, True)
    assert one[0] == two[0] and one[0].address == "http://example.org/"
    assert (empty[1].author_name, empty[1].author_email, empty[1].ip) == ("Empty", "baz@email.foo", "127.0.0.1")
    assert (deleted[1].status, deleted[1].text) == (Status.DELETED, "")
    assert answer[1].parent_import_id == deleted[1].import_id


def test_isso_reads_its_database(tmp_path):
    first, second, third, lost = read("isso", isso_database(tmp_path / "comments.db"))
    thread, one = first
    assert (thread.address, thread.title) == ("/a/", "A")
    assert (one.text, one.syntax, one.score, one.status) == ("*Hi*", Syntax.MARKDOWN, 3, Status.APPROVED)
    assert one.created_at == datetime(2024, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)
    assert (second[1].status, second[1].parent_import_id, second[1].edited_at is not None) == (
        Status.PENDING, one.import_id, True,
    )  # fmt: skip
    assert third[1].status == Status.DELETED
    assert isinstance(lost, LeftOut) and "thread" in lost.reason


ENDLESS = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT 1 AS tid, max(i) AS id, 'x' AS text FROM n"""


@pytest.mark.parametrize("name", ["comments", "threads"])
def test_a_database_that_computes_for_ever_is_refused(tmp_path, name):
    path = isso_database(tmp_path / "comments.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"DROP TABLE {name}; CREATE VIEW {name} AS {ENDLESS}")
    with pytest.raises(BadFile, match="no database of Isso"):
        read("isso", path)


def test_a_database_that_takes_too_many_steps_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(isso, "CALLS_FREE", 0)
    monkeypatch.setattr(isso, "STEPS_A_CALL", 10)
    with pytest.raises(BadFile, match="interrupted"):
        read("isso", isso_database(tmp_path / "comments.db"))


def test_a_database_that_makes_a_huge_value_is_refused(tmp_path):
    path = isso_database(tmp_path / "comments.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TABLE threads; CREATE TABLE threads (id INTEGER, title TEXT, uri AS (hex(zeroblob(20000000))));"
            "INSERT INTO threads (id) VALUES (1)"
        )
    with pytest.raises(BadFile, match="too big"):
        read("isso", path)


def test_a_damaged_isso_database_is_refused(tmp_path):
    path = isso_database(tmp_path / "comments.db")
    whole = path.read_bytes()
    for length in (50, 1000, len(whole) // 2, len(whole) - 100):
        path.write_bytes(whole[:length])
        with pytest.raises(BadFile):
            read("isso", path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (id INTEGER)")
    with pytest.raises(BadFile, match="no database of Isso"):
        read("isso", path)


def test_comentario_3_reads_pages_and_commenters(tmp_path):
    one, two, three, four, lost = read("comentario", made("comentario", tmp_path / "a.json"))
    assert (one[0].address, one[0].title, one[0].is_open) == ("/post", "A post", False)
    assert (one[1].author_name, one[1].author_email, one[1].score) == ("Ann", "ann@example.org", 2)
    assert (two[1].author_name, two[1].syntax, two[1].parent_import_id) == ("Guest", Syntax.HTML, one[1].import_id)
    assert [row[1].status for row in (one, two, three, four)] == [
        Status.APPROVED, Status.PENDING, Status.DELETED, Status.REJECTED,
    ]  # fmt: skip
    assert isinstance(lost, LeftOut) and lost.number == 5


def test_remark42_reads_its_backup(tmp_path):
    one, two = read("remark42", made("remark42", tmp_path / "backup"))
    assert (one[0].address, one[0].is_open, one[1].text, one[1].syntax) == (
        "https://b.example/a/", False, "Hi", Syntax.MARKDOWN,
    )  # fmt: skip
    assert one[1].created_at == datetime(2024, 1, 2, 2, 4, 5, 123456, tzinfo=UTC)
    assert (two[1].status, two[1].parent_import_id, two[1].line) == (Status.DELETED, one[1].import_id, 3)


def test_waline_reads_its_tables_and_valines_lines(tmp_path):
    one, two = read("waline", made("waline", tmp_path / "waline.json"))
    assert (one[1].author_name, one[1].status, one[1].score) == ("Ann", Status.PENDING, 3)
    assert one[1].created_at == datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001  # of no zone
    assert (two[1].parent_import_id, two[1].status) == (one[1].import_id, Status.SPAM)
    assert two[1].created_at == datetime(2024, 1, 2, 3, 4, 6, tzinfo=UTC)
    lines = tmp_path / "valine.jsonl"
    found = {"objectId": "x", "comment": "<p>Hi</p>", "insertedAt": {"__type": "Date", "iso": "2024-01-02T03:04:05Z"}}
    lines.write_text("#filetype:JSON-streaming\n" + json.dumps({**found, "url": "/a", "nick": "Ann"}) + "\n")
    (row,) = read("waline", lines)
    assert (row[1].syntax, row[1].created_at.year, row[1].line) == (Syntax.HTML, 2024, 2)


def test_blogger_reads_both_of_its_formats(tmp_path):
    path = tmp_path / "blog.atom"
    path.write_text(OLD_BLOGGER)
    one, two = read("blogger", path)
    assert (one[0].address, one[0].title) == ("http://b.example/2010/01/a.html", "A post")
    assert (one[1].text, one[1].author_email) == ("First<br />words", "")
    assert (two[1].parent_import_id, two[1].author_website) == (one[1].import_id, "https://bo.example/")
    path.write_text(TAKEOUT)
    hidden, spam = read("blogger", path)
    assert hidden[0].private == "with the status “draft”"
    assert (spam[0].address, spam[1].status) == ("/2010/01/b.html", Status.SPAM)


@pytest.mark.parametrize("format", ["comentario", "remark42", "waline", "blogger"])
def test_a_file_that_was_cut_off_is_refused_with_its_line(tmp_path, format):
    path = made(format, tmp_path / "export")
    whole = path.read_bytes().rstrip()
    for part in range(20):
        path.write_bytes(whole[: len(whole) * part // 20])
        if format == "remark42" and path.read_bytes().endswith(b"\n"):
            continue  # its lines do not say how many follow
        with pytest.raises(BadFile):
            read(format, path)


@pytest.mark.parametrize(("format", "name", "_count"), REAL)
def test_a_real_file_that_was_cut_off_is_refused(tmp_path, format, name, _count):
    whole = data(f"import/{name}").read_bytes().rstrip()
    path = tmp_path / "export"
    for part in range(20):
        path.write_bytes(whole[: len(whole) * part // 20])
        with pytest.raises(BadFile):
            read(format, path)


@pytest.mark.parametrize("format", registry.FORMATS)
@pytest.mark.parametrize(
    "content", [b"", b" \n", b"{}", b"[1, 2", b"<html></html>", b"hello", b"\xff\xfe\x00", b"null"]
)
def test_what_is_no_export_is_refused(tmp_path, format, content):
    path = tmp_path / "export"
    path.write_bytes(content)
    with pytest.raises(BadFile):
        read(format, path)


@pytest.mark.parametrize("format", registry.FORMATS)
def test_any_bytes_are_read_or_refused(tmp_path_factory, format):
    path = tmp_path_factory.mktemp("any") / "export"
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
        max_leaves=20,
    )

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
    def check(content):
        path.write_bytes(content)
        try:
            rows = read(format, path)
        except BadFile:
            return
        for row in rows:
            assert isinstance(row, LeftOut) or isinstance(row[1].text, str)

    check()


NAMES = [
    "version",
    "comments",
    "commenters",
    "pages",
    "posts",
    "id",
    "commentHex",
    "pageId",
    "data",
    "Comment",
    "page_key",
]


@pytest.mark.parametrize("format", ["comentario", "remark42", "waline", "blogger", "isso"])
def test_gzip_and_a_zip_of_one_file_are_opened(tmp_path, format):
    path = made(format, tmp_path / "export")
    plain = read(format, path)
    packed = tmp_path / "export.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read(format, packed) == plain
    zipped = tmp_path / "export.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "backup/export")
    assert read(format, zipped) == plain
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("another", "x")
    with pytest.raises(BadFile, match="holds 2 files"):
        read(format, zipped)


@pytest.mark.parametrize("name", ["bomb_200MB.xml.gz", "bomb_200MB.zip"])
@pytest.mark.parametrize("format", ["disqus", "artalk", "remark42"])
def test_a_decompression_bomb_is_refused(format, name):
    with pytest.raises(BadFile):
        read(format, data(f"archives/{name}"))


@pytest.mark.parametrize("name", ["billion_laughs.xml", "xxe_file.xml", "xxe_http.xml"])
@pytest.mark.parametrize("format", ["disqus", "blogger"])
def test_entities_are_refused_unread(format, name):
    with pytest.raises(BadFile, match="document type or entities"):
        read(format, data(f"xml/{name}"))


def test_memory_does_not_grow_with_the_number_of_comments(tmp_path):
    peaks = {}
    for count in (2_000, 10_000):
        path = tmp_path / f"{count}.json"
        one = {"nick": "Ann", "content": "Hello", "page_key": "/a", "created_at": "2024-01-02T03:04:05Z"}
        path.write_text(json.dumps([{**one, "id": str(n)} for n in range(count)], indent=1))
        tracemalloc.start()
        assert sum(1 for _ in registry.reader("artalk", path)) == count
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # Peaks of a few kB differ by what the process has freed before.
    assert peaks[10_000] < max(peaks[2_000] * 1.2, 2**17) and peaks[2_000] < 2 * 2**20, peaks
