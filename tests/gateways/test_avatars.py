"""People's pictures: fetched without being led into our own network, and made ours whatever they were."""

import io
import json
import random
import re
import socket
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image
from requests.exceptions import RequestException
from werkzeug.wrappers import Response

from commentsvc.demo import providers as stand_ins
from commentsvc.gateways import avatars, safe_http
from tests.support.cast import data


@pytest.fixture
def zoo():
    with stand_ins.serve(lambda address: stand_ins.ProviderStandIns(address, "https://comments.example")) as running:
        yield running


def host_of(zoo):
    return zoo.base_url.removeprefix("http://")


def packed(kind, size=(200, 100), **more):
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **more)
    return out.getvalue()


def test_a_picture_of_a_named_host_becomes_ours(zoo):
    body = avatars.fetch(f"{zoo.base_url}/pictures/7.png", {host_of(zoo)})
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == ("WEBP", (96, 96))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_every_format_becomes_one_and_loses_what_was_hidden_in_it(kind):
    hidden = Image.Exif()
    hidden[0x010E] = "a secret place"  # ImageDescription
    more = {"exif": hidden} if kind in ("JPEG", "WEBP") else {}
    assert (b"secret" in packed(kind, **more)) == bool(more)
    body = avatars.small(packed(kind, **more))
    assert b"secret" not in body
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == ("WEBP", (96, 96))


def bomb():
    """A PNG of a few bytes that says it is 60,000 pixels wide and high."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(
    "body",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", bomb(), packed("PNG")[:-40], packed("BMP"),
     packed("TIFF"), packed("PNG", (5000, 5000))],
)  # fmt: skip
def test_what_is_no_picture_is_refused(body):
    with pytest.raises(ValueError):
        avatars.small(body)


@pytest.mark.parametrize("name", ["bomb_20000x20000_1bit.png", "html_as.jpg", "svg_script.svg", "truncated.jpg"])
def test_hostile_files_are_refused(name):
    with pytest.raises(ValueError):
        avatars.small(data(f"images/{name}").read_bytes())


def test_where_a_photo_was_taken_is_not_kept():
    body = data("images/exif_gps.jpg").read_bytes()
    with Image.open(io.BytesIO(body)) as image:
        assert image.getexif()
    with Image.open(io.BytesIO(avatars.small(body))) as image:
        assert not image.getexif()
        assert not {"exif", "xmp", "icc_profile", "comment"} & image.info.keys()


def test_a_colour_profile_is_not_kept():
    assert b"a secret" not in avatars.small(packed("WEBP", icc_profile=b"a secret" * 20))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_whatever_a_broken_file_makes_pillow_raise_is_a_refusal(kind):
    """EXIF that ends too early raises struct.error, others IndexError or worse; nothing but ValueError comes out."""
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = packed(kind, (40, 30), **({"exif": exif} if kind != "GIF" else {}))
    chosen = random.Random(4)
    for _ in range(400):
        body = bytearray(whole)
        for _ in range(chosen.randint(1, 6)):
            body[chosen.randrange(len(body))] = chosen.randrange(256)
        try:
            avatars.small(bytes(body[: chosen.randint(8, len(body))] if chosen.random() < 0.3 else body))
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [(0x0100, 1, b"\0" * 4), (0x010E, 5, b"\0" * 4), (0x011A, 1, b"\0" * 4), (0x011A, 11, b"\xff" * 4)],
)
def test_a_broken_exif_is_a_refusal(tag, kind, value):
    """Pillow writes the rest of the EXIF anew when it turns a picture: struct.error, AttributeError, TypeError."""
    turned = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    ifd = b"MM\0*\0\0\0\x08\0\x02" + turned + struct.pack(">HHI", tag, kind, 1) + value + b"\0" * 4 + b"\xff" * 20
    with pytest.raises(ValueError):
        avatars.small(packed("JPEG", exif=b"Exif\0\0" + ifd))


# Not getrusage(): its peak begins with that of the process that started this one.
PEAK = """
import sys
from commentsvc.gateways import avatars

def peak_kb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

avatars.small(open(sys.argv[1], "rb").read())
before = peak_kb()
try:
    avatars.small(open(sys.argv[2], "rb").read())
