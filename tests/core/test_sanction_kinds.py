"""Subjects of sanctions, and the authors that each subject matches."""

import pytest

from commentsvc.core import sanction_kinds
from commentsvc.core.errors import Invalid
from commentsvc.core.sanction_kinds import Subject, SubjectKind, subject, subjects_of


@pytest.mark.parametrize(
    ("kind", "value", "who"),
    [
        ("account", "7", (7, "", "")),
        ("email", " Carol@Example.org ", (None, "carol@example.org", "")),
        ("domain", "@example.org", (None, "carol@example.org", "")),
        ("domain", "example.org", (None, "carol@mail.example.org", "")),
        ("network", "192.0.2.7", (None, "", "192.0.2.7")),
        ("network", "192.0.2.0/24", (None, "", "192.0.2.200")),
        ("network", "10.0.0.0/8", (1, "x@example.net", "10.9.8.7")),
        ("network", "2001:db8:1::/48", (None, "", "2001:db8:1:2::3")),
        ("network", "2001:db8::1", (None, "", "2001:db8::1")),
    ],
)
def test_whoever_is_meant_is_found(kind, value, who):
    assert subject(kind, value) in subjects_of(*who)
    assert subject(kind, value) not in subjects_of(8, "mallory@other.example", "198.51.100.1")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("account", "carol"),
        ("email", "carol"),
        ("domain", "example"),
        ("domain", "a b.example"),
        ("network", "192.0.2.0/33"),
        ("network", "0.0.0.0/0"),
        ("network", "2001:db8::/33"),
        ("network", "home"),
        ("name", "Carol"),
    ],
)
def test_what_cannot_be_meant_is_refused(kind, value):
    with pytest.raises(Invalid) as caught:
        subject(kind, value)
    assert caught.value.problems[0][0] == "subject"


def test_nobody_in_particular_has_no_subjects_and_an_address_has_few():
    assert subjects_of(None, "", "") == []
    assert len(subjects_of(1, "a@b.example", "192.0.2.1")) < 32
    assert len(subjects_of(1, "a@b.example", "2001:db8::1")) < 20
    assert str(Subject(sanction_kinds.SubjectKind.EMAIL, "a@b.example")) == "email:a@b.example"


def test_a_suspension_has_an_end_and_a_kind_is_one_of_ours():
    assert sanction_kinds.check("ban", False) == "ban"
    for kind, has_end in (("suspend", False), ("exile", True)):
        with pytest.raises(Invalid):
            sanction_kinds.check(kind, has_end)


def test_what_a_sanction_names_for_an_author():
    def value(kind, **more):
        return sanction_kinds.value_of(
            kind, **{"account_id": 7, "email": "carol@mail.example", "ip": "192.0.2.7", **more}
        )

    assert value(SubjectKind.ACCOUNT) == "7"
    assert value(SubjectKind.EMAIL) == "carol@mail.example"
    assert value(SubjectKind.DOMAIN) == "mail.example"
    assert value(SubjectKind.NETWORK) == "192.0.2.7"
    for kind, more in ((SubjectKind.ACCOUNT, {"account_id": None}), (SubjectKind.DOMAIN, {"email": ""})):
        with pytest.raises(Invalid) as refused:
            value(kind, **more)
        assert refused.value.problems[0][0] == "subject_kind"
