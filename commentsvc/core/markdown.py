"""Renders Markdown to HTML with cmark-gfm, which is linear in the length of the text."""

from __future__ import annotations

import ctypes
import re
import threading
from urllib.parse import quote

from cmarkgfm import _cmark, cmark

# cmark drops raw HTML. A noncharacter after "<" (Unicode keeps them for such inner use) makes it text for cmark, and
# leaves alone what else "<" does: autolinks, link targets, the end of a bare address.
MARK = "\ufdd0"
_MARK_IN_URL = quote(MARK)
_HTML_START = re.compile(r"<(?=[/!?]|[a-z][a-z0-9-]*+(?:[\s/>]|\Z))", re.I)
_OPTIONS = cmark.Options.CMARK_OPT_HARDBREAKS  # never CMARK_OPT_UNSAFE
# cmark-gfm keeps the characters that extensions listen to in a global table, filled for the time of one parse: a
# second parse at that time would miss links (seen: half of all results with four threads).
_one_at_a_time = threading.Lock()
# cmarkgfm's own functions free neither tree nor text: some 130 kB for each comment. It does not pass these two on.
_library = ctypes.CDLL(_cmark.__file__)
_library.cmark_node_free.argtypes = [ctypes.c_void_p]
_library.cmark_node_free.restype = None
_library.cmark_get_default_mem_allocator.restype = ctypes.POINTER(ctypes.CFUNCTYPE(None, ctypes.c_void_p) * 3)
cmark.core_extensions_ensure_registered()
_free = _library.cmark_get_default_mem_allocator().contents[2]  # struct cmark_mem: calloc, realloc, free
_EXTENSIONS = [cmark.find_syntax_extension(name) for name in ("autolink", "strikethrough")]


def to_html_source(source: str) -> str:
    marked = _HTML_START.sub("<" + MARK, source.replace(MARK, ""))
    with _one_at_a_time:
        html = cmark_html(marked)
    return html.replace(MARK, "").replace(_MARK_IN_URL, "")


def cmark_html(source: str) -> str:
    parser = cmark.parser_new(_OPTIONS)
    try:
        for extension in _EXTENSIONS:
            cmark.parser_attach_syntax_extension(parser, extension)
        cmark.parser_feed(parser, source)
        root = cmark.parser_finish(parser)
        try:
            html = _cmark.lib.cmark_render_html(root, _OPTIONS, cmark.parser_get_syntax_extensions(parser))
            try:
                # cmark writes the noncharacters U+FFFE and U+FFFF of a reference as single bytes, which are no UTF-8.
                return bytes(_cmark.ffi.string(html)).decode(errors="replace")
            finally:
                _free(_address(html))
        finally:
            _library.cmark_node_free(_address(root))
    finally:
        cmark.parser_free(parser)


def _address(pointer: object) -> int:
    return int(_cmark.ffi.cast("uintptr_t", pointer))
