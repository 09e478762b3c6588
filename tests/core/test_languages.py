"""Which language is spoken."""

import pytest

from commentsvc.core import languages


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_ch", "de"),
        ("pt-BR", "pt"),
        ("iw", "he"),
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-Hant-CN", "zh-Hant"),
        ("zh-Hans-HK", "zh-Hans"),
        ("yue", "zh-Hant"),
        ("en-GB-oxendict", "en"),
        ("", None),
        ("xx", None),
        ("d", None),
        ("de/../fr", None),
        ("de-" + "a" * 40, None),
        ("german", None),
    ],
)
def test_a_tag_is_matched_to_the_nearest_of_ours(asked, ours):
    assert languages.nearest(asked) == ours


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("", None),
        ("*", None),
        ("xx, yy;q=0.9", None),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("xx, en;q=0.3, de;q=0.8", "de"),
        ("de;q=0, en", "en"),
        ("de;q=0", None),
        ("de, fr", "de"),
        ("de;q=huge, fr;q=0.9", "de"),
        (",;;=,", None),
        ("x" * 100_000 + ",de", None),
    ],
)
def test_a_browsers_wishes_are_weighed(header, ours):
    assert languages.negotiated(header) == ours
