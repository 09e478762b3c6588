"""The example of integrations/jekyll, built by Debian's Jekyll."""

import json
import shutil
import urllib.parse

import pytest

from tests.browser.integrations.conftest import (
    copy_of_example,
    expect_options,
    expect_pages_with_threads,
    expect_warning_of_unknown_site,
    expect_warning_without_service,
    run,
)


@pytest.fixture(scope="module")
def demo(shared_demo):
    return shared_demo


@pytest.fixture(scope="module")
def jekyll(tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    if shutil.which("jekyll") is None:
        pytest.skip("needs Debian's jekyll")
    example = copy_of_example("jekyll", tmp_path_factory.mktemp("jekyll"))

    def build(service, address, **options):
        folder = urllib.parse.urlsplit(address).path
        changed = {
            "url": address.removesuffix(folder),
            "baseurl": folder,
            "comments": {"service": service, "site": "blog", **options},
        }
        (example / "changed.yml").write_text(json.dumps(changed))
        printed = run("jekyll", "build", "--config", "_config.yml,changed.yml", folder=example)
        return example / "_site", printed

    return build


def test_each_page_of_jekyll_has_its_own_thread_and_each_build_the_public_comments(demo, reader, alice, jekyll):
    expect_pages_with_threads(reader, alice, demo, "/jekyll", jekyll)


def test_a_build_of_jekyll_without_the_service_warns_and_goes_on(jekyll):
    expect_warning_without_service(jekyll)


def test_a_build_of_jekyll_warns_of_an_unknown_site(demo, jekyll):
    expect_warning_of_unknown_site(demo, jekyll)


def test_options_of_jekyll_reach_element_and_copy(demo, jekyll):
    expect_options(demo, jekyll)
