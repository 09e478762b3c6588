"""Proof of work: a right solution is known, everything else is not, and nothing malformed breaks it."""

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import proof_of_work
from commentsvc.core.errors import Invalid
from tests.support.cast import SECRET

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def encoded(document) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def decoded(solution) -> dict:
    return json.loads(base64.b64decode(solution))


@pytest.fixture(scope="module")
def solution() -> str:
    return proof_of_work.solve(proof_of_work.new(SECRET, "blog", NOW))


def test_a_right_solution_is_known_until_it_is_too_old(solution):
    proof = proof_of_work.proof(SECRET, "blog", solution, NOW)
    assert proof.expires_at == NOW + proof_of_work.LIFE
    assert proof_of_work.proof(SECRET, "blog", solution, NOW + proof_of_work.LIFE - timedelta(seconds=1)) == proof
    assert proof_of_work.proof(SECRET, "blog", solution, NOW + proof_of_work.LIFE) is None


def test_it_is_worth_nothing_on_another_site_or_with_another_secret(solution):
    assert proof_of_work.proof(SECRET, "other", solution, NOW) is None
    assert proof_of_work.proof("another secret, long enough", "blog", solution, NOW) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", 0),
        ("number", -1),
        ("number", 10**30),
        ("challenge", "0" * 64),
        ("signature", "0" * 64),
        ("salt", "0" * 24 + "?expires=9999999999"),
    ],
)
def test_a_changed_solution_is_worth_nothing(solution, name, value):
    assert proof_of_work.proof(SECRET, "blog", encoded({**decoded(solution), name: value}), NOW) is None


@pytest.mark.parametrize(
    "nonsense",
    ["", "x", "####", encoded([]), encoded({}), encoded(None), encoded({"salt": 1}), "A" * 3000, encoded("[" * 900)],
)
def test_what_is_no_solution_is_refused_by_name(nonsense):
    with pytest.raises(Invalid) as caught:
        proof_of_work.proof(SECRET, "blog", nonsense, NOW)
    assert caught.value.problems[0][0] == "challenge"


simple = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
json_values = st.recursive(simple, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner))


@given(st.dictionaries(st.sampled_from(["salt", "challenge", "number", "signature"]), json_values, max_size=4))
def test_no_document_breaks_it(document):
    with contextlib.suppress(Invalid):
        assert proof_of_work.proof(SECRET, "blog", encoded(document), NOW) is None


def test_two_challenges_are_never_the_same():
    assert proof_of_work.new(SECRET, "blog", NOW)["salt"] != proof_of_work.new(SECRET, "blog", NOW)["salt"]


@pytest.mark.parametrize("step", [1, -1])
def test_another_number_than_the_one_to_find_is_worth_nothing(solution, step):
    number = decoded(solution)["number"]
    wrong = number + step if 0 < number + step <= proof_of_work.NUMBER_MAX else number - step
    assert proof_of_work.proof(SECRET, "blog", encoded({**decoded(solution), "number": wrong}), NOW) is None
