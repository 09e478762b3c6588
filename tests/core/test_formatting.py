"""docs/formatting.md says what readers see of what commenters type; here its tables are tried."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from commentsvc.core import linkify, sanitizer
from commentsvc.core.text_direction import with_direction

DOCS = Path(__file__).parents[2] / "docs" / "formatting.md"
ROW = re.compile(r"^\| `(?P<typed>.+)` \| (?P<shown>.+) \|$", re.M)
CASES = [
    (found["typed"].replace("\\|", "|"), found["shown"].replace("\\|", "|"))
    for found in ROW.finditer(DOCS.read_text(encoding="utf-8"))
]


class Shown(HTMLParser):
    """What a reader sees, in the notation of docs/formatting.md."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.blocks = [""]
        self.numbers = []  # of each open list; None for one without numbers
        self.quotes = 0
        self.feed(html)
        self.close()

    def begin(self):
        """Start a block, unless the last one has nothing but its signs."""
        if self.blocks[-1].strip(" ❝•0123456789."):
            self.blocks.append("")
        self.blocks[-1] = self.blocks[-1] or "❝ " * self.quotes

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in ("ol", "ul"):
            self.numbers.append(int(values.get("start", 1)) - 1 if tag == "ol" else None)
        elif tag == "blockquote":
            self.begin()
            self.quotes += 1
            self.blocks[-1] += "❝ "
        elif tag in ("p", "pre", "th", "td", "li"):
            self.begin()
        elif tag == "hr":
            self.blocks += ["―", ""]
        if tag == "li" and self.numbers[-1] is None:
            self.blocks[-1] += "" if values.get("class") == "task" else "• "
        elif tag == "li":
            self.numbers[-1] = int(values.get("value", self.numbers[-1] + 1))
            self.blocks[-1] += f"{self.numbers[-1]}. "
        self.blocks[-1] += {"a": "[", "strong": "𝗯", "em": "𝘪", "br": " ", "pre": "⌨"}.get(tag, "")

    def handle_endtag(self, tag):
        if tag in ("ol", "ul"):
            self.numbers.pop()
        elif tag == "blockquote":
            self.quotes -= 1
        if tag in ("p", "pre", "th", "td", "li", "blockquote") and self.blocks[-1]:
            self.blocks.append("")
        self.blocks[-1] += "]" if tag == "a" else ""

    def handle_data(self, data):
        if data.strip("\n"):
            self.blocks[-1] += data.replace("\n", "")


def shown(html):
    return " / ".join(block.strip() for block in Shown(html).blocks if block.strip())


@pytest.mark.parametrize(("typed", "seen"), CASES)
def test_readers_see_what_the_docs_say(typed, seen):
    source = typed.replace("↵", "\n").replace("␣", " ").replace("⇥", "\t")
    for variant in (source, source.replace("\n", "\r\n"), source.replace("\n", "\r")):
        assert shown(sanitizer.to_html(variant)) == seen
    assert typed in sanitizer.to_html(f"```\n{typed}\n```").replace("&lt;", "<").replace("&gt;", ">").replace(
        "&amp;", "&"
    )


def test_the_docs_have_their_cases():
    assert len(CASES) > 90


@pytest.mark.parametrize(("typed", "seen"), [case for case in CASES if "://" in case[0] or "www." in case[0]])
def test_imported_text_has_its_addresses_linked_alike(typed, seen):
    if "*" not in typed and "<" not in typed and "&" not in typed and "](" not in typed and "]:" not in typed:
        assert shown(sanitizer.html_to_html(typed)) == seen


@pytest.mark.parametrize("text", [typed for typed, _ in CASES] + ["", "https://a.example" * 3, "a@b.example" * 3])
def test_the_parts_of_a_text_are_the_whole_text(text):
    assert "".join(words for words, _ in linkify.parts(text)) == text


def test_task_lists_and_tables_are_marked_up():
    assert sanitizer.to_html("- [x] a") == '<ul>\n<li class="task">☑ a</li>\n</ul>\n'
    table = sanitizer.to_html("a | b\n:-: | -:\n1 | `2`")
    assert '<th align="center">a</th>' in table and '<td align="right"><code>2</code></td>' in table


def test_a_wide_table_of_short_lines_does_not_swell():
    source = "|".join("a" * 500) + "\n" + "|".join("-" * 500) + "\n" + "x\n" * 4_000
    assert len(sanitizer.to_html(source)) < 100_000


@pytest.mark.parametrize(
    ("html", "directed"),
    [
        ("<p>a</p><p>b</p>", '<p dir="auto">a</p><p dir="auto">b</p>'),
        ("<blockquote><p>a</p></blockquote>", '<blockquote dir="auto"><p>a</p></blockquote>'),
        ('<ol start="2"><li>a</li></ol>', '<ol dir="auto" start="2"><li>a</li></ol>'),
        ("<pre><code>a</code></pre><p>b</p>", '<pre><code>a</code></pre><p dir="auto">b</p>'),
        ("<table><tbody></tbody></table>", '<table dir="auto"><tbody></tbody></table>'),
    ],
)
def test_each_outermost_block_has_its_own_direction(html, directed):
    assert with_direction(html) == directed
