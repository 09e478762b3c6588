"""Mail, delivered to a real SMTP server on loopback: what arrives, and what cannot be smuggled into it."""

import email
import json
import logging
from datetime import UTC, datetime, timedelta
from email.policy import default as policy

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cast import data

from bench import servers
from commentsvc.gateways.mail import FolderMailer, Letter, NullMailer, SmtpMailer

SENDER = "Comments <comments@blog.example>"
LETTER = Letter("carol@example.org", "Grüße: 123 456", "Text ä\n", "<p>HTML ä</p>\n", "job-7")


def test_a_letter_arrives_in_text_and_html(smtp):
    inbox, address = smtp()
    SmtpMailer(f"smtp://{address}", SENDER).send(LETTER)

    [letter], [envelope] = inbox.letters, inbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("comments@blog.example", ["carol@example.org"])
    assert (letter["From"], letter["To"], letter["Subject"]) == (SENDER, LETTER.to, LETTER.subject)
    assert letter["Auto-Submitted"] == "auto-generated"
    assert abs(letter["Date"].datetime.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    assert letter.get_body(("plain",)).get_content().replace("\r\n", "\n") == LETTER.text
    assert letter.get_body(("html",)).get_content().replace("\r\n", "\n") == LETTER.html


def test_a_second_try_is_known_by_its_message_id(smtp):
    inbox, address = smtp()
    mailer = SmtpMailer(f"smtp://{address}", SENDER)
    mailer.send(LETTER)
    mailer.send(LETTER)
    mailer.send(Letter(*[*vars(LETTER).values()][:4], "job-8"))
    ids = [letter["Message-ID"] for letter in inbox.letters]
    assert ids == ["<job-7@blog.example>", "<job-7@blog.example>", "<job-8@blog.example>"]


def test_name_and_password_of_the_address_are_used(smtp):
    tried = []

    def check(server, session, envelope, mechanism, credentials):
        assert isinstance(credentials, LoginPassword)
        tried.append((credentials.login, credentials.password))
        return AuthResult(success=credentials.password == b"p@ss/word", handled=False)

    inbox, address = smtp(authenticator=check, auth_require_tls=False)
    SmtpMailer(f"smtp://blog:p%40ss%2Fword@{address}", SENDER).send(LETTER)
    assert tried == [(b"blog", b"p@ss/word")]
    with pytest.raises(OSError):
        SmtpMailer(f"smtp://blog:wrong@{address}", SENDER).send(LETTER)
    assert len(inbox.envelopes) == 1


def test_a_server_that_is_away_is_worth_another_try():
    with pytest.raises(OSError):
        SmtpMailer(f"smtp://127.0.0.1:{servers.free_port()}", SENDER).send(LETTER)


def test_nothing_in_subject_or_address_becomes_a_header(smtp):
    inbox, address = smtp()
    mailer = SmtpMailer(f"smtp://{address}", SENDER)
    rows = json.loads(data("mail/header_injection.json").read_text())
    for row in rows:
        for letter in (
            Letter(LETTER.to, f"New comment by {row['value']}", "Text", "<p>x</p>", "job-1"),
            Letter(row["value"], LETTER.subject, "Text", "<p>x</p>", "job-2"),
        ):
            try:
                mailer.send(letter)
            except (OSError, ValueError):
                continue  # refused is as good as harmless
    allowed = {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type",
               "content-transfer-encoding", "x-peer", "x-mailfrom", "x-rcptto"}  # fmt: skip
    assert len(inbox.letters) >= 5, "most subjects are harmless and go out"
    for letter in inbox.letters:
        assert {name.lower() for name in letter.keys()} <= allowed
        assert [len(letter.get_all(name)) for name in ("From", "Subject")] == [1, 1]


def test_in_the_demo_a_mail_is_a_file(tmp_path):
    FolderMailer(f"mailbox://{tmp_path}/mail", SENDER).send(LETTER)
    [path] = (tmp_path / "mail").iterdir()
    letter = email.message_from_bytes(path.read_bytes(), policy=policy)
    assert (path.name, letter["Subject"]) == ("job-7.eml", LETTER.subject)


def test_without_a_server_the_log_says_so_and_names_nobody(caplog):
    with caplog.at_level(logging.WARNING):
        NullMailer().send(LETTER)
    assert "COMMENTSVC_MAIL_URL" in caplog.text
    assert "carol" not in caplog.text and "123" not in caplog.text
