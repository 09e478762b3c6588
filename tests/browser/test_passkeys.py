"""A passkey in a real browser with a virtual authenticator: made, asked for after signing in, and shown."""

import os
import subprocess

import pytest
from playwright.sync_api import expect

from tests.support import servers
from tests.support.cast import SECRET


@pytest.fixture
def service(tmp_path, serve):
    """The service at a name: browsers bind passkeys to no bare address. Gives its address and makes sign-in links."""
    port = servers.free_port()
    base_url = f"http://localhost:{port}"
    environ = {
        "COMMENTSVC_SECRET_KEY": SECRET,
        "COMMENTSVC_BASE_URL": base_url,
        "COMMENTSVC_INSTANCE_DIR": str(tmp_path),
        "COMMENTSVC_LIMITS": "off",
    }

    def run(*words):
        command = [str(servers.BIN / "commentsvc"), *words]
        done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    serve(port, environ)
    run("site", "create", "blog", "--name", "A blog", "--origin", "https://blog.example")
    return base_url, lambda: run("user", "create", "alice@example.org", "--name", "Alice", "--site", "blog")


def test_a_passkey_is_made_and_opens_the_dashboard(browser, service):
    base_url, new_link = service
    context = browser.new_context()
    page = context.new_page()
    authenticator = context.new_cdp_session(page)
    authenticator.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
    options |= {"hasResidentKey": True, "automaticPresenceSimulation": True}
    authenticator.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def sign_in():
        page.goto(new_link())
        page.get_by_role("button", name="Sign in").click()

    sign_in()
    page.wait_for_url("**/dashboard/**")
    page.goto(f"{base_url}/account/security")
    page.get_by_label("Name of the passkey").fill("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    recovery = page.locator("[data-code-list]").inner_text().split()
    assert len(recovery) == 10
    page.reload()
    expect(page.get_by_text("My laptop")).to_be_visible()

    context.clear_cookies()
    sign_in()
    page.wait_for_url("**/auth/second**")
    page.goto(f"{base_url}/dashboard/blog")
    page.wait_for_url("**/auth/second**")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/dashboard/blog")
    expect(page.get_by_role("heading", name="A blog")).to_be_visible()

    context.clear_cookies()
    sign_in()
    page.wait_for_url("**/auth/second**")
    page.get_by_label("Code from your app, or a recovery code").fill(recovery[0])
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/dashboard/blog")
    context.close()
