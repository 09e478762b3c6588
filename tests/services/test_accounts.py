"""Erasing an account: all data that must go with it."""

from sqlalchemy import select

from commentsvc.services import accounts
from commentsvc.store.db import db
from commentsvc.store.second_factors import FactorKind, SecondFactor
from commentsvc.store.transactions import write
from tests.support.cast import service_config


def test_erasing_an_account_forgets_its_second_factors_and_nobody_elses(bob, mallory, now):
    with write():
        for account in (bob, mallory):
            for kind in FactorKind:
                db.session.add(
                    SecondFactor(account_id=account.id, kind=kind, name="phone", secret=b"seed", created_at=now)
                )
    bobs, mallorys = bob.id, mallory.id
    accounts.erase(bobs, keeps_comments=True, now=now, config=service_config())
    db.session.rollback()
    assert [f.account_id for f in db.session.scalars(select(SecondFactor))] == [mallorys] * len(FactorKind)
