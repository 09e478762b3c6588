"""Second factors: adding and removing them, and proving by one that a browser session is its owner's."""

from __future__ import annotations

import base64
import math
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from commentsvc.core import text_input, tokens, totp
from commentsvc.core.errors import Conflict, Invalid, NotFound, NotSignedIn, TooMany
from commentsvc.core.phrases import counted, phrase
from commentsvc.gateways import passkeys
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.gateways.passkeys import Party, Passkey
from commentsvc.services import mail_queue
from commentsvc.store import accounts, audit_log, second_factors, sessions
from commentsvc.store.accounts import Account
from commentsvc.store.db import db
from commentsvc.store.second_factors import NAME_MAX, FactorKind, SecondFactor
from commentsvc.store.sessions import Session
from commentsvc.store.transactions import retried, write

TRIES_MAX = 5  # wrong codes in a row, after which the session ends
# Wrong tries of an account in a row, over all its sessions, that cost nothing. After each further one nothing is looked
# at for as long as WAITS says, and then for its last value: at most ten tries in the first hour and one in each later
# hour. It takes the first factor to make somebody wait, and no wait is longer than an hour.
FREE_MISSES = 5
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 60))
MISSES_LIFE = timedelta(days=1)  # after a day without a wrong try they count no more
FRESH_FOR = timedelta(minutes=15)
RECOVERY_CODES = 10
RECOVERY_BYTES = 15  # 120 random bits need no salt and no slow hash
_FOR_EVER_S = 10**9
WRONG = phrase("That code is wrong or was already used. Use the latest code from your app, or a recovery code.")
TOO_MANY_WRONG = phrase("Too many wrong codes. Start signing in again.")

Warn = Callable[[Account], RenderedMail]  # writes the mail that tells the holder of wrong tries


def add_totp(account: Account, session_id: int, seed: str, code: str, key: str, ip: str, now: datetime) -> list[str]:
    """Add an authenticator app once it has shown that it has the seed; gives recovery codes with the first factor.

    Raises Invalid for a code that is not right.
    """
    step = totp.find_step(seed, "".join(code.split()), now.timestamp(), after=0)
    if step is None:
        raise Invalid("code", "That code is wrong. Check that your phone's clock is correct.")
    sealed = tokens.sealed(key, "totp", {"seed": seed}).encode()
    return _add(
        account,
        session_id,
        SecondFactor(kind=FactorKind.TOTP, name="Authenticator app", secret=sealed, counter=step),
        ip,
        now,
    )


def add_passkey(
    account: Account, session_id: int, party: Party, name: str, answer: str, challenge: str, ip: str, now: datetime
) -> list[str]:
    """Add a passkey that the browser has just made; gives recovery codes with the first factor."""
    name = text_input.line(name, "name", "The name", NAME_MAX, required=False) or "Passkey"
    try:
        made = passkeys.made(party, answer, challenge)
    except ValueError:
        raise Invalid("passkey", "The passkey could not be created. Try again.") from None
    row = SecondFactor(kind=FactorKind.PASSKEY, name=name, secret=made.public_key, counter=made.count)
    row.credential_id = made.credential_id
    return _add(account, session_id, row, ip, now)


@retried
def remove(account: Account, factor_id: int, ip: str, now: datetime) -> None:
    """Take a second factor away; with the last one the recovery codes go too."""
    with write():
        accounts.locked(account.id)
        found = next(
            (f for f in second_factors.locked(account.id, FactorKind.TOTP, FactorKind.PASSKEY) if f.id == factor_id),
            None,
        )
        if found is None:
            raise NotFound("You have no such app or passkey.")
        db.session.delete(found)
        db.session.flush()
        if not second_factors.is_protected(account.id):
            second_factors.forget_all(account.id)
            sessions.forget_proofs(account.id)
        audit_log.add("factor", now, by=account, subject=found.name, before={"kind": found.kind}, ip=ip)


@retried
def new_recovery_codes(account: Account, ip: str, now: datetime) -> list[str]:
    """Ten codes that each work once, in place of all there were; they are shown this once."""
    with write():
        accounts.locked(account.id)
        if not second_factors.is_protected(account.id):
            raise Conflict("Add an app or a passkey first. Recovery codes are a backup for it.", "no-factor")
        codes = _recovery_codes(account.id, now)
        audit_log.add("factor", now, by=account, subject="Recovery codes", after={"kind": "recovery"}, ip=ip)
    return codes


@retried
def by_code(account: Account, session_id: int, code: str, key: str, warn: Warn, ip: str, now: datetime) -> None:
    """Prove a session by an app's code or a recovery code.

    Raises Invalid for a wrong one, TooMany while the account waits, also for a right one. Every wrong try counts, of
    the account and of the session; after TRIES_MAX the session ends (NotSignedIn).
    """
    with write():
        holder = _checked_holder(account, now)
        typed = "".join(code.split()).replace("-", "").upper()
        session = db.session.get_one(Session, session_id, with_for_update={"of": Session})
        used = _totp_of(account, typed, key, now) or _recovery_of(account, typed)
        if used is not None:
            _prove(holder, session, used, ip, now)
            return
        is_ended = _count_miss(holder, session, "A wrong code", warn, ip, now)
    raise NotSignedIn(TOO_MANY_WRONG) if is_ended else Invalid("code", WRONG)  # after the commit: a wrong try counts


