"""Letters that look like ASCII letters, with the ASCII letter that each resembles.

Derived from Unicode's confusables.txt (Unicode License v3, © Unicode, Inc.) by way of confusable-homoglyphs 3.3.1
(MIT): single letters, case folded, that compatibility normalisation leaves as they are; with the small capitals of
phonetic scripts. Left out is the Turkish dotless i, a letter of its own in words that must not be taken for others.
"""

from __future__ import annotations

_ALIKE = {
    "a": "ɑαаᎪᴀꓮ",
    "b": "ƅʙβвьᏏᏴꓐꞵ",
    "c": "сᏟᴄⲥꓚ",
    "d": "ԁᎠᏧᴅꓒꓓ",
    "e": "εеҽᎬᴇꓰꬲ",
    "f": "ϝքꓝꜰꞙꬵ",
    "g": "ƍɡɢԍցᏀᏳᶃꓖ",
    "h": "ʜηнһհᎻᏂⲏꓧ",
    "i": "ɩɪιіᎥꙇ",
    "j": "ʝϳјᎫᴊꓙ",
    "k": "κкᏦᴋⲕꓗ",
    "l": "ǀʟӏᏞⲓⳑꓡꓲ",
    "m": "μϻмᎷᴍⲙꓟ",
    "n": "ɴոռⲛꓠ",
    "o": "οσоօᴏᴑⲟꓳꬽ",
    "p": "ρрᏢᴘⲣꓑ",
    "q": "ԛգզꞯ",
    "r": "ʀгᎡᎱᏒᴦⲅꓣꭇꭈ",
    "s": "ƽѕտᏕᏚꓢꜱ",
    "t": "τтᎢᴛⲧꓔ",
    "u": "ʋυսᴜꓴꞟꭎꭒ",
    "v": "νѵᏙᴠꓦ",
    "w": "ɯѡԝաᎳᏔᴡꓪ",
    "x": "χхⲭꓫꭓ",
    "y": "ɣʏγуүᎩᎽᶌⲩꓬꭚ",
    "z": "ζᏃᴢꓜ",
}
LOOKS_LIKE = {ord(other): letter for letter, others in _ALIKE.items() for other in others}

# Besides, in names, where telling alphabets apart matters less: letters with a stroke or hook, rare scripts and signs
# (from the same list), and the dotless i.
_ALIKE_IN_NAMES = {
    "a": "ᗅ⍺ⱥ\U000102a0\U00016f40",
    "b": "ƀɓᑲᖯᗷ\U00010282\U000102a1\U00010301",
    "c": "\U000102a2\U00010302\U0001043d\U0001051c\U000118e9\U000118f2\U0001f74c",
    "d": "ðđɖɗᑯᗞᗪ",
    "e": "ǝɇə℮⋿ⴹ\U00010286\U000118c6\U000118ce",
    "f": "ƒᖴẝ\U00010287\U000102a5\U00010525\U000118c2\U0001d213",
    "h": "ħɦᕼ\U000102cf",
    "i": "ıĳ˛ᛁ∣⍳⏽ⵏ\U000118c3\U0001d6a4",
    "j": "ᒍ",
    "k": "ĸƙᛕ\U00010518",
    "l": (
        "łƚɫɬɭ۱ᒪᛁ∣⏽ⵏ\uffe8\U0001028a\U00010309\U00010320\U00010443\U00010526\U000118c3\U000118d2\U00016f16"
        "\U00016f28\U0001d22a"
    ),
    "m": "ɱᗰᛖ\U000102b0\U00010311",
    "n": "ŋƞɲɳ\U00010513",
    "o": (
        "øǿɵ۵ჿዐⵔ\u3007\U00010292\U000102ab\U0001042c\U000104ea\U00010516\U000114d0\U000118c8\U000118d5"
        "\U000118d7\U000118e0"
    ),
    "p": "ᑭ⍴\U00010295",
    "q": "ⵕ",
    "r": "ɼɽɾᖇ\U000104dc\U00016f35\U0001d216",
    "s": "ȿʂ\U00010296\U00010448\U000118c1\U00016f3a",
    "t": "ŧƫƭʈ⊤⟙\U00010297\U000102b1\U00010315\U000118dc\U00016f0a\U0001f768",
    "u": "ሀᑌ∪⋃\U000104f6\U000118d8\U00016f42",
    "v": "۷ᐯ∨⋁ⴸ\ua6df\U0001051d\U00011706\U000118c0\U00016f08\U0001d20d",
    "w": "\U0001170a\U0001170e\U0001170f\U000118e6\U000118ef",
    "x": "×ᕁᕽ᙭᙮ᚷ╳⤫⤬⨯ⵝ\U00010290\U000102b4\U00010317\U00010322\U00010527\U000118ec",
    "y": "ƴყỿ\U000102b2\U000118c4\U000118dc\U00016f43",
    "z": "ƶȥʐ\U000102f5\U000118c4\U000118c9\U000118e5",
}
LOOKS_LIKE_IN_NAMES = {ord(other): letter for letter, others in _ALIKE_IN_NAMES.items() for other in others}
# Signs and ligatures that are read as letters.
LOOKS_LIKE_IN_NAMES |= {ord("æ"): "ae", ord("œ"): "oe", ord("@"): "a", ord("$"): "s", ord("€"): "e"}
# Letters of Greek that look like N, Y and c; their small or usual forms look like others.
CAPITALS = str.maketrans({"\u039d": "n", "\u03a5": "y", "\u03d2": "y", "\u03f2": "c", "\u03f9": "c"})
