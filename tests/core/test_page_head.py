"""What a page says about itself, read from HTML as it is found on the web."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import page_head
from commentsvc.core.policy import TITLE_MAX

HERE = "https://blog.example/a/post"


def head_of(html, content_type="text/html; charset=utf-8", address=HERE):
    return page_head.read(html if isinstance(html, bytes) else html.encode(), content_type, address)


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>A post</title>", "A post"),
        ("<TITLE lang=en\n>\n  A\tpost \u00a0 of&nbsp;mine\n</Title >", "A post of mine"),
        ("<title>Fish &amp; chips &#8211; &lt;b&gt;best&lt;/b&gt; &copy</title>", "Fish & chips – <b>best</b> ©"),
        ("<title>1 < 2 <b>really</b></title>", "1 < 2 <b>really</b>"),
        ("<!-- <title>old</title> --><title>New</title>", "New"),
        ("<script>var x = '<title>no</title>'</script><style>/*<title>n</title>*/</style><title>Yes</title>", "Yes"),
        ("<body><svg><title>a star</title></svg><h1>Post</h1>", ""),
        ("<template><title>no</title></template><noscript><title>no</title></noscript><title>Yes</title>", "Yes"),
        ("<title>First</title><title>Second</title>", "First"),
        ('<title>Post | Ann’s blog</title><meta property="og:title" content="Post &amp; more">', "Post & more"),
        ('<meta content="Post" property="OG:title"/><title>Post | Ann’s blog</title>', "Post"),
        ('<meta property="og:title" content=" "><title>Post</title>', "Post"),
        ("<title>a\u202eb\u0000c\u0007d 👍</title>", "abcd 👍"),
        ("<title></title>", ""),
        ("<title>never closed", ""),
        ("", ""),
        ("no HTML at all", ""),
        ('<title data-x=">">A post</title>', "A post"),
        ("<title>İstanbul</title><link rel=canonical href=/x>", "İstanbul"),
    ],
)  # fmt: skip
def test_the_title(html, title):
    assert head_of(html).title == title


def test_a_long_title_is_cut():
    assert head_of(f"<title>{'x' * 2000}</title>").title == "x" * TITLE_MAX


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<title>Käse 日本</title>".encode(), "text/html; charset=utf-8"),
        ("<title>Käse 日本</title>".encode(), "text/html"),
        ('<meta charset="utf-8"><title>Käse 日本</title>'.encode(), "text/html"),
        ("\ufeff<title>Käse 日本</title>".encode(), "text/html; charset=iso-8859-1"),
        ("<title>Käse 日本</title>".encode("utf-16"), "text/html"),
        ("<title>Käse 日本</title>".encode("utf-16-be"), "text/html; charset='UTF-16BE'"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=x-sjis"><title>日本</title>'.encode("cp932"), ""),
        ("<title>日本</title>".encode("euc-jp"), "text/html;charset=EUC-JP"),
        ("<title>“Käse”</title>".encode("cp1252"), "text/html; charset=ISO-8859-1"),
        ("<title>“Käse”</title>".encode("cp1252"), "text/html; charset=no-such-thing"),
        ('<meta charset="utf-16"><title>Käse</title>'.encode(), "text/html"),
        ("<title>Käse</title><p>cut within a character: 日".encode()[:-1], "text/html"),
    ],
)
def test_the_title_in_each_encoding(body, content_type):
    assert head_of(body, content_type).title in ("Käse 日本", "日本", "“Käse”", "Käse")


@pytest.mark.parametrize(
    ("html", "canonical"),
    [
        ('<link rel="canonical" href="https://blog.example/post">', "https://blog.example/post"),
        ("<link href=../post?p=1&amp;q=2 rel='me CANONICAL'>", "https://blog.example/post?p=1&q=2"),
        ('<base href="https://other.example/x/"><link rel=canonical href="y">', "https://other.example/x/y"),
        ('<link rel="alternate" href="/feed">', ""),
        ('<link rel="canonical" href="https://[broken/">', ""),
        ('<link rel="canonical">', ""),
        ('<!--[if IE]><link rel="canonical" href="/old"><![endif]-->', ""),
    ],
)
def test_the_canonical_address(html, canonical):
    assert head_of(html).canonical == canonical


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0; url=https://blog.example/new/", "https://blog.example/new/"),
        ("0;URL='../new'", "https://blog.example/new"),
        ("3, /new", "https://blog.example/new"),
        ("300", ""),
        ("", ""),
    ],
)
def test_a_page_that_leads_on(content, target):
    assert head_of(f'<meta http-equiv="Refresh" content="{content}">').refresh == target


def test_the_elements_of_the_widget():
    found = head_of(
        '<comment-thread site="blog" title="A &amp; B" url="/x"></comment-thread><comment-thread thread=t />'
    )
    assert [(one.site, one.thread, one.title, one.url) for one in found.embedded] == [
        ("blog", "", "A & B", "/x"),
        ("", "t", "", ""),
    ]


@given(st.text(alphabet="<>!-/=\"' abtitlescriptmetalinkcanonical&#;İ\u202e\x00\n"))
def test_any_text_is_read_without_an_error(html):
    found = head_of(html.encode("utf-8", "surrogatepass"))
    assert found.title == " ".join(found.title.split())


@pytest.mark.parametrize("piece", ["<", "<!--", "<a ", "<a '", "<title>", "<title", "</title", "<svg>", "<a b=", "<a/"])
def test_a_page_made_to_take_long_is_read_in_one_pass(piece):
    """Quadratic work on a mebibyte would take hours."""
    assert head_of(piece * (2**20 // len(piece))).canonical == ""
