"""Second factors: adding and removing them, and proving by one that a browser session is its owner's."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta

from commentsvc.core import text, tokens, totp
from commentsvc.core.errors import Conflict, Invalid, NotFound, NotSignedIn
from commentsvc.core.phrases import phrase
from commentsvc.gateways import passkeys
from commentsvc.gateways.passkeys import Party, Passkey
from commentsvc.store import factors, journal, people
from commentsvc.store.db import begin_write, db, retried
from commentsvc.store.factors import NAME_MAX, Factor, Kind
from commentsvc.store.people import Account, Session

TRIES_MAX = 5  # wrong codes in a row, after which the session ends
FRESH_FOR = timedelta(minutes=15)
RECOVERY_CODES = 10
_FOR_EVER_S = 10**9
WRONG = phrase("This code is not right, or was used before. Take the newest from your app, or a recovery code.")


def add_totp(account: Account, session_id: int, seed: str, code: str, key: str, ip: str, now: datetime) -> list[str]:
    """Add an authenticator app once it has shown that it has the seed; gives recovery codes with the first factor.

    Raises Invalid for a code that is not right.
    """
    step = totp.find_step(seed, "".join(code.split()), now.timestamp(), after=0)
    if step is None:
        raise Invalid("code", "This code is not right. Is the clock of your phone?")
    sealed = tokens.sealed(key, "totp", {"seed": seed}).encode()
    return _add(
        account, session_id, Factor(kind=Kind.TOTP, name="Authenticator app", secret=sealed, counter=step), ip, now
    )


def add_passkey(
    account: Account, session_id: int, party: Party, name: str, answer: str, challenge: str, ip: str, now: datetime
) -> list[str]:
    """Add a passkey that the browser has just made; gives recovery codes with the first factor."""
    name = text.line(name, "name", "The name", NAME_MAX, required=False) or "Passkey"
    try:
        made = passkeys.made(party, answer, challenge)
    except ValueError:
        raise Invalid("passkey", "The passkey could not be made. Please try again.") from None
    row = Factor(kind=Kind.PASSKEY, name=name, secret=made.public_key, counter=made.count)
    row.credential_id = made.credential_id
    return _add(account, session_id, row, ip, now)


@retried
def remove(account: Account, factor_id: int, ip: str, now: datetime) -> None:
    """Take a second factor away; with the last one the recovery codes go too."""
    begin_write()
    people.locked(account.id)
    found = next((f for f in factors.locked(account.id, Kind.TOTP, Kind.PASSKEY) if f.id == factor_id), None)
    if found is None:
        raise NotFound("This is no second factor of yours.")
    db.session.delete(found)
    db.session.flush()
    if not factors.is_protected(account.id):
        factors.forget_all(account.id)
    journal.add("factor", now, by=account, subject=found.name, before={"kind": found.kind}, ip=ip)
    db.session.commit()


@retried
def new_recovery_codes(account: Account, ip: str, now: datetime) -> list[str]:
    """Ten codes that each work once, in place of all there were; they are shown this once."""
    begin_write()
    people.locked(account.id)
    if not factors.is_protected(account.id):
        raise Conflict("Add an app or a passkey first; the codes are for when you lose it.", "no-factor")
    codes = _recovery_codes(account.id, now)
    journal.add("factor", now, by=account, subject="Recovery codes", after={"kind": "recovery"}, ip=ip)
    db.session.commit()
    return codes


@retried
def by_code(account: Account, session_id: int, code: str, key: str, ip: str, now: datetime) -> None:
    """Prove a session by an app's code or a recovery code.

    Raises Invalid; every try counts, and after TRIES_MAX wrong ones the session ends (NotSignedIn).
    """
    begin_write()
    people.hold(account.id)
    typed = "".join(code.split()).replace("-", "").upper()
    session = db.session.get_one(Session, session_id, with_for_update={"of": Session})
    used = _totp_of(account, typed, key, now) or _recovery_of(account, typed)
    if used is None:
        session.tries += 1
        journal.add("factor", now, by=account, subject="A wrong code", ip=ip)
        is_over = session.tries >= TRIES_MAX
        if is_over:
            session.ended_at = now
        db.session.commit()
        if is_over:
            raise NotSignedIn(phrase("Too many wrong codes. Sign in again from the beginning."))
        raise Invalid("code", WRONG)
    _prove(session, used, account, ip, now)


@retried
def by_passkey(
    account: Account, session_id: int, party: Party, answer: str, challenge: str, ip: str, now: datetime
) -> None:
    """Prove a session by a passkey; raises Invalid when the browser's answer does not."""
    begin_write()
    people.hold(account.id)
    session = db.session.get_one(Session, session_id, with_for_update={"of": Session})
    try:
        found = factors.by_credential(account.id, passkeys.credential_of(answer))
        key = Passkey(found.credential_id or b"", found.secret, found.counter)
        found.counter = passkeys.shown(party, answer, challenge, key)
    except (ValueError, NotFound):
        raise Invalid("passkey", phrase("This passkey did not work here. Try again, or type a code.")) from None
    _prove(session, found, account, ip, now)


def is_fresh(session: Session, now: datetime) -> bool:
    """Whether the person behind the session has shown who they are a short while ago."""
    return max(session.created_at, session.proved_at or session.created_at) > now - FRESH_FOR


@retried
def _add(account: Account, session_id: int, row: Factor, ip: str, now: datetime) -> list[str]:
    begin_write()
    people.locked(account.id)
    is_first = not factors.is_protected(account.id)
    row.account_id, row.created_at = account.id, now
    db.session.add(row)
    db.session.flush()
    codes = _recovery_codes(account.id, now) if is_first else []
    db.session.get_one(Session, session_id).proved_at = now
    journal.add("factor", now, by=account, subject=row.name, after={"kind": row.kind}, ip=ip)
    db.session.commit()
    return codes


def _recovery_codes(account_id: int, now: datetime) -> list[str]:
    for old in factors.locked(account_id, Kind.RECOVERY):
        db.session.delete(old)
    codes = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    for code in codes:
        values = {"kind": Kind.RECOVERY, "name": "Recovery code", "secret": tokens.digest(code), "created_at": now}
        db.session.add(Factor(account_id=account_id, counter=0, **values))
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


def _totp_of(account: Account, code: str, key: str, now: datetime) -> Factor | None:
    for found in factors.locked(account.id, Kind.TOTP):
        sealed = tokens.unsealed(key, "totp", found.secret.decode(), _FOR_EVER_S)
        step = totp.find_step(sealed["seed"], code, now.timestamp(), found.counter) if sealed else None
        if step is not None:
            found.counter = step
            return found
    return None


def _recovery_of(account: Account, code: str) -> Factor | None:
    wanted = tokens.digest(code)
    unused = (f for f in factors.locked(account.id, Kind.RECOVERY) if f.used_at is None)
    return next((f for f in unused if f.secret == wanted), None)


def _prove(session: Session, used: Factor, account: Account, ip: str, now: datetime) -> None:
    used.used_at = now
    session.proved_at, session.tries = now, 0
    journal.add("sign-in", now, by=account, subject=used.name, after={"second factor": used.kind}, ip=ip)
    db.session.commit()