except ValueError:
    pass
print((peak_kb() - before) // 1024)
"""


@pytest.mark.parametrize("size", [(4000, 4000), (2000, 2000), (20_000, 190)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_no_picture_takes_much_memory(tmp_path, kind, size):
    if kind == "WEBP" and max(size) > 16_383:
        size = (16_000, 200)
    (tmp_path / "small").write_bytes(packed(kind))
    (tmp_path / "large").write_bytes(packed(kind, size))
    paths = [tmp_path / "small", tmp_path / "large"]
    ran = subprocess.run([sys.executable, "-c", PEAK, *paths], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 100, "MB"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x.png",
        "https://127.0.0.1/x.png",
        "https://localhost/x.png",
        "https://[::1]/x.png",
        "https://[::ffff:127.0.0.1]/x.png",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://0.0.0.0/",
        "https://192.0.2.1:8443/",
        "http://example.org/",
        "https://user@example.org/",
        "ftp://example.org/x.png",
        "file:///etc/passwd",
    ],
)
def test_no_address_of_a_stranger_leads_into_our_network(url):
    with pytest.raises(OSError):
        avatars.fetch(url, set())


def test_a_redirect_is_checked_like_the_first_address(zoo):
    with stand_ins.serve(lambda address: Leading(f"{zoo.base_url}/pictures/1.png", address)) as leading:
        named = {leading.base_url.removeprefix("http://")}
        with pytest.raises(OSError):
            avatars.fetch(leading.base_url, named)
        assert avatars.fetch(leading.base_url, named | {host_of(zoo)})
    with (
        stand_ins.serve(lambda address: Leading(address, address)) as round_and_round,
        pytest.raises(OSError, match="redirects too often"),
    ):
        avatars.fetch(round_and_round.base_url, {round_and_round.base_url.removeprefix("http://")})


class Leading:
    """A server that sends everybody on."""

    def __init__(self, target, base_url):
        self.target, self.base_url = target, base_url

    def __call__(self, environ, start_response):
        return Response(status=302, headers={"Location": self.target})(environ, start_response)


@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "::1", "10.1.2.3", "100.64.0.1", "224.0.0.1", "fe80::1", "localhost", "no.such.host.invalid",
     "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::127.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::",
     "192.0.0.192"],
)  # fmt: skip
def test_a_host_that_is_not_of_the_public_internet_is_refused(name):
    with pytest.raises(RequestException):
        safe_http.public_address(name)


def test_a_public_host_is_asked_at_the_address_that_was_checked():
    for name in ("1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"):
        assert safe_http.public_address(name) == name


def test_every_known_spelling_of_an_inner_address_is_refused_before_anybody_is_called(monkeypatch):
    called = []
    monkeypatch.setattr(socket.socket, "connect", lambda _socket, address: called.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", of_numbers_alone(socket.getaddrinfo))
    rows = json.loads(data("ssrf/ip_forms.json").read_text())
    urls = [row["url"] for row in rows if row["want"] == "refuse"]
    urls += json.loads(data("ssrf/payloadsallthethings.json").read_text())
    assert len(urls) > 100
    for url in urls:
        secure = re.sub(r"^http:", "https:", url)
        for address in (url, secure):
            with pytest.raises((OSError, ValueError)):
                avatars.fetch(address, set())
    assert {address[0] for address in called} <= {"1.1.1.1"}, "which is public, and in the list for how it is spelt"


def of_numbers_alone(ask):
    """Names of the list are of hosts that led inwards once; a name server far away has nothing to say here."""

    def answer(host, port, *args, **more):
        return ask(host, port, *args, **more | {"flags": socket.AI_NUMERICHOST})

    return answer


@pytest.mark.parametrize("name", ["bomb_20000x20000_1bit.png", "html_as.jpg", "svg_script.svg", "truncated.jpg"])
def test_hostile_pictures_are_refused(name):
    with pytest.raises(ValueError):
        avatars.small(data(f"images/{name}").read_bytes())


def test_where_a_photograph_was_taken_is_forgotten():
    body = data("images/exif_gps.jpg").read_bytes()
    with Image.open(io.BytesIO(avatars.small(body))) as image:
        assert not image.getexif()
