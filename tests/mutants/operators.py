"""The mutation operators: those of Cosmic Ray that tell something here, and one that removes a call."""

import ast
from collections.abc import Iterator
from typing import Any

import parso
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import OPERATOR_PROVIDERS
from cosmic_ray.work_item import MutationSpec

# `==` and `is` give the same answer for None, booleans and members of an enum: nearly every such mutant is equivalent.
TELL_NOTHING = ("_Eq_Is", "_Is_Eq", "_NotEq_IsNot", "_IsNot_NotEq")


class RemoveCall(Operator):
    """Replaces a statement that only calls something by `pass`: a check is not made, a value is not added."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        if node.type == "simple_stmt" and node.children[0].type in ("atom_expr", "power"):
            last = node.children[0].children[-1]
            if last.type == "trailer" and last.children[0] == "(":
                yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.children[0] = parso.parse(node.children[0].get_first_leaf().prefix + "pass")
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (Example("check(token)\n", "pass\n"),)


def register() -> None:
    """Add our operator to those of Cosmic Ray, in this process."""
    OPERATOR_PROVIDERS["commentsvc"] = {"RemoveCall": RemoveCall}


def family(mutation: MutationSpec) -> str:
    """The operator's kind, by which a place in the code is counted once.

    Cosmic Ray has eleven replacements for each `+` and six for each `==`; a sample of them all would be mostly these.
    """
    kind, *replacement = mutation.operator_name.removeprefix("core/").split("_")
    return kind if replacement else mutation.operator_name


def annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where type annotations begin and end: `int | None` is no computation."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            found.append(node.returns)
    return [
        ((a.lineno, a.col_offset), (a.end_lineno or a.lineno, a.end_col_offset or 0)) for a in found if a is not None
    ]
