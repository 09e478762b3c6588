"""WordPress export files: records of valid ones, and errors with line numbers for broken ones."""

import gzip
import re
import tracemalloc
from collections import Counter
from datetime import datetime

import pytest

from commentsvc.core.errors import BadFile
from commentsvc.gateways.formats import xml_file
from commentsvc.gateways.formats.records import LeftOut
from commentsvc.gateways.formats.wordpress import FIELD_MAX, WordPressFile
from tests.support.cast import data

REAL = ["isso_wordpress.xml", "themeunittestdata.wordpress.xml", "artransfer_WordPress.sample"]
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/"><channel>
<wp:base_blog_url>https://old.example</wp:base_blog_url>
"""
TAIL = "\n</channel></rss>"
COMMENT = {
    "comment_id": "1",
    "comment_author": "Carol",
    "comment_author_email": "carol@example.org",
    "comment_author_url": "https://carol.example/",
    "comment_author_IP": "192.0.2.1",
    "comment_date": "2026-01-02 04:04:05",
    "comment_date_gmt": "2026-01-02 03:04:05",
    "comment_content": "Hello",
    "comment_approved": "1",
    "comment_type": "comment",
    "comment_parent": "0",
}


def comment(**changes):
    fields = {k: v for k, v in {**COMMENT, **changes}.items() if v is not ...}
    return "<wp:comment>" + "".join(f"<wp:{k}><![CDATA[{v}]]></wp:{k}>" for k, v in fields.items()) + "</wp:comment>"


def item(*comments, link="https://old.example/post/", **fields):
    named = "".join(f"<wp:{k}>{v}</wp:{k}>" for k, v in fields.items())
    return f"<item><title>A post</title><link>{link}</link>{named}\n" + "\n".join(comments) + "</item>"


def whole(*items):
    return HEAD + "\n".join(items) + TAIL


@pytest.fixture
def rows(tmp_path):
    def read(content):
        path = tmp_path / "export.xml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(WordPressFile(path))

    return read


@pytest.fixture
def refusal(rows):
    def refused(content):
        with pytest.raises(BadFile) as caught:
            rows(content)
        return caught.value

    return refused


@pytest.mark.parametrize(("name", "count"), zip(REAL, [8, 33, 5], strict=True))
def test_every_comment_of_a_real_export_is_read(name, count):
    path = data(f"import/{name}")
    source = path.read_text()

    read = [exported for _, exported in WordPressFile(path)]

    blocks = re.findall(r"<wp:comment>.*?</wp:comment>", source, re.DOTALL)
    assert len(read) == len(blocks) == count
    assert [one.number for one in read] == list(range(1, count + 1))
    assert all("<wp:comment>" in source.splitlines()[one.line - 1] for one in read)
    numbers = [re.search(r"<wp:comment_id>(?:<!\[CDATA\[)?(\d+)", block)[1] for block in blocks]
    assert [exported.import_id.rpartition("#")[2] for exported in read] == numbers


@pytest.mark.parametrize("name", REAL)
def test_every_field_of_a_real_export_is_what_the_file_says(name):
    path = data(f"import/{name}")
    blocks = re.findall(r"<wp:comment>.*?</wp:comment>", path.read_text(), re.DOTALL)

    def of(block, field):
        found = re.search(rf"<wp:{field}>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</wp:{field}>", block, re.DOTALL)
        return found[1] if found else ""

    for block, (_, exported) in zip(blocks, WordPressFile(path), strict=True):
        assert exported.author_email == of(block, "comment_author_email")
        assert exported.author_website == of(block, "comment_author_url")
        assert exported.ip == of(block, "comment_author_IP")
        assert f"{exported.created_at:%Y-%m-%d %H:%M:%S}" == of(block, "comment_date_gmt")
        assert exported.text == of(block, "comment_content").strip()
        assert exported.status == {"1": "approved", "0": "pending"}[of(block, "comment_approved")]
        assert exported.kind == (of(block, "comment_type") or "comment")
        assert (exported.parent_import_id is None) == (of(block, "comment_parent") in ("", "0"))


@pytest.mark.parametrize("name", REAL)
def test_parents_resolve_within_a_real_export(name):
    read = list(WordPressFile(data(f"import/{name}")))
    pages = {exported.import_id: thread.address for thread, exported in read}
    replies = [(thread, exported) for thread, exported in read if exported.parent_import_id]

    assert all(pages[exported.parent_import_id] == thread.address for thread, exported in replies)
    assert (
        len(replies)
        == len(re.findall(r"<wp:comment_parent>(?:<!\[CDATA\[)?[1-9]", data(f"import/{name}").read_text()))
        > 0
    )


def test_pingbacks_and_trackbacks_are_told_from_comments():
    read = [exported for _, exported in WordPressFile(data(f"import/{REAL[1]}"))]

    assert Counter(exported.kind for exported in read) == {"comment": 29, "pingback": 2, "trackback": 2}
    pings = [exported.author_name for exported in read if exported.kind == "pingback"]
    assert pings == ["Ping 4 « What’s a tellyworth?", "Ping 3 « What’s a tellyworth?"]


def test_a_thread_is_a_post_with_its_path_title_and_whether_it_is_open(rows):
    read = rows(
        whole(item(comment(), comment_status="closed"), item(comment(comment_id="2"), link="https://b.example/?p=4"))
    )

    (first, exported), (second, _) = read
    assert (first.address, first.title, first.is_open) == (
        "https://old.example/post/",
        "A post",
        False,
    )
    assert (second.address, second.is_open) == ("https://b.example/?p=4", True)
    assert exported.import_id == "wordpress:old.example#1"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"link": "https://b.example/2026/%e3%81%82/"}, "https://b.example/2026/%e3%81%82/"),
        ({"link": "https://b.example/?p=4"}, "https://b.example/?p=4"),
        ({"link": "https://b.example/", "post_name": "about"}, "/about/"),
        ({"link": "", "post_id": "7"}, "/?p=7"),
        ({"link": "https://b.example/"}, "https://b.example/"),
        ({"link": "http://[broken/post/", "post_name": "post"}, "/post/"),
    ],
)
def test_a_posts_address_is_its_link_or_what_comes_nearest(rows, fields, key):
    assert [thread.address for thread, _ in rows(whole(item(comment(), **fields)))] == [key]


def test_names_and_websites_lose_the_escapes_that_wordpress_stores(rows):
    odd = comment(comment_author="Tom &amp; J&#233;rry", comment_author_url="https://x.example/?a=1&#038;b=2")
    [(_, exported)] = rows(whole(item(odd)))
    assert (exported.author_name, exported.author_website) == ("Tom & Jérry", "https://x.example/?a=1&b=2")


def test_a_parameter_of_a_website_is_no_character_reference(rows):
    odd = comment(comment_author_url="https://x.example/?a=1&copy=2&amp;reg=3")
    [(_, exported)] = rows(whole(item(odd)))
    assert exported.author_website == "https://x.example/?a=1&copy=2&reg=3"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("1", "approved"),
        ("0", "pending"),
        ("hold", "pending"),
        ("spam", "spam"),
        ("trash", "deleted"),
        (..., "approved"),
    ],
)
def test_each_status_of_wordpress_has_one_here(rows, value, status):
    assert rows(whole(item(comment(comment_approved=value))))[0][1].status == status


def test_what_is_no_comment_is_left_out_with_its_type(rows):
    notes = [comment(comment_type="order_note", comment_id=str(n)) for n in (1, 2)]
    found = rows(whole(item(*notes, comment(comment_id="3"))))
    assert [type(one) for one in found[:2]] == [LeftOut, LeftOut]
    assert (found[1].number, found[1].line, "order_note" in found[1].reason) == (2, 6, True)
    assert found[2][1].import_id == "wordpress:old.example#3"


def test_a_comment_without_a_utc_time_has_the_blogs_own(rows):
    old = comment(comment_date_gmt="0000-00-00 00:00:00")
    assert rows(whole(item(old)))[0][1].created_at == datetime(2026, 1, 2, 4, 4, 5)  # noqa: DTZ001  # of no zone


def test_comments_before_their_posts_link_wait_for_it(rows):
    late = f"<item>{comment()}<link>https://old.example/late/</link></item>"
    assert [thread.address for thread, _ in rows(whole(late))] == ["https://old.example/late/"]


def test_an_overlong_address_of_a_blog_still_names_its_comments_in_few_words(rows):
    content = whole(item(comment())).replace("https://old.example<", "https://old.example/" + "x" * 5000 + "<")
    assert len(rows(content)[0][1].import_id) < 100


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_every_version_of_the_format_is_read(rows, version):
    assert len(rows(whole(item(comment())).replace("export/1.2/", f"export/{version}/"))) == 1


BEFORE = HEAD + item(comment(), comment(comment_id="2")).removesuffix("</item>")  # six lines
BROKEN = {
    "truncated": (BEFORE, 6, "no sound XML"),
    "truncated in a tag": (BEFORE + "\n<wp:comm", 7, "no sound XML"),
    "truncated in CDATA": (BEFORE + "\n<wp:comment><wp:comment_content><![CDATA[Hel", 7, "no sound XML"),
    "mis-nested": (
        BEFORE + "\n<wp:comment><wp:comment_id>3</wp:comment></wp:comment_id></item>" + TAIL,
        7,
        "mismatched",
    ),
    "bare HTML": (
        BEFORE + "\n<wp:comment>\n<wp:comment_content>a <b>c</b></wp:comment_content></wp:comment></item>" + TAIL,
        8,
        "<b> inside of <comment_content>",
    ),
    "an endless comment": (
        BEFORE + "\n" + comment(comment_content="x" * (FIELD_MAX + 1)) + "</item>" + TAIL,
        7,
        "longer",
    ),
    "latin-1 as UTF-8": (whole(item(comment(), comment(comment_author="Zoë"))).encode("latin-1"), 6, "no sound XML"),
    "an unknown encoding": (whole(item(comment())).replace("UTF-8", "nonsense"), 1, "UTF-8"),
    "an encoding of many bytes": (whole(item(comment())).replace("UTF-8", "gb2312"), 1, "UTF-8"),
    "an empty file": ("", None, "empty"),
    "blanks": (" \n \n", 3, "no sound XML"),
    "HTML": ("<!DOCTYPE html>\n<html><body>Not found</body></html>", 1, ""),
    "HTML without a doctype": ("<html><body>Not found</body></html>", 1, "<html>"),
    "JSON": ('{"comments": []}', 1, "no sound XML"),
    "RSS": ("<rss version='2.0'><channel><item><title>x</title></item></channel></rss>", 1, "no WordPress export"),
    "text after the end": (whole(item(comment())) + "\nmore", 7, "no sound XML"),
    "gzip cut short": (gzip.compress(whole(item(comment())).encode())[:100], None, "ends too early"),
    "gzip of nothing": (b"\x1f\x8b", None, "ends too early"),
}


@pytest.mark.parametrize(("content", "line", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_with_its_line(refusal, content, line, words):
    error = refusal(content)
    assert error.line == line, str(error)
    assert words in str(error)


@pytest.mark.parametrize("at", range(20, 400, 19))
def test_a_damaged_compressed_file_is_never_read_as_another(refusal, at):
    packed = bytearray(gzip.compress(whole(item(*[comment(comment_id=str(n)) for n in range(50)])).encode(), mtime=0))
    packed[at] ^= 0xFF
    assert str(refusal(bytes(packed)))


@pytest.mark.parametrize("name", REAL)
def test_a_real_export_cut_off_anywhere_is_refused(tmp_path, name):
    source = data(f"import/{name}").read_bytes().rstrip()
    path = tmp_path / "cut.xml"
    for part in range(1, 20):
        path.write_bytes(source[: len(source) * part // 20])
        with pytest.raises(BadFile) as caught:
            list(WordPressFile(path))
        assert caught.value.line


@pytest.mark.parametrize("name", ["isso_disqus.xml", "artransfer_Disqus.sample"])
def test_another_systems_export_is_told_apart(name):
    with pytest.raises(BadFile, match="<disqus>"):
        list(WordPressFile(data(f"import/{name}")))


@pytest.mark.parametrize("name", ["billion_laughs.xml", "xxe_file.xml", "xxe_http.xml"])
def test_entities_are_refused_unread(name):
    with pytest.raises(BadFile, match="document type or entities") as caught:
        list(WordPressFile(data(f"xml/{name}")))
    assert caught.value.line in (1, 2)


def test_a_compressed_export_is_read_like_any_other(rows):
    content = whole(item(comment(), comment(comment_id="2")))
    assert rows(gzip.compress(content.encode())) == rows(content)


def test_a_compressed_file_made_to_fill_the_disk_is_refused(refusal):
    blanks = gzip.compress((b" " * 1023 + b"\n") * 2**10 * 100)
    bomb = gzip.compress(HEAD.encode()) + blanks + gzip.compress(whole(item(comment())).encode())
    error = refusal(bomb)
    assert "more than any export" in str(error)


def test_the_stored_bomb_is_refused():
    with pytest.raises(BadFile):
        list(WordPressFile(data("archives/bomb_200MB.xml.gz")))


def test_memory_does_not_grow_with_the_number_of_comments(tmp_path):
    bare = {name: ... for name in COMMENT if name not in ("comment_id", "comment_date_gmt", "comment_content")}
    peaks = {}
    for count in (2_000, 10_000):
        path = tmp_path / f"{count}.xml"
        with path.open("w") as file:
            file.write(HEAD + item().removesuffix("</item>"))
            for number in range(1, count + 1):
                file.write(comment(**{**bare, "comment_id": str(number)}) + "\n")
            file.write("</item>" + TAIL)
        tracemalloc.start()
        assert sum(1 for _ in WordPressFile(path)) == count
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[10_000] < 2 * 2**20, peaks
    assert peaks[10_000] < peaks[2_000] * 1.2, peaks


@pytest.mark.parametrize("chunk", [7, 31, 64, 2**16])
@pytest.mark.parametrize(
    ("written", "website"),
    [
        ("https://carol.example/?a=1&b=2", "https://carol.example/?a=1&b=2"),
        ("https://carol.example/?a=1&amp;b=&#50;&nbsp;", "https://carol.example/?a=1&b=2\xa0"),
        ("<![CDATA[https://carol.example/?a&b]]>", "https://carol.example/?a&b"),
    ],
)
def test_the_ampersands_that_wordpress_leaves_in_addresses_are_read(rows, monkeypatch, chunk, written, website):
    """WordPress writes an address as it is stored, without CDATA; plugins store it unescaped."""
    monkeypatch.setattr(xml_file, "CHUNK", chunk)
    one = comment(comment_author_url=..., comment_content="A & b")
    one = one.replace("</wp:comment>", f"<wp:comment_author_url>{written}</wp:comment_author_url></wp:comment>")
    found = [record for _, record in rows(whole(item(one, one)))]
    assert [record.author_website for record in found] == [website] * 2
    assert [record.text for record in found] == ["A & b"] * 2
