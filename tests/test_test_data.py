"""Each file of the test data has its origin and licence in tests/data/README.md, and the whole stays small."""

import re

from tests.support.cast import DATA_FOLDERS, data, data_files, find_data

DATA = DATA_FOLDERS[0]
SIZE_MAX_BYTES = 10_000_000
LICENCES = {"MIT", "BSD-3-Clause", "Apache-2.0", "Unicode-3.0", "CC0-1.0", "CC BY 4.0", "CC BY-SA 4.0"}
# file | entries | origin | path there | commit | licence
ROW = re.compile(r"^\| (\w+/[^ |]+) \| \d+ \| ([^|]+) \| ([^|]+) \| ([\w.]*) ?\| ([^|]+) \|$", re.MULTILINE)


def expanded(name: str) -> list[str]:
    """`words/{de,en}.txt` as two names."""
    found = re.fullmatch(r"(.*)\{(.*)\}(.*)", name)
    return [f"{found[1]}{part}{found[3]}" for part in found[2].split(",")] if found else [name]


def rows() -> dict[str, tuple[str, str]]:
    """Commit and licence of each file that the table names."""
    table = ROW.findall((DATA / "README.md").read_text("utf-8"))
    return {name: (commit, licence) for names, _, _, commit, licence in table for name in expanded(names)}


def test_every_file_has_a_row_and_every_row_a_file():
    files = {path.relative_to(DATA).as_posix() for path in DATA.glob("*/*") if path.parent.name != "licences"}
    assert files == set(rows())


def test_every_licence_may_be_published_with_this_project():
    for name, (commit, licence) in rows().items():
        named = {part for part in LICENCES if re.search(rf"(^|, ){re.escape(part)}($|[ ,])", licence)}
        assert named, name
        assert "GPL" not in licence, name
        assert commit or "CC0-1.0" in licence or "Unicode" in licence, name


def test_every_licence_that_wants_its_text_beside_the_files_has_it():
    named = {
        name for name in LICENCES if not name.startswith("CC") for _, licence in rows().values() if name in licence
    }
    assert {path.stem for path in (DATA / "licences").iterdir()} == named


def test_the_data_stay_small():
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < SIZE_MAX_BYTES


def test_the_projects_own_file_is_preferred(tmp_path, monkeypatch):
    own, beside = tmp_path / "own", tmp_path / "beside"
    for folder, name in ((own, "a.txt"), (beside, "a.txt"), (beside, "b.txt")):
        (folder / "xss").mkdir(parents=True, exist_ok=True)
        (folder / "xss" / name).touch()
    monkeypatch.setitem(find_data.__globals__, "DATA_FOLDERS", (own, beside))

    assert find_data("xss/a.txt") == data("xss/a.txt") == own / "xss/a.txt"
    assert find_data("xss/b.txt") == beside / "xss/b.txt"
    assert find_data("xss/c.txt") is None
    assert data_files("xss") == [own / "xss/a.txt", beside / "xss/b.txt"]
    assert data_files("sql") == []
