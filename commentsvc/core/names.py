"""Names that look like those of staff: a moderator's, the blog's own, or one that claims a role."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from commentsvc.core import unicode_folding

# Roles in the languages that the service speaks. A name is refused when it is one of these, or has one set apart.
_ROLES = """
admin admins administrator administrators owner owners moderator moderators mod mods author staff webmaster sysadmin
editor editors support moderation administration postmaster
besitzer besitzerin inhaber inhaberin betreiber betreiberin administratorin moderatorin autor autorin verfasser
redaktion redakteur redakteurin
administrateur administratrice propriétaire modérateur modératrice auteur autrice
rédacteur rédactrice rédaction redactor redactora redattore redattrice redakcja redaktor
administrador administradora propietario propietaria dueño dueña moderador moderadora autora
proprietário proprietária dono amministratore amministratrice proprietario proprietaria moderatore moderatrice autore
beheerder eigenaar właściciel właścicielka moderatorka autorka
админ администратор владелец владелица модератор автор адмін адміністратор власник власниця
редактор редакция редакція
yönetici sahibi moderatör yazar
مدير المدير المالك المشرف مشرف المؤلف الكاتب
מנהל מנהלת המנהל הבעלים בעלים המנחה מחבר
प्रशासक व्यवस्थापक मॉडरेटर एडमिन लेखक
管理人 管理者 運営 運営者 所有者 オーナー モデレーター 著者 スタッフ 管理员 管理員 站长 站長 版主 博主 作者
관리자 운영자 소유자 중재자 작성자 글쓴이 스태프
"""
# With one of these before or behind it, a role is claimed also by "Mo Admin"; a "dog owner" claims none.
_TITLES = """
admin administrator moderator webmaster sysadmin администратор админ модератор адмін адміністратор administrateur
modérateur administrador moderador amministratore moderatore moderatör 管理人 管理者 管理员 管理員 版主 관리자 운영자
"""
# Words that make no name of a role, nor another name of a protected one.
_FILLERS = """
the a an of this your our my site blog website page post comment comments official real true team head chief super
main verified account at in from by and und et y
der die das dieser offiziell le la les du el los il lo o os de blogs oficial officiel ufficiale
"""
# Where a name falls into parts: all but letters, digits, marks, and what may stand within a word.
_APART = re.compile(r"[^\w\s.'’\-·]+|\s[\-–—]+\s|[\-–—]{2,}|[–—]")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
_DIGITS = re.compile(r"^\d+|\d+$")
_LEET = str.maketrans({"3": "e", "4": "a", "5": "s", "7": "t"})
JOINED_MIN = 4  # letters of a protected name or role that is looked for in a name written as one word


def _skeletons(words: str) -> frozenset[str]:
    return frozenset(unicode_folding.skeleton(word) for word in words.split()) - {""}


ROLES, TITLES, FILLERS = _skeletons(_ROLES), _skeletons(_TITLES), _skeletons(_FILLERS)


def skeletons(names: Iterable[str]) -> frozenset[str]:
    """Protected names as `looks_like_staff` compares them."""
    return frozenset(unicode_folding.skeleton(name) for name in names) - {""}


def is_one_of(name: str, protected: Collection[str]) -> bool:
    """Whether it is one of the protected names itself, however it is spelled."""
    return unicode_folding.skeleton(name) in protected


def looks_like_staff(name: str, protected: Collection[str]) -> bool:
    """Whether readers could take the name for a moderator's, the blog's or a role; `protected` holds skeletons.

    A name that only contains such letters (Alicia, Owen, Stafford) does not; nor does "Alice Cooper" beside "Alice".
    """
    whole = unicode_folding.skeleton(name)
    if whole in protected or (whole in ROLES and len(whole) >= JOINED_MIN):
        return True
    parts = [words for part in _APART.split(_CAMEL.sub(" ", name)) if (words := _words(part))]
    # "Mo (Admin)", "alice, Author": a part of its own says the role.
    if len(parts) > 1 and any(_is_claim(words, protected) and _has_role(words) for words in parts):
        return True
    words = [word for part in parts for word in part]
    if _is_claim(words, protected) or (len(words) > 1 and not TITLES.isdisjoint((words[0], words[-1]))):
        return True
    is_one_word = len(words) == 1 or all(len(word) == 1 for word in words)
    return is_one_word and _is_made_of(unicode_folding.skeleton(_without_number(name)), protected)


def _words(text: str) -> list[str]:
    """The words as they are compared; a number beside them makes no other name."""
    return [word for part in re.split(r"[\s_.\-·]+", text) if not part.isdigit() and (word := _word(part))]


def _word(typed: str) -> str:
    """A word as it is compared; a role also where digits stand for its letters, or behind it."""
    word = unicode_folding.skeleton(typed)
    spellings = (word, unicode_folding.skeleton(_without_number(typed)), word.translate(_LEET))
    return next((spelling for spelling in spellings if spelling in ROLES), word)


def _without_number(word: str) -> str:
    return _DIGITS.sub("", word)


def _has_role(words: Collection[str]) -> bool:
    return not ROLES.isdisjoint(words)


def _is_claim(words: Collection[str], protected: Collection[str]) -> bool:
    """Whether the words are nothing but roles, protected names and fillers, of which fillers alone claim nothing."""
    rest = [word for word in words if word not in ROLES and word not in FILLERS]
    return _are_names(rest, protected) if rest else _has_role(words)


def _are_names(words: Sequence[str], protected: Collection[str]) -> bool:
    """Whether the words are protected names one after the other: "Alice (Field Notes)"."""
    ends = {0}
    for start in range(len(words)):
        if start in ends:
            ends |= {end for end in range(start + 1, len(words) + 1) if "".join(words[start:end]) in protected}
    return len(words) in ends


def _is_made_of(whole: str, protected: Collection[str]) -> bool:
    """Whether a name written as one word is such words one after the other: "theowner", "aliceadmin"."""
    claims = frozenset(word for word in (*ROLES, *protected) if len(word) >= JOINED_MIN)
    return _can_split(whole.translate(_LEET), claims)


@lru_cache(maxsize=2_000)
def _can_split(text: str, claims: frozenset[str], has_claim: bool = False) -> bool:
    if not text:
        return has_claim
    fillers = (word for word in FILLERS if len(word) > 2 and text.startswith(word))
    if any(_can_split(text[len(word) :], claims, has_claim) for word in fillers):
        return True
    return any(_can_split(text[len(word) :], claims, True) for word in claims if text.startswith(word))
