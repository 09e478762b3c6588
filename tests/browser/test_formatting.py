"""Formatted comments in Chromium: code and tables scroll within, colours can be read, directions are right."""

import pytest
from playwright.sync_api import expect

SOURCE = """An English paragraph.

פסקה בעברית עם `code(x)` בתוכה.

> ציטוט בעברית

```python
def answer(question):  # a comment
    return "a very long line of code that is wider than any telephone held upright, and wider than that: " + str(42)
```

| First column | Second column | Third column | Fourth column | Fifth column | Sixth column |
| --- | --- | --- | --- | --- | --- |
| alpha | beta | gamma | delta | epsilon | a rather long cell of the table |

- [x] done
- [ ] to do

998. A list with a great number
"""

# The contrast of each coloured span with the background of the code, as the browser paints both.
CONTRAST = """body => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const painted = colours => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const page = %s;
  return [...body.querySelectorAll('pre span')].map(span => {
    const behind = [page, getComputedStyle(span.closest('pre')).backgroundColor];
    const pair = [painted(behind), painted([...behind, getComputedStyle(span).color])].map(light).sort();
    return (pair[1] + 0.05) / (pair[0] + 0.05);
  });
}"""


def preview(page, demo, theme, direction):
    page.goto(demo.post)
    page.evaluate(
        "([theme, dir]) => { document.documentElement.dir = dir;"
        " document.querySelector('comment-thread').setAttribute('theme', theme) }",
        [theme, direction],
    )
    area = page.get_by_label("Comment *")
    area.fill(SOURCE)
    page.get_by_role("button", name="Preview").click()
    shown = page.locator(".preview .body")
    expect(shown.locator("table")).to_be_visible()
    return shown


@pytest.mark.only_reads
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize(("theme", "background"), [("light", "#fff"), ("dark", "#1c1c1f")])
@pytest.mark.parametrize("width", [360, 1200])
def test_code_and_tables_are_read_within_the_page(demo, reader, theme, background, width, direction):
    page = reader(viewport={"width": width, "height": 900})
    shown = preview(page, demo, theme, direction)

    edges = "e => { const r = e.getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth; }"
    for name in ("pre", "table"):
        block = shown.locator(name).first
        assert block.evaluate("e => getComputedStyle(e).overflowX") == "auto"
        if width == 360:
            assert block.evaluate("e => e.scrollWidth > e.clientWidth"), name
        assert block.evaluate(edges), name
    contrasts = shown.evaluate(CONTRAST % f"'{background}'")
    assert len(contrasts) > 4 and min(contrasts) >= 4.5

    directions = shown.locator("> p, > blockquote").evaluate_all("all => all.map(e => getComputedStyle(e).direction)")
    assert directions == ["ltr", "rtl", "rtl"]
    assert shown.locator("pre").evaluate("e => getComputedStyle(e).direction") == "ltr"
