"""The language of a text: by script or small words, and nothing said where it cannot be told."""

import json
from collections import Counter

import pytest

from commentsvc.core import language_guess
from tests.support.cast import data


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("This is the best thing I have seen", "en"),
        ("Das ist nicht gut, und ich mag es nicht", "de"),
        ("Je ne suis pas d'accord avec vous", "fr"),
        ("No estoy de acuerdo con lo que dices", "es"),
        ("Eu não gosto muito de você", "pt"),
        ("Non sono d'accordo, ma è molto bello", "it"),
        ("Ik vind het niet leuk, maar het is wat het is", "nl"),
        ("Nie wiem, co to jest, ale się podoba", "pl"),
        ("Merhaba, bu çok güzel bir yazı", "tr"),
        ("Это не так, как ты говоришь", "ru"),
        ("Це не так, але що ти кажеш", "uk"),
        ("これは良い記事です", "ja"),
        ("日本語学校東京都新宿区です", "ja"),
        ("这是一篇好文章", "zh"),
        ("你好世界", "zh"),
        ("你好吗", None),
        ("안녕하세요 반갑습니다", "ko"),
        ("هذا مقال جيد جدا", "ar"),
        ("यह बहुत अच्छा है", "hi"),
        ("Αυτό είναι καλό", "el"),
        ("nice", None),
        ("", None),
        ("12345 !!! https", None),
        ("lol ok", None),
    ],
)
def test_the_language_of_a_sentence(text, want):
    assert language_guess.guess(text) == want


def test_english_comments_are_hardly_ever_taken_for_another_language():
    texts = json.loads(data("comments/civil_comments_a.json").read_text())
    guessed = Counter(language_guess.guess(text) for text in texts)
    others = len(texts) - guessed["en"] - guessed[None]
    assert guessed["en"] > 0.85 * len(texts)
    assert others < 0.01 * len(texts)
