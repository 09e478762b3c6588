"""Passkeys (WebAuthn): options for the browser, and the check of its answers by py_webauthn."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# Imported where it is used: the library takes 6 MB, which most workers never need.


@dataclass(frozen=True)
class Passkey:
    credential_id: bytes
    public_key: bytes
    count: int


@dataclass(frozen=True)
class Party:
    """Our side: passkeys are bound to the host, and answers to the exact origin."""

    origin: str
    name: str = "commentsvc"

    @property
    def host(self) -> str:
        return urlsplit(self.origin).hostname or ""

    @property
    def can(self) -> bool:
        """Browsers bind passkeys to names, never to bare network addresses."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return True
        return False


def asked_to_make(party: Party, account_id: int, name: str, known: Sequence[bytes]) -> tuple[dict[str, Any], str]:
    """Options for creating a passkey, and the challenge to store."""
    import webauthn
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=party.host,
        rp_name=party.name,
        user_id=str(account_id).encode(),
        user_name=name,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return json.loads(webauthn.options_to_json(options)), bytes_to_base64url(options.challenge)


def made(party: Party, answer: str, challenge: str) -> Passkey:
    """The new passkey; raises ValueError for an answer that is not sound."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.host,
            expected_origin=party.origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise ValueError("the browser's answer is not sound") from error
    return Passkey(found.credential_id, found.credential_public_key, found.sign_count)


def asked_to_show(party: Party, known: Sequence[bytes]) -> tuple[dict[str, Any], str]:
    """Options for using one of the known passkeys, and the challenge to store."""
    import webauthn
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=party.host,
        allow_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in known],
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return json.loads(webauthn.options_to_json(options)), bytes_to_base64url(options.challenge)


def credential_of(answer: str) -> bytes:
    """Which passkey an answer says to be of; raises ValueError for what is no answer."""
    from webauthn.helpers import base64url_to_bytes

    try:
        return base64url_to_bytes(str(json.loads(answer)["id"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("the browser's answer is not sound") from error


def shown(party: Party, answer: str, challenge: str, passkey: Passkey) -> int:
    """The passkey's new count; raises ValueError when the answer does not prove that the browser has it."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.host,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.count,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise ValueError("the browser's answer is not sound") from error
    return found.new_sign_count
