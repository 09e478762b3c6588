"""Colours code by its language, with Pygments; the language is named by the author and never guessed.

Pygments is imported with the first block of code: it takes about 10 MB, and most comments hold no code.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer

# Keyword, string, comment, number, function or class, deleted, inserted. The same in embed/src/comments.css, desk.css.
CODE_CLASSES = frozenset("kscnfdi")

# Characters of one comment that are coloured. Some lexers search to the end of the code for each sign that opens
# something: at this size the slowest input found takes each of them less than 0.2 s, and a thread cannot be stopped.
COLOURED_MAX = 3_000

# Lexers whose work grows at most with the square of the length, each with the names that authors give its language.
# tests/core/test_code_colours.py measures them. Pygments' lexers for C, C++, C#, Java, Kotlin, Scala, Swift and
# TypeScript take up to 2.5 s for 4,000 characters; `core/code_lexers.py` has others.
LEXERS = {
    "shell:BashLexer": "bash sh shell zsh",
    "shell:PowerShellLexer": "powershell ps1 pwsh",
    "css:CssLexer": "css",
    "css:ScssLexer": "scss",
    "diff:DiffLexer": "diff patch",
    "configs:DockerLexer": "dockerfile docker",
    "configs:NginxConfLexer": "nginx",
    "configs:TOMLLexer": "toml",
    "data:JsonLexer": "json",
    "data:YamlLexer": "yaml yml",
    "go:GoLexer": "go golang",
    "haskell:HaskellLexer": "haskell hs",
    "html:HtmlLexer": "html",
    "html:XmlLexer": "xml svg",
    "javascript:JavascriptLexer": "javascript js jsx",
    "scripting:LuaLexer": "lua",
    "php:PhpLexer": "php",
    "python:PythonLexer": "python py python3",
    "ruby:RubyLexer": "ruby rb",
    "rust:RustLexer": "rust rs",
    "sql:SqlLexer": "sql",
}
LIKE_C = {
    "c": "c h",
    "cpp": "cpp c++ cc hpp",
    "csharp": "csharp c# cs",
    "java": "java",
    "kotlin": "kotlin kt",
    "scala": "scala",
    "swift": "swift",
    "typescript": "typescript ts tsx",
}
_NAMES = {alias: name for table in (LEXERS, LIKE_C) for name, aliases in table.items() for alias in aliases.split()}

# By the name of a Pygments token type; a type without a row has the class of the type above it.
_CLASSES = {
    "Token": "",
    "Token.Keyword": "k",
    "Token.Operator.Word": "k",
    "Token.Comment": "c",
    "Token.Comment.Preproc": "k",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "n",
    "Token.Name.Attribute": "f",
    "Token.Name.Builtin": "f",
    "Token.Name.Class": "f",
    "Token.Name.Decorator": "f",
    "Token.Name.Function": "f",
    "Token.Name.Tag": "k",
    "Token.Generic.Deleted": "d",
    "Token.Generic.Inserted": "i",
    "Token.Generic.Heading": "c",
    "Token.Generic.Subheading": "c",
}


def is_known(language: str) -> bool:
    """Whether code of this language is coloured; `language` is the first word after the fence."""
    return language.lower() in _NAMES


def parts(code: str, language: str) -> list[tuple[str, str]]:
    """The code in parts, each with its class or ""; joined they are the code. `language` is a known one.

    Neighbours never have the same class. White space alone has none.
    """
    found: list[tuple[str, str]] = []
    for token_type, text in _lexer(_NAMES[language.lower()]).get_tokens(code):
        colour = _class_of(str(token_type)) if text.strip() else ""
        if found and found[-1][0] == colour:
            colour, before = found.pop()
            text = before + text
        found.append((colour, text))
    return found if "".join(text for _, text in found) == code else [("", code)]


@functools.cache
def _class_of(token_type: str) -> str:
    while token_type not in _CLASSES:
        token_type = token_type.rpartition(".")[0]
    return _CLASSES[token_type]


@functools.cache
def _lexer(name: str) -> Lexer:
    if name in LIKE_C:
        from commentsvc.core import code_lexers

        return code_lexers.like_c(name)
    module, _, class_name = name.partition(":")
    lexer: Lexer = getattr(import_module(f"pygments.lexers.{module}"), class_name)(stripnl=False, ensurenl=False)
    return lexer
