"""The example of integrations/mkdocs: MkDocs with the theme Material."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.integrations.conftest import (
    copy_of_example,
    expect_options,
    expect_pages_with_threads,
    expect_warning_of_unknown_site,
    expect_warning_without_service,
    post_and_read,
    python_packages,
    run,
    serve,
)


@pytest.fixture(scope="module")
def demo(shared_demo):
    return shared_demo


@pytest.fixture(scope="module")
def mkdocs(tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    folder = tmp_path_factory.mktemp("mkdocs")
    example = copy_of_example("mkdocs", folder, "python")
    programs = python_packages(folder, "-r", str(example / "requirements.txt"))

    def build(service, address, **options):
        changed = {
            "INHERIT": "mkdocs.yml",
            "site_url": f"{address}/",
            "extra": {"comments": {"service": service, "site": "blog", **options}},
        }
        (example / "changed.yml").write_text(json.dumps(changed))
        return example / "site", run(str(programs / "mkdocs"), "build", "-f", "changed.yml", folder=example)

    return build


def test_each_page_of_mkdocs_has_its_own_thread_and_each_build_the_public_comments(demo, reader, alice, mkdocs):
    expect_pages_with_threads(reader, alice, demo, "/mkdocs", mkdocs)


def test_a_build_of_mkdocs_without_the_service_warns_and_goes_on(mkdocs):
    expect_warning_without_service(mkdocs)


def test_a_build_of_mkdocs_warns_of_an_unknown_site(demo, mkdocs):
    expect_warning_of_unknown_site(demo, mkdocs)


def test_options_of_mkdocs_reach_element_and_copy(demo, mkdocs):
    expect_options(demo, mkdocs)


def test_the_thread_follows_where_material_shows_the_next_page_without_loading_it(demo, reader, mkdocs):
    blog = demo.blog + "/mkdocs-instant"
    site, _ = mkdocs(demo.service, blog)
    page = reader()
    serve(page, blog, site)
    page.goto(blog + "/posts/first/")
    expect_thread_of_page(page, "/mkdocs-instant/posts/first")
    page.evaluate("window.stays = true")
    page.get_by_role("article").get_by_role("link", name="日本語").click()
    expect_thread_of_page(page, "/mkdocs-instant/posts/日本語")
    post_and_read(page, "次のページの言葉")
    page.go_back()
    expect_thread_of_page(page, "/mkdocs-instant/posts/first")
    expect(page.locator("li.comment")).to_have_count(0)
    assert page.evaluate("window.stays")

    page.goto(blog + "/posts/日本語/")
    expect(page.locator("li.comment")).to_contain_text("次のページの言葉")


def expect_thread_of_page(page, thread):
    """The only thread of the page that is shown, with its form there."""
    page.wait_for_function("thread => document.querySelector('comment-thread').page.thread == thread", arg=thread)
    expect(page.locator("form.respond textarea")).to_be_visible()
    expect(page.locator("comment-thread")).to_have_count(1)
