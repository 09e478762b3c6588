"""Firefox and WebKit of Debian, driven alike: what a story needs of a browser, whatever drives it.

Chromium has Playwright. Playwright's Firefox and WebKit are builds of its own, with patches, from its own servers;
these are the browsers that readers have.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[3]
PATIENCE_S = 20.0
FIREFOX, WEBKIT = "/usr/bin/firefox-esr", "/usr/bin/WebKitWebDriver"
# In the thread's shadow root, or in the page where it has none.
FIND = """const thread = document.querySelector("comment-thread");
const found = (thread?.shadowRoot ?? document).querySelector(css);"""


class Engine(Protocol):
    """A browser with one page, and the window that it may open. `css` selects within the thread."""

    def open(self, url: str) -> None: ...

    def evaluate(self, script: str) -> Any:
        """Run the body of a function in the page; gives what it returns."""

    def click(self, css: str) -> None: ...

    def type(self, css: str, text: str) -> None:
        """Click into a field and type."""

    def write(self, text: str) -> None:
        """Type where the focus is."""

    def press(self, key: str) -> None:
        """Press a key: Tab, Enter, Escape, ArrowDown or a character."""

    def windows(self) -> int:
        """How many windows are open."""

    def turn_to(self, window: int) -> None:
        """Act in this window from now on: 0 is the page's, 1 the one that it has opened."""


def shown(engine: Engine, css: str, words: str = "") -> str:
    """The text of an element once it is there and contains the words; raises AssertionError after PATIENCE_S."""
    script = f"const css = {json.dumps(css)}; {FIND} return found && (found.innerText ?? found.textContent);"
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        text: str | None = engine.evaluate(script)
        if text is not None and words in text:
            return text
        time.sleep(0.1)
    raise AssertionError(f"{css} with “{words}” did not come; there is: {text!r}")


def wait_for_windows(engine: Engine, count: int) -> None:
    """Wait until this many windows are open; raises AssertionError after PATIENCE_S."""
    until = time.monotonic() + PATIENCE_S
    while engine.windows() != count:
        assert time.monotonic() < until, f"{engine.windows()} windows are open instead of {count}"
        time.sleep(0.1)


def focused(engine: Engine, css: str) -> bool:
    """Whether the focus is on an element that this selects."""
    inner = "document.querySelector('comment-thread').shadowRoot.activeElement"
    return bool(engine.evaluate(f"return {inner}?.matches({json.dumps(css)})"))


@contextmanager
def webkit(width: int) -> Iterator[Engine]:
    """WebKitGTK's MiniBrowser, under Xvfb."""
    from selenium.webdriver import WebKitGTK, WebKitGTKOptions
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.webkitgtk.service import Service

    class WebKit:
        def __init__(self, driver: WebKitGTK) -> None:
            self._driver = driver
            self._first = driver.current_window_handle

        def open(self, url: str) -> None:
            self._driver.get(url)

        def evaluate(self, script: str) -> Any:
            return self._driver.execute_script(script)

        def click(self, css: str) -> None:
            # Not WebElement.click: it takes the host of the shadow root for something that covers the element.
            ActionChains(self._driver).move_to_element(self._found(css)).click().perform()

        def type(self, css: str, text: str) -> None:
            self.click(css)
            self.write(text)

        def write(self, text: str) -> None:
            ActionChains(self._driver).send_keys(text).perform()

        def press(self, key: str) -> None:
            self.write(getattr(Keys, key.upper().replace("ARROW", "ARROW_"), key))

        def windows(self) -> int:
            return len(self._driver.window_handles)

        def turn_to(self, window: int) -> None:
            handles = sorted(self._driver.window_handles, key=lambda handle: handle != self._first)
            self._driver.switch_to.window(handles[window])

        def _found(self, css: str) -> Any:
            script = f"const css = {json.dumps(css)}; {FIND} found?.scrollIntoView({{block: 'center'}}); return found;"
            found = self._driver.execute_script(script)
            assert found is not None, f"no {css}"
            return found

    (binary,) = Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")
    options = WebKitGTKOptions()
    options.binary_location = str(binary)
    options.add_argument("--automation")
    with _xvfb() as display:
        service = Service(
            executable_path=WEBKIT,
            env={**os.environ, "DISPLAY": display, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"},
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of one part of Selenium about another
            driver = WebKitGTK(options=options, service=service)
        try:
            driver.set_window_size(width, 900)
            yield WebKit(driver)
        finally:
            driver.quit()


@contextmanager
def _xvfb() -> Iterator[str]:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as said:
            yield f":{said.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def firefox(width: int) -> Iterator[Engine]:
    """Firefox by WebDriver BiDi; puppeteer speaks it, in a process that takes one command a line (firefox.mjs)."""

    class Firefox:
        def __init__(self, process: subprocess.Popen[str]) -> None:
            self._process = process

        def open(self, url: str) -> None:
            self._do("open", url)

        def evaluate(self, script: str) -> Any:
            return self._do("evaluate", script)

        def click(self, css: str) -> None:
            self._do("click", css)

        def type(self, css: str, text: str) -> None:
            self._do("type", css, text)

        def write(self, text: str) -> None:
            self._do("write", text)

        def press(self, key: str) -> None:
            self._do("press", key)

        def windows(self) -> int:
            return int(self._do("windows"))

        def turn_to(self, window: int) -> None:
            self._do("turn_to", window)

        def _do(self, *command: str | int) -> Any:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']}")
            return answer.get("value")

    script = Path(__file__).parent / "firefox.mjs"
    command, pipe = ["node", str(script), FIREFOX, str(width)], subprocess.PIPE
    # At its end the pipes are closed, which ends the loop in firefox.mjs and with it the browser.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT / "embed") as process:
        yield Firefox(process)
