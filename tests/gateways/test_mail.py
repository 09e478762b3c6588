"""Mail, delivered to a real SMTP server on loopback: its contents, and header injection."""

import email
import ipaddress
import json
import logging
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.policy import default as policy

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from commentsvc.config_values import MailTls
from commentsvc.gateways import mail
from commentsvc.gateways.mail import FolderMailer, NullMailer, OutgoingMail, SmtpMailer, Undeliverable
from tests.support import servers
from tests.support.cast import data, dripping

SENDER = "Comments <comments@blog.example>"
LETTER = OutgoingMail("carol@example.org", "Grüße: 123 456", "Text ä\n", "<p>HTML ä</p>\n", "job-7")


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
    mailer.send(OutgoingMail(*[*vars(LETTER).values()][:4], "job-8"))
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
            OutgoingMail(LETTER.to, f"New comment by {row['value']}", "Text", "<p>x</p>", "job-1"),
            OutgoingMail(row["value"], LETTER.subject, "Text", "<p>x</p>", "job-2"),
        ):
            try:
                mailer.send(letter)
            except (OSError, Undeliverable):
                continue  # refused is as good as harmless
    allowed = {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type",
               "content-transfer-encoding", "x-peer", "x-mailfrom", "x-rcptto"}  # fmt: skip
    assert len(inbox.letters) >= 5, "most subjects are harmless and go out"
    for letter in inbox.letters:
        assert {name.lower() for name in letter} <= allowed
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


class Strict:
    """Answers each command to which a reply is given with that reply."""

    def __init__(self, **replies):
        self.replies, self.letters = replies, []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 (the library's names)
        if reply := self.replies.get("rcpt"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if reply := self.replies.get("mail"):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if reply := self.replies.get("data"):
            return reply
        self.letters.append(envelope)
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        return self.replies.get("quit", "221 Bye")


@pytest.fixture
def strict(smtp):
    def start(**replies):
        handler = Strict(**replies)
        _, address = smtp(handler=handler)
        return handler, SmtpMailer(f"smtp://{address}", SENDER)

    return start


@pytest.mark.parametrize(
    ("replies", "error", "says"),
    [
        ({"rcpt": "550 5.1.1 no such user"}, Undeliverable, "550 5.1.1 no such user"),
        ({"rcpt": "553 not allowed"}, Undeliverable, "553"),
        ({"data": "554 5.7.1 looks like spam"}, Undeliverable, "554 5.7.1 looks like spam"),
        ({"mail": "552 too large"}, Undeliverable, "too large"),
        ({"rcpt": "450 mailbox busy"}, OSError, "450"),
        ({"data": "451 try later"}, OSError, "451"),
        ({"data": "421 going down"}, OSError, "421"),
        ({"mail": "550 sender not allowed"}, OSError, "550"),
        ({"rcpt": "530 5.7.0 authentication required"}, OSError, "530"),
    ],
)
def test_a_refusal_for_good_is_told_from_one_for_now(strict, replies, error, says):
    _, mailer = strict(**replies)
    with pytest.raises(error, match=says):
        mailer.send(LETTER)


def test_an_odd_answer_to_quit_does_not_send_the_mail_again(strict):
    handler, mailer = strict(quit="421 too many connections")
    mailer.send(LETTER)
    assert len(handler.letters) == 1


@pytest.mark.parametrize(
    "to",
    [
        "",
        "a@[b",
        "joe@exa mple.org",
        "joe@\u0301.example",
        "joe\ud800@example.org",
        "a\nb@c.example",
        "joe@-ü-.example",
    ],
)
def test_an_address_that_no_server_takes_is_given_up_without_asking_one(to):
    with pytest.raises(Undeliverable):
        SmtpMailer(f"smtp://127.0.0.1:{servers.free_port()}", SENDER).send(
            OutgoingMail(to, *[*vars(LETTER).values()][1:5])
        )


def test_an_international_domain_is_sent_in_its_ascii_form(smtp):
    inbox, address = smtp()
    SmtpMailer(f"smtp://{address}", SENDER).send(OutgoingMail("joe@müller.example", *[*vars(LETTER).values()][1:5]))
    assert inbox.envelopes[0].rcpt_tos == ["joe@xn--mller-kva.example"]
    assert inbox.letters[0]["To"] == "joe@xn--mller-kva.example"


@pytest.mark.parametrize("knows", [True, False])
def test_an_international_name_needs_a_server_that_knows_them(smtp, knows):
    inbox, address = smtp(enable_SMTPUTF8=knows)
    letter = OutgoingMail("jürgen@müller.example", *[*vars(LETTER).values()][1:5])
    mailer = SmtpMailer(f"smtp://{address}", SENDER)
    if knows:
        mailer.send(letter)
        assert inbox.envelopes[0].rcpt_tos == ["jürgen@xn--mller-kva.example"]
    else:
        with pytest.raises(Undeliverable, match="international"):
            mailer.send(letter)


def test_a_server_that_lets_nobody_sign_in_is_a_fault_of_the_settings_and_tried_again(smtp):
    _, address = smtp(auth_exclude_mechanism=["LOGIN", "PLAIN"])
    for password in ("password", "pässword"):
        with pytest.raises(Exception) as caught:
            SmtpMailer(f"smtp://blog:{password}@{address}", SENDER).send(LETTER)
        assert not isinstance(caught.value, Undeliverable)


def test_a_server_that_drips_is_left_when_the_time_for_the_whole_mail_is_up(monkeypatch):
    monkeypatch.setattr(mail, "MAIL_MAX_S", 0.5)
    with dripping(b"220-" + b"x" * 10**6, 0.05) as port, pytest.raises(TimeoutError, match="in all"):
        SmtpMailer(f"smtp://127.0.0.1:{port}", SENDER).send(LETTER)


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory):
    """A certificate that nobody else has signed, as Debian's Postfix makes one; gives its file and the key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.blog.example")])
    now = datetime.now(UTC)
    own = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address(host)) for host in {"127.0.0.1", our_host()}]
    )
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = built.add_extension(own, critical=False).sign(key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return folder / "cert.pem", folder / "key.pem"


def our_host():
    """An address of this machine that is not loopback, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return "127.0.0.1"
        return probe.getsockname()[0]


@pytest.fixture
def with_tls(smtp, own_certificate):
    """A server with STARTTLS and a certificate of its own."""

    def start(hostname="127.0.0.1", **options):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*own_certificate)
        return smtp(hostname=hostname, tls_context=context, require_starttls=True, **options)

    return start


