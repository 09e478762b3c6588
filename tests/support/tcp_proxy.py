"""A TCP proxy between a service and what it needs: passes, delays, swallows, resets or refuses what goes through."""

import contextlib
import queue
import socket
import struct
import threading
import time

from tests.support import servers

CHUNK_BYTES = 64 * 1024


class TcpProxy:
    """Stands in front of `target`, (host, port) or the path of a Unix socket, at 127.0.0.1:`port`.

    `delay_s` is added each way to what is sent from then on. `swallow()` takes all bytes and passes none, on the
    connections that there are and, unless told otherwise, on new ones: as a machine that lost its power, it resets
    nothing. `let_through()` ends that for new connections; what was swallowed stays lost. `lose_answer_to(words)` lets
    the next request pass that has these bytes in it, and swallows what follows on that connection: the answer above
    all. `reset()` ends the connections that there are, `refuse()` takes no new ones either until `accept()`.
    """

    def __init__(self, target):
        self.target = target
        self.port = servers.free_port()
        self.delay_s = 0.0
        self._swallows_new = False
        self._losing = None
        self._links = []
        self._lock = threading.Lock()
        self._listener = None
        self.accept()

    def accept(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def refuse(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def reset(self):
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.reset()

    def swallow(self, new_too=True):
        with self._lock:
            self._swallows_new = new_too
            for link in self._links:
                link.is_swallowing = True

    def lose_answer_to(self, words):
        self._losing = words

    def note_request(self, link, chunk):
        with self._lock:
            if self._losing is not None and self._losing in chunk:
                self._losing, link.is_answer_lost = None, True

    def let_through(self):
        self._swallows_new = False

    def close(self):
        self.refuse()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def _serve(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                link = _Link(self, client, self._swallows_new)
                self._links.append(link)
            threading.Thread(target=link.run, daemon=True).start()


def _connected(target):
    if isinstance(target, str):
        made = socket.socket(socket.AF_UNIX)
        made.connect(target)
    else:
        made = socket.create_connection(target)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class _Link:
    """One connection: a thread reads each side, another sends on what is due."""

    def __init__(self, proxy, client, is_swallowing):
        self.proxy, self.client, self.server = proxy, client, None
        self.is_swallowing = is_swallowing
        self.is_answer_lost = False

    def run(self):
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.server = _connected(self.proxy.target)
        except OSError:
            self.reset()
            return
        for source, goal in ((self.client, self.server), (self.server, self.client)):
            due = queue.Queue()
            threading.Thread(target=self._read, args=(source, due), daemon=True).start()
            threading.Thread(target=self._send, args=(goal, due), daemon=True).start()

    def _read(self, source, due):
        chunk = b"-"
        while chunk:
            try:
                chunk = source.recv(CHUNK_BYTES)
            except OSError:
                chunk = b""
            if source is self.client:
                self.proxy.note_request(self, chunk)
            due.put((time.monotonic() + self.proxy.delay_s, chunk))

    def _send(self, goal, due):
        while True:
            at, chunk = due.get()
            time.sleep(max(0.0, at - time.monotonic()))
            try:
                if self.is_swallowing or (self.is_answer_lost and goal is self.client):
                    if not chunk:
                        return
                elif chunk:
                    goal.sendall(chunk)
                else:
                    goal.shutdown(socket.SHUT_WR)
                    return
            except OSError:
                return

    def reset(self):
        for end in (self.client, self.server):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    end.close()
