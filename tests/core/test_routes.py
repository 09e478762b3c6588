"""Paths: values fill the pattern, others become the query."""

import pytest

from commentsvc.core import routes


@pytest.mark.parametrize(
    ("pattern", "values", "path"),
    [
        (routes.DASHBOARD, {}, "/dashboard"),
        (routes.QUEUE, {"site_key": "blog"}, "/dashboard/blog"),
        (routes.RULE_SWITCH, {"site_key": "blog", "rule_id": 7}, "/dashboard/blog/rules/7/switch"),
        (routes.MAIL_UNDO, {"token": "1-act-ff", "lang": "de"}, "/m/1-act-ff/undo?lang=de"),
        (routes.INVITATION, {"token": "a/b?c"}, "/auth/join/a%2Fb%3Fc"),
        (routes.SIGN_IN, {"next": "/t/blog?thread=/p&x=1"}, "/auth/signin?next=%2Ft%2Fblog%3Fthread%3D%2Fp%26x%3D1"),
        (routes.AVATAR, {"name": "ab12"}, "/avatars/ab12.webp"),
    ],
)
def test_a_pattern_is_filled_and_other_values_become_the_query(pattern, values, path):
    assert routes.fill(pattern, **values) == path


def test_a_place_without_a_value_is_an_error():
    with pytest.raises(KeyError, match="site_key"):
        routes.fill(routes.QUEUE)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://blog.example/post", "https://blog.example/post#comment-3"),
        ("https://blog.example/post?p=1#top", "https://blog.example/post?p=1#comment-3"),
        ("", "https://c.example/t/blog?thread=%2Fa+post%3Fx%26y%23z#comment-3"),
        (None, "https://c.example/t/blog?thread=%2Fa+post%3Fx%26y%23z#comment-3"),
    ],
)
def test_a_comment_is_on_the_blogs_own_page_or_else_on_the_hosted_one(url, page):
    thread = routes.thread_page("https://c.example", "blog", "/a post?x&y#z", url)
    assert routes.comment_anchor(thread, 3) == page
