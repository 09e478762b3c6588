"""The example of integrations/pelican."""

import json

import pytest

from tests.browser.integrations.conftest import (
    copy_of_example,
    expect_options,
    expect_pages_with_threads,
    expect_warning_of_unknown_site,
    expect_warning_without_service,
    python_packages,
    run,
)


@pytest.fixture(scope="module")
def demo(shared_demo):
    return shared_demo


@pytest.fixture(scope="module")
def pelican(tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    folder = tmp_path_factory.mktemp("pelican")
    example = copy_of_example("pelican", folder, "python")
    programs = python_packages(folder, "-r", str(example / "requirements.txt"))

    def build(service, address, **options):
        changed = {"SITEURL": address, "COMMENTS": {"service": service, "site": "blog", **options}}
        settings = [f"{name}={json.dumps(value)}" for name, value in changed.items()]
        # Pelican folds what it prints to the width of the terminal.
        printed = run(str(programs / "pelican"), "--extra-settings", *settings, folder=example, COLUMNS="400")
        return example / "output", printed

    return build


def test_each_page_of_pelican_has_its_own_thread_and_each_build_the_public_comments(demo, reader, alice, pelican):
    expect_pages_with_threads(reader, alice, demo, "/pelican", pelican)


def test_a_build_of_pelican_without_the_service_warns_and_goes_on(pelican):
    expect_warning_without_service(pelican)


def test_a_build_of_pelican_warns_of_an_unknown_site(demo, pelican):
    expect_warning_of_unknown_site(demo, pelican)


def test_options_of_pelican_reach_element_and_copy(demo, pelican):
    expect_options(demo, pelican)
