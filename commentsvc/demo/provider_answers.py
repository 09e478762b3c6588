"""Tokens, documents and pages that the stand-ins answer with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import struct
import time
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

from joserfc.jwk import ECKey, RSAKey
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    pass


from commentsvc.demo.provider_kinds import APPLE_KEY_ID

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Stand-in for {label}</title>
<body style="font: 1.125rem/1.5 system-ui; max-width: 30rem; margin: 2rem auto; padding: 0 1rem">
<h1>Stand-in for {label}</h1>
<p>No real account is asked for here: choose who you are.</p>
<form method="post">{buttons}<p><button name="cancel" value="1">Cancel</button></p></form>
</body>
</html>"""


class Refused(Exception):
    """Ends a request with this answer."""

    def __init__(self, response: Response) -> None:
        self.response = response


@cache
def signing_keys() -> tuple[RSAKey, RSAKey, ECKey]:
    """The provider's key, a stranger's of the same name, and the one Apple gives a client; made once, being slow."""
    names: Any = {"kid": "first", "use": "sig", "alg": "RS256"}
    apple = ECKey.generate_key("P-256", {"kid": APPLE_KEY_ID})
    return RSAKey.generate_key(2048, names), RSAKey.generate_key(2048, names), apple


def posting_page(address: str, answer: dict[str, str]) -> str:
    """A page of Apple's that posts the answer by itself."""
    fields = "".join(f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in answer.items())
    form = f'<form method="post" action="{html.escape(address)}">{fields}<button>Go on</button></form>'
    return f"<!doctype html><title>Apple</title>{form}<script>document.forms[0].submit()</script>"


def make_trouble(trouble: str | None) -> None:
    if trouble == "500":
        raise Refused(Response("oops", 500))
    if trouble == "html":
        raise Refused(Response("<h1>Maintenance</h1>", 200, mimetype="text/html"))
    if trouble == "huge":
        raise Refused(Response(b'{"x": "' + b"x" * 3_000_000 + b'"}', 200, mimetype="application/json"))
    if trouble == "redirect":
        raise Refused(Response(status=302, headers={"Location": "http://127.0.0.1:1/"}))
    if trouble == "slow":
        time.sleep(12)  # longer than the service waits for a provider


def token_error(name: str, what: str) -> Response:
    """The error in the provider's own format."""
    if name == "facebook":
        number, message = (
            (100, "This authorization code has been used.") if what == "spent" else (1, "Error validating")
        )
        return json_response({"error": {"message": message, "type": "OAuthException", "code": number}}, 400)
    if name == "github":
        return json_response({"error": "bad_verification_code" if what == "spent" else "incorrect_client_credentials"})
    if name == "twitter" and what == "spent":
        description = "Value passed for the authorization code was invalid."
        return json_response({"error": "invalid_request", "error_description": description}, 400)
    return json_response(
        {"error": "invalid_grant" if what == "spent" else "invalid_client"}, 400 if what == "spent" else 401
    )


def signed_request(secret: str, user_id: object) -> str:
    """The signed request that Facebook posts when a user removes the app."""
    document = {"user_id": user_id, "algorithm": "HMAC-SHA256", "issued_at": int(time.time())}
    payload = base64url(json.dumps(document).encode())
    return base64url(hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()) + "." + payload


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def s256(verifier: str) -> str:
    return base64url(hashlib.sha256(verifier.encode()).digest())


def json_response(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status, mimetype="application/json")


def png(seed: int) -> bytes:
    """A square of one colour, 64 px."""
    rows = (b"\0" + bytes([seed * 37 % 256, seed * 91 % 256, 160]) * 64) * 64

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
