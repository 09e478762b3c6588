"""Tokens: each for one thing, none made from another."""

from commentsvc.core import tokens

SECRET = "a secret"


def test_an_edit_token_is_for_one_comment_under_one_secret():
    token = tokens.edit_token(SECRET, 7)
    assert tokens.is_edit_token(SECRET, 7, token)
    others = [
        (SECRET, 8, token),
        ("another", 7, token),
        (SECRET, 7, token[:-1]),
        (SECRET, 7, ""),
        (SECRET, 7, "\ud800"),
    ]
    assert not any(tokens.is_edit_token(*other) for other in others)


def test_parts_cannot_run_into_each_other():
    made = [
        tokens.keyed(SECRET, "code", *parts)
        for parts in [("a", "b"), ("ab", ""), ("", "ab"), ("a\0b",), ("1:a", "b"), ("a",), ("a", "b", "")]
    ]
    assert len(set(made)) == len(made)
    assert tokens.keyed(SECRET, "edit", "a") != tokens.keyed(SECRET, "code", "a")


def test_random_tokens_are_long_and_never_the_same():
    made = {tokens.new("cst_") for _ in range(1000)}
    assert len(made) == 1000
    assert all(token.startswith("cst_") and len(token) == 4 + 43 for token in made)
    assert len(tokens.digest("\ud800")) == 32


def test_codes_have_six_digits_and_use_them_all():
    made = [tokens.new_code() for _ in range(5000)]
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in made)
    assert len({code[0] for code in made}) == 10


def test_sealed_values_are_read_for_their_purpose_and_with_their_secret_only():
    sealed = tokens.sealed(SECRET, "a page", {"goal": "/dashboard"})
    assert tokens.unsealed(SECRET, "a page", sealed, 60) == {"goal": "/dashboard"}
    assert tokens.unsealed(SECRET, "another page", sealed, 60) is None
    assert tokens.unsealed("another secret, long enough", "a page", sealed, 60) is None
    assert tokens.unsealed(SECRET, "a page", sealed[:-4] + "AAAA", 60) is None
