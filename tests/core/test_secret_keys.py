"""Keys that can be guessed, and keys that machines make."""

import base64
import random

import pytest

from commentsvc.core.secret_keys import weakness


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("short", "too short (5 characters)"),
        ("a" * 16, "characters (1)"),
        ("0" * 64, "characters (1)"),
        ("abababababababab", "characters (2)"),
        ("aaaaaaaabbbbbbbb", "characters (2)"),
        ("changemechangeme", "repeats"),
        ("ChangeMeCHANGEME", "repeats"),
        ("hunter2hunter2hunter2", "repeats"),
        ("deadbeefdeadbeef", "different characters"),
        ("P@ssw0rd!P@ssw0rd!", "repeats"),
        ("changeme-changeme-changeme", "repeats"),
        ("change-me-please", "words"),
        ("please-change-this-key", "words"),
        ("changeme12345678", "words"),
        ("replace-me-with-a-random-string", "words"),
        ("your-secret-key-here", "words"),
        ("yoursecretkeyhere", "words"),
        ("supersecretkey123", "words"),
        ("thisisasecretkey", "words"),
        ("My$ecretP@ssw0rd", "words"),
        ("correcthorsebatterystaple", "words"),
        ("commentsvc-secret-key", "words"),
        ("insecure-development-key", "words"),
        ("dev-secret-key-not-for-production", "words"),
        ("qwertyuiopasdfgh", "words"),
        ("1234567890123456", "words"),
        ("9876543210987654", "words"),
        ("abcdefghijklmnop", "words"),
        ("0123456789abcdef0123456789abcdef", "repeats"),
        ("0123456789abcdef", "words"),
        ("1qaz2wsx3edc4rfv", "words"),
        ("asdfghjklzxcvbnm", "words"),
        ("password12345678", "words"),
        ("$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')", "command"),
        ('python3 -c "import secrets; print(secrets.', "command"),
        ("`openssl rand -hex 32`", "command"),
        ("${COMMENTSVC_SECRET}", "command"),
        ("<a long random text>", "command"),
    ],
)
def test_a_key_that_can_be_guessed_is_named_as_such(value, why):
    assert why in weakness(value)


@pytest.mark.parametrize(
    "value",
    [
        "a secret for tests, long enough",
        "a secret that is long enough",
        "gk#2!xQv9sLm4@Tz",
        "d41d8cd98f00b204e9800998ecf8427e",
    ],
)
def test_a_key_that_cannot_be_guessed_is_taken(value):
    assert weakness(value) == ""


def test_what_machines_make_is_taken():
    chance = random.Random(13)
    for _ in range(3000):
        raw = chance.randbytes(32)
        for value in (
            raw.hex(),
            raw[:16].hex(),
            base64.b64encode(raw).decode(),
            base64.urlsafe_b64encode(raw[:16]).decode(),
        ):
            assert weakness(value) == "", value
