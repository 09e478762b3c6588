"""Settings: their sources, and the one-line error of a wrong one."""

import dataclasses
import ipaddress
import re
from pathlib import Path

import pytest

from commentsvc.config import PROVIDERS, Config, from_environment
from commentsvc.config_values import BadSetting, MailTls

DOCS = Path(__file__).parents[1] / "docs" / "config.md"
README = Path(__file__).parents[1] / "README.md"
SECRET = "a secret that is long enough"


def read(**settings):
    return from_environment(
        {"COMMENTSVC_SECRET_KEY": SECRET, **{f"COMMENTSVC_{k}": v for k, v in settings.items()}}, None
    )


def test_only_the_secret_must_be_set():
    config = read()
    assert config.base_url == "http://127.0.0.1:8000"
    assert config.database_url == f"sqlite:///{Path('instance').absolute() / 'commentsvc.sqlite3'}"
    assert (config.limits, config.mail_url, config.trusted_proxies, config.is_https) == (True, "", (), False)


@pytest.mark.parametrize(
    ("name", "value", "field", "want"),
    [
        ("BASE_URL", "https://comments.example/", "base_url", "https://comments.example"),
        ("BASE_URL", "HTTPS://Example.ORG:443/", "base_url", "https://example.org"),
        ("BASE_URL", "https://example.org:8443", "base_url", "https://example.org:8443"),
        ("BASE_URL", "http://[::1]:8000", "base_url", "http://[::1]:8000"),
        ("BASE_URL", "https://müller.example", "base_url", "https://xn--mller-kva.example"),
        ("DATABASE_URL", "postgres://u:p@h/n", "database_url", "postgresql+psycopg://u:p@h/n"),
        ("DATABASE_URL", "postgresql://h/n", "database_url", "postgresql+psycopg://h/n"),
        ("DATABASE_URL", "postgresql+psycopg:///n?host=/run", "database_url", "postgresql+psycopg:///n?host=/run"),
        ("DATABASE_URL", "sqlite:////var/c.db", "database_url", "sqlite:////var/c.db"),
        ("MAIL_URL", "smtp://u:p%40@mail.example:587", "mail_url", "smtp://u:p%40@mail.example:587"),
        ("MAIL_URL", "smtps://mail.example:465", "mail_url", "smtps://mail.example:465"),
        ("MAIL_URL", "mailbox:///var/mail", "mail_url", "mailbox:///var/mail"),
        ("MAIL_FROM", "Comments <c@b.example>", "mail_from", "Comments <c@b.example>"),
        ("MAIL_FROM", "Blog <c@müller.example>", "mail_from", "Blog <c@xn--mller-kva.example>"),
        ("MAIL_TLS", "No-Verify", "mail_tls", MailTls.NO_VERIFY),
        ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("LIMITS", "OFF", "limits", False),
        ("FORWARDED_HEADER", "Forwarded", "forwarded_header", "forwarded"),
        ("SECURITY_CONTACT", "security@blog.example", "security_contact", "mailto:security@blog.example"),
        ("SECURITY_CONTACT", "mailto:security@blog.example", "security_contact", "mailto:security@blog.example"),
        ("SECURITY_CONTACT", "https://blog.example/@us", "security_contact", "https://blog.example/@us"),
        ("HSTS_MAX_AGE_S", "0", "hsts_max_age_s", 0),
        ("PAGE_CACHE_MB", "8", "page_cache_mb", 8),
        ("TRUSTED_PROXIES", "127.0.0.1, 2001:db8::/32", "trusted_proxies", ("127.0.0.1/32", "2001:db8::/32")),
        ("TRUSTED_PROXIES", "10.0.0.0/8, fc00::/7", "trusted_proxies", ("10.0.0.0/8", "fc00::/7")),
        ("LIMITS", "  ", "limits", True),
    ],
)
def test_a_right_setting_is_taken(name, value, field, want):
    got = getattr(read(**{name: value}), field)
    assert got == (tuple(map(ipaddress.ip_network, want)) if isinstance(want, tuple) else want)


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("SECRET_KEY", "", "token_urlsafe"),
        ("SECRET_KEY", "short", "use 16 or more"),
        ("SECRET_KEY", "changemechangeme", "token_urlsafe"),
        ("METRICS_TOKEN", "short", "use 16 or more"),
        ("METRICS_TOKEN", "aaaaaaaaaaaaaaaa", "token_urlsafe"),
        ("FORWARDED_HEADER", "x-real-ip", "x-forwarded-for or forwarded"),
        ("SECURITY_CONTACT", "nobody", "security@blog.example"),
        ("SECURITY_CONTACT", "http://blog.example/security", "https://blog.example/security"),
        ("SECURITY_CONTACT", "a@b.example\nEncryption: x", "on one line"),
        ("HSTS_MAX_AGE_S", "a year", "31536000"),
        ("HSTS_MAX_AGE_S", "31536000", "https://"),
        ("BASE_URL", "comments.example", "https://comments.example"),
        ("BASE_URL", "ftp://comments.example", "https://comments.example"),
        ("BASE_URL", "https://comments.example/?a", "https://comments.example"),
        ("BASE_URL", "https://comments.example:port", "1 to 65535"),
        ("BASE_URL", "https://comments.example:0", "1 to 65535"),
        ("BASE_URL", "https://comments.example/blog", "below a path"),
        ("BASE_URL", "https://alice:pw@comments.example", "name or password"),
        ("BASE_URL", "https://[::1", "https://comments.example"),
        ("BASE_URL", "https://com ments.example", "not a host name"),
        ("BASE_URL", "https://comments..example", "not a host name"),
        ("DATABASE_URL", "postgresql://u:p@host:port/n", "1 to 65535"),
        ("DATABASE_URL", "postgresql://u:p@host:99999/n", "1 to 65535"),
        ("DATABASE_URL", "postgresql://u:p@host:5432/", "names no database"),
        ("DATABASE_URL", "postgresql://u:p@host", "names no database"),
        ("DATABASE_URL", "postgresql://u:p@ss@host/n", "%40"),
        ("DATABASE_URL", "postgresql://u:p/ss@host/n", "%2F"),
        ("DATABASE_URL", "postgresql://u:p#ss@host/n", "%23"),
        ("DATABASE_URL", "postgresql://u:p@[::1/n", "%3A"),
        ("MAIL_URL", "smtp://mail.example:0", "host and port"),
        ("MAIL_URL", "smtp://u:p@ss@mail.example:25", "%40"),
        ("MAIL_URL", "smtp://[::1:25", "host and port"),
        ("MAIL_TLS", "maybe", "verify, no-verify, off"),
        ("MAIL_CA_FILE", "/nowhere.pem", "PEM"),
        ("MAIL_CA_FILE", __file__, "PEM"),
        ("MAIL_FROM", "@", "comments@blog.example"),
        ("MAIL_FROM", "jürgen@b.example", "plain ASCII"),
        ("MAIL_FROM", "Comments <@>", "comments@blog.example"),
        ("MAIL_FROM", "bl\udcff@b.example", "UTF-8"),
        ("TRUSTED_PROXIES", "0.0.0.0/0", "most of the internet"),
        ("TRUSTED_PROXIES", "::/0", "most of the internet"),
        ("TRUSTED_PROXIES", "127.0.0.1, 0.0.0.0/1, 128.0.0.0/1", "most of the internet"),
        ("REDIS_URL", "redis://host:port/0", "redis://host:6379/0"),
        ("REDIS_URL", "redis://", "redis://host:6379/0"),
        ("AKISMET_URL", "https://", "https://host/1.1"),
        ("GITHUB_TOKEN_URL", "https://[::1", "is missing"),
        ("PAGE_CACHE_MB", "9" * 5000, "whole number"),
        ("TRUSTED_PROXY", "127.0.0.1", "did you mean COMMENTSVC_TRUSTED_PROXIES"),
        ("DATABSE_URL", "sqlite:////x", "did you mean COMMENTSVC_DATABASE_URL"),
        ("SECRETKEY", "x", "did you mean COMMENTSVC_SECRET_KEY"),
        ("GOOGEL_CLIENT_ID", "x", "did you mean COMMENTSVC_GOOGLE_CLIENT_ID"),
        ("secret_key", "x", "COMMENTSVC_SECRET_KEY"),
        ("NO_SUCH_THING_AT_ALL", "x", "docs/config.md"),
        ("DATABASE_URL", "mysql://h/n", "sqlite:/// or postgresql+psycopg://"),
        ("DATABASE_URL", "sqlite://", "name an SQLite file"),
        ("DATABASE_URL", "sqlite:///:memory:", "name an SQLite file"),
        ("MAIL_URL", "mail.example:25", "smtp://user:password@host:587"),
        ("MAIL_URL", "smtp://mail.example", "host and port"),
        ("MAIL_URL", "smtp://mail.example:mail", "host and port"),
        ("MAIL_FROM", "nobody", "comments@blog.example"),
        ("MAIL_FROM", "a@b.example\r\nBcc: c@d.example", "on one line"),
        ("TRUSTED_PROXIES", "the-proxy", "10.0.0.0/8"),
        ("LIMITS", "yes", "on or off"),
        ("PAGE_CACHE_MB", "-1", "whole number"),
        ("PAGE_CACHE_MB", "0", "whole number"),
        ("PAGE_CACHE_DISK_MB", "many", "whole number"),
        ("REDIS_URL", "localhost:6379", "redis://host:6379/0"),
        ("REDIS_URL", "unix://", "redis://host:6379/0"),
        ("HSTS_MAX_AGE_S", "9" * 5000, "whole number"),
        ("BASE_URL", "https://comments\n.example", "on one line"),
        ("DATABASE_URL", "sqlite:////var/a\tb.sqlite3", "on one line"),
        ("INSTANCE_DIR", "a\nb", "on one line"),
        ("MAIL_URL", "mailbox://", "three slashes"),
        ("MAIL_URL", "mailbox://var/mail", "three slashes"),
        ("MAIL_FROM", "A <a@b.example>, <c@d.example>", "one email address"),
        ("MAIL_FROM", "https://u:p@mail.example/", "one email address"),
        ("MAIL_FROM", f"{'a' * 65}@b.example", "one email address"),
        ("MAIL_FROM", "a@b..example", "not a host name"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_that_names_it_and_the_mend(name, value, mend):
    with pytest.raises(BadSetting) as caught:
        read(**{name: value})
    sentence = str(caught.value)
    assert sentence.startswith("COMMENTSVC_GITHUB_" if "GITHUB" in name else f"COMMENTSVC_{name}: ")
    assert mend in sentence
    assert "\n" not in sentence.replace(value, "")


def test_settings_may_stand_in_a_dotenv_file_and_the_environment_wins(tmp_path):
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"COMMENTSVC_SECRET_KEY='{SECRET}'\nCOMMENTSVC_MAIL_FROM=a@b.example\nCOMMENTSVC_LIMITS=off\n")
    config = from_environment({"COMMENTSVC_MAIL_FROM": "c@d.example"}, dotenv)
    assert (config.secret_key, config.mail_from, config.limits) == (SECRET, "c@d.example", False)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"COMMENTSVC_MAIL_FROM=a\xff@b.example", "UTF-8"),
        (None, "folder"),
        (b"# ours\nCOMMENTSVC_DATABASE_URL: sqlite:////x\n", "line 2 is not a setting; write COMMENTSVC_NAME=value"),
        (b"COMMENTSVC_DATABASE_URL\n", "line 1 is not a setting"),
        (b"A=b\n\nCOMMENTSVC_DATABASE_URL='sqlite:////x\n", "line 3 .* close each quote"),
        (b"commentsvc_database_url=sqlite:////x\n", "in capitals: COMMENTSVC_DATABASE_URL"),
    ],
    ids=["latin1", "folder", "colon", "no value", "open quote", "small letters"],
)
def test_a_dotenv_file_that_is_none_stops_the_start(tmp_path, content, says):
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(content) if content else dotenv.mkdir()
    with pytest.raises(BadSetting, match=says):
        from_environment({"COMMENTSVC_SECRET_KEY": SECRET}, dotenv)


