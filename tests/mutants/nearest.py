"""Which test files test a module most directly, found by names and imports."""

import ast
import re
from pathlib import Path

# Tests that speak HTTP import nothing of these modules: a pattern for each, and its test files. The first match counts.
BY_NAME = [
    (
        r"web/http/access",
        ["web/http/test_access", "web/api/test_token_rights", "web/auth/test_second_factors", "web/api/test_comments"],
    ),
    (
        r"web/auth/(?:identities|account_mails|facebook_callbacks)",
        ["web/auth/test_accounts", "web/auth/test_providers"],
    ),
    (r"web/auth/known_browsers", ["web/auth/test_sign_in"]),
    (
        r"services/transitions",
        [
            "services/test_transitions",
            "services/test_moderation",
            "services/test_reports",
            "services/test_sanctions",
            "services/test_counters_property",
        ],
    ),
    (r"web/auth/oauth_server", ["web/auth/test_authorize"]),
    (r"web/auth/(\w+)", ["web/auth/test_{}"]),
]


def imported_names(path: Path) -> set[str]:
    """Dotted names of the modules and objects that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_files(root: Path, module: str) -> list[str]:
    """The tests to run for a mutant of `module` (a path below `root`), the likeliest to fail first.

    Either those that BY_NAME names, or those of the same folder that import the module, or, where none does, import a
    module that imports it, and so on.
    """
    for pattern, tests in BY_NAME:
        if match := re.fullmatch(f"commentsvc/{pattern}.py", module):
            return [f"tests/{test.format(*match.groups())}.py" for test in tests]

    folder = Path(module).parent
    tests_of_folder = _below(root, f"tests/{folder.relative_to('commentsvc')}")
    imports = {path: imported_names(root / path) for path in [*tests_of_folder, *_below(root, str(folder))]}
    wanted_names = {_dotted(module)}
    while True:
        found = [path for path in tests_of_folder if imports[path] & wanted_names]
        if found:
            return sorted(found, key=lambda path: (Path(path).stem != f"test_{Path(module).stem}", path))
        users = {_dotted(path) for path in imports if path.startswith("commentsvc") and imports[path] & wanted_names}
        if users <= wanted_names:
            return []
        wanted_names |= users


def _below(root: Path, folder: str) -> list[str]:
    return [p.relative_to(root).as_posix() for p in sorted((root / folder).rglob("*.py"))]


def _dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")
