"""Sends what strangers may send: hostile strings in every path, query, form, JSON field and header of every route."""

import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

from werkzeug.datastructures import MultiDict
from werkzeug.routing import Rule

from tests.support.cast import BLOG, data_files, find_csrf

BUILT_IN = [
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "\r\nX-Evil: 1",
    "\ud800",
    "\udfff\ud800",
    "\ufffe",
    "\uffff",
    "\U0010ffff",
    "&#xFFFF;",
    "&#0;",
    "\u202e",
    "\u0000",
    "%",
    "%00",
    "%ff",
    "%c0%af",
    "%zz",
    "../../etc/passwd",
    "//evil.example",
    "\\\\srv\\x",
    "http://[::1",
    "http://[",
    "https://a\u2100b/",
    "https://\u0301/",
    "http://x:99999/",
    "http://x:a/",
    "https://:@/",
    "javascript:alert(1)",
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=a>",
    "{{7*7}}",
    "${7*7}",
    "%(name)s",
    "%s%n",
    "' OR 1=1 --",
    "1; DROP TABLE comment",
    "=cmd|' /C calc'!A0",
    "-1",
    "0",
    "1e999",
    "NaN",
    "Infinity",
    "1.5",
    "٣",
    "²",
    "①",
    str(2**31),
    str(2**63),
    str(2**64),
    "9" * 5000,
    "-" + "9" * 5000,
    "0x10",
    "1_000",
    "+1",
    " 1 ",
    "true",
    "null",
    "[]",
    "{}",
    "2026-13-45",
    "0000-00-00",
    "9999-12-31",
    "2026-01-01T00:00:00+99:99",
    "not-a-date",
    "a" * 300,
    "a" * 5000,
    "é" * 3000,
    "::1%eth0",
    "1.2.3.4:51008",
    "[2001:db8::1]:443",
    "999.1.1.1",
    "0177.0.0.1",
    "1.2.3.0/99",
    "::/200",
    "a@b",
    "@",
    "a@[::1]",
    '"',
    "'",
    '""',
    '"a"@b.example',
    "a@xn--.example",
    "MTIz",
    "e30=",
    "====",
    "eyJhbGciOiJub25lIn0.e30.",
    "id:99999999999999999999",
    'author:"',
    "thread:",
    "before:0",
    "after:9999-99-99",
    "(" * 500,
    "[" * 3000,
    ">" * 3000,
    "*_" * 2000,
    "status:x q:(",
    "re:(a+)+$",
]
HEADERS = (
    "Authorization Accept Accept-Language Accept-Encoding Accept-Charset Range If-None-Match If-Modified-Since"
    " X-Forwarded-For X-Forwarded-Proto Forwarded Content-Type Content-Length Idempotency-Key X-Edit-Token Origin"
    " Referer Cookie User-Agent Sec-Fetch-Site Sec-Fetch-Mode X-CSRFToken Access-Control-Request-Method Host"
    " X-HTTP-Method-Override Transfer-Encoding Expect Sec-GPC DNT X-Requested-With"
).split()
BEGINNINGS = {
    "Authorization": ["Bearer ", "Basic ", "Digest ", ""],
    "Cookie": ["commentsvc=", "session=", "="],
    "Range": ["bytes=", ""],
    "If-None-Match": ['"', "W/", ""],
    "Content-Type": ["multipart/form-data; boundary=", "application/json; charset=", "text/", ""],
}
# Values of request parameters, by the names that views and forms use.
NAMED = re.compile(r"""(?:args|form|values|getlist|get|_number)[\[(](?:")([a-z_]+)(?:")""")
# JSON that Python reads and no field expects.
DOCUMENTS = [
    "",
    "null",
    "[]",
    "1",
    '"a"',
    "{",
    "[" * 100_000,
    '{"a":' * 50_000,
    '{"site": NaN}',
    '{"ids": [1e400]}',
    "\ufeff{}",
    '{"site": "blog", "site": 1}',
    '{"id": ' + "9" * 5000 + "}",
    '{"\\ud800": "\\udfff"}',
    '{"site": "\\u0000"}',
]


HOSTILE = ("strings", "sql", "xss", "http", "urls", "unicode", "redos", "redirect", "ssrf", "mail")  # of tests/data


def strings() -> list[str]:
    """The hostile strings: a built-in list, and those of the test data."""
    found = list(BUILT_IN)
    for path in data_files(*HOSTILE):
        text = path.read_text("utf-8", errors="surrogateescape")
        found += list(_leaves(json.loads(text))) if path.suffix == ".json" else text.splitlines()
    return [string[:20_000] for string in found]


def _leaves(value: object):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


