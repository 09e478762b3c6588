"""The readers of other systems' export files, by the name of the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from commentsvc.gateways.formats.artalk import ArtalkFile
from commentsvc.gateways.formats.blogger import BloggerFile
from commentsvc.gateways.formats.comentario import ComentarioFile
from commentsvc.gateways.formats.commento import CommentoFile
from commentsvc.gateways.formats.disqus import DisqusFile
from commentsvc.gateways.formats.isso import IssoFile
from commentsvc.gateways.formats.records import Reader
from commentsvc.gateways.formats.remark42 import Remark42File
from commentsvc.gateways.formats.waline import WalineFile
from commentsvc.gateways.formats.wordpress import WordPressFile

READERS: dict[str, Callable[[Path], Reader]] = {
    "wordpress": WordPressFile,
    "disqus": DisqusFile,
    "isso": IssoFile,
    "commento": CommentoFile,
    "remark42": Remark42File,
    "comentario": ComentarioFile,
    "waline": WalineFile,
    "artalk": ArtalkFile,
    "blogger": BloggerFile,
}
