"""Names: which look like staff's, in whatever spelling, and which only have the same letters."""

import json

import pytest

from commentsvc.core import unicode_folding
from commentsvc.core.names import looks_like_staff, skeletons
from tests.support.cast import data

PROTECTED = skeletons(["Alice", "Mo", "Ada Lovelace", "Field Notes", "Łukasz Żak"])

STAFF = [
    # a moderator's name, however it is spelled
    "alice", "ALICE", "Álice", "àlice", "alıce", "ALİCE", "a l i c e", "Alice.", "@alice", "al\u200bice",
    "al\u00adice", "Аlice",
    "ａｌｉｃｅ", "𝐀𝐥𝐢𝐜𝐞", "ⓐⓛⓘⓒⓔ", "A1ice", "Al|ce", "A\u0336lice", "Ada  Lovelace", "ada_lovelace",
    "Ada-Lovelace", "lukasz zak",
    # with added words
    "alice (owner)", "alice, Author", "alice - admin", "Alice | Moderator", "[Mod] Alice", "Alice Admin",
    "Admin Alice",
    "alice (Autorin)", "The real Alice", "Alice Official", "aliceadmin", "AliceAdmin", "Alice ★ staff",
    "Mo (Admin)", "Mo Admin",
    # a role
    "Admin", "admin", "ADMIN", "4dmin", "Adm1n", "@dmin", "àdmïn", "ad\u200bmin", "ad\u2060min",
    "ad\ufeffmin", "аdmin", "ADMIΝ",
    "mοderator", "Moderator", "moderators", "adrnin", "The Owner", "the  OWNER", "Owner", "owner",
    "0wner", "Site Admin", "site_admin",
    "Blog owner", "Admin123", "admin_1", "Administrator", "theowner", "TheOwner", "SiteAdmin",
    "m o d e r a t o r", "Staff", "Author",
    "Author of this blog", "Carol (staff)", "Carol, the owner", "Carol/Admin", "Carol — moderator",
    "Carol (the admin)", "Carol [ADMIN]",
    "Administrateur", "propriétaire", "Modérateur", "Besitzer", "Der Inhaber", "administrador", "Autor",
    "Владелец", "Администратор",
    "Carol (админ)", "właściciel", "yönetici",
    "管理人", "管理员", "運営", "관리자", "المدير", "מנהל", "व्यवस्थापक", "beheerder",
    # the blog's own name
    "Field Notes", "field notes", "FieldNotes", "Field Notes Team", "Field Notes (official)", "The Field Notes blog",
    "Alice (Field Notes)", "Alice | Field Notes", "Alice from Field Notes", "Alice, Ada Lovelace", "Alice 2", "2 Alice",
    "Field Notes 2026", "Field Notes Support", "Editor", "Rédacteur", "Moderation Team", "Editor-in-chief", "Редактор",
]  # fmt: skip
PEOPLE = [
    "Carol", "Alicia", "Alice Cooper", "Alice B.", "Malice", "Alician", "Adminah", "Admiral Nelson",
    "Badmin", "Owen", "Owens", "Browner",
    "Downer", "Bowner Smith", "Stafford", "Staffan", "Moe", "Mona", "Maurice", "Authora", "Arthur",
    "Authorine Jones", "Moderna",
    "Modesto", "Mod Eratus Smith", "Ada Byron", "Lovelace", "Dog owner Jane", "Carol (not from here)",
    "Carol, Berlin", "Jean-Luc", "O'Brien",
    "J. R. R. T.", "Ann 4", "Team Rocket", "The Dude", "Theodore", "Blogger Joe", "Notes",
    "Feld Notizen", "Anonymous", "李小龙", "김철수",
    "Владимир", "Мария Авторова", "يوسف", "राम", "रमेश स्वामी", "さくら", "Somebody", "Łucja", "Zoë",
    "Ødegård", "Mo D.", "Lila", "X Æ A-12",
    "Official Bakery", "Grace O'Malley", "Nina Autorino", "Admirer", "Dominika", "Ismod", "Siteri",
    "El Greco", "Guest12", "Carol 2", "Notes from Carol", "Anna and Carol", "Edith", "Edito Ramos", "1984",
]  # fmt: skip


@pytest.mark.parametrize("name", STAFF)
def test_a_name_that_looks_like_staff_is_seen(name):
    assert looks_like_staff(name, PROTECTED)


@pytest.mark.parametrize("name", PEOPLE)
def test_a_name_that_only_has_such_letters_passes(name):
    assert not looks_like_staff(name, PROTECTED)


def test_every_look_alike_of_a_letter_is_read_as_that_letter():
    alike = json.loads(data("unicode/confusables_ascii.json").read_text())
    # Digits and vowel signs of Indic scripts are parts of their own words.
    tried = [
        (letter, other)
        for letter in "adminoweruthslcAMN"
        for other in alike[letter]
        if len(other) == 1 and not 0x900 <= ord(other) <= 0x109F
    ]
    missed = [
        (letter, other)
        for letter, other in tried
        if unicode_folding.skeleton(other) != unicode_folding.skeleton(letter)
    ]
    assert len(tried) > 300
    assert len(missed) <= len(tried) / 50, missed


def test_names_from_the_hostile_corpus_are_read():
    for case in json.loads(data("unicode/handmade.json").read_text()):
        looks_like_staff(case["text"], PROTECTED)
        if "admin" in case["want"] or case["want"] == "folded: reserved":
            assert looks_like_staff(case["text"], PROTECTED) == ("‮" not in case["text"]), case


def test_a_long_name_is_looked_at_quickly():
    for name in ("admin" * 49, "theowner" * 30 + "x", "mod " * 61, "a" * 245, "siteblogpage" * 20 + "q"):
        looks_like_staff(name, PROTECTED)