class Forms(HTMLParser):
    """The forms of a page: action, method and fields with their values."""

    def __init__(self, page: str, address: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, list[tuple[str, str]]]] = []
        self._open = False
        self._address = address
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        named = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._open = True
            action = named.get("action") or self._address
            self.found.append((action, named.get("method", "get").upper(), []))
        elif self._open and named.get("name") and tag in ("input", "button", "textarea", "select"):
            self.found[-1][2].append((named["name"], named.get("value", "")))

    def handle_endtag(self, tag):
        if tag == "form":
            self._open = False


class Fuzz:
    """Requests of one seed against one app. `visitors` are (name, client, headers, sign_in) of each kind of session."""

    def __init__(self, app, visitors, values: dict[str, list[str]], seed: int) -> None:
        self.app, self.visitors, self.values = app, visitors, values
        self.chosen = random.Random(seed)
        self.strings = strings()
        self.rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
        sources = "".join(path.read_text() for path in Path("commentsvc/web").rglob("*.py"))
        self.names = sorted({*NAMED.findall(sources), *values})
        document = app.test_client().get("/api/v1/openapi.json").json
        self.shapes = {name: shape.get("properties", {}) for name, shape in document["components"]["schemas"].items()}
        self.operations = [
            (path, method.upper(), operation)
            for path, of_path in document["paths"].items()
            for method, operation in of_path.items()
        ]
        self.forms: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.reached: set[str] = set()

    def prepare(self) -> None:
        """Sign all roles in, and collect the forms that each of them sees."""
        self.forms = []
        for visitor in self.visitors:
            visitor.enter()
            for rule in self.rules:
                if "GET" in (rule.methods or ()):
                    address = self._address(rule, hostile=False)
                    answer = visitor.client.get(address, headers=visitor.headers)
                    if answer.mimetype == "text/html":
                        self.forms += Forms(answer.text, address).found

    def send_one(self) -> tuple[int, str]:
        """One request; gives its status and what was sent. Raises whatever the app lets through."""
        visitor = self.chosen.choice(self.visitors)
        kind = self.chosen.choice((self._form, self._form, self._route, self._operation, self._operation))
        method, address, more = kind(visitor)
        headers = dict(visitor.headers) if self.chosen.random() < 0.9 else {}
        headers.update(more.pop("headers", {}))
        raw = {}
        for name in self.chosen.sample(HEADERS, self.chosen.choice((0, 0, 1, 2))):
            value = self.chosen.choice(BEGINNINGS.get(name, [""])) + self.hostile()
            raw["HTTP_" + name.upper().replace("-", "_")] = _header(value)
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if f"HTTP_{name}" in raw:
                raw[name] = raw.pop(f"HTTP_{name}")
        sent = f"{visitor.name}: {method} {address} {more!r:.3000} {headers!r} {raw!r}"
        try:
            answer = visitor.client.open(address, method=method, headers=headers, environ_overrides=raw, **more)
        except Exception as error:
            error.add_note(sent)
            raise
        if answer.status_code == 400 and "csrf" in answer.text.lower():
            sent = f"(no valid CSRF token) {sent}"
        self.reached.add(f"{method} {answer.request.path.split('/')[1]} {answer.status_code}")
        return answer.status_code, sent

    def hostile(self) -> str:
        found = self.chosen.choice(self.strings if self.chosen.random() < 0.6 else BUILT_IN)
        return found + self.chosen.choice(self.strings) if self.chosen.random() < 0.1 else found

    def value(self, name: str, hostile: float = 0.5) -> str:
        if self.chosen.random() < hostile:
            return self.hostile()
        return self.chosen.choice(self.values.get(name) or [self.hostile()])

    def _address(self, rule: Rule, hostile: bool) -> str:
        def filled(found: re.Match[str]) -> str:
            name = found[2]
            known = self.values.get(name, ["1"])
            value = self.hostile() if hostile and self.chosen.random() < 0.4 else self.chosen.choice(known)
            if found[1] and hostile and not value.isdigit():
                value = self.chosen.choice(["0", "1", str(2**63), "9" * 5000])  # values that `int:` accepts
            return _quoted(value)

        return re.sub(r"<(?:(\w+):)?(\w+)>", filled, rule.rule)

    def _query(self) -> str:
        names = self.chosen.sample(self.names, self.chosen.randint(0, 4)) + ["site"] * (self.chosen.random() < 0.7)
        pairs = [f"{name}={_quoted(self.value(name, 0.4))}" for name in names]
        if self.chosen.random() < 0.1:
            pairs.append(self.chosen.choice(["%", "%ff=%fe", "&&&=", "a" * 3000, "=%00", ";;"]))
        return "&".join(pairs)

    def _route(self, visitor):
        rule = self.chosen.choice(self.rules)
        method = self.chosen.choice(sorted(rule.methods or {"GET"}))
        address = f"{self._address(rule, True)}?{self._query()}"
        if method in ("GET", "HEAD", "OPTIONS"):
            return method, address, {}
        names = self.chosen.sample(self.names, self.chosen.randint(0, 8))
        return method, address, self._body([(name, self.value(name)) for name in names], visitor)

    def _form(self, visitor):
        if not self.forms:
            return self._route(visitor)
        action, method, fields = self.chosen.choice(self.forms)
        changed = self.chosen.randint(0, min(3, len(fields)))
        places = set(self.chosen.sample(range(len(fields)), changed))
        fields = [(n, self.hostile() if at in places else v) for at, (n, v) in enumerate(fields)]
        address = action if action.startswith("/") else "/"
        if method == "GET":
            query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields)
            return "GET", f"{address.partition('?')[0]}?{query}", {}
        return method, address, self._body(fields, visitor)

    def _body(self, fields, visitor):
        fields = [(name, value) for name, value in fields if name != "csrf_token"] + [("csrf_token", visitor.csrf)]
        if self.chosen.random() < 0.1:
            junk = "--x\r\n" + self.hostile() + '\r\n--x--\r\nContent-Disposition: form-data; name="' + self.hostile()
            return {"data": _bytes(junk), "content_type": "multipart/form-data; boundary=x"}
        if self.chosen.random() < 0.2:
            data = MultiDict([(name, value.encode("utf-8", "replace").decode()) for name, value in fields])
            return {"data": data, "content_type": "multipart/form-data"}
        data = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields)
        return {"data": data, "content_type": "application/x-www-form-urlencoded"}

    def _operation(self, visitor):
        path, method, operation = self.chosen.choice(self.operations)
        number = self.chosen.choice([*self.values["comment_id"], "0", str(2**63), "9" * 5000])
        address = f"{path.replace('{id}', number)}?{self._query()}"
        if "requestBody" not in operation:
            return method, address, {}
        headers = {"Origin": BLOG}
        if self.chosen.random() < 0.1:
            text = self.chosen.choice([*DOCUMENTS, self.hostile()])
            return method, address, {"data": _bytes(text), "content_type": "application/json", "headers": headers}
        shape = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        document = self._document(shape)
        places = list(document)
        for name in self.chosen.sample(places, min(len(places), self.chosen.choice((0, 1, 1, 2)))):
            document[name] = self._junk()
        data = json.dumps(document).encode()
        return method, address, {"data": data, "content_type": "application/json", "headers": headers}

    def _document(self, shape: str) -> dict[str, object]:
        return {
            name: self._of_schema(name, schema)
            for name, schema in self.shapes[shape].items()
            if self.chosen.random() < 0.8 or name in ("site", "thread", "body")
        }

    def _of_schema(self, name: str, schema) -> object:
        if "anyOf" in schema:
            schema = self.chosen.choice(schema["anyOf"])
        if "$ref" in schema:
            name_of = schema["$ref"].rpartition("/")[2]
            return self._document(name_of) if self.shapes.get(name_of) else self.value(name, 0.2)
        kind = schema.get("type")
        if kind == "integer":
            return int(self.chosen.choice(self.values["comment_id"]))
        if kind == "boolean":
            return self.chosen.random() < 0.5
        if kind == "array":
            return [self._of_schema("comment_id", schema.get("items", {})) for _ in range(self.chosen.randint(0, 3))]
        if kind == "object":
            return {self.chosen.choice([self.hostile(), "mode", "1"]): self._junk()}
        return None if kind == "null" else self.value(name, 0.2)

    def _junk(self) -> object:
        plain: list[object] = [None, True, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**400, 1e308, [], {}, [[]], {"a": {}}]
        return self.chosen.choice([*plain, *(self.hostile() for _ in range(10)), [self.hostile()] * 3])


class Visitor:
    """One kind of session; `sign_in(client)` brings a signed-out one back, `headers` hold a token."""

    def __init__(self, name, client, headers=None, sign_in=None) -> None:
        self.name, self.client, self.headers, self._sign_in = name, client, headers or {}, sign_in
        self.csrf = ""

    def enter(self) -> None:
        if self._sign_in is not None:
            if self.client.get("/account").status_code != 200:
                self._sign_in(self.client)
            self.csrf = find_csrf(self.client.get("/account").text)
        elif not self.headers:
            self.csrf = find_csrf(self.client.get("/auth/signin").text)


def _bytes(text: str) -> bytes:
    return text.encode(
        "utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape" if _escaped(text) else "replace"
    )


def _escaped(text: str) -> bool:
    return all(not 0xD800 <= ord(char) < 0xE000 or 0xDC80 <= ord(char) < 0xDD00 for char in text)


def _quoted(text: str) -> str:
    return quote_from_bytes(_bytes(text), safe="") if not text.isascii() else quote(text, safe="")


def _header(text: str) -> str:
    """As a server hands it on: bytes as Latin-1, one line."""
    return re.sub(r"[\r\n\0]", " ", _bytes(text).decode("latin-1"))[:8000]
