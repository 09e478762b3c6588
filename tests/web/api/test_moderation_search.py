"""`q` and `status` of GET moderation/comments: one comment by its number, and all statuses together."""

import pytest

from commentsvc.core.status import Status


@pytest.fixture
def search(client, alice, token):
    def get(**query):
        answer = client.get("/api/v1/moderation/comments", query_string={"site": "blog", **query}, headers=token(alice))
        return answer.status_code, [comment["id"] for comment in answer.json.get("comments", [])]

    return get


def test_a_number_or_permalink_finds_the_comment_whatever_its_status(make_comment, search):
    ids = [make_comment(status=status, body=f"About {status}") for status in Status]
    for comment_id in ids:
        for query in (f"id:{comment_id}", f"https://blog.example/post#comment-{comment_id}"):
            assert search(q=query) == (200, [comment_id])
            assert search(q=query, status="flagged") == (200, [comment_id])
    assert search(q="id:12345") == (200, [])
    assert search(q="id:0x1")[0] == 422


def test_any_status_lists_all_in_order_and_in_pages(client, make_comment, search, alice, token):
    ids = [make_comment(status=status, body=f"About {status}") for status in Status]
    assert search(status="any") == (200, ids[::-1])
    assert search(status="any", sort="oldest", q="about") == (200, ids)
    found, cursor = [], ""
    while True:
        query = {"site": "blog", "status": "any", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = client.get("/api/v1/moderation/comments", query_string=query, headers=token(alice)).json
        found += [comment["id"] for comment in page["comments"]]
        cursor = page["next"]
        if not cursor:
            break
    assert found == ids[::-1]


def test_comments_of_other_sites_are_not_found_by_number(make_comment, search, other_site):
    assert search(q=f"id:{make_comment(on=other_site)}") == (200, [])
