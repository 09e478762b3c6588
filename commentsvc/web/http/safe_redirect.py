"""Redirect targets of forms: paths of this service only."""

from __future__ import annotations


def local_path(value: str, otherwise: str) -> str:
    """`value` when it is a path of this service, else `otherwise`.

    Browsers read “//”, “/\\” and a slash before a tab or line break as the beginning of another host.
    """
    is_path = value.startswith("/") and not value.startswith("//")
    return value if is_path and "\\" not in value and value.isprintable() else otherwise
