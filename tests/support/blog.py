"""A small blog on a port of its own: pages, redirects and answers as a test sets them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class TestBlog:
    """`pages` are answers by path with query: status, headers and body. `asked` are the paths of all requests."""

    __test__ = False

    port: int
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_origin(self) -> str:
        """The same server by another name."""
        return f"http://localhost:{self.port}"

    def write(self, path: str, html: str | bytes, content_type: str = "text/html; charset=utf-8", status: int = 200):
        self.pages[path] = (status, {"Content-Type": content_type}, html if isinstance(html, bytes) else html.encode())

    def redirect(self, path: str, to: str, status: int = 301):
        self.pages[path] = (status, {"Location": to}, b"")


@contextlib.contextmanager
def running() -> Iterator[TestBlog]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            blog.asked.append(self.path)
            blog.hosts.append(self.headers["Host"])
            missing = (404, {"Content-Type": "text/html"}, b"<title>Not found</title>")
            status, headers, body = blog.pages.get(self.path, missing)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the reader has seen enough
                self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    blog = TestBlog(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield blog
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
