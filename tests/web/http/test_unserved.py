"""Never served: other files, folders, submitted data, and details of errors."""

import pytest

BESIDE = [
    "/.git/config", "/.env", "/.hg/", "/commentsvc.sqlite3", "/instance/commentsvc.sqlite3", "/static/../config.py",
    "/static/%2e%2e/config.py", "/static/..%2fconfig.py", "/static/", "/static", "/embed/", "/embed/../desk.css",
    "/embed/%2e%2e%2fdesk.css", "/avatars/", "/avatars/..%2f1.webp", "/wsgi.py", "/console", "/debug", "/server-status",
]  # fmt: skip


@pytest.mark.parametrize("path", BESIDE)
def test_files_and_folders_beside_what_is_public_are_not_there(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/t/blog", "/api/v1/comments", "/dashboard", "/auth/signin", "/embed.js"])
@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG"])
def test_no_method_sends_back_what_was_sent(client, site, path, method):
    answer = client.open(path, method=method, headers={"X-Secret": "what a cookie might be"})
    assert answer.status_code == 405
    assert "what a cookie might be" not in answer.text


def test_an_error_of_ours_tells_nothing_of_the_inside(make_app, monkeypatch):
    app = make_app()
    app.testing = False  # as in service: the error is answered and not raised
    assert not app.debug
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def broken():
        raise RuntimeError("a secret of the inside")

    monkeypatch.setitem(app.view_functions, "home.show", broken)
    answer = app.test_client().get("/")
    assert answer.status_code == 500
    for word in ("secret", "RuntimeError", "Traceback", ".py"):
        assert word not in answer.text
