"""Which e-mail addresses are accepted."""

from __future__ import annotations

import re

import email_validator
import idna
from email_validator import EmailNotValidError, validate_email

from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import EMAIL_MAX

# Names such as .test and .local are refused by the library by default; a closed network may well use them.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

EXAMPLE = "carol@example.org"
# RFC 2047: a mail library may unpack one into headers of its own.
ENCODED_WORD = re.compile(r"=\?.*\?", re.DOTALL)


def address(value: str, field: str, required: bool) -> str:
    """The address in lower case, '' when it is empty and not required; raises Invalid with the remedy.

    RFC 5321's limit is 254 characters. Only the form is looked at: nothing is asked of any network.
    """
    value = value.strip()
    if not value:
        if required:
            raise Invalid(field, phrase("Enter your email address. It will not be published."))
        return ""
    if len(value) > EMAIL_MAX:
        raise Invalid(field, phrase("An email address can have at most %(limit)s characters.", limit=EMAIL_MAX))
    try:
        if ENCODED_WORD.search(value):
            raise UnicodeError
        found = validate_email(value, check_deliverability=False, allow_domain_literal=False)
    except (EmailNotValidError, UnicodeError):
        sentence = phrase("Enter a complete email address, such as %(example)s.", example=EXAMPLE)
        raise Invalid(field, sentence) from None
    return found.normalized.lower()


def with_ascii_domain(value: str) -> str:
    """The address as mail servers know it: an international domain in its ASCII form (RFC 5891).

    Raises ValueError for a domain that has none.
    """
    local, at, domain = value.rpartition("@")
    if domain.isascii():
        return value
    try:
        return f"{local}{at}{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise ValueError(f"the domain has no ASCII form: {error}") from None
