"""Origins and wildcards: one label below a name that belongs to one registrant, and nothing that only looks like it."""

import pytest

from commentsvc.core import origins
from commentsvc.core.errors import Invalid

PREVIEWS = "https://*.example.netlify.app"
BLOG = "https://blog.example"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (PREVIEWS, PREVIEWS),
        (" HTTPS://*.Preview.Blog.Example:443/ ", "https://*.preview.blog.example"),
        ("http://*.blog.example:4000", "http://*.blog.example:4000"),
        ("https://*.my-blog.co.uk", "https://*.my-blog.co.uk"),
        ("https://*.my-blog.github.io", "https://*.my-blog.github.io"),
        ("https://*.city.kawasaki.jp", "https://*.city.kawasaki.jp"),
    ],
)
def test_a_wildcard_below_ones_own_name_is_taken(written, stored):
    assert origins.normal_list([BLOG, written]) == [BLOG, stored]


@pytest.mark.parametrize(
    "suffix",
    ["netlify.app", "github.io", "pages.dev", "vercel.app", "co.uk", "com", "localhost", "example", "kawasaki.jp",
     "blogspot.com", "xn--55qx5d.cn", "NETLIFY.APP", "netlify.app:8443", "compute.amazonaws.com"],
)  # fmt: skip
def test_a_wildcard_below_a_public_suffix_is_refused_with_the_reason(suffix):
    with pytest.raises(Invalid, match="pages of other people"):
        origins.normal_list([BLOG, f"https://*.{suffix}"])


@pytest.mark.parametrize(
    "written",
    ["https://*", "*", "https://*.", "https://**.blog.example", "https://*.*.blog.example", "https://a.*.blog.example",
     "https://a*.blog.example", "https://*blog.example", "*.blog.example", "ftp://*.blog.example",
     "https://*.blog.example/path", "https://*.user@blog.example", "https://*.0.0.1", "https://*.[::1]",
     "https://*..blog.example", "https://*.blog.example.", "https://*.blog.example:99999"],
)  # fmt: skip
def test_a_wildcard_of_another_form_is_refused(written):
    with pytest.raises(Invalid):
        origins.normal_list([BLOG, written])


def test_a_site_needs_a_whole_address_besides():
    with pytest.raises(Invalid, match="A wildcard alone is not enough"):
        origins.normal_list([PREVIEWS])
    with pytest.raises(Invalid, match="Enter at least one address") as refused:
        origins.normal_list([" "])
    assert refused.value.problems[0][0] == "origins"


@pytest.mark.parametrize("origin", ["https://a.example.netlify.app", "https://deploy-7.example.netlify.app", BLOG])
def test_a_preview_is_one_label_below(origin):
    assert origins.allows([BLOG, PREVIEWS], origin)


@pytest.mark.parametrize(
    "origin",
    ["https://example.netlify.app", "https://a.b.example.netlify.app", "http://a.example.netlify.app",
     "https://a.example.netlify.app:8443", "https://.example.netlify.app", "https://aexample.netlify.app",
     "https://a.example.netlify.app.evil.test", "https://evil.test/.example.netlify.app",
     "https://a/b.example.netlify.app", "https://u:p@a.example.netlify.app", "https://a\\.example.netlify.app",
     "https://A.example.netlify.app", "https://a.example.netlify.app\n", "null", "", PREVIEWS, "https://*.blog.example",
     "https://a.blog.example"],
)  # fmt: skip
def test_nothing_else_is(origin):
    assert not origins.allows([BLOG, PREVIEWS], origin)
