"""Lexers for languages with the syntax of C, linear in the length of the code."""

from __future__ import annotations

import re
from typing import Any

from pygments.lexer import Lexer, RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, Text

_COMMON = (
    "break case catch class continue default do else enum false finally for if return switch this throw true try while"
)
_KEYWORDS = {
    "c": "auto bool char const double extern float goto inline int long register restrict short signed sizeof static"
    " struct typedef union unsigned void volatile NULL size_t",
    "cpp": "alignas auto bool char co_await co_return co_yield concept const consteval constexpr const_cast decltype"
    " delete double dynamic_cast explicit export extern final float friend inline int long mutable namespace new"
    " noexcept nullptr operator override private protected public reinterpret_cast requires short signed sizeof static"
    " static_cast struct template thread_local typedef typename union unsigned using virtual void volatile",
    "csharp": "abstract as async await base bool byte char checked const decimal delegate double event explicit extern"
    " float foreach get implicit in init int interface internal is lock long namespace new null object operator out"
    " override params private protected public readonly record ref required sealed set short sizeof static string"
    " struct uint ulong unsafe using var virtual void when where yield",
    "java": "abstract assert boolean byte char double extends final float implements import instanceof int interface"
    " long native new null package permits private protected public record sealed short static super synchronized"
    " throws transient var void volatile yield",
    "kotlin": "abstract as by companion const constructor data fun get import in infix init inline inner interface"
    " internal is lateinit null object open operator out override package private protected public reified sealed set"
    " super suspend tailrec typealias val var vararg when where",
    "scala": "abstract as def derives end export extends extension final given implicit import lazy match new null"
    " object override package private protected sealed super then trait type using val var with yield",
    "swift": "actor as associatedtype async await defer deinit extension fallthrough fileprivate func guard import in"
    " init inout internal is let mutating nil open operator override private protocol public repeat rethrows self"
    " static struct subscript super throws typealias var where",
    "typescript": "abstract any as async await boolean const constructor debugger declare delete export extends from"
    " function get implements import in infer instanceof interface is keyof let namespace never new null number of"
    " private protected public readonly satisfies set static string super symbol type typeof undefined unique unknown"
    " var void with yield",
}


_BEFORE_WORDS: list[Any] = [
    (r"\s++", Text),
    (r"//[^\n]*+", Comment),
    (r"/\*(?:[^*]|\*(?!/))*+(?:\*/)?", Comment),
    (r"#[ \t]*+[a-z]++\b", Comment.Preproc),
    (r"@[A-Za-z_]\w*+", Name.Decorator),
    (r'"""(?:[^"]|"(?!""))*+(?:""")?', String),
    (r'[LuUR@$]?"(?:\\.|[^"\\\n])*+"?', String),
    (r"`(?:\\.|[^`\\])*+`?", String),
    (r"'(?:\\.|[^'\\\n])*+'?", String),
    (r"\.?[0-9][\w.]*+", Number),
]
_AFTER_KEYWORDS: list[Any] = [
    (r"([A-Za-z_$][\w$]*+)([ \t]*+)(?=\()", bygroups(Name.Function, Text)),  # type: ignore[no-untyped-call]  # Pygments' stubs
    (r"[A-Za-z_$][\w$]*+", Name),
    (r"[\w\W]", Punctuation),
]


def like_c(language: str) -> Lexer:
    """A lexer for one of the languages in _KEYWORDS."""
    keywords = words((*_COMMON.split(), *_KEYWORDS[language].split()), suffix=r"\b")
    rules = [*_BEFORE_WORDS, (keywords, Keyword), *_AFTER_KEYWORDS]
    lexer_class = type(f"{language.title()}Lexer", (RegexLexer,), {"flags": re.MULTILINE, "tokens": {"root": rules}})
    lexer: Lexer = lexer_class(stripnl=False, ensurenl=False)
    return lexer
