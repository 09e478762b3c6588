"""Stand-ins for the sign-in providers: one HTTP server that answers as each does, and refuses what each refuses.

For the tests and for `commentsvc demo`; nothing here knows anything of the service but its address.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

from commentsvc.core import routes
from commentsvc.demo.provider_answers import (
    PAGE,
    Refused,
    base64url,
    json_response,
    make_trouble,
    png,
    posting_page,
    s256,
    signing_keys,
    token_error,
)
from commentsvc.demo.provider_kinds import APPLE_KEY_ID, APPLE_TEAM, ELSEWHERE, KINDS, PEOPLE, TENANT, ProviderBehaviour


class ProviderStandIns:
    """The stand-ins of all providers. `troubles` makes a provider misbehave: deny, 500, html, slow, huge, wrong_nonce,
    wrong_key, wrong_issuer, wrong_audience, old_token, unknown_key, alg_none, alg_hs256, coop, no_email, refuse_email,
    another_iss, redirect."""

    def __init__(self, base_url: str, service_url: str) -> None:
        self.base_url = base_url
        self.service_url = service_url
        self.troubles: dict[str, str] = {}
        self.says: dict[str, dict[str, Any]] = {}  # by provider: claims that replace those of every person
        self.promises_iss = False
        self.sends_iss = True
        self.token_type = "bearer"
        self.clock_off_s = 0
        self.token_life_s = 3600
        self.clients = {name: (f"client-of-{name}", secrets.token_urlsafe(24)) for name in KINDS}
        self.asked: list[str] = []  # paths, to see who was asked
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, tuple[str, dict[str, Any]]] = {}
        self._key, self._stranger, self._apple_key = signing_keys()
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
            return Response(png(int(rest[0].partition(".")[0].partition("_")[0])), mimetype="image/png")
        if name not in KINDS:
            raise Refused(Response("nothing here", 404))
        kind, path = KINDS[name], "/" + "/".join(rest)
        if name == "microsoft":
            path = path.removeprefix("/common/v2.0")
        trouble = self.troubles.get(name)
        if path == kind.authorize:
            return self._login(request, name, kind, trouble)
        make_trouble(trouble)
        if path == "/auth/keys" and name == "apple":
            return json_response({"keys": [self._key.as_dict(private=False)]})
        if path == "/.well-known/openid-configuration" and kind.is_openid and name != "apple":
            return self._discovery(name, kind, trouble)
        if path == "/jwks" and kind.is_openid and name != "apple":
            return json_response({"keys": [self._key.as_dict(private=False)]})
        if name == "mastodon" and path == "/.well-known/oauth-authorization-server" and trouble != "4.2":
            document = {"issuer": f"{self.base_url}/mastodon/", "scopes_supported": ["profile"]}
            return json_response(document | self._promise())
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
            raise Refused(json_response({"error": "Validation failed"}, 422))
        client_id, client_secret = self.clients["mastodon"]
        return json_response(
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
        return json_response(document | self._promise())

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
            return Response(posting_page(redirect_uri, answer), mimetype="text/html", headers=headers)
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
        is_verified = not kind.pkce or (kept is not None and s256(form.get("code_verifier", "")) == kept["challenge"])
        is_right = (
            kept is not None
            and kept["provider"] == name
            and form.get("redirect_uri") == kept["redirect_uri"]
            and time.monotonic() - kept["at"] <= kind.code_life_s
            and (name == "facebook" or form.get("grant_type") == "authorization_code")
        )
        if kept is None or not is_right or not is_verified:
            raise Refused(token_error(name, "spent"))
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
        return json_response(answer)

    def _check_client(self, request: Request, name: str, kind: ProviderBehaviour) -> None:
        basic = request.authorization
        by_basic = (basic.username, basic.password) if basic and basic.type == "basic" else None
        by_post = (request.form.get("client_id"), request.form.get("client_secret"))
        if kind.auth == "signed":
            if by_post[0] != self.clients[name][0] or not self._is_apple_secret(by_post[1] or ""):
                raise Refused(token_error(name, "client"))
            return
        given = {"basic": by_basic, "post": by_post if by_basic is None else None, "either": by_basic or by_post}
        if given[kind.auth] != self.clients[name]:
            raise Refused(token_error(name, "client"))

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
            return ".".join(base64url(json.dumps(part).encode()) for part in (head, body)) + "."
        if trouble == "alg_hs256":  # with the public key as the secret
            head = {"alg": "HS256", "typ": "JWT", "kid": str(key.kid)}
            signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
            public = key.as_pem(private=False)
            return f"{signed}.{base64url(hmac.digest(public, signed.encode(), 'sha256'))}"
        if trouble == "unknown_key":
            return jwt.encode({"alg": "RS256", "kid": secrets.token_hex(4)}, claims, key)
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def _me(self, request: Request, name: str, is_emails: bool) -> Response:
        given = request.headers.get("Authorization", "").partition(" ")[2] or request.args.get("access_token", "")
        held = self._tokens.get(given)
        if held is None or held[0] != name:
            raise Refused(json_response({"title": "Unauthorized", "status": 401}, 401))
        person, trouble = held[1], self.troubles.get(name)
        email = None if trouble == "no_email" else person["email"]
        picture = f"{self.base_url}/pictures/{person['id']}_normal.png"
        if name == "twitter":
            return self._twitter_me(request, person, picture, trouble)
        if name == "facebook":
            expected = hmac.new(self.clients[name][1].encode(), given.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(request.args.get("appsecret_proof", ""), expected):
                raise Refused(json_response({"error": {"message": "Invalid appsecret_proof", "code": 100}}, 400))
            found = {"id": str(person["id"]), "name": person["name"]}
            found |= {"picture": {"data": {"url": picture, "is_silhouette": False, "width": 200, "height": 200}}}
            return json_response(found | ({"email": email} if email else {}) | self.says.get(name, {}))
        if name == "wordpress":
            found = {"ID": person["id"], "display_name": person["name"], "username": person["handle"]}
            found |= {"avatar_URL": picture, "email_verified": person["verified"], "verified": True}
            return json_response(
                found | {"email": email, "primary_blog_url": f"https://{person['handle']}.example.org"}
            )
        if name == "github":
            if not request.headers.get("User-Agent"):
                raise Refused(json_response({"message": "User-Agent needed"}, 403))
            if is_emails:
                rows = [{"email": email, "primary": True, "verified": person["verified"]}] if email else []
                return json_response([*rows, {"email": "old@example.org", "primary": False, "verified": True}])
            found = {"id": person["id"], "login": person["handle"], "name": None, "email": None}
            return json_response(found | {"avatar_url": picture, "html_url": f"https://github.com/{person['handle']}"})
        if name == "mastodon":
            found = {"id": str(person["id"]), "username": person["handle"], "display_name": person["name"]}
            return json_response(
                found
                | {"avatar_static": picture, "url": f"https://social.example/@{person['handle']}"}
                | self.says.get(name, {})
            )
        if name == "discord":
            found = {"id": str(person["id"]), "username": person["handle"], "global_name": person["name"]}
            return json_response(
                found | {"avatar": None, "verified": person["verified"], "email": email} | self.says.get(name, {})
            )
        found = {"sub": f"sub-{person['id']}", "name": person["name"], "preferred_username": person["handle"]}
        return json_response(found | ({"email": email, "email_verified": person["verified"]} if email else {}))

    def _twitter_me(self, request: Request, person: dict[str, Any], picture: str, trouble: str | None) -> Response:
        fields = request.args.get("user.fields", "").split(",")
        found = {"id": str(person["id"]), "name": person["name"], "username": person["handle"]}
        if "profile_image_url" in fields:
            found["profile_image_url"] = picture
        if "confirmed_email" in fields:
            if trouble == "refuse_email":
                raise Refused(json_response({"title": "Forbidden", "status": 403}, 403))
            if person["verified"]:
                found["confirmed_email"] = person["email"]
        return json_response({"data": found})


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
