"""docs/security.md and docs/asvs.md name tests that exist, and docs/asvs.md has a row for each requirement."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
DOCUMENTS = [ROOT / "docs" / name for name in ("security.md", "asvs.md")]
# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 begins with; those of level 3 follow them.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2,
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5,
    "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
    "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
# A test's name, perhaps cut off (`test_a_long…`) or with one of its cases, and perhaps its file behind it.
NAMED = re.compile(r"`(test_\w+)(…?)(?:\[[^`]*\])?`(?: \(([\w/]*test_\w+\.py)\))?")
FILE = re.compile(r"(?<![\w/])(?:tests/)?((?:\w+/)*test_\w+\.py|embed/tests/[\w.-]+\.ts)")
ROW = re.compile(r"^\| ([\d.]+)(?: to ([\d.]+))? \| (.+) \| (.+) \| (?:(.+) )?\|$", re.MULTILINE)


def defined() -> dict[str, set[str]]:
    """Every test by name, with the files that have it."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^\s*def (test_\w+)\(", path.read_text(), re.MULTILINE):
            found.setdefault(name, set()).add(path.relative_to(TESTS).as_posix())
    return found


def wrong_names(document: str) -> list[str]:
    tests, wrong = defined(), []
    for name, cut, file in NAMED.findall(document):
        places = [
            file for other in tests if (other.startswith(name) if cut else other == name) for file in tests[other]
        ]
        if not places or (file and not any(place.endswith(file) for place in places)):
            wrong.append(f"{name} {file}".strip())
    files = FILE.findall(document)
    return wrong + [file for file in files if not ((ROOT / file).is_file() or any(TESTS.rglob(Path(file).name)))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_is_named_exists(path):
    assert wrong_names(path.read_text()) == []


def test_a_wrong_name_is_found():
    here = "`test_a_wrong_name_is_found`"
    assert wrong_names(f"{here}, {here} (test_security_docs.py), `test_a_wrong_na…`") == []
    assert wrong_names("`test_nothing_at_all`") == ["test_nothing_at_all"]
    assert wrong_names("`test_nothing_at…`") == ["test_nothing_at"]
    assert wrong_names(f"{here} (web/auth/test_accounts.py)") == [
        "test_a_wrong_name_is_found web/auth/test_accounts.py"
    ]
    assert wrong_names("tests/web/test_no_such_file.py") == ["web/test_no_such_file.py"]


def numbers(first: str, last: str) -> list[str]:
    section, _, begin = first.rpartition(".")
    return [f"{section}.{number}" for number in range(int(begin), int((last or first).rpartition(".")[2]) + 1)]


def test_every_requirement_of_levels_1_and_2_has_a_row_with_a_test_or_a_reason():
    document = DOCUMENTS[1].read_text()
    rows = [(numbers(first, last), how, test) for first, last, _, how, test in ROW.findall(document)]
    wanted = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert [number for row, *_ in rows for number in row] == wanted
    for row, how, test in rows:
        has_reason = how.startswith(("does not apply: ", "not met: ", "in part: ", "the operator's: "))
        assert has_reason or test, f"{row}: no test and no reason"


def test_the_list_of_what_is_not_met_is_that_of_the_rows():
    document = DOCUMENTS[1].read_text()
    rows = [(numbers(first, last), how) for first, last, _, how, _ in ROW.findall(document)]
    for word in ("not met", "in part"):
        listed = re.search(rf"^- \*\*{word.capitalize()}:\*\* (.+?)\.$", document, re.MULTILINE | re.DOTALL)
        assert listed, word
        wanted = [number for row, how in rows if how.startswith(f"{word}: ") for number in row]
        assert re.findall(r"\d+\.\d+\.\d+", listed[1]) == wanted, word
