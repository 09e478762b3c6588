"""The text that we write for WordPress shows the same lines there, and gives the same HTML when it comes back."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsvc.core import sanitizer
from commentsvc.core.wordpress_html import from_html

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "one",
                "two",
                " ",
                "  ",
                "\n",
                "\n\n",
                "&",
                "<",
                "&amp;lt;",
                "https://a.test/?b=1&amp;c=2",
                "日本語",
                "🙂",
            ),
            *("<b>", "</b>", "<em>", "</em>", "<code>", "</code>", "<br>", "<hr>", "<p>", "</p>"),
            *('<a href="https://b.test/?a=1&amp;copy=2" title="&quot;">', "</a>", "<pre>\n  one\n\n<b>two</b></pre>"),
            *("<blockquote>", "</blockquote>", "<ul>", "</ul>", '<ol start="3">', "</ol>", "<li>", "</li>"),
        ]
    ),
    max_size=30,
).map("".join)
# What WordPress keeps of a commenter, and of a person who imports but may not write any HTML: $allowedtags in kses.php.
KEPT = "a abbr acronym b blockquote cite code del em i q s strike strong".split()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a<br>b</p><p>c</p>", "a\nb\n\nc"),
        ("<p>a<br>\nb</p>\n<p>c\nd</p>\n", "a\nb\n\nc d"),
        ("<p>a &lt;b&gt; &amp; c</p>", "a &lt;b&gt; &amp; c"),
        ("<p><code>if:<br>    run</code></p>", "<code>if:\n    run</code>"),
        ("<blockquote>\n<p>a</p>\n<p>b</p>\n</blockquote>\n<p>c</p>", "<blockquote>a\n\nb</blockquote>\n\nc"),
        ("<ul><li>a</li><li>b<br>c</li></ul><p>d</p>", "<ul>\n<li>a</li>\n<li>b\nc</li>\n</ul>\n\nd"),
        ("<pre><code>a\n\n  b\n</code></pre><p>c</p>", "<pre><code>a\n\n  b\n</code></pre>\n\nc"),
        ("<p>a</p><hr><p>b</p>", "a\n\n<hr>\n\nb"),
        (sanitizer.to_html("a\n\n|b|c|\n|-|-|\n|*d*|e|\n||f|\n\ng"), "a\n\nb | c\n<em>d</em> | e\n | f\n\ng"),
        (sanitizer.to_html("```python\nx = 'y'\n```"), "<pre><code class=\"language-python\">x = 'y'\n</code></pre>"),
        (
            '<p><a href="https://a.test/?b=1&amp;c=2" title="&quot;" rel="nofollow">a</a> b</p>',
            '<a href="https://a.test/?b=1&amp;c=2" title="&quot;">a</a> b',
        ),
    ],
)
def test_paragraphs_and_lines_become_newlines(html, text):
    assert from_html(html) == text


def lines(html):
    """The lines that a visitor sees: WordPress breaks them at newlines outside of tags too."""
    text = re.sub(r"</?(?:p|br|hr|pre|blockquote|ul|ol|li)\b[^>]*>", "\n", html)
    words = (re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", line)).strip() for line in text.split("\n"))
    return [line for line in words if line]


@settings(deadline=None, database=None, max_examples=300)
@given(PIECES)
def test_the_same_html_comes_back(source):
    html = sanitizer.html_to_html(source)
    again = sanitizer.html_to_html(from_html(html))
    assert without_space(again) == without_space(html)


BLOCK = r"</?(?:p|br|hr|pre|blockquote|ul|ol|li)\b[^>]*>"
INLINE = r"</?(?:b|em|code|a)\b[^>]*>"


def without_space(html):
    """HTML without the spaces that browsers do not show: those at the ends of lines, and a second one."""
    html = re.sub(" +", " ", html)
    html = re.sub(rf"((?:^|{BLOCK})(?:{INLINE})*)\s+", r"\1", html)
    return re.sub(rf"\s+((?:{INLINE})*(?:{BLOCK}|$))", r"\1", html)


@settings(deadline=None, database=None, max_examples=300)
@given(PIECES)
def test_lines_stay_apart_where_wordpress_removes_tags(source):
    html = sanitizer.html_to_html(source)
    kept = re.sub(rf"</?(?!(?:{'|'.join(KEPT)})\b)[a-z][^>]*>", "", from_html(html))
    assert lines(kept) == lines(html)
