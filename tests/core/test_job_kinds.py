"""Payloads of jobs: their form as JSON, also of rows that another version wrote."""

import json

import pytest

from commentsvc.core import job_kinds
from commentsvc.core.job_kinds import AvatarJob, ConfirmCommentJob, JobKind, MailJob, NoMailJob, TeachSpamServiceJob

MAIL = {"to": "carol@example.org", "subject": "S", "text": "T", "html": "<p>T</p>"}


@pytest.mark.parametrize(
    "payload",
    [
        MailJob("carol@example.org", "S", "T", "<p>T</p>", {"List-Unsubscribe": "<https://c.example/m>"}),
        NoMailJob("carol@example.org", "S", "T", "<p>T</p>"),
        AvatarJob(7, "https://pictures.example/1.png"),
        TeachSpamServiceJob(7, True),
        ConfirmCommentJob(7, "de"),
        ConfirmCommentJob(7, None),
    ],
)
def test_a_payload_survives_the_way_through_the_database(payload):
    stored = json.loads(json.dumps(job_kinds.to_json(payload)))
    assert job_kinds.from_json(payload.kind, stored) == payload


def test_every_kind_has_a_payload_class():
    assert set(job_kinds.PAYLOADS) == set(JobKind)


# Kind, payload as the first release with jobs wrote it.
OLDER = [
    ("mail", MAIL),
    ("no_mail", MAIL),
    ("picture", {"account_id": 1, "url": "https://pictures.example/1.png"}),
    ("learn", {"site_id": 1, "after_id": 0}),
    ("teach", {"comment_id": 1, "is_spam": False}),
    ("waiting", {"comment_id": 1}),
    ("answered", {"comment_id": 1}),
    ("confirm", {"subscription_id": 1}),
    ("confirm_comment", {"comment_id": 1, "language": None}),
]


@pytest.mark.parametrize(("kind", "stored"), OLDER)
def test_rows_of_an_older_version_are_readable(kind, stored):
    payload = job_kinds.from_json(JobKind(kind), stored)
    assert stored.items() <= job_kinds.to_json(payload).items()


def test_fields_of_a_newer_version_are_left_out():
    assert job_kinds.from_json(JobKind.MAIL, {**MAIL, "priority": 1}) == MailJob(**MAIL)


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (None, "no payload"),
        (["a"], "no payload"),
        ({}, "lacks"),
        ({**MAIL, "to": None}, "wrong “to”"),
        ({**MAIL, "subject": 7}, "wrong “subject”"),
        ({**MAIL, "headers": {"a": 1}}, "wrong “headers”"),
        ({"to": "carol@example.org"}, "lacks"),
    ],
)
def test_a_misshapen_payload_is_refused_without_its_values(stored, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        job_kinds.from_json(JobKind.MAIL, stored)
    assert "carol" not in str(caught.value)


def test_a_truth_value_is_no_number():
    with pytest.raises(ValueError, match="comment_id"):
        job_kinds.from_json(JobKind.TEACH_SPAM_SERVICE, {"comment_id": True, "is_spam": True})
