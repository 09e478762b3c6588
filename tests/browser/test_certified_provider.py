"""A whole sign-in with an OpenID provider that is certified and not ours, in a real browser."""

import secrets
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from cast import SECRET
from playwright.sync_api import expect
from werkzeug.serving import make_server

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store import database
from commentsvc.store.db import db

EMBED = Path(__file__).parents[2] / "embed"
START_S = 20


@pytest.fixture
def provider_port(free_port):
    return free_port()


@pytest.fixture
def service(tmp_path, free_port, provider_port):
    """The service on a port of its own, with the provider configured by discovery alone; gives its address."""
    if not (EMBED / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed; run: cd embed && npm ci")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    client = ("the-service", secrets.token_urlsafe(32))
    environ = {
        "SECRET_KEY": SECRET,
        "BASE_URL": address,
        "INSTANCE_DIR": str(tmp_path),
        "OIDC_ISSUER": f"http://127.0.0.1:{provider_port}",
        "OIDC_CLIENT_ID": client[0],
        "OIDC_CLIENT_SECRET": client[1],
        "OIDC_NAME": "Certified",
    }
    config = from_environment({f"COMMENTSVC_{k}": v for k, v in environ.items()}, None)
    database.create_file(config)
    app = create_app(config)
    with app.app_context():
        database.upgrade()
    command = [shutil.which("node"), "tests/oidc-provider.mjs", str(provider_port), f"{address}/auth/oidc/callback"]
    with (tmp_path / "provider.log").open("w") as log:
        provider = subprocess.Popen([*command, *client], cwd=EMBED, stdout=log, stderr=log)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        end = time.monotonic() + START_S
        while "ready" not in (tmp_path / "provider.log").read_text():
            assert time.monotonic() < end and provider.poll() is None, (tmp_path / "provider.log").read_text()
            time.sleep(0.1)
        yield address
    finally:
        provider.terminate()
        provider.wait(10)
        server.shutdown()
        thread.join()
        server.server_close()
        with app.app_context():
            db.engine.dispose()


def test_sign_in_by_discovery_and_come_back_as_the_same(service, browser):
    for _ in range(2):
        context = browser.new_context()
        page = context.new_page()
        page.goto(service + "/auth/oidc/login?next=/account")
        page.get_by_placeholder("Enter any login").fill("ann")
        page.get_by_placeholder("and password").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(service + "/account")
        expect(page.get_by_role("heading", name="Ann Lee")).to_be_visible()
        expect(page.get_by_text("ann@example.org")).to_be_visible()
        expect(page.locator("section", has_text="How I sign in").get_by_role("listitem")).to_have_count(1)
        context.close()


def test_denied_there_ends_on_our_page(service, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(service + "/auth/oidc/login?next=/account")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.get_by_text("You did not let Certified tell us")).to_be_visible()
    context.close()
