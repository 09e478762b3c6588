"""`form=0` of the fragment: the same comments for a static build, without anything that needs a script."""

import re

FRAGMENT = "/embed/v1/comments?site=blog&thread=/post"


def test_a_copy_without_the_form_has_the_comments_and_links_alone(client, make_comment):
    root = make_comment(body="The root")
    make_comment(parent=root, body="The reply", name="Dave")
    whole, copy = client.get(FRAGMENT), client.get(f"{FRAGMENT}&form=0")
    assert whole.text == client.get(f"{FRAGMENT}&form=1").text
    assert "<form" in whole.text and "<button" in whole.text
    assert not re.search(r"<(form|button|input|select|textarea)", copy.text)
    for shown in (whole, copy):
        assert "The root" in shown.text and "The reply" in shown.text
    assert f"reply_to={root}" in copy.text, "a reader without scripts replies on the hosted page"


def test_another_value_is_refused(client, site):
    answer = client.get(f"{FRAGMENT}&form=no")
    assert answer.status_code == 422
    assert "form is 1, or 0" in answer.text