def test_a_name_that_is_no_setting_is_told_in_one_short_line():
    with pytest.raises(BadSetting) as caught:
        read(**{"NO\nSUCH" + "X" * 5000: "x"})
    assert str(caught.value).isprintable() and len(str(caught.value)) < 250


def test_what_other_programs_write_into_a_dotenv_file_is_left_to_them(tmp_path):
    (tmp_path / ".env").write_text(f"OTHER: a\nFLAG\nCOMMENTSVC_SECRET_KEY='{SECRET}'\n")
    assert from_environment({}, tmp_path / ".env").secret_key == SECRET


def test_a_dotenv_file_may_begin_with_a_byte_order_mark_and_misspelt_names_in_it_are_found(tmp_path):
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"COMMENTSVC_SECRET_KEY='{SECRET}'\n", "utf-8-sig")
    assert from_environment({}, dotenv).secret_key == SECRET
    dotenv.write_text(f"COMMENTSVC_SECRET_KEY='{SECRET}'\nCOMMENTSVC_LIMIT=off\n")
    with pytest.raises(BadSetting, match="did you mean COMMENTSVC_LIMITS"):
        from_environment({}, dotenv)


def test_the_settings_page_and_the_readme_name_every_setting_and_no_other():
    names = {f"COMMENTSVC_{field.name.upper()}" for field in dataclasses.fields(Config) if field.name != "providers"}
    for page in (DOCS, README):
        rows = re.findall(r"^\| `(COMMENTSVC_\w+)`", page.read_text(), re.MULTILINE)
        assert sorted(rows) == sorted(names), page.name
    for provider in PROVIDERS:
        for setting in ("CLIENT_ID", "CLIENT_SECRET"):
            assert f"`COMMENTSVC_{provider.upper()}_{setting}`" in DOCS.read_text()
