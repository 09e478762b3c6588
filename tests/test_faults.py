"""The counting of `make faults`: it finds a lost, a doubled and a miscounted comment."""

import pytest

from tests.faults import counting
from tests.faults.counting import Found, count_comments, not_shown, recount
from tests.faults.load import Load
from tests.faults.setups import Machine, Setup


@pytest.fixture(params=["sqlite", "postgresql"])
def setup(request):
    with Machine() as machine, Setup(machine, request.param, postgres=request.param == "postgresql") as made:
        yield made.start()


def count(setup, load):
    found = Found()
    found.lost = len(not_shown(setup, load))
    count_comments(setup, found, set(load.acknowledged))
    recount(setup, found)
    return found.lost, found.doubled, found.differences


def test_what_is_lost_doubled_or_miscounted_is_found(setup, monkeypatch):
    load = Load(setup.service, "/post")
    first, second, third = (load.post_until_answered() for _ in range(3))
    assert len(load.acknowledged) == 3
    assert count(setup, load) == (0, 0, 0)

    # Nothing that is waited for will come any more.
    monkeypatch.setattr(counting, "LEARNT_MAX_S", 0.0)
    monkeypatch.setattr(counting, "SHOWN_MAX_S", 2.0)
    setup.change(f"UPDATE comment SET source = (SELECT source FROM comment WHERE id = {first}) WHERE id = {second}")
    setup.change("UPDATE thread SET count = 7")
    lost, doubled, differences = count(setup, load)
    assert (lost, doubled) == (1, 1)
    assert differences > 0

    setup.change(f"UPDATE comment SET is_shown = false WHERE id = {third}")
    setup.change("UPDATE thread SET version = version + 1")
    assert count(setup, load)[0] == 2
