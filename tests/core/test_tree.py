"""The tree of a thread: order kept, nothing twice, and depth that would break a recursion."""

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import tree


@dataclass
class Row:
    id: int
    parent_id: int | None = None


def shape(nodes):
    return [(node.comment.id, shape(node.replies)) for node in nodes]


def test_replies_hang_below_their_parents_in_the_order_given():
    rows = [Row(1), Row(2), Row(3, 1), Row(4, 3), Row(5, 1), Row(6, 2)]
    assert shape(tree.build_tree(rows)) == [(1, [(3, [(4, [])]), (5, [])]), (2, [(6, [])])]


def test_a_reply_may_come_before_its_parent():
    assert shape(tree.build_tree([Row(2, 1), Row(1)])) == [(1, [(2, [])])]


def test_a_reply_without_its_parent_is_left_out_and_so_is_a_ring():
    assert shape(tree.build_tree([Row(1), Row(2, 99), Row(3, 4), Row(4, 3), Row(5, 5)])) == [(1, [])]


def test_a_chain_of_thousands_is_drawn_no_deeper_than_a_page_can_show():
    rows = [Row(n, n - 1 if n else None) for n in range(3000)]
    roots = tree.build_tree(rows)
    assert [row.id for row in tree.walk(roots)] == list(range(3000))
    deepest, node = 0, roots[0]
    while node.replies:
        node, deepest = node.replies[0], deepest + 1
    assert deepest == tree.LEVELS_DRAWN


@given(st.integers(0, 60), st.randoms(use_true_random=False))
def test_every_comment_whose_ancestors_are_here_is_drawn_once(count, chance: random.Random):
    rows = [Row(n, chance.choice([None, *range(n)]) if n else None) for n in range(count)]
    chance.shuffle(rows)
    drawn = [row.id for row in tree.walk(tree.build_tree(rows))]
    assert sorted(drawn) == list(range(count))
    place = {number: at for at, number in enumerate(drawn)}
    assert all(row.parent_id is None or place[row.parent_id] < place[row.id] for row in rows)
