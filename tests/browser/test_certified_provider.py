"""A whole sign-in with an OpenID provider that is certified and not ours, in a real browser."""

import secrets
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support import servers
from tests.support.cast import SECRET

EMBED = Path(__file__).parents[2] / "embed"


@pytest.fixture
def service(tmp_path, serve):
    """The service, with the provider configured by discovery alone; gives its address."""
    if not (EMBED / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed; run: cd embed && npm ci")
    port, provider_port = servers.free_port(), servers.free_port()
    address, issuer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{provider_port}"
    client = ("the-service", secrets.token_urlsafe(32))
    program = [shutil.which("node"), str(EMBED / "tests" / "oidc-provider.mjs")]
    command = [*program, str(provider_port), f"{address}/auth/oidc/callback", *client]
    environ = {
        "SECRET_KEY": SECRET,
        "BASE_URL": address,
        "INSTANCE_DIR": str(tmp_path),
        "OIDC_ISSUER": issuer,
        "OIDC_CLIENT_ID": client[0],
        "OIDC_CLIENT_SECRET": client[1],
        "OIDC_NAME": "Certified",
    }
    with servers.running(command, f"{issuer}/.well-known/openid-configuration", tmp_path / "provider.log"):
        serve(port, {f"COMMENTSVC_{name}": value for name, value in environ.items()})
        yield address


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
        expect(page.locator("section", has_text="Sign-in methods").get_by_role("listitem")).to_have_count(1)
        context.close()


def test_denied_there_ends_on_our_page(service, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(service + "/auth/oidc/login?next=/account")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.get_by_text("You did not allow Certified to share who you are")).to_be_visible()
    context.close()
