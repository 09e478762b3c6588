"""Calls that the code must not contain: eval, pickle, subprocess, and HTML from strings."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "commentsvc"
SCRIPTS = [*(ROOT / "embed" / "src").glob("*.ts"), *(PACKAGE / "web" / "static").glob("*.js")]
# Modules: programs made of data, other programs, chance that can be foretold, XML that asks elsewhere.
MODULES = {"pickle", "marshal", "shelve", "dill", "yaml", "subprocess", "pty", "random"}
MODULES |= {"xml.dom.minidom", "xml.sax.make_parser", "lxml", "telnetlib", "ftplib"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "hashlib.md5", "jinja2.Template"}
CALLS |= {"render_template_string", "ssl._create_unverified_context", "tempfile.mktemp"}
CALLS |= {f"ElementTree.{name}" for name in ("parse", "iterparse", "fromstring", "XML")}  # feeds are only written
# SHA-1 is what authenticator apps count with (RFC 6238), as HMAC.
ONLY_IN = {"hashlib.sha1": {"core/totp.py"}}
IN_SCRIPTS = re.compile(
    r"\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\([\"'`]"
    r"|srcdoc|__proto__"
)


def dotted(node) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def troubles(source: str, place: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name in MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
            found += sorted((names & MODULES) | (names & CALLS))
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            found += [name] if name in CALLS else []
            found += [f"{name}(shell=…)" for word in node.keywords if word.arg == "shell"]
            # Requests without a check of the certificate.
            found += [
                f"{name}(verify=False)" for w in node.keywords if w.arg == "verify" and ast.unparse(w.value) == "False"
            ]
        elif isinstance(node, ast.Attribute) and place not in ONLY_IN.get(dotted(node), {place}):
            found.append(dotted(node))
    return found


def test_the_service_does_none_of_it():
    files = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}
    assert [(place, troubles(source, place)) for place, source in files.items() if troubles(source, place)] == []


def test_no_script_of_ours_makes_html_or_programs_of_strings():
    assert len(SCRIPTS) > 20
    found = [
        (path.name, one[0]) for path in SCRIPTS for one in IN_SCRIPTS.finditer(_without_comments(path.read_text()))
    ]
    assert found == []


def _without_comments(source: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", source, flags=re.DOTALL)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from subprocess import run",
        "import random",
        "eval('1')",
        "import os\nos.system('x')",
        "import hashlib\nhashlib.md5(b'')",
        "import hashlib, hmac\nhmac.new(b'', b'', hashlib.sha1)",
        "from xml.etree import ElementTree\nElementTree.fromstring('')",
        "run('x', shell=True)",
        "session.get('x', verify=False)",
        "from flask import render_template_string\nrender_template_string('x')",
    ],
)
def test_a_breach_is_found(source):
    assert troubles(source, "core/a.py")


@pytest.mark.parametrize("source", ["a.innerHTML = b", "document.write(b)", "new Function(b)", "eval(b)"])
def test_a_breach_in_a_script_is_found(source):
    assert IN_SCRIPTS.search(source)
