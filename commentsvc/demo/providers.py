"""Stand-ins for the sign-in providers: one HTTP server that answers as each does, and refuses what each refuses.

For the tests and for `commentsvc demo`; nothing here knows anything of the service but its address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

from commentsvc.core import routes

ELSEWHERE = "https://elsewhere.example"
APPLE_TEAM = "TEAM123456"
APPLE_KEY_ID = "KEY1234567"
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
PEOPLE: list[dict[str, Any]] = [
    {"id": 1001, "name": "Ann Lee", "handle": "annlee", "email": "ann@example.org", "verified": True},
    {"id": 1002, "name": "Bo Nakamura", "handle": "bo", "email": None, "verified": False},
    {"id": 1003, "name": "Cy Unproven", "handle": "cy", "email": "alice@blog.example", "verified": False},
]


@dataclass(frozen=True)
class ProviderBehaviour:
    """How one provider wants to be spoken to."""

    label: str
    authorize: str
    token: str
    me: str
    auth: str = "post"  # or "basic", "either", or "signed": posted, and made by the client itself
    pkce: bool = True
    code_life_s: int = 600
    scopes: tuple[str, ...] = ()
    is_openid: bool = False


OPENID: dict[str, Any] = {"authorize": "/authorize", "token": "/token", "me": "/userinfo", "is_openid": True}
KINDS = {
    "twitter": ProviderBehaviour(
        "Twitter",
        "/i/oauth2/authorize",
        "/2/oauth2/token",
        "/2/users/me",
        "basic",
        True,
        30,
        ("users.read", "tweet.read"),
    ),
    "facebook": ProviderBehaviour(
        "Facebook", "/v26.0/dialog/oauth", "/v26.0/oauth/access_token", "/v26.0/me", pkce=False
    ),
    "wordpress": ProviderBehaviour(
        "WordPress.com", "/oauth2/authorize", "/oauth2/token", "/rest/v1.1/me", pkce=False, scopes=("auth",)
    ),
    "google": ProviderBehaviour("Google", auth="either", scopes=("openid",), **OPENID),
    "apple": ProviderBehaviour(
        "Apple", "/auth/authorize", "/auth/token", "/auth/keys", "signed", scopes=("name", "email"), is_openid=True
    ),
    "github": ProviderBehaviour("GitHub", "/login/oauth/authorize", "/login/oauth/access_token", "/user"),
    "microsoft": ProviderBehaviour("Microsoft", auth="either", scopes=("openid",), **OPENID),
    "discord": ProviderBehaviour(
        "Discord", "/oauth2/authorize", "/api/oauth2/token", "/api/v10/users/@me", "either", scopes=("identify",)
    ),
    "mastodon": ProviderBehaviour(
        "Mastodon", "/oauth/authorize", "/oauth/token", "/api/v1/accounts/verify_credentials", scopes=("profile",)
    ),
    "oidc": ProviderBehaviour("Example ID", auth="basic", scopes=("openid",), **OPENID),
}


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


class ProviderStandIns:
    """`troubles` by provider: what goes wrong there from now on: deny, 500, html, slow, huge, wrong_nonce, wrong_key,
    wrong_issuer, wrong_audience, old_token, unknown_key, alg_none,
    alg_hs256, coop, no_email, refuse_email, another_iss, redirect."""

    def __init__(self, base_url: str, service_url: str) -> None:
        self.base_url = base_url
        self.service_url = service_url
        self.troubles: dict[str, str] = {}
        self.says: dict[str, dict[str, Any]] = {}  # by provider: what it says of everybody in place of the truth
        self.promises_iss = False
        self.sends_iss = True
        self.token_type = "bearer"
        self.clock_off_s = 0
        self.token_life_s = 3600
        self.clients = {name: (f"client-of-{name}", secrets.token_urlsafe(24)) for name in KINDS}
        self.asked: list[str] = []  # paths, to see who was asked
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, tuple[str, dict[str, Any]]] = {}
        self._key, self._stranger, self._apple_key = _keys()
        self._consented: set[int] = set()  # whose name Apple has told once

    def settings(self) -> dict[str, str]:
        """The environment that points the service here."""
        found = {}
        for name, kind in KINDS.items():
            prefix = f"COMMENTSVC_{name.upper()}_"
            found[prefix + "CLIENT_ID"], found[prefix + "CLIENT_SECRET"] = self.clients[name]
            if name == "mastodon":  # registers itself; only where the one server is
                found |= {prefix + "CLIENT_ID": "auto", prefix + "AUTHORIZE_URL": f"{self.base_url}/{name}"}
                del found[prefix + "CLIENT_SECRET"]
                continue
            if name == "apple":
                found |= {prefix + "TEAM_ID": APPLE_TEAM, prefix + "KEY_ID": APPLE_KEY_ID}
                found[prefix + "PRIVATE_KEY"] = self._apple_key.as_pem(private=True).decode()
                del found[prefix + "CLIENT_SECRET"]
            if kind.is_openid:
                found[prefix + "ISSUER"] = self.issuer(name)
            else:
                for setting, path in (("AUTHORIZE", kind.authorize), ("TOKEN", kind.token), ("USERINFO", kind.me)):
                    found[f"{prefix}{setting}_URL"] = f"{self.base_url}/{name}{path}"
        return {**found, "COMMENTSVC_OIDC_NAME": KINDS["oidc"].label}

    def issuer(self, name: str) -> str:
        return f"{self.base_url}/{name}" + ("/common/v2.0" if name == "microsoft" else "")

    def rotate_keys(self) -> None:
        """The provider signs with another key from now on."""
        self._key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        self.asked.append(request.path)
        try:
            response = self._answer(request)
        except Refused as refusal:
            response = refusal.response
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        _, name, *rest = request.path.split("/")
        if name == "pictures":
            return Response(_png(int(rest[0].partition(".")[0].partition("_")[0])), mimetype="image/png")
        if name not in KINDS:
            raise Refused(Response("nothing here", 404))
        kind, path = KINDS[name], "/" + "/".join(rest)
        if name == "microsoft":
            path = path.removeprefix("/common/v2.0")
        trouble = self.troubles.get(name)
        if path == kind.authorize:
            return self._login(request, name, kind, trouble)
        _make_trouble(trouble)
        if path == "/auth/keys" and name == "apple":
            return _json({"keys": [self._key.as_dict(private=False)]})
        if path == "/.well-known/openid-configuration" and kind.is_openid and name != "apple":
            return self._discovery(name, kind, trouble)
        if path == "/jwks" and kind.is_openid and name != "apple":
            return _json({"keys": [self._key.as_dict(private=False)]})
        if name == "mastodon" and path == "/.well-known/oauth-authorization-server" and trouble != "4.2":
            document = {"issuer": f"{self.base_url}/mastodon/", "scopes_supported": ["profile"]}
            return _json(document | self._promise())
        if name == "mastodon" and path == "/api/v1/apps" and request.method == "POST":
            return self._register(request)
        if path == kind.token and request.method == "POST":
            return self._trade(request, name, kind)
        if path == kind.me or (name == "github" and path == "/user/emails"):
            return self._me(request, name, path.endswith("/emails"))
        raise Refused(Response("nothing here", 404))

    def _mastodon_scope(self) -> str:
        return "read:accounts" if self.troubles.get("mastodon") == "4.2" else "profile"

    def _register(self, request: Request) -> Response:
        redirect_uri = self.service_url + routes.fill(routes.PROVIDER_CALLBACK, provider="mastodon")
        asked = request.get_json()
        if asked.get("redirect_uris") != [redirect_uri] or asked.get("scopes") != self._mastodon_scope():
            raise Refused(_json({"error": "Validation failed"}, 422))
        client_id, client_secret = self.clients["mastodon"]
        return _json(
            {"id": "1", "client_id": client_id, "client_secret": client_secret, "redirect_uris": [redirect_uri]}
        )

    def _discovery(self, name: str, kind: ProviderBehaviour, trouble: str | None) -> Response:
        issuer = self.issuer(name)
        document = {
            "issuer": "https://elsewhere.example"
            if trouble == "wrong_discovery"
            else issuer.replace("/common/", "/{tenantid}/"),
            "authorization_endpoint": issuer + kind.authorize,
            "token_endpoint": issuer + kind.token,
            "userinfo_endpoint": issuer + kind.me,
            "jwks_uri": issuer + "/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return _json(document | self._promise())

    def _promise(self) -> dict[str, bool]:
        return {"authorization_response_iss_parameter_supported": True} if self.promises_iss else {}

    def _login(self, request: Request, name: str, kind: ProviderBehaviour, trouble: str | None) -> Response:
        asked = request.args
        client_id, _ = self.clients[name]
        redirect_uri = self.service_url + routes.fill(routes.PROVIDER_CALLBACK, provider=name)
        scopes = asked.get("scope", "").replace(",", " ").split()
        wrong = [
            word
            for word, is_right in {
                "client_id": asked.get("client_id") == client_id,
                "redirect_uri": asked.get("redirect_uri") == redirect_uri,
                "response_type": asked.get("response_type") == "code",
                "state": bool(asked.get("state")) and len(asked["state"]) <= 500,
                "code_challenge": not kind.pkce
                or (len(asked.get("code_challenge", "")) == 43 and asked.get("code_challenge_method") == "S256"),
                "scope": set(kind.scopes if name != "mastodon" else [self._mastodon_scope()]) <= set(scopes),
                "nonce": not kind.is_openid or bool(asked.get("nonce")),
                "response_mode": name != "apple" or asked.get("response_mode") == "form_post",
            }.items()
            if not is_right
        ]
        if wrong:  # never sent on to an address that was not checked
            raise Refused(Response(f"{kind.label}: wrong {', '.join(wrong)}", 400))
        headers = {"Cross-Origin-Opener-Policy": "same-origin"} if trouble == "coop" else {}
        if request.method == "GET" and trouble != "deny":
            return Response(self._page(kind), mimetype="text/html", headers=headers)
        answer = {"state": asked["state"]}
        if trouble == "deny" or "cancel" in request.form:
            answer["error"] = "user_cancelled_authorize" if name == "apple" else "access_denied"
        else:
            person = next(p for p in PEOPLE if str(p["id"]) == request.form["person"])
            answer["code"] = self._code(name, person, redirect_uri, asked)
        if name == "apple":
            if "code" in answer and person["id"] not in self._consented:
                self._consented.add(person["id"])
                first, _, last = person["name"].partition(" ")
                answer["user"] = json.dumps({"name": {"firstName": first, "lastName": last}, "email": person["email"]})
            return Response(_posting_page(redirect_uri, answer), mimetype="text/html", headers=headers)
        if self.sends_iss and name == "mastodon" and self.promises_iss:
            answer["iss"] = f"{self.base_url}/mastodon/"
        if self.sends_iss and kind.is_openid and name != "microsoft":
            answer["iss"] = ELSEWHERE if trouble == "another_iss" else self.issuer(name)
        return Response(status=302, headers={**headers, "Location": f"{redirect_uri}?{urlencode(answer)}"})

    def _code(self, name: str, person: dict[str, Any], redirect_uri: str, asked: Mapping[str, str]) -> str:
        code = secrets.token_urlsafe(16)
        self._codes[code] = {
            "provider": name,
            "person": person,
            "redirect_uri": redirect_uri,
            "challenge": asked.get("code_challenge"),
            "nonce": asked.get("nonce"),
            "at": time.monotonic(),
        }
        return code

    def age_codes(self, seconds: float) -> None:
        for kept in self._codes.values():
            kept["at"] -= seconds

    def _page(self, kind: ProviderBehaviour) -> str:
        people = [
            f'<button name="person" value="{p["id"]}">Continue as {html.escape(p["name"])}</button>' for p in PEOPLE
        ]
        return PAGE.format(label=kind.label, buttons="".join(f"<p>{button}</p>" for button in people))

    def _trade(self, request: Request, name: str, kind: ProviderBehaviour) -> Response:
        form = request.form
        self._check_client(request, name, kind)
        kept = self._codes.pop(form.get("code", ""), None)
        is_verified = not kind.pkce or (kept is not None and _s256(form.get("code_verifier", "")) == kept["challenge"])
        is_right = (
            kept is not None
            and kept["provider"] == name
            and form.get("redirect_uri") == kept["redirect_uri"]
            and time.monotonic() - kept["at"] <= kind.code_life_s
            and (name == "facebook" or form.get("grant_type") == "authorization_code")
        )
        if kept is None or not is_right or not is_verified:
            raise Refused(_token_error(name, "spent"))
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (name, kept["person"])
        answer = {
            "access_token": token,
            "token_type": self.token_type,
            "expires_in": 7200,
            "scope": " ".join(kind.scopes),
        }
        if kind.is_openid:
            answer["id_token"] = self._id_token(name, kept["person"], kept["nonce"])
        if name == "github" and "application/json" not in request.headers.get("Accept", ""):
            return Response(urlencode(answer), mimetype="application/x-www-form-urlencoded")
        return _json(answer)

    def _check_client(self, request: Request, name: str, kind: ProviderBehaviour) -> None:
        basic = request.authorization
        by_basic = (basic.username, basic.password) if basic and basic.type == "basic" else None
        by_post = (request.form.get("client_id"), request.form.get("client_secret"))
        if kind.auth == "signed":
            if by_post[0] != self.clients[name][0] or not self._is_apple_secret(by_post[1] or ""):
                raise Refused(_token_error(name, "client"))
            return
        given = {"basic": by_basic, "post": by_post if by_basic is None else None, "either": by_basic or by_post}
        if given[kind.auth] != self.clients[name]:
            raise Refused(_token_error(name, "client"))

    def _is_apple_secret(self, value: str) -> bool:
        try:
            token = jwt.decode(value, self._apple_key, algorithms=["ES256"])
        except (JoseError, ValueError):
            return False
        claims, now = token.claims, time.time()
        wanted = {"iss": APPLE_TEAM, "sub": self.clients["apple"][0], "aud": self.issuer("apple")}
        is_ours = {key: claims.get(key) for key in wanted} == wanted and token.header.get("kid") == APPLE_KEY_ID
        return is_ours and claims["iat"] <= now < claims["exp"] <= claims["iat"] + 15_777_000

    def _id_token(self, name: str, person: dict[str, Any], nonce: str) -> str:
        trouble, now = self.troubles.get(name), int(time.time()) + self.clock_off_s
        issuer = self.issuer(name).replace("/common/", f"/{TENANT}/")
        claims = {
            "iss": ELSEWHERE if trouble == "wrong_issuer" else issuer,
            "sub": f"sub-{person['id']}",
            "aud": "somebody-else" if trouble == "wrong_audience" else self.clients[name][0],
            "iat": now,
            "exp": now - 3600 if trouble == "old_token" else now + self.token_life_s,
            "nonce": "another" if trouble == "wrong_nonce" else nonce,
            "picture": f"{self.base_url}/pictures/{person['id']}.png",
        }
        if name == "apple":
            del claims["picture"]
        elif name != "oidc":  # the generic one says who it is only at userinfo
            claims |= {"name": person["name"], "preferred_username": person["handle"]}
        if person["email"]:
            claims |= {"email": person["email"], "email_verified": person["verified"]}
        if name == "apple" and person["email"]:
            claims["email_verified"] = "true" if person["verified"] else "false"
        if name == "microsoft":
            claims |= {"tid": TENANT, "oid": f"oid-{person['id']}"}
        claims |= self.says.get(name, {})
        key = self._stranger if trouble == "wrong_key" else self._key
        if trouble == "alg_none":
            head, body = ({"alg": "none", "typ": "JWT"}, claims)
            return ".".join(_encoded(json.dumps(part).encode()) for part in (head, body)) + "."
        if trouble == "alg_hs256":  # with what everybody can read as the secret
            head = {"alg": "HS256", "typ": "JWT", "kid": str(key.kid)}
            signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
            public = key.as_pem(private=False)
            return f"{signed}.{_encoded(hmac.digest(public, signed.encode(), 'sha256'))}"
        if trouble == "unknown_key":
            return jwt.encode({"alg": "RS256", "kid": secrets.token_hex(4)}, claims, key)
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def _me(self, request: Request, name: str, is_emails: bool) -> Response:
        given = request.headers.get("Authorization", "").partition(" ")[2] or request.args.get("access_token", "")
        held = self._tokens.get(given)
        if held is None or held[0] != name:
            raise Refused(_json({"title": "Unauthorized", "status": 401}, 401))
        person, trouble = held[1], self.troubles.get(name)
        email = None if trouble == "no_email" else person["email"]
        picture = f"{self.base_url}/pictures/{person['id']}_normal.png"
        if name == "twitter":
            return self._twitter_me(request, person, picture, trouble)
        if name == "facebook":
            expected = hmac.new(self.clients[name][1].encode(), given.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(request.args.get("appsecret_proof", ""), expected):
                raise Refused(_json({"error": {"message": "Invalid appsecret_proof", "code": 100}}, 400))
            found = {"id": str(person["id"]), "name": person["name"]}
            found |= {"picture": {"data": {"url": picture, "is_silhouette": False, "width": 200, "height": 200}}}
            return _json(found | ({"email": email} if email else {}) | self.says.get(name, {}))
        if name == "wordpress":
            found = {"ID": person["id"], "display_name": person["name"], "username": person["handle"]}
            found |= {"avatar_URL": picture, "email_verified": person["verified"], "verified": True}
            return _json(found | {"email": email, "primary_blog_url": f"https://{person['handle']}.example.org"})
        if name == "github":
            if not request.headers.get("User-Agent"):
                raise Refused(_json({"message": "User-Agent needed"}, 403))
            if is_emails:
                rows = [{"email": email, "primary": True, "verified": person["verified"]}] if email else []
                return _json([*rows, {"email": "old@example.org", "primary": False, "verified": True}])
            found = {"id": person["id"], "login": person["handle"], "name": None, "email": None}
            return _json(found | {"avatar_url": picture, "html_url": f"https://github.com/{person['handle']}"})
        if name == "mastodon":
            found = {"id": str(person["id"]), "username": person["handle"], "display_name": person["name"]}
            return _json(
                found
                | {"avatar_static": picture, "url": f"https://social.example/@{person['handle']}"}
                | self.says.get(name, {})
            )
        if name == "discord":
            found = {"id": str(person["id"]), "username": person["handle"], "global_name": person["name"]}
            return _json(
                found | {"avatar": None, "verified": person["verified"], "email": email} | self.says.get(name, {})
            )
        found = {"sub": f"sub-{person['id']}", "name": person["name"], "preferred_username": person["handle"]}
        return _json(found | ({"email": email, "email_verified": person["verified"]} if email else {}))

    def _twitter_me(self, request: Request, person: dict[str, Any], picture: str, trouble: str | None) -> Response:
        fields = request.args.get("user.fields", "").split(",")
        found = {"id": str(person["id"]), "name": person["name"], "username": person["handle"]}
        if "profile_image_url" in fields:
            found["profile_image_url"] = picture
        if "confirmed_email" in fields:
            if trouble == "refuse_email":
                raise Refused(_json({"title": "Forbidden", "status": 403}, 403))
            if person["verified"]:
                found["confirmed_email"] = person["email"]
        return _json({"data": found})


@cache
def _keys() -> tuple[RSAKey, RSAKey, ECKey]:
    """The provider's key, a stranger's of the same name, and the one Apple gives a client; made once, being slow."""
    names: Any = {"kid": "first", "use": "sig", "alg": "RS256"}
    apple = ECKey.generate_key("P-256", {"kid": APPLE_KEY_ID})
    return RSAKey.generate_key(2048, names), RSAKey.generate_key(2048, names), apple


def _posting_page(address: str, answer: dict[str, str]) -> str:
    """A page of Apple's that posts the answer by itself."""
    fields = "".join(f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in answer.items())
    form = f'<form method="post" action="{html.escape(address)}">{fields}<button>Go on</button></form>'
    return f"<!doctype html><title>Apple</title>{form}<script>document.forms[0].submit()</script>"


