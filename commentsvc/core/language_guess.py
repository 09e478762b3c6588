"""Guesses the language of a text: by its script, and by the small words that every text has. None when unsure."""

from __future__ import annotations

import unicodedata
from collections import Counter

from commentsvc.core import unicode_folding

# The commonest small words; one that two languages share counts for both.
_SMALL_WORDS = {
    "en": "the and is of to in it you that for was are this with have not be on but they what my so just like your",
    "de": "der die das und ist nicht ich du es ein eine zu mit auch auf den dem für sich von wie aber noch wird hat",
    "fr": "le la les et est un une des que pas je vous pour dans ce qui sur plus c d l au avec sont mais nous j",
    "es": "el la los las y es un una que no de en por para con lo se muy pero como más mi esta yo del al",
    "pt": "o os é um uma que não em por para com se muito mas como mais meu esta eu da na você foi ele isso",
    "it": "il la lo gli e è un una che non di in per con si molto ma come più mio questa io del della sono ho",
    "nl": "de het een en is niet ik je van in dat op te met voor zijn ook maar er wat dit nog heb naar",
    "pl": "i w nie na się z jest to że do jak co ale o tak za od po już mi czy tylko",
    "tr": "ve bir bu da de için çok ne ben sen o ile gibi var yok mi ama daha kadar değil",
    "sv": "och att det är en jag på som i inte för med har du av till den om så men ett var kan",
    "id": "yang dan di ini itu dengan untuk tidak dari saya ada ke akan bisa juga kamu sudah lagi",
    "ru": "и в не на я что он с это как но по у так за от все мне был только же ещё вы из ты",
    "uk": "і в не на я що він з це як але по у так за від все мені був тільки ж ще ви із ти та й є",
    "bg": "и в не на аз че той с това как но по у така за от всичко ми беше само още вие из ти е се да",
}
# First words of the names that Unicode gives to letters of scripts with (nearly) one language each.
_BY_SCRIPT = {
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
    "ARABIC": "ar",
    "HEBREW": "he",
    "GREEK": "el",
    "THAI": "th",
    "DEVANAGARI": "hi",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
}
LANGUAGES = frozenset(_SMALL_WORDS) | frozenset(_BY_SCRIPT.values())

_LOOKED_AT = 2_000  # characters; more would not make it surer
_LETTERS_MIN = 4
_WORDS_MIN = 2  # small words of a language that must occur
_LEAD = 1.3  # how far it has to be before the next


def _languages_by_word() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for language, small in _SMALL_WORDS.items():
        for word in small.split():
            found.setdefault(word, []).append(language)
    return found


_LANGUAGES_OF = _languages_by_word()


def guess(text: str) -> str | None:
    """A code of LANGUAGES, or None where the text is short or mixed."""
    folded = unicode_folding.folded(text[:_LOOKED_AT])
    scripts = Counter(_script(char) for char in folded if char.isalpha())
    if scripts.total() < _LETTERS_MIN:
        return None
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > scripts.total() // 10:
        return "ja"
    script, letters = scripts.most_common(1)[0]
    if 2 * letters < scripts.total():
        return None
    if script in _BY_SCRIPT:
        return _BY_SCRIPT[script]
    return _by_small_words(folded)


def _script(char: str) -> str:
    return "LATIN" if char.isascii() else unicodedata.name(char, "").partition(" ")[0]


def _by_small_words(folded: str) -> str | None:
    votes: Counter[str] = Counter()
    for word in unicode_folding.words(folded):
        for language in _LANGUAGES_OF.get(word.group(), ()):
            votes[language] += 1
    if not votes:
        return None
    (first, most), *others = votes.most_common(2)
    is_ahead = not others or most >= _LEAD * others[0][1]
    return first if most >= _WORDS_MIN and is_ahead else None
