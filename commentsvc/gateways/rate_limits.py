"""Rate limits, counted in Redis for all machines together or in this process alone."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

log = logging.getLogger(__name__)

# Redis on the same network answers in a millisecond; a request must not wait for one that is away.
ANSWER_S = 0.25
AWAY_S = 5.0
COUNTED_MAX = 100_000


@dataclass(frozen=True)
class Limit:
    """At most `count` requests in each window of `window_s` seconds."""

    name: str
    most: int
    window_s: int


# Writes of one household: comments, edits, votes, reports, previews and codes. No person reaches this by hand.
WRITES = Limit("writes", 120, 60)
WRITES_NEAR = Limit("writes_near", 240, 60)  # from all of a neighbourhood: many addresses are easy to have
# Addresses subscribed from one household: each may get a mail that its holder has not asked for.
SUBSCRIBING = Limit("subscribing", 20, 3600)


class Limiter(Protocol):
    def take(self, limit: Limit, who: str) -> float:
        """Count one more for `who`; gives the seconds to wait, 0 when it is within the limit."""


class InProcess:
    """Counts for this process alone."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def take(self, limit: Limit, who: str) -> float:
        key, left_s = _window(limit, who, self._wall())
        with self._lock:
            if len(self._counts) >= COUNTED_MAX:
                self._counts.clear()  # a flood from that many addresses is not stopped by limits per address
            self._counts[key] = self._counts.get(key, 0) + 1
            return left_s if self._counts[key] > limit.most else 0.0


class Shared:
    """Counts in Redis; while that is away, in this process, and says so in the log."""

    def __init__(self, url: str, otherwise: Limiter, wall: Callable[[], float] = time.time) -> None:
        import redis  # only where it is used: it takes six megabytes

        self._refusals = redis.RedisError
        self._redis = redis.Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
        self._otherwise = otherwise
        self._wall = wall
        self._away_until = 0.0
        self._is_away = False

    def take(self, limit: Limit, who: str) -> float:
        if time.monotonic() < self._away_until:
            return self._otherwise.take(limit, who)
        key, left_s = _window(limit, who, self._wall())
        try:
            with self._redis.pipeline(transaction=True) as both:
                both.incr(key)
                both.expire(key, limit.window_s + 1)
                count, _ = both.execute()
        except self._refusals as error:
            self._away_until = time.monotonic() + AWAY_S
            self._is_away = True
            log.warning("Redis is away; each process keeps its own limits: %s", error)
            return self._otherwise.take(limit, who)
        if self._is_away:
            self._is_away = False
            log.warning("Redis is back; limits are shared again")
        return left_s if count > limit.most else 0.0


def limiter(redis_url: str) -> Limiter:
    own = InProcess()
    return Shared(redis_url, own) if redis_url else own


def _window(limit: Limit, who: str, wall: float) -> tuple[str, float]:
    """The counter of this window, and how long the window still lasts."""
    number = int(wall // limit.window_s)
    digest = hashlib.sha256(who.encode()).hexdigest()[:24]
    return f"commentsvc:{limit.name}:{digest}:{number}", (number + 1) * limit.window_s - wall
