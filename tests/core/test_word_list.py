"""Words in a text: whole ones, in every script, through every disguise we know; and what looking costs."""

import json
import random
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.word_list import Text, WordList
from tests.support.cast import data


def found(value, text):
    match = WordList(value).find(Text(unicodedata.normalize("NFC", text)))
    return match.text if match else None


@pytest.mark.parametrize(
    ("value", "text", "want"),
    [
        # boundaries
        ("ass", "a first class answer", None),
        ("ass", "An ASS.", "ASS"),
        ("ass", "(ass)", "ass"),
        ("ass", "pass_ass_x", "ass"),
        ("cunt", "Scunthorpe", None),
        ("free", "free-range", "free"),
        ("sex", "Essex, Sussex and Middlesex", None),
        ("a55", "the A55 is closed", "A55"),
        ("ass", "the A55 is closed", None),
        # phrases and signs
        ("buy now\nfree", "please BUY\n  now", "BUY\n  now"),
        ("buy now", "buy – now!", "buy – now"),
        ("buy now", "buy it now", None),
        ("c++", "I like c++!", "c++"),
        ("c++", "I like c.", None),
        (".*", "anything", None),
        ("casino.example", "https://casino.example/x", "casino.example"),
        ("casino.example", "a casino example", None),
        ("$$$", "easy $ $$ money", "$$$"),
        ("🖕", "take this 🖕🏽", "🖕"),
        # languages
        ("gratuit", "prix gratuité", None),
        ("STRASSE", "in der Straße", "Straße"),
        ("ΟΔΌΣ", "η οδός", "οδός"),
        ("ano", "feliz año", None),
        ("sik", "sık sık gelirim", None),
        ("SIKIŞ", "bu sikiş", "sikiş"),
        ("шлюха", "Ты ШЛЮХА!", "ШЛЮХА"),
        ("сук", "сундук и сука", None),
        ("sex", "сех и сосо в Москве", None),
        ("سكس", "مقطع سِكْس هنا", "سِكْس"),
        ("कुत्ता", "वह कुत्ता है", "कुत्ता"),
        ("कि", "यह किताब है", None),
        ("赌博", "最好的在线赌博网站", "赌博"),
        ("赌博", "在线赌 博", "赌博"),
        ("エロ", "これはｴﾛです", "エロ"),
        ("ガキ", "ｶﾞｷども", "ガキ"),
        ("spam", "これはspamです", "spam"),
        ("섹스", "섹스를", "섹스"),
        ("ควย", "มึงควยมาก", "ควย"),
        # disguises
        ("viagra", "V I A G R A now", "V I A G R A"),
        ("viagra", "a v.i.a.g.r.a for you", "v.i.a.g.r.a"),
        ("viagra", "v-i-a-g-r-a", "v-i-a-g-r-a"),
        ("viagra", "v_i_a_g_r_a", "v_i_a_g_r_a"),
        ("ass", "c l a s s", None),
        ("viagra", "a v i a g r a i", "v i a g r a"),
        ("viagra", "a v i a g r a", "v i a g r a"),
        ("viagra", "v i a g r a i", "v i a g r a"),
        ("viagra", "u v i a g r a", None),
        ("viagra", "vi\u200bag\u00adra", "vi\u200bag\u00adra"),
        ("viagra", "vіаgrа", "vіаgrа"),
        ("viagra", "ｖｉａｇｒａ", "ｖｉａｇｒａ"),
        ("viagra", "𝐯𝐢𝐚𝐠𝐫𝐚", "𝐯𝐢𝐚𝐠𝐫𝐚"),
        ("viagra", "v\u0336i\u0336a\u0336g\u0336r\u0336a\u0336", "v\u0336i\u0336a\u0336g\u0336r\u0336a"),
        ("viagra", "v1agr@", "v1agr@"),
        ("shit", "$h!t", "$h!t"),
        ("viagra", "viaaaagra", "viaaaagra"),
        ("all", "aaall", "aaall"),
        ("casino", "ᴄᴀѕɪɴᴏ", "ᴄᴀѕɪɴᴏ"),
    ],
)
def test_a_word_is_found_where_it_stands_and_nowhere_else(value, text, want):
    assert found(value, text) == want


