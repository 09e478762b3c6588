"""The readers of other systems' export files, by the name of the format.

Each is imported when a file is read: a worker that serves requests needs none of them, nor their libraries.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from commentsvc.gateways.formats.records import Reader

# Module of this package, and the class in it.
_PLACES = {
    "wordpress": ("wordpress", "WordPressFile"),
    "disqus": ("disqus", "DisqusFile"),
    "isso": ("isso", "IssoFile"),
    "commento": ("commento", "CommentoFile"),
    "remark42": ("remark42", "Remark42File"),
    "comentario": ("comentario", "ComentarioFile"),
    "waline": ("waline", "WalineFile"),
    "artalk": ("artalk", "ArtalkFile"),
    "blogger": ("blogger", "BloggerFile"),
}
FORMATS = tuple(_PLACES)


def reader(format: str, path: Path) -> Reader:
    """Open a file of one of FORMATS; raises BadFile when it can't be opened."""
    module, name = _PLACES[format]
    return cast(Reader, getattr(import_module(f"{__package__}.{module}"), name)(path))
