"""A filter that learns what spam reads like from what moderators decided: naive Bayes over words (Robinson, Fisher)."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from commentsvc.core import unicode_folding
from commentsvc.core.rule_kinds import RuleInput

TOKENS_MAX = 400  # of one comment; a long one says no more about itself after these
EVIDENCE_MAX = 60  # the tokens that say most decide
LEARNT_MIN = 20  # of each sort, before the filter says anything
_SHOWN = 6  # words of evidence
_WORD_MAX = 24
_HALF = 2**63
# How much a token that was never seen is believed to be spam, and how many sightings that belief is worth.
_UNKNOWN = 0.5
_STRENGTH = 0.5
_TELLING = 0.1  # a token whose probability is nearer to one half says nothing
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]]+", re.I)


@dataclass(frozen=True)
class WordCounts:
    """The numbers of good and bad comments that contain a feature."""

    ham: int = 0
    spam: int = 0


@dataclass(frozen=True)
class Opinion:
    """`score` from 0 (good) to 1 (spam); `words` are the strongest evidence for spam, strongest first."""

    score: float
    words: tuple[str, ...]


def features(submission: RuleInput) -> dict[int, str]:
    """The features of a comment: the numbers that are stored, with the words that they stand for.

    The e-mail address is not used: moderators who may not see it see the score.
    """
    text = unicode_folding.folded(submission.source)
    found: dict[str, None] = {}
    for host in submission.link_hosts[:20]:
        found[f"link:{host}"] = None
    if submission.links:
        found[f"links:{min(submission.links, 4)}"] = None
    plain = _ADDRESS.sub(" ", text)
    words = [word.group()[:_WORD_MAX] for word in unicode_folding.words(plain)]
    for word in words[:TOKENS_MAX]:
        found[_shape(word)] = None
    for one, other in itertools.pairwise(words[:TOKENS_MAX]):
        found[f"{_shape(one)} {_shape(other)}"] = None
    if unicode_folding.is_spaceless(plain):
        letters = "".join(char for char in plain if unicode_folding.is_spaceless(char))[:TOKENS_MAX]
        for at in range(len(letters) - 1):
            found[letters[at : at + 2]] = None
    if _shouts(submission.source):
        found["in capitals"] = None
    for part in unicode_folding.words(unicode_folding.folded(submission.name)):
        found[f"name:{part.group()[:_WORD_MAX]}"] = None
    if submission.website:
        found["website:yes"] = None
    return {_number(feature): feature for feature in list(found)[:TOKENS_MAX]}


def _shape(word: str) -> str:
    """Numbers are distinguished by their length alone: every offer has another price."""
    return f"{len(word)} digits" if word.isdigit() else word


def _shouts(source: str) -> bool:
    letters = [char for char in source[:1000] if char.isalpha()]
    return len(letters) > 15 and sum(char.isupper() for char in letters) > len(letters) / 2


def _number(feature: str) -> int:
    digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") - _HALF


def opinion(of: Mapping[int, str], seen: Mapping[int, WordCounts], total: WordCounts) -> Opinion | None:
    """The spam score of a comment with these features; None before enough was learnt."""
    if min(total.ham, total.spam) < LEARNT_MIN:
        return None
    weighed = [(_probability(seen[number], total), feature) for number, feature in of.items() if number in seen]
    telling = sorted((abs(p - 0.5), p, feature) for p, feature in weighed if abs(p - 0.5) >= _TELLING)[-EVIDENCE_MAX:]
    if not telling:
        return Opinion(_UNKNOWN, ())
    for_spam = 1 - _chi_squared(-2 * math.fsum(math.log(1 - p) for _, p, _ in telling), 2 * len(telling))
    for_ham = 1 - _chi_squared(-2 * math.fsum(math.log(p) for _, p, _ in telling), 2 * len(telling))
    loudest = [feature for _, p, feature in reversed(telling) if p > 0.5]
    return Opinion((1 + for_spam - for_ham) / 2, tuple(loudest[:_SHOWN]))


def _probability(seen: WordCounts, total: WordCounts) -> float:
    """The probability of spam given this token, with equal priors; rare tokens are drawn to one half (Robinson)."""
    spam = seen.spam / total.spam
    ham = seen.ham / total.ham
    raw = spam / (spam + ham) if spam + ham else _UNKNOWN
    sightings = seen.spam + seen.ham
    return (_STRENGTH * _UNKNOWN + sightings * raw) / (_STRENGTH + sightings)


def _chi_squared(value: float, freedom: int) -> float:
    """The probability that chance alone gives so much or more; `freedom` is even (Robinson's sum)."""
    half = value / 2
    term = math.exp(-half)
    total = term
    for step in range(1, freedom // 2):
        term *= half / step
        total += term
    return min(total, 1.0)


@dataclass(frozen=True)
class Figures:
    """The results of the filter on comments that it had not learnt from."""

    caught: int  # spam called spam
    missed: int
    wronged: int  # good called spam
    passed: int

    @property
    def precision(self) -> float:
        return self.caught / (self.caught + self.wronged) if self.caught + self.wronged else 1.0

    @property
    def recall(self) -> float:
        return self.caught / (self.caught + self.missed) if self.caught + self.missed else 1.0


def cross_validated(labelled: Iterable[tuple[RuleInput, bool]], folds: int, threshold: float) -> Figures:
    """Learn from all folds but one and try that one, for each in turn; every `folds`-th comment is of one fold."""
    rows = [(features(submission), is_spam) for submission, is_spam in labelled]
    counts = [0, 0, 0, 0]
    for fold in range(folds):
        seen: dict[int, list[int]] = {}
        totals = [0, 0]
        for at, (of, is_spam) in enumerate(rows):
            if at % folds != fold:
                totals[is_spam] += 1
                for number in of:
                    seen.setdefault(number, [0, 0])[is_spam] += 1
        learnt = {number: WordCounts(*both) for number, both in seen.items()}
        for at, (of, is_spam) in enumerate(rows):
            if at % folds == fold:
                held = opinion(of, learnt, WordCounts(*totals))
                is_called_spam = held is not None and held.score >= threshold
                counts[(0 if is_called_spam else 1) if is_spam else (2 if is_called_spam else 3)] += 1
    return Figures(*counts)