def test_this_machines_own_mail_server_needs_no_certificate_that_others_signed(with_tls, own_certificate, tmp_path):
    inbox, address = with_tls()
    SmtpMailer(f"smtp://{address}", SENDER).send(LETTER)
    SmtpMailer(f"smtp://{address}", SENDER, MailTls.VERIFY, own_certificate[0]).send(LETTER)
    assert len(inbox.envelopes) == 2
    with pytest.raises(OSError, match="530"):
        SmtpMailer(f"smtp://{address}", SENDER, MailTls.OFF).send(LETTER)


def test_another_machines_own_certificate_is_taken_when_the_settings_say_so(with_tls, own_certificate):
    if our_host() == "127.0.0.1":
        pytest.skip("this machine has no address but loopback")
    inbox, address = with_tls(hostname=our_host())
    with pytest.raises(OSError, match="COMMENTSVC_MAIL_CA_FILE"):
        SmtpMailer(f"smtp://{address}", SENDER).send(LETTER)
    assert inbox.envelopes == []
    SmtpMailer(f"smtp://{address}", SENDER, MailTls.VERIFY, own_certificate[0]).send(LETTER)
    SmtpMailer(f"smtp://{address}", SENDER, MailTls.NO_VERIFY).send(LETTER)
    assert len(inbox.envelopes) == 2


def test_a_password_goes_to_another_machine_only_over_tls_unless_the_settings_say_so(smtp):
    if our_host() == "127.0.0.1":
        pytest.skip("this machine has no address but loopback")
    tried = []

    def check(server, session, envelope, mechanism, credentials):
        tried.append(credentials.password)
        return AuthResult(success=True)

    inbox, address = smtp(hostname=our_host(), authenticator=check, auth_require_tls=False)
    with pytest.raises(OSError, match="COMMENTSVC_MAIL_TLS=off"):
        SmtpMailer(f"smtp://blog:password@{address}", SENDER).send(LETTER)
    assert (tried, inbox.envelopes) == ([], [])
    SmtpMailer(f"smtp://blog:password@{address}", SENDER, MailTls.OFF).send(LETTER)
    assert (tried, len(inbox.envelopes)) == ([b"password"], 1)
