"""Reads pages of a site: from its own origins only, and from private networks only where the operator allows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit

from requests import RequestException, Response, Session
from requests.exceptions import ConnectionError, ContentDecodingError, InvalidSchema, InvalidURL

from commentsvc.core import page_head
from commentsvc.core.outbound import OutboundAllow
from commentsvc.core.page_head import PageHead
from commentsvc.gateways import safe_http
from commentsvc.gateways.safe_http import NotPublic

HOPS_MAX = 3
HTML = ("text/html", "application/xhtml+xml")
PERMANENT = (301, 308)
# Temporary failures: Request Timeout, Too Early, Too Many Requests.
TEMPORARY = (408, 425, 429)


@dataclass(frozen=True)
class ReadPage:
    """`url` is where the page was found; `is_moved` says that all redirects to it were permanent."""

    url: str
    head: PageHead
    is_moved: bool


@dataclass(frozen=True)
class Unreadable:
    """Trying again would not help; `reason` says why."""

    reason: str


def read(url: str, is_own: Callable[[str], bool], allow: OutboundAllow) -> ReadPage | Unreadable:
    """The page at an address; raises OSError when another try may succeed.

    Redirects are followed while `is_own` says of their target that it is one of the site's. A `refresh` in the HTML,
    which static site generators write for moved pages, counts as a redirect.
    """
    is_moved = True
    with safe_http.public_only(Session(), allow, safe_http.WEB, is_cut=True) as session:
        for _ in range(HOPS_MAX + 1):
            if not is_own(url):
                return Unreadable("it redirects to another origin")
            response = _response(session, url)
            if isinstance(response, Unreadable):
                return response
            if response.is_redirect:
                is_moved = is_moved and response.status_code in PERMANENT
                url = urldefrag(urljoin(url, response.headers["Location"]))[0]
                continue
            content_type = response.headers.get("Content-Type", "")
            if content_type.partition(";")[0].strip().lower() not in HTML:
                return Unreadable("it is not HTML")
            head = page_head.read(response.content, content_type, url)
            if not head.refresh or urldefrag(head.refresh)[0] == url:
                return ReadPage(url, head, is_moved)
            url = urldefrag(head.refresh)[0]
    return Unreadable(f"it redirects more than {HOPS_MAX} times")


def why_unread(origin: str, allow: OutboundAllow) -> str:
    """Why no page of this origin would be asked for; "" when there is no such reason."""
    parts = urlsplit(origin)
    has_other_port = parts.port not in (None, safe_http.WEB[parts.scheme])
    try:
        safe_http.public_address(parts.hostname or "", allow, needs_allowance=has_other_port)
    except NotPublic as error:
        return str(error)
    except ConnectionError:  # an unknown host: its name may be known later
        return ""
    return ""


def _response(session: Session, url: str) -> Response | Unreadable:
    try:
        response = session.get(url, allow_redirects=False, headers={"Accept": ", ".join(HTML)})
    except (NotPublic, InvalidURL, InvalidSchema, ContentDecodingError) as error:
        return Unreadable(str(error))
    except RequestException as error:
        raise OSError(f"the page cannot be read: {type(error).__name__}") from None
    if response.status_code >= 500 or response.status_code in TEMPORARY:
        raise OSError(f"the page cannot be read: HTTP {response.status_code}")
    if response.status_code != 200 and not response.is_redirect:
        return Unreadable(f"HTTP {response.status_code}")
    return response
