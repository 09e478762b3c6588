"""Exports and their way back: everything of a site leaves, comes in elsewhere, and leaves the same again."""

import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from sqlalchemy import select, update

from commentsvc.core.errors import BadFile, NotFound
from commentsvc.core.policy import Mode
from commentsvc.core.status import Status
from commentsvc.services import exports, import_lines, recounts
from commentsvc.store import sites
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import write
from tests.support import imports as file_imports
from tests.support import random_site
from tests.support.cast import add_site
from tests.support.wordpress import HEAD, comment_xml, item_xml


def quiet(*_):
    pass


@pytest.fixture
def exported(tmp_path, now):
    """Exports a site to a file; gives its path and its lines without the header."""

    def write(key):
        path = tmp_path / f"{key}.jsonl"
        path.write_text("".join(exports.json_lines(key, now)), "utf-8")
        return path, path.read_text("utf-8").splitlines()[1:]

    return write


@pytest.fixture
def imported(now):
    def run(path, key, is_dry_run=False):
        report = import_lines.run(path, sites.by_key(key), is_dry_run, quiet, ActorKind.COMMAND_LINE, now)
        db.session.expire_all()
        return report

    return run


def wrong_counts(key):
    found = recounts.check(sites.by_key(key), lambda _: None)
    return [one.difference for one in found]


@pytest.mark.parametrize("seed", range(6))
def test_an_export_comes_back_byte_for_byte_and_all_counts_are_right(app, now, exported, imported, seed):
    random_site.fill("old", seed, now)
    path, before = exported("old")
    add_site("new", "https://new.example", Mode.ALL, now)
    report = imported(path, "new")
    assert report.problems == []
    assert exported("new")[1] == before
    assert wrong_counts("new") == []
    kinds = Counter(json.loads(line)["type"] for line in before)
    assert set(kinds) == {"site", "rule", "author", "member", "thread", "comment", "decision", "report", "vote"}
    assert (report.read, report.added, report.known, report.left_out) == (kinds["comment"], kinds["comment"], 0, 0)


def test_importing_twice_adds_nothing(app, now, exported, imported):
    random_site.fill("old", 3, now)
    path, before = exported("old")
    add_site("new", "https://new.example", Mode.ALL, now)
    imported(path, "new")
    again = imported(path, "new")
    assert (again.added, again.known) == (0, again.read)
    assert exported("new")[1] == before
    own = imported(path, "old")
    assert (own.added, own.known) == (0, own.read)
    assert exported("old")[1] == before
    assert wrong_counts("new") == wrong_counts("old") == []


def test_a_dry_run_counts_and_changes_nothing(app, now, exported, imported):
    random_site.fill("old", 4, now)
    path, _ = exported("old")
    add_site("new", "https://new.example", Mode.ALL, now)
    empty = exported("new")[1]
    report = imported(path, "new", is_dry_run=True)
    assert report.added == report.read > 0
    assert exported("new")[1] == empty


def test_an_export_that_was_cut_off_changes_nothing(app, now, exported, imported):
    random_site.fill("old", 5, now)
    path, lines = exported("old")
    add_site("new", "https://new.example", Mode.ALL, now)
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 2, len(whole) - len(lines[-1].encode()) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadFile):
            imported(path, "new")
    assert db.session.scalar(select(Comment.id).where(Comment.site_id == sites.by_key("new").id)) is None


def test_html_of_a_file_is_cleaned_again(app, site, now, exported, imported, make_comment):
    make_comment(body="Innocent")
    path, _ = exported("blog")
    path.write_text(path.read_text().replace("<p>Innocent</p>", "<p onclick=x()>Guilty<script>y()</script></p>"))
    add_site("new", "https://new.example", Mode.ALL, now)
    imported(path, "new")
    html = db.session.scalar(select(Comment.html).where(Comment.site_id == sites.by_key("new").id))
    assert "<p>Guilty" in html and "onclick" not in html and "<script" not in html


def test_nothing_of_another_site_is_in_an_export(app, site, other_site, now, make_comment, exported):
    make_comment(body="ours alone")
    make_comment(body="of the others", on=other_site)
    text = "\n".join(exported("blog")[1])
    assert "ours alone" in text and "of the others" not in text and other_site.key not in text


def test_an_unknown_site_has_no_export(app, now):
    with pytest.raises(NotFound):
        list(exports.json_lines("nobody", now))


def shown(key):
    """Comments of a site as other systems know them: page, text, author, time, status, and the parent's text."""
    rows = db.session.scalars(select(Comment).where(Comment.site_id == sites.by_key(key).id)).all()
    text = {row.id: row.html for row in rows}
    return Counter(
        (
            row.thread.key, text_of(row.html), row.author_name, row.author_email, f"{row.created_at:%Y-%m-%d %H:%M:%S}",
            row.status, text_of(text.get(row.parent_id, "")),
        )
        for row in rows
    )  # fmt: skip


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


