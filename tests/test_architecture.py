"""The rules of docs/architecture.md: the direction of imports, and what may occur in one place only."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "commentsvc"
# Lowest first. A file may import from its own floor and from those it may see below.
SEES = {
    "core": {"core"},
    "config": {"config", "core"},
    "gateways": {"gateways", "core", "config"},
    "store": {"store", "core", "config"},
    "page_cache": {"page_cache", "store", "gateways", "core", "config"},
    "services": {"services", "page_cache", "store", "gateways", "core", "config"},
    "web": {"web", "services", "page_cache", "store", "gateways", "core", "config"},
    "worker": {"worker", "services", "store", "gateways", "core", "config"},
    "": {"", "web", "services", "page_cache", "store", "gateways", "core", "config"},
    "start_checks": {"store", "core", "config"},
    "server": {"", "server", "start_checks", "web", "worker", "page_cache", "store", "gateways", "config"},
    "demo": {"", "demo", "server", "services", "store", "core", "config"},
    "cli": {"", "cli", "demo", "server", "start_checks", "worker", "services", "store", "gateways", "core", "config"},
}
ONLY_IN = {"bleach": "core/sanitizer.py", "nh3": "core/sanitizer.py", "cmarkgfm": "core/markdown.py"}
# By whom: sign-in with providers, secrets kept, passkeys, pictures, QR codes, Akismet, Redis, migrations, imports.
ONLY_FOR_SOME = {"authlib.integrations.requests_client", "joserfc", "cryptography", "webauthn", "PIL", "segno"}
ONLY_FOR_SOME |= {"pygments", "requests", "redis", "alembic", "defusedxml", "publicsuffixlist"}
FORBIDDEN = {
    "core": {"flask", "sqlalchemy", "flask_sqlalchemy", "requests", "socket", "time", "urllib.request"},
    "services": {"flask", "flask_login", "werkzeug", "requests", "socket"},
    "store": {"flask_login", "werkzeug", "requests", "socket"},
    "gateways": {"flask", "sqlalchemy", "flask_sqlalchemy"},
}


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the floor"
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def web_arrows(package):
    """Which folders of web/ import which others: (importing folder, imported folder)."""
    found = set()
    for path in package.glob("web/*/*.py"):
        folder = path.parent.name
        names = [name.split(".") for name in imports(ast.parse(path.read_text())) if name.startswith("commentsvc.web.")]
        found |= {(folder, parts[2]) for parts in names if parts[2] != folder}
    return found


def test_the_folders_of_web_import_each_other_in_one_direction():
    left = web_arrows(PACKAGE)
    while left:
        free = {target for _, target in left} - {folder for folder, _ in left}
        assert free, f"a circle among {sorted(left)}"
        left = {(folder, target) for folder, target in left if target not in free}


def test_no_test_file_imports_another_or_the_measurements():
    tests = Path(__file__).parent
    found = [
        f"{path.relative_to(tests)}: {name}"
        for path in sorted(tests.rglob("test_*.py"))
        for name in imports(ast.parse(path.read_text()))
        if name.split(".")[0] == "bench" or (name.startswith("tests.") and "test_" in name)
    ]
    assert found == []


def floor_of(top):
    return {"__init__": "", "config_values": "config"}.get(top, top)


def troubles(package):
    """Every breach of the rules, as one line each."""
    found = []
    files = sorted(package.rglob("*.py"))
    for path in files:
        place = path.relative_to(package)
        floor = floor_of(place.parts[0].removesuffix(".py"))
        tree = ast.parse(path.read_text())
        if path.name == "__init__.py" and len(place.parts) > 1:
            found += [f"{place}: has code"] if tree.body else []
            continue
        summary = ast.get_docstring(tree) or ""
        if not summary.split("\n")[0].endswith((".", ":")):
            found.append(f"{place}: no sentence says what it is")
        found += [f"{place}: {word}" for word in ("TODO", "FIXME", "XXX") if word in path.read_text()]
        for name in set(imports(tree)):
            top = name.split(".")[0]
            if place.as_posix() != ONLY_IN.get(top, place.as_posix()):
                found.append(f"{place}: imports {name}")
            if FORBIDDEN.get(floor, set()) & {name, top}:
                found.append(f"{place}: imports {name}")
            if name == "commentsvc" or not name.startswith("commentsvc."):
                continue
            other = name.split(".")[1]
            below = floor_of(other) if (package / other).is_dir() or (package / f"{other}.py").exists() else ""
            if below not in SEES[floor]:
                found.append(f"{place}: imports {name}, which is above")
    return found


def test_nothing_imports_upwards_and_each_thing_stands_in_its_place():
    assert troubles(PACKAGE) == []


@pytest.mark.parametrize(
    ("place", "source", "trouble"),
    [
        ("core/a.py", "'''A.'''\nfrom commentsvc.store import b", "above"),
        ("store/a.py", "'''A.'''\nimport commentsvc.services.b", "above"),
        ("services/a.py", "'''A.'''\nfrom commentsvc.web.guard import x", "above"),
        ("services/a.py", "'''A.'''\ndef f():\n    from flask import g", "imports flask"),
        ("web/a.py", "'''A.'''\nfrom commentsvc import cli", "above"),
        ("web/a.py", "'''A.'''\nimport bleach", "imports bleach"),
        ("core/a.py", "'''A.'''\nimport time", "imports time"),
        ("core/a.py", "x = 1", "no sentence"),
        ("core/__init__.py", "x = 1", "has code"),
        ("core/a.py", "'''A.'''  # TODO", "TODO"),
    ],
)
def test_a_breach_is_found(tmp_path, place, source, trouble):
    for folder in ("core", "store", "services", "web", "gateways"):
        (tmp_path / folder).mkdir()
    (tmp_path / "cli.py").write_text("'''A.'''")
    (tmp_path / place).write_text(source)
    assert any(trouble in line for line in troubles(tmp_path)), troubles(tmp_path)


def test_a_worker_that_has_just_started_holds_no_library_that_only_some_need():
    """Each of them takes megabytes of every worker; it is imported where somebody first needs it."""
    config = "c.from_environment({'COMMENTSVC_SECRET_KEY': 'a secret for the house, long enough'}, None)"
    begin = f"import sys, commentsvc.server as s, commentsvc.config as c; s.create_app({config})"
    told = subprocess.run(
        [sys.executable, "-c", f"{begin}; print(*sys.modules)"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert set(told.stdout.split()) & ONLY_FOR_SOME == set()


def test_only_the_comment_macro_puts_html_on_a_page_unescaped():
    places = [p for p in (PACKAGE / "web" / "templates").rglob("*") if p.is_file()]
    unescaped = [(p.name, len(re.findall(r"\|\s*safe\b|Markup|autoescape false", p.read_text()))) for p in places]
    assert [(name, n) for name, n in unescaped if n] == [("comment.html", 1)]


def test_every_public_function_below_the_web_says_what_it_does_where_it_may_fail():
    """A function that raises one of our errors by itself says so, or says which condition it ensures."""
    silent = []
    for floor in ("core", "services"):
        for path in (PACKAGE / floor).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                    continue
                raises = [n for n in ast.walk(node) if isinstance(n, ast.Raise)]
                if raises and not ast.get_docstring(node):
                    silent.append(f"{path.name}: {node.name}")
    assert silent == []


def test_every_verb_that_begins_a_write_transaction_is_tried_again_when_it_loses_a_race():
    """`commentsvc.store.db.retried` stands on it, or `in_app`, which tries a whole command again."""
    alone = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place in ("store/transactions.py", "demo/run.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            begun = {call.func.id for call in ast.walk(node) if isinstance(call, ast.Call) and hasattr(call.func, "id")}
            marks = {mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)}
            if begun & {"_begin_write", "write"} and not marks & {"retried", "in_app"}:
                alone.append(f"{place}: {node.name}")
    assert alone == []


def modules(package):
    """Module name by file, and the modules of the package that each imports (annotations' imports left out)."""
    names = {
        ".".join(("commentsvc", *path.relative_to(package).with_suffix("").parts)): path
        for path in sorted(package.rglob("*.py"))
        if path.name != "__init__.py"
    }
    found = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = [ast.Pass()]
        found[name] = {other for other in imports(tree) if other in names}
    return found


def circles(arrows):
    """Groups of two or more modules, each of which leads to all others of its group."""
    reachable = {}
    for start in arrows:
        seen, waiting = set(), list(arrows[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += arrows[name]
        reachable[start] = seen
    return {frozenset(b for b in reachable[a] if a in reachable[b]) for a in arrows if a in reachable[a]}


def test_no_modules_import_each_other_in_a_circle():
    assert circles(modules(PACKAGE)) == set()


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {frozenset("abc")}


def test_no_class_name_is_defined_twice():
    places = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(path.relative_to(PACKAGE).as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_a_noun_has_one_spelling_on_every_floor():
    """A module's name in the singular and in the plural, or with and without its last "s", would be two."""
    names = {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__", "db"}
    assert {name for name in names if f"{name}s" in names} == set()


def status_changes(tree):
    """Lines that change a comment's status or version, or log a decision."""
    for node in ast.walk(tree):
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        for target in targets if isinstance(node, ast.Assign | ast.AugAssign) else ():
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                is_comment = target.value.id in ("comment", "reply") or target.value.id.endswith("_comment")
                if (target.attr == "status" and is_comment) or (target.attr == "version" and is_comment):
                    yield node.lineno
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("decisions.add", "decisions.add_automatic"):
            yield node.lineno


def test_only_transitions_change_a_comments_status():
    found = [
        f"{path.relative_to(PACKAGE).as_posix()}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).as_posix() != "services/transitions.py"
        for line in status_changes(ast.parse(path.read_text()))
    ]
    assert found == []


def test_a_change_of_a_comments_status_is_found():
    source = "comment.status = X\ncomment.version += 1\none.comment.status\ndecisions.add(comment, X)"
    assert list(status_changes(ast.parse(source))) == [1, 2, 4]


# They know the paths of other services.
FOREIGN_PATHS = ("gateways/providers/", "demo/provider")
FIRST_PARTS = (
    "account api auth avatars dashboard embed feeds healthz m metrics privacy readyz t transparency well-known"
)
ROUTE = re.compile(rf"(?:^|[^\w:/])/\.?({'|'.join(FIRST_PARTS.split())})(?=[/?.]|$)")
TEMPLATE_ROUTE = re.compile(r"(?<!placeholder)(?<!data-key)=\s*[\"']/|\}\}/\w")


def written_routes(package):
    """Paths of the service that are written elsewhere than in core/routes."""
    found = []
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package).as_posix()
        if place == "core/routes.py" or place.startswith(FOREIGN_PATHS):
            continue
        tree = ast.parse(path.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                found += [f"{place}: {node.value!r}"] if ROUTE.search(node.value) else []
            for mark in getattr(node, "decorator_list", []):
                is_route = isinstance(mark, ast.Call) and ast.unparse(mark.func).startswith("pages.")
                found += (
                    [f"{place}: {ast.unparse(mark)}"] if is_route and isinstance(mark.args[0], ast.Constant) else []
                )
            if isinstance(node, ast.keyword) and node.arg == "url_prefix":
                found.append(f"{place}: {ast.unparse(node)}")
    for path in sorted(path for path in package.rglob("templates/**/*") if path.is_file()):
        found += [f"{path.name}: {hit}" for hit in TEMPLATE_ROUTE.findall(path.read_text())]
    return found


def test_a_path_of_the_service_is_written_in_core_routes_alone():
    assert written_routes(PACKAGE) == []


@pytest.mark.parametrize(
    ("place", "source", "is_found"),
    [
        ("a.py", "link = f'{base}/t/{key}'", True),
        ("a.py", "page = '/dashboard'", True),
        ("a.py", "goal.startswith('/auth/authorize?')", True),
        ("a.py", "@pages.get('/<site_key>/rules')\ndef show(): ...", True),
        ("a.py", "pages = Blueprint('a', __name__, url_prefix=PREFIX)", True),
        ("a.py", "'''Answers /t/blog.'''\nkind, page = 'text/t', 'https://api/x'", False),
        ("templates/a.html", "<a href='/t/blog'>", True),
        ("templates/a.html", "<a href='{{ queue }}/mails'>", True),
        ("templates/a.html", "<a href='{{ queue }}'>and/or</a>", False),
    ],
)
def test_a_written_path_is_found(tmp_path, place, source, is_found):
    (tmp_path / "templates").mkdir()
    (tmp_path / place).write_text(source)
    assert bool(written_routes(tmp_path)) == is_found


def jobs_in_the_wrong_place(package):
    """Calls that queue a job outside of services, or without a payload of core/job_kinds."""
    found = []
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package).as_posix()
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "jobs.add":
                is_payload = re.match(r"\w+Job\(", ast.unparse(node.args[0])) and place.startswith("services/")
                found += [] if is_payload else [f"{place}: {ast.unparse(node)}"]
    return found


def test_jobs_are_queued_by_services_and_with_typed_payloads():
    assert jobs_in_the_wrong_place(PACKAGE) == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("store/a.py", "jobs.add(MailJob(to), now)"),
        ("services/a.py", "jobs.add('mail', {'to': email}, now)"),
        ("services/a.py", "jobs.add(kind, now)"),
    ],
)
def test_a_job_in_the_wrong_place_is_found(tmp_path, place, source):
    for folder in ("store", "services"):
        (tmp_path / folder).mkdir()
    (tmp_path / place).write_text(source)
    assert jobs_in_the_wrong_place(tmp_path)


SESSION_WRITES = {"add", "add_all", "delete", "merge", "flush", "commit", "rollback"}


def writes(tree):
    """The calls in a module that write to the database or open, end or undo a transaction, as source text."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        called = ast.unparse(call.func)
        inner = ast.unparse(call.args[0].func) if call.args and isinstance(call.args[0], ast.Call) else ""
        is_statement = called == "db.session.execute" and re.match(r"(sa\.)?(insert|update|delete)\b", inner)
        if (
            called in ("write", "_begin_write", "_commit_and_keep")
            or is_statement
            or (called.startswith("db.session.") and called.rpartition(".")[2] in SESSION_WRITES)
        ):
            yield ast.unparse(call)


def test_the_web_leaves_every_write_and_every_transaction_to_the_services():
    found = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in PACKAGE.rglob("web/**/*.py")}
    assert [(place, call) for place, tree in found.items() for call in writes(tree)] == []


@pytest.mark.parametrize(
    "source",
    [
        "with write():\n    pass",
        "_begin_write()",
        "db.session.rollback()",
        "db.session.add(row)",
        "db.session.execute(delete(Row))",
        "db.session.execute(insert(Row).values(a=1))",
    ],
)
def test_a_write_is_found(source):
    assert list(writes(ast.parse(source)))
