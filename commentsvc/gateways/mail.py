"""Sends mail: by SMTP, into a local mailbox folder, or (Null) into the log."""

from __future__ import annotations

import ipaddress
import logging
import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from commentsvc.config import Config
from commentsvc.config_values import MailTls
from commentsvc.core import emails
from commentsvc.gateways import deadlines
from commentsvc.gateways.deadlines import Deadline

log = logging.getLogger(__name__)

TIMEOUT_S = 20
# Wait long for the final reply: if we time out after the server has accepted the mail, we send it twice (RFC 1047).
TAKING_S = 60
QUIT_S = 5
MAIL_MAX_S = 100  # for one mail in all; less than a job's lease, or another worker would send it too
TOO_LARGE = 552
SIGN_IN_FIRST = (530, 534, 535, 538)
NO_TLS = "the server offers no TLS, so the password was not sent; use smtps://, or allow it by COMMENTSVC_MAIL_TLS=off"
BAD_CERTIFICATE = "name the server's certificate in COMMENTSVC_MAIL_CA_FILE, or set COMMENTSVC_MAIL_TLS=no-verify"


@dataclass(frozen=True)
class OutgoingMail:
    """`key` is the same for each try of one mail, so that a server can tell a second delivery from a second mail."""

    to: str
    subject: str
    text: str
    html: str
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Undeliverable(Exception):
    """No server will ever take this mail; another try would fail the same way."""


class Mailer(Protocol):
    def send(self, letter: OutgoingMail) -> None:
        """Hand the letter over.

        Raises OSError (as smtplib's errors are) when that failed and is worth another try, Undeliverable when not.
        """


