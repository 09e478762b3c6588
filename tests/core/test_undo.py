"""Which act can be undone: tables of histories, oldest step first."""

import pytest

from commentsvc.core.undo import acts_in_force


@pytest.mark.parametrize(
    ("steps", "can_undo"),
    [
        ([], set()),
        ([(1, None)], {1}),
        ([(1, None), (2, None)], {2}),
        ([(1, None), (2, 1)], {2}),
        ([(1, None), (2, None), (3, 2)], {1, 3}),
        ([(1, None), (2, None), (3, 2), (4, 1)], {4}),
        ([(1, None), (2, None), (3, None), (4, 3), (5, 2)], {1, 5}),
        ([(1, None), (2, 1), (3, 2)], {1, 3}),
        ([(1, None), (2, 1), (3, 2), (4, 3)], {4}),
        ([(1, None), (2, None), (3, 2), (4, 3)], {2, 4}),
        ([(1, None), (2, None), (3, 2), (4, None)], {4}),
    ],
)
def test_what_can_be_undone(steps, can_undo):
    assert acts_in_force(steps) == can_undo