@retried
def by_passkey(
    account: Account, session_id: int, party: Party, answer: str, challenge: str, warn: Warn, ip: str, now: datetime
) -> None:
    """Prove a session by a passkey; raises Invalid when the browser's answer does not, else as by_code()."""
    with write():
        holder = _checked_holder(account, now)
        session = db.session.get_one(Session, session_id, with_for_update={"of": Session})
        try:
            found = second_factors.by_credential(account.id, passkeys.credential_of(answer))
            key = Passkey(found.credential_id or b"", found.secret, found.counter)
            found.counter = passkeys.shown(party, answer, challenge, key)
        except (ValueError, NotFound):
            is_ended = _count_miss(holder, session, "A wrong passkey", warn, ip, now)
        else:
            _prove(holder, session, found, ip, now)
            return
    if is_ended:
        raise NotSignedIn(TOO_MANY_WRONG)
    raise Invalid("passkey", phrase("This passkey did not work here. Try again, or enter a code."))


def _checked_holder(account: Account, now: datetime) -> Account:
    """The account's row, locked, so that tries at the same moment are counted one by one; raises TooMany."""
    holder = accounts.locked(account.id)
    missed_at, over = holder.factor_missed_at, holder.factor_misses - FREE_MISSES
    if missed_at is not None and now >= missed_at + MISSES_LIFE:
        holder.factor_misses = 0
    elif missed_at is not None and over > 0:
        wait_s = math.ceil((missed_at + WAITS[min(over, len(WAITS)) - 1] - now).total_seconds())
        if wait_s > 0:
            sentence = counted(
                "Too many failed attempts for this account. Please wait one minute before you try again.",
                "Too many failed attempts for this account. Please wait %(num)s minutes before you try again.",
                math.ceil(wait_s / 60),
            )
            raise TooMany(sentence, wait_s)
    return holder


def _count_miss(holder: Account, session: Session, what: str, warn: Warn, ip: str, now: datetime) -> bool:
    """Count a wrong try; says whether it was the session's last and has ended it. The caller commits."""
    holder.factor_misses += 1
    holder.factor_missed_at = now
    session.tries += 1
    audit_log.add("factor", now, by=holder, subject=what, ip=ip)
    if holder.factor_misses == FREE_MISSES + 1 and holder.email:
        mail_queue.add(holder.email, warn(holder), now)
    is_over = session.tries >= TRIES_MAX
    if is_over:
        session.ended_at = now
    return is_over


def is_fresh(session: Session, now: datetime) -> bool:
    """Whether the person behind the session has shown who they are a short while ago."""
    return max(session.created_at, session.second_factor_at or session.created_at) > now - FRESH_FOR


@retried
def _add(account: Account, session_id: int, row: SecondFactor, ip: str, now: datetime) -> list[str]:
    with write():
        accounts.locked(account.id)
        is_first = not second_factors.is_protected(account.id)
        row.account_id, row.created_at = account.id, now
        db.session.add(row)
        db.session.flush()
        codes = _recovery_codes(account.id, now) if is_first else []
        db.session.get_one(Session, session_id).second_factor_at = now
        audit_log.add("factor", now, by=account, subject=row.name, after={"kind": row.kind}, ip=ip)
    return codes


def _recovery_codes(account_id: int, now: datetime) -> list[str]:
    for old in second_factors.locked(account_id, FactorKind.RECOVERY):
        db.session.delete(old)
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    for code in codes:
        values = {
            "kind": FactorKind.RECOVERY,
            "name": "Recovery code",
            "secret": tokens.digest(code),
            "created_at": now,
        }
        db.session.add(SecondFactor(account_id=account_id, counter=0, **values))
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def _totp_of(account: Account, code: str, key: str, now: datetime) -> SecondFactor | None:
    for found in second_factors.locked(account.id, FactorKind.TOTP):
        sealed = tokens.unsealed(key, "totp", found.secret.decode(), _FOR_EVER_S)
        step = totp.find_step(sealed["seed"], code, now.timestamp(), found.counter) if sealed else None
        if step is not None:
            found.counter = step
            return found
    return None


def _recovery_of(account: Account, code: str) -> SecondFactor | None:
    wanted = tokens.digest(code)
    unused = (f for f in second_factors.locked(account.id, FactorKind.RECOVERY) if f.used_at is None)
    return next((f for f in unused if f.secret == wanted), None)


def _prove(holder: Account, session: Session, used: SecondFactor, ip: str, now: datetime) -> None:
    used.used_at = now
    session.second_factor_at, session.tries = now, 0
    holder.factor_misses = 0
    audit_log.add("sign-in", now, by=holder, subject=used.name, after={"second factor": used.kind}, ip=ip)