def message(letter: OutgoingMail, sender: str) -> EmailMessage:
    """The letter as RFC 5322 text; raises ValueError for an address or subject that holds a line break.

    The library refuses line breaks as such, but decodes what looks like an encoded word (RFC 2047) and lets the line
    breaks out that it finds inside: so nothing that somebody typed may look like one.
    """
    if emails.ENCODED_WORD.search(letter.to):
        raise ValueError("the address looks like an encoded word")
    if "@" not in letter.to or any(c.isspace() for c in letter.to):
        raise ValueError("the address is not complete, or has spaces in it")
    built = EmailMessage()
    built["From"] = sender
    built["To"] = emails.with_ascii_domain(letter.to)
    built["Subject"] = letter.subject.replace("=?", "= ?")
    built["Date"] = formatdate(localtime=False)
    built["Message-ID"] = f"<{letter.key}@{sender.rpartition('@')[2].rstrip('>')}>" if letter.key else make_msgid()
    built["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday reply should come back
    for name, value in letter.headers.items():
        built[name] = value
    built.set_content(letter.text)
    built.add_alternative(letter.html, subtype="html")
    return built


class _Smtp(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # not in typeshed
        return deadlines.watch(opened)


class _SmtpTls(smtplib.SMTP_SSL, _Smtp):
    pass


class SmtpMailer:
    """`tls` is as in the settings; `ca_file` holds the certificates to trust instead of the system's."""

    def __init__(self, url: str, sender: str, tls: MailTls = MailTls.VERIFY, ca_file: Path | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 25
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._is_tls = parts.scheme == "smtps"
        self._sender = sender
        self._tls, self._ca_file = tls, ca_file
        self._is_here = is_loopback(self._host)

    @property
    def sends_password_in_the_clear(self) -> bool:
        return self._login is not None and self._tls is MailTls.OFF and not self._is_tls and not self._is_here

    def send(self, letter: OutgoingMail) -> None:
        try:
            built = message(letter, self._sender)
        except Exception as error:  # the library raises many kinds for an address that it cannot read
            raise Undeliverable(f"no mail can be made of it: {type(error).__name__}: {error}") from error
        try:
            with Deadline(MAIL_MAX_S) as deadline:
                self._deliver(built, deadline)
        except ssl.SSLCertVerificationError as error:
            raise ConnectionError(f"{error.verify_message}; {BAD_CERTIFICATE}") from error
        except smtplib.SMTPRecipientsRefused as error:
            replies: list[tuple[int, bytes | str]] = list(error.recipients.values())
            if all(_is_final(code) for code, _ in replies):
                raise Undeliverable(f"the mail server refused the address: {_replies(replies)}") from error
            raise
        except smtplib.SMTPDataError as error:
            if _is_final(error.smtp_code):
                reply = _replies([(error.smtp_code, error.smtp_error)])
                raise Undeliverable(f"the mail server refused the mail: {reply}") from error
            raise
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code == TOO_LARGE:
                raise Undeliverable("the mail server refused the mail: it is too large") from error
            raise  # our own address is a setting, which can be mended

    def check(self) -> None:
        """Connect and sign in as for a mail, and send none; raises OSError with what the server said."""
        with Deadline(MAIL_MAX_S) as deadline, self._session() as server:
            server.noop()
            deadline.complete()

    def _deliver(self, built: EmailMessage, deadline: Deadline) -> None:
        with self._session() as server:
            if server.sock is not None:
                server.sock.settimeout(TAKING_S)
            self._hand_over(server, built)
            deadline.complete()

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A connection that is encrypted and signed in as the settings ask."""
        context = self._context()
        server = self._connected(context)
        try:
            server.ehlo()
            is_safe = self._is_tls or self._is_here or self._tls is MailTls.OFF
            if not self._is_tls and self._tls is not MailTls.OFF and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                is_safe = True
            if self._login and not is_safe:
                raise ConnectionRefusedError(NO_TLS)
            if self._login:
                server.login(*self._login)
            yield server
        finally:
            # The outcome of the mail is known by now; a strange reply to QUIT does not change it.
            with suppress(OSError):
                if server.sock is not None:
                    server.sock.settimeout(QUIT_S)
                server.quit()
            server.close()

    def _hand_over(self, server: smtplib.SMTP, built: EmailMessage) -> None:
        try:
            server.send_message(built)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            raise Undeliverable("the mail server does not take international addresses (SMTPUTF8)") from error

    def _connected(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self._is_tls:
            return _SmtpTls(self._host, self._port, timeout=TIMEOUT_S, context=context)
        return _Smtp(self._host, self._port, timeout=TIMEOUT_S)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._ca_file)
        # To this machine itself nobody is in between, and its certificate is rarely for the name "localhost".
        if self._tls is MailTls.NO_VERIFY or (self._is_here and self._ca_file is None):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _is_final(code: int) -> bool:
    """Whether a reply rejects this mail permanently; missing authentication is a matter of settings."""
    return 500 <= code < 600 and code not in SIGN_IN_FIRST


def _replies(replies: list[tuple[int, bytes | str]]) -> str:
    said = [(code, text.decode(errors="replace") if isinstance(text, bytes) else text) for code, text in replies]
    return ", ".join(f"{code} {text}" for code, text in said) or "no recipient"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


class FolderMailer:
    """The demo's mailer: each mail is a file, and none leaves the machine."""

    def __init__(self, url: str, sender: str) -> None:
        self._folder = Path(unquote(urlsplit(url).path))
        self._sender = sender

    def send(self, letter: OutgoingMail) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{letter.key}.part"
        part.write_bytes(bytes(message(letter, self._sender)))
        part.rename(part.with_suffix(".eml"))  # atomically, for readers of the mailbox


class NullMailer:
    """The mailer without a mail server: it logs that, without the address."""

    def send(self, letter: OutgoingMail) -> None:
        log.warning("COMMENTSVC_MAIL_URL is not set, so a mail was not sent (%s)", letter.key)


def check_server(config: Config) -> None:
    """Try the connection to the mail server of the settings; raises OSError with the reason."""
    found = mailer(config)
    if isinstance(found, SmtpMailer):
        found.check()


def mailer(config: Config) -> Mailer:
    """The one that the settings name."""
    if not config.mail_url:
        return NullMailer()
    if config.mail_url.startswith("mailbox:"):
        return FolderMailer(config.mail_url, config.mail_from)
    made = SmtpMailer(config.mail_url, config.mail_from, config.mail_tls, config.mail_ca_file)
    if made.sends_password_in_the_clear:
        log.warning("COMMENTSVC_MAIL_TLS is off: the password of the mail server is sent without encryption")
    return made