def test_a_list_counts_its_entries():
    assert len(WordList("one\nbuy now\n\nONE\n赌博\n$$$\n🖕")) == 6
    assert len(WordList("\n")) == 0


@pytest.mark.parametrize("letter", string.ascii_lowercase)
def test_letters_that_look_like_ascii_ones_are_read_as_those(letter):
    alike = json.loads(data("unicode/confusables_ascii.json").read_text()).get(letter, [])
    # Letters of alphabets in everyday use, without those that resemble another letter in lower case.
    scripts = ("CYRILLIC", "GREEK", "FULLWIDTH", "MATHEMATICAL")
    common = [c for c in alike if len(c) == 1 and unicodedata.name(c, "").split()[0] in scripts and c.islower()]
    seen = [c for c in common if found(f"qq{letter}zz", f"here qq{c}zz is")]
    assert len(seen) >= 0.8 * len(common), set(common) - set(seen)


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ja", "pt", "ru", "tr", "zh", "ar"])
def test_every_entry_of_a_real_list_finds_itself_and_is_not_found_in_prose(language):
    lines = data(f"words/ldnoobw_{language}.txt").read_text().splitlines()
    entries = [line for line in lines if line.strip()]
    listed = WordList("\n".join(entries))
    missed = [e for e in entries if not listed.find(Text(unicodedata.normalize("NFC", f"well, {e}, indeed")))]
    assert missed == []
    clean = "The class assessed the title of the document in Scunthorpe; a cockpit, a peacock and grapes were analysed."
    assert listed.find(Text(clean)) is None


words = st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=8)


@given(st.lists(words, min_size=1, max_size=5), st.lists(words, max_size=12))
def test_plain_words_are_found_exactly_when_they_are_there(listed, said):
    is_there = bool(set(listed) & set(said))
    match = WordList("\n".join(listed)).find(Text(" ".join(said)))
    assert not is_there or match is not None
    if match is not None and match.text in said:
        assert match.text in listed or match.entry in listed


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at_and_gives_the_same_twice(text):
    listed = WordList("ass\nbuy now\n赌博\n$$$")
    text = unicodedata.normalize("NFC", text)
    assert listed.find(Text(text)) == listed.find(Text(text))


class Counting(dict):
    """Counts look-ups."""

    asked = 0

    def get(self, key, default=None):
        Counting.asked += 1
        return super().get(key, default)


def cost(listed: WordList, text: str) -> int:
    """How many look-ups the list answers for a text."""
    Counting.asked = 0
    for part, name in (
        (listed, "_entries"),
        (listed, "_longest"),
        (listed._inside, "_lines"),
        (listed._inside, "_lengths"),
    ):
        setattr(part, name, Counting(getattr(part, name)))
    assert listed.find(Text(text)) is None
    return Counting.asked


def random_words(count, alphabet=string.ascii_lowercase, seed=1):
    chance = random.Random(seed)
    return ["".join(chance.choices(alphabet, k=chance.randint(3, 12))) for _ in range(count)]


def test_what_looking_costs_does_not_grow_with_the_list_and_grows_with_the_text_alone():
    phrase = "qqaqq is never said"  # begins with a word of the text, so that every word is looked up
    text = " ".join(["qqaqq", *(word + "qzq" for word in random_words(100, seed=2))])
    small, large = (cost(WordList("\n".join([phrase, *random_words(count)])), text) for count in (100, 100_000))
    assert large == small
    assert len(text.split()) <= large <= 6 * len(text.split())
    twice = cost(WordList("\n".join([phrase, *random_words(100_000)])), f"{text} {text}")
    assert twice == 2 * large


def test_the_same_holds_where_words_have_no_blanks_between():
    alphabet = "".join(chr(code) for code in range(0x4E00, 0x5E00))
    text = "".join(random_words(80, alphabet, seed=3))
    small, large = (cost(WordList("\n".join(random_words(count, alphabet))), text) for count in (10, 20_000))
    assert large <= 14 * len(text), "at most as many look-ups at each place as there are lengths"
    assert small <= large


def test_a_hostile_text_costs_no_more_than_its_length():
    listed = WordList("viagra\nass")
    for text in ("a " * 5000, "a.b." * 2500, "$" * 10_000, "1a" * 5000, "\u0430a" * 5000, "aaaa" * 2500):
        assert cost(listed, text) <= 12 * len(text)
