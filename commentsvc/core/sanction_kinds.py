"""Kinds of sanctions and of their subjects."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from commentsvc.core import domains, emails, networks
from commentsvc.core.errors import Invalid
from commentsvc.core.whole_numbers import find_number


class SanctionKind(StrEnum):
    """Mildest first."""

    TRUST = "trust"  # no sanction, but decided in the same way: the mode does not hold what they write
    WARN = "warn"  # they may write on when they have acknowledged it
    HOLD = "hold"  # everything of theirs waits
    SUSPEND = "suspend"  # they may not write until a day
    SHADOW = "shadow"  # they may write, and nobody else sees it
    BAN = "ban"  # they may not write


class SubjectKind(StrEnum):
    ACCOUNT = "account"
    EMAIL = "email"
    DOMAIN = "domain"  # of e-mail addresses, and all below it
    NETWORK = "network"


@dataclass(frozen=True)
class Subject:
    kind: SubjectKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


_KINDS = ", ".join(SubjectKind)
# A network must be one of these, so that all that hold an address can be listed: IPv4 by every size, IPv6 by the usual.
SIZES = {4: tuple(range(8, 33)), 6: (32, 40, 44, 48, 52, 56, 60, 64, 128)}


def subjects_of(account_id: int | None, email: str, ip: str) -> list[Subject]:
    """Everything that a sanction for this person could name."""
    found = [Subject(SubjectKind.ACCOUNT, str(account_id))] if account_id is not None else []
    if email:
        found.append(Subject(SubjectKind.EMAIL, email.lower()))
        domain = domains.domain(email.rpartition("@")[2])
        found += [Subject(SubjectKind.DOMAIN, name) for name in domains.with_parents(domain)]
    if address := networks.address(ip):
        for size in SIZES[address.version]:
            network = ipaddress.ip_network((address, size), strict=False)
            found.append(Subject(SubjectKind.NETWORK, str(network)))
    return found


def value_of(kind: SubjectKind, account_id: int | None, email: str, ip: str) -> str:
    """The subject value of this kind for an author; raises Invalid when the author has none."""
    values = {
        SubjectKind.ACCOUNT: "" if account_id is None else str(account_id),
        SubjectKind.EMAIL: email,
        SubjectKind.DOMAIN: email.rpartition("@")[2],
        SubjectKind.NETWORK: networks.network_of(ip, networks.NetworkScope.HOUSEHOLD),
    }
    if not values[kind]:
        raise Invalid("subject_kind", f"The author of this comment has no {kind}; choose another of {_KINDS}.")
    return values[kind]


def subject(kind: str, value: str) -> Subject:
    """The subject that a moderator typed; raises Invalid("subject", …) when it is malformed."""
    value = value.strip()
    if kind == SubjectKind.ACCOUNT and (number := find_number(value)) is not None:
        return Subject(SubjectKind.ACCOUNT, str(number))
    if kind == SubjectKind.EMAIL:
        return Subject(SubjectKind.EMAIL, emails.address(value, "subject", required=True).lower())
    if kind == SubjectKind.DOMAIN:
        domain = domains.domain(value.removeprefix("@"))
        if domains.is_domain(domain):
            return Subject(SubjectKind.DOMAIN, domain)
        raise Invalid("subject", f"“{value[:80]}” is not a domain such as example.org.")
    if kind == SubjectKind.NETWORK:
        network = networks.network(value)
        if network is not None and network.prefixlen in SIZES[network.version]:
            return Subject(SubjectKind.NETWORK, str(network))
        sizes = "/8 to /32, or for IPv6 /" + ", /".join(map(str, SIZES[6]))
        raise Invalid("subject", f"“{value[:80]}” is not an address or network such as 192.0.2.0/24 ({sizes}).")
    raise Invalid("subject", f"Give a subject: one of {', '.join(SubjectKind)}, and its value.")


def check(kind: str, has_end: bool, has_reason: bool = True) -> SanctionKind:
    """Raise Invalid for a kind that there is not, a suspension without an end, or a warning that says nothing."""
    if kind not in set(SanctionKind):
        raise Invalid("kind", f"kind is one of {', '.join(SanctionKind)}.")
    if kind == SanctionKind.SUSPEND and not has_end:
        raise Invalid("until", "Choose an end date, or ban instead.")
    if kind == SanctionKind.WARN and not has_reason:
        raise Invalid("reason", "Write a message to the commenter.")
    return SanctionKind(kind)
