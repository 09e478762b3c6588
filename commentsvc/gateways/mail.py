"""Sends mail: by SMTP, into a local mailbox folder, or (Null) into the log."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from commentsvc.config import Config
from commentsvc.core import emails

log = logging.getLogger(__name__)

TIMEOUT_S = 20
# A server may look at a letter for long before it takes it; who is not waited for gets it a second time (RFC 1047).
TAKING_S = 60


@dataclass(frozen=True)
class Letter:
    """`key` is the same for each try of one mail, so that a server can tell a second delivery from a second mail."""

    to: str
    subject: str
    text: str
    html: str
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Mailer(Protocol):
    def send(self, letter: Letter) -> None:
        """Hand the letter over; raises OSError (as smtplib's errors are) when that failed and is worth another try."""


def message(letter: Letter, sender: str) -> EmailMessage:
    """The letter as RFC 5322 text; raises ValueError for an address or subject that holds a line break.

    The library refuses line breaks as such, but decodes what looks like an encoded word (RFC 2047) and lets the line
    breaks out that it finds inside: so nothing that somebody typed may look like one.
    """
    if emails.ENCODED_WORD.search(letter.to):
        raise ValueError("the address looks like an encoded word")
    built = EmailMessage()
    built["From"] = sender
    built["To"] = letter.to
    built["Subject"] = letter.subject.replace("=?", "= ?")
    built["Date"] = formatdate(localtime=False)
    built["Message-ID"] = f"<{letter.key}@{sender.rpartition('@')[2].rstrip('>')}>" if letter.key else make_msgid()
    built["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday reply should come back
    for name, value in letter.headers.items():
        built[name] = value
    built.set_content(letter.text)
    built.add_alternative(letter.html, subtype="html")
    return built


class SmtpMailer:
    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 25
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._is_tls = parts.scheme == "smtps"
        self._sender = sender

    def send(self, letter: Letter) -> None:
        context = ssl.create_default_context()
        if self._is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        with server:
            server.ehlo()
            if not self._is_tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            if self._login:
                server.login(*self._login)
            if server.sock is not None:
                server.sock.settimeout(TAKING_S)
            server.send_message(message(letter, self._sender))


class FolderMailer:
    """For the demo: a mail is a file, and none leaves the machine."""

    def __init__(self, url: str, sender: str) -> None:
        self._folder = Path(unquote(urlsplit(url).path))
        self._sender = sender

    def send(self, letter: Letter) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{letter.key}.part"
        part.write_bytes(bytes(message(letter, self._sender)))
        part.rename(part.with_suffix(".eml"))  # whole, for whoever reads the mailbox meanwhile


class NullMailer:
    """Where no mail server is set; says so, and names no address: logs are read by many."""

    def send(self, letter: Letter) -> None:
        log.warning("COMMENTSVC_MAIL_URL is not set, so a mail was not sent (%s)", letter.key)


def mailer(config: Config) -> Mailer:
    """The one that the settings name."""
    if not config.mail_url:
        return NullMailer()
    return (FolderMailer if config.mail_url.startswith("mailbox:") else SmtpMailer)(config.mail_url, config.mail_from)
