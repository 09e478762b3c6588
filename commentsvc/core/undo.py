"""Which of many acts on one comment stands last, when some were undone and some undoings were undone."""

from __future__ import annotations

from collections.abc import Iterable


def acts_in_force(steps: Iterable[tuple[int, int | None]]) -> set[int]:
    """Which acts can be undone now; `steps` are (number, number of the act that it undoes) in the order they were done.

    The newest step always; and the newest act whose effect nothing has changed since, because all that was done after
    it has been undone.
    """
    applied: list[int] = []  # acts in force, the newest last
    original: dict[int, int] = {}  # of an undoing, or of the undoing of one: the act that it takes back or does again
    newest = None
    for number, undoes in steps:
        newest = number
        if undoes is None:
            applied.append(number)
            continue
        act = original[number] = original.get(undoes, undoes)
        if applied and applied[-1] == act:
            applied.pop()
        else:
            applied.append(act)
    return {number for number in (newest, applied[-1] if applied else None) if number is not None}