@pytest.mark.parametrize("format", ["wordpress", "disqus", "isso"])
def test_an_export_for_another_system_has_what_that_knows(app, now, tmp_path, format):
    random_site.fill("old", 2, now)
    path = tmp_path / "export"
    path.write_text("".join(exports.WRITERS[format]("old", now)), "utf-8")
    add_site("new", "https://new.example", Mode.ALL, now)
    report = file_imports.run(path, sites.by_key("new"), now, format=format)
    db.session.expire_all()
    wanted = shown("old")
    if format == "wordpress":
        trash = {Status.REJECTED: Status.DELETED}
        wanted = Counter({(*one[:5], trash.get(one[5], one[5]), one[6]): n for one, n in wanted.items()})
        without_text = [one for one in wanted if not one[1]]
    else:
        kept = {"disqus": (Status.APPROVED, Status.SPAM, Status.DELETED), "isso": (Status.APPROVED,)}[format]
        wanted = Counter({one: n for one, n in wanted.items() if one[5] in kept})
        without_text = []
    found = shown("new")
    flat = Counter((*one[:6],) for one in wanted.elements() if one not in without_text)
    assert Counter((page(one[0]), *one[1:6]) for one in found.elements()) == Counter(
        (page(one[0]), *one[1:6]) for one in flat.elements()
    )
    assert not [one for one in report.problems if one.outcome == "left out" and "no text" not in one.reason]


def page(key):
    return key if key.startswith("/") else f"/{key}"


def test_text_that_ends_cdata_or_is_no_xml_goes_out_and_comes_back(site, now, make_comment, tmp_path):
    make_comment(body="a ]]> b &amp; <c>", title="T ]]> & <t>")
    path = tmp_path / "export.xml"
    path.write_text("".join(exports.WRITERS["wordpress"]("blog", now)), "utf-8")
    add_site("new", "https://new.example", Mode.ALL, now)
    file_imports.run(path, sites.by_key("new"), now)
    html = db.session.scalar(select(Comment.html).where(Comment.site_id == sites.by_key("new").id))
    assert html.strip() == db.session.scalar(select(Comment.html).where(Comment.site_id == site.id)).strip()


def wordpress_export(now):
    return ElementTree.fromstring("".join(exports.WRITERS["wordpress"]("blog", now)))


WP = "{http://wordpress.org/export/1.2/}"


def test_wordpress_gets_parents_before_their_replies(site, now, tmp_path):
    """Its importer adds comments in order of their ids, and a reply to one that comes later loses its parent."""
    path = tmp_path / "export.xml"
    chain = [comment_xml(4, 2), comment_xml(1, 4), comment_xml(2), comment_xml(3), comment_xml(5, 1)]
    for comment, words in zip(chain, ("child", "grandchild", "top", "other", "deepest"), strict=True):
        chain[chain.index(comment)] = comment.replace("Hello", words)
    path.write_text(HEAD.format(base="https://old.example") + item_xml(*chain) + "</channel></rss>")
    file_imports.run(path, site, now)
    found = [
        (
            int(one.findtext(f"{WP}comment_id")),
            int(one.findtext(f"{WP}comment_parent")),
            one.findtext(f"{WP}comment_content"),
        )
        for one in wordpress_export(now).iter(f"{WP}comment")
    ]
    text_of_id = {number: text for number, _, text in found}
    assert all(parent < number for number, parent, _ in found)
    assert sorted(text_of_id) == sorted(db.session.scalars(select(Comment.id)))
    assert {(text, text_of_id.get(parent)) for _, parent, text in found} == {
        ("top", None), ("child", "top"), ("grandchild", "child"), ("deepest", "grandchild"), ("other", None),
    }  # fmt: skip


def test_wordpress_does_not_take_two_pages_for_one(site, now, make_comment):
    """Its importer takes posts of one title and time for one; MariaDB compares titles without case and accents."""
    for number, title in enumerate(["Same", "SAME", "Sâme ", "Other", "Same"]):
        make_comment(f"/{number}", title=title)
    with write():
        db.session.execute(update(Thread).values(created_at=now))
    posts = [
        (item.findtext("title"), item.findtext(f"{WP}post_date_gmt")) for item in wordpress_export(now).iter("item")
    ]
    times = [at for title, at in posts if title != "Other"]
    assert len(posts) == 5 and len(set(times)) == 4
    assert min(times) == dict(posts)["Other"] == f"{now:%Y-%m-%d %H:%M:%S}"


def test_a_title_is_text_in_wordpress_too(site, now, make_comment):
    titles = {"A <script> & R&D, &lt;": "A &lt;script> & R&amp;D, &amp;lt;", "0": "/1", "": "/2"}
    for number, title in enumerate(titles):
        make_comment(f"/{number}", title=title)
    assert [item.findtext("title") for item in wordpress_export(now).iter("item")] == list(titles.values())


def test_each_line_is_as_the_documented_schema_says(app, now):
    schema = json.loads((Path(__file__).parents[2] / "docs" / "export-format.schema.json").read_text())
    random_site.fill("old", 1, now)
    validator = jsonschema.Draft202012Validator(schema)
    for line in exports.json_lines("old", now):
        assert [error.message for error in validator.iter_errors(json.loads(line))] == []
