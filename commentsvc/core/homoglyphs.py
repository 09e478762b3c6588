"""Letters that look like ASCII ones and are others: what they are read as.

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
