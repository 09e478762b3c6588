"""The process-wide cache: values of a database that a process keeps in memory.

A `Section` names one kind of values, such as the sites by key. Entries belong to the engine of the application that is
current: two applications in one process share none. A section is bounded; the entry unused for longest goes first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from commentsvc.store.db import db

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_lock = threading.Lock()
_cache: WeakKeyDictionary[Engine, dict[Section[Any, Any], OrderedDict[Any, Any]]] = WeakKeyDictionary()


class Section(Generic[K, V]):
    """One kind of values in the cache, at most `max_entries` for each database."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries

    def get(self, key: K) -> V | None:
        with _lock:
            entries = self._entries()
            if key not in entries:
                return None
            entries.move_to_end(key)
            value: V = entries[key]
            return value

    def put(self, key: K, value: V) -> V:
        """Keep a value, which is returned."""
        with _lock:
            entries = self._entries()
            entries[key] = value
            entries.move_to_end(key)
            while len(entries) > self._max_entries:
                entries.popitem(last=False)
        return value

    def get_or_add(self, key: K, make: Callable[[], V]) -> V:
        """The value, made once; `make` must be quick, because it holds up every other section."""
        with _lock:
            entries = self._entries()
            if key not in entries:
                entries[key] = make()
            return entries[key]

    def clear(self) -> None:
        """Forget the values of all databases."""
        with _lock:
            for sections in _cache.values():
                sections.pop(self, None)

    def _entries(self) -> OrderedDict[K, V]:
        return _cache.setdefault(db.engine, {}).setdefault(self, OrderedDict())