def _make_trouble(trouble: str | None) -> None:
    if trouble == "500":
        raise Refused(Response("oops", 500))
    if trouble == "html":
        raise Refused(Response("<h1>Maintenance</h1>", 200, mimetype="text/html"))
    if trouble == "huge":
        raise Refused(Response(b'{"x": "' + b"x" * 3_000_000 + b'"}', 200, mimetype="application/json"))
    if trouble == "redirect":
        raise Refused(Response(status=302, headers={"Location": "http://127.0.0.1:1/"}))
    if trouble == "slow":
        time.sleep(12)


def _token_error(name: str, what: str) -> Response:
    """In each one's own shape."""
    if name == "facebook":
        number, message = (
            (100, "This authorization code has been used.") if what == "spent" else (1, "Error validating")
        )
        return _json({"error": {"message": message, "type": "OAuthException", "code": number}}, 400)
    if name == "github":
        return _json({"error": "bad_verification_code" if what == "spent" else "incorrect_client_credentials"})
    if name == "twitter" and what == "spent":
        description = "Value passed for the authorization code was invalid."
        return _json({"error": "invalid_request", "error_description": description}, 400)
    return _json({"error": "invalid_grant" if what == "spent" else "invalid_client"}, 400 if what == "spent" else 401)


def signed_request(secret: str, user_id: object) -> str:
    """What Facebook posts when somebody removes the app."""
    document = {"user_id": user_id, "algorithm": "HMAC-SHA256", "issued_at": int(time.time())}
    payload = _encoded(json.dumps(document).encode())
    return _encoded(hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()) + "." + payload


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _s256(verifier: str) -> str:
    return _encoded(hashlib.sha256(verifier.encode()).digest())


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status, mimetype="application/json")


def _png(seed: int) -> bytes:
    """A square of one colour, 64 px."""
    rows = (b"\0" + bytes([seed * 37 % 256, seed * 91 % 256, 160]) * 64) * 64

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@contextmanager
def serve(make: Callable[[str], ProviderStandIns], port: int = 0) -> Iterator[ProviderStandIns]:
    """Run a zoo on loopback; `make` gets its address."""
    server = make_server("127.0.0.1", port, lambda environ, start: zoo(environ, start), threaded=True)
    zoo = make(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield zoo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
