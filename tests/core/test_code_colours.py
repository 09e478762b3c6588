"""Code is coloured by the language that its author names, and no input holds a worker."""

import subprocess
import sys
import time

import pytest

from commentsvc.core import code_colours, sanitizer

SAMPLES = [
    ("python", 'def f(x):\n    return "a" + 1  # b', {"k": "def", "f": "f", "s": '"a"', "n": "1", "c": "# b"}),
    ("py", "import re", {"k": "import"}),
    ("js", "const f = () => 'a' // b", {"k": "const", "s": "'a'", "c": "// b"}),
    ("ts", "const a: string = `b`", {"k": "const", "s": "`b`"}),
    ("c", '#include <a.h>\nint main(void) { return f("a\\""); } /* b */', {"k": "int", "f": "main", "c": "/* b */"}),
    ("C++", "class A { char c = 'a'; };", {"k": "class", "s": "'a'"}),
    ("c#", "var s = 0x10;", {"k": "var", "n": "0x10"}),
    ("java", '@Override\npublic void run() { "a".b(); }', {"f": "@Override", "k": "void", "s": '"a"'}),
    ("diff", "-old\n+new", {"d": "-old", "i": "+new"}),
    ("bash", "for a in b; do echo 'c'; done # d", {"k": "for", "s": "'c'", "c": "# d"}),
    ("json", '{"a": 1, "b": true}', {"n": "1", "k": "true"}),
    ("html", "<p>a</p><!-- b -->", {"k": "p", "c": "<!-- b -->"}),
    ("sql", "SELECT a FROM b -- c", {"k": "FROM", "c": "-- c"}),
]


@pytest.mark.parametrize(("language", "code", "expected"), SAMPLES)
def test_code_has_the_colours_of_its_language(language, code, expected):
    code += "\n"  # as cmark gives it
    parts = code_colours.parts(code, language)
    assert "".join(text for _, text in parts) == code
    for colour, words in expected.items():
        assert words in [text.strip() for kind, text in parts if kind == colour]


@pytest.mark.parametrize("fence", ["", "nonsense", "text", "python-x"])
def test_a_block_without_a_known_language_is_plain(fence):
    assert "<span" not in sanitizer.to_html(f"```{fence}\ndef f(): pass\n```")


def test_only_the_first_characters_of_a_comment_are_coloured():
    block = "```py\n" + "x = 1\n" * 300 + "```\n"
    assert sanitizer.to_html(block).count('<span class="n">') == 300
    assert sanitizer.to_html(block + block).count('<span class="n">') == 300
    assert "<span" not in sanitizer.to_html("```py\n" + "x = 1\n" * 600 + "```")


def test_a_comment_keeps_only_our_classes_and_only_on_spans():
    assert sanitizer.clean('<span class="k">a</span>') == '<span class="k">a</span>'
    for html in (
        '<span class="k x">a</span>',
        '<span class="hidden">a</span>',
        "<span>a</span>",
        '<span id="k">a</span>',
    ):
        assert sanitizer.clean(html) == "a"
    assert sanitizer.clean('<b class="k">a</b>') == "<b>a</b>"
    assert sanitizer.html_to_html('<span class="k">a</span>') == "<p>a</p>"
    assert "<span" not in sanitizer.to_html('<span class="k">a</span>')


def test_pygments_is_loaded_with_the_first_known_language():
    code = (
        "import sys\nfrom commentsvc.core import sanitizer\n"
        "sanitizer.to_html('**a** `b`\\n\\n```\\nc\\n```\\n\\n```nonsense\\nd\\n```')\n"
        "print('pygments' in sys.modules)\nsanitizer.to_html('```py\\ne\\n```')\nprint('pygments' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert told.stdout.split() == ["False", "True"]


# Repeated to the limit, these were the slowest for one of Pygments' lexers, of some 500 tried for each.
NASTY = [
    '"',
    "'",
    "`",
    "\\",
    "(",
    "{",
    "[",
    "<",
    "/*",
    "//",
    "#",
    "--",
    "- ",
    "a\n",
    "a \n",
    "a\n ",
    " \n",
    "\n",
    "\t",
    "a ",
]
NASTY += [
    "a.",
    "A.",
    "a.b.",
    "a<",
    "<a",
    "a&",
    "&1",
    "{{",
    "a{",
    "*",
    "@",
    "=",
    "::",
    "^",
    "r#",
    '"a\\',
    "/*+",
    "<<a\n",
    "<<'a'\n",
]
NASTY += [
    "'''",
    '"""',
    "${",
    "$(",
    "#{",
    "<!--",
    "<?php ",
    '<a b="',
    "a: |\t",
    "1",
    "1_",
    "'a\\",
    "@a",
    "<?php #if #",
    "0x",
    "a(",
]
NAMES = [name.split()[0] for table in (code_colours.LEXERS, code_colours.LIKE_C) for name in table.values()]
MOST_S = 0.4  # the slowest take 0.15 s on the machine where they were chosen


def least_s(code, language):
    """The least time of the thread itself of up to three tries, so that other work on the machine counts little."""
    least = MOST_S
    for _ in range(3):
        started_s = time.thread_time()
        code_colours.parts(code, language)
        least = min(least, time.thread_time() - started_s)
        if least < MOST_S / 2:
            break
    return least


@pytest.mark.parametrize("language", NAMES)
def test_no_input_of_the_greatest_size_holds_a_worker(language):
    size = code_colours.COLOURED_MAX
    for unit in NASTY:
        code = (unit * size)[:size]
        assert least_s(code, language) < MOST_S, unit
        half = code[: size // 2] + "\n" + "x" * (size // 2 - 1)
        assert least_s(half, language) < MOST_S, unit


@pytest.mark.parametrize("language", [name.split()[0] for name in code_colours.LIKE_C.values()])
def test_our_own_lexers_are_linear(language):
    """Eight times the code would cost 64 times as much; below 20 ms nobody minds."""
    for unit in NASTY:
        short_s, long_s = (least_s((unit * 8_000)[:length], language) for length in (1_000, 8_000))
        assert long_s < max(0.02, 30 * short_s), unit
