"""Fetches a person's picture once and makes it ours: small, in one format, without anything that was hidden in it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection
from urllib.parse import urljoin

from PIL import Image, ImageOps
from requests import RequestException, Session

from commentsvc.core import links
from commentsvc.gateways import safe_http

SIDE = 96  # px: twice what is shown, for fine screens
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
PIXELS_MAX = 4_000_000  # decoded and copied some 50 MB; providers give far smaller ones
HOPS_MAX = 3
QUALITY = 80


def fetch(url: str, named_hosts: Collection[str]) -> bytes:
    """The picture at an address as WebP of 96 × 96; raises OSError when it cannot be had, ValueError when it is none.

    Only hosts that the operator has named in the settings may be of our own network.
    """
    for _ in range(HOPS_MAX + 1):
        parts = links.parts_of(url)
        is_named = parts is not None and parts.netloc in named_hosts
        with (safe_http.bounded if is_named else safe_http.public_only)(Session()) as session:
            try:
                response = session.get(url, allow_redirects=False, headers={"Accept": "image/*"})
            except RequestException as error:
                raise OSError(f"the picture cannot be fetched: {type(error).__name__}") from None
        if not response.is_redirect:
            if response.status_code != 200:
                raise OSError(f"the picture cannot be fetched: HTTP {response.status_code}")
            return small(response.content)
        url = urljoin(url, response.headers["Location"])
    raise OSError("the picture's address redirects too often")


def small(body: bytes) -> bytes:
    """Any picture as ours; raises ValueError for what is none, or is made to fill the memory.

    The size that the file declares is checked before a pixel is decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of pictures that unpack to gigabytes
            with Image.open(io.BytesIO(body), formats=FORMATS) as image:
                if image.width * image.height > PIXELS_MAX:
                    raise ValueError("the picture has too many pixels")
                image.draft("RGB", (2 * SIDE, 2 * SIDE))  # a JPEG decodes straight to about this size
                ours = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGBA"), (SIDE, SIDE))
            ours.info.clear()  # colour profiles and the like would be written along
            out = io.BytesIO()
            ours.save(out, "WEBP", quality=QUALITY)
    # Pillow raises whatever its parsers meet in a broken file: struct.error, IndexError, KeyError, MemoryError …
    except Exception as error:
        raise ValueError(f"this is no picture that is shown here: {type(error).__name__}") from None
    return out.getvalue()
