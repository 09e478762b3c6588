"""A site's settings: defaults, bounds, and settings of a newer version left alone."""

import pytest

from commentsvc.core import policy
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import NAME_MAX, Mode, Policy

# A changed default changes every site that has not chosen: change it here, in docs/moderation.md and the changelog.
DEFAULTS = {
    "mode": "all",
    "approved_needed": 1,
    "new_account_days": 0,
    "flood_from": "",
    "is_open": True,
    "name_and_email_required": True,
    "signin_required": False,
    "depth_max": 5,
    "body_max": 10_000,
    "edit_window_s": 900,
    "min_interval_s": 15,
    "links_max": 2,
    "moderators_see_addresses": False,
    "second_factor_required": False,
    "is_transparent": False,
    "close_after_days": 0,
    "names_protected": True,
    "protected_names": "",
    "min_compose_s": 3,
    "copies_held": True,
    "pace_author": 10,
    "pace_network": 20,
    "pace_thread": 100,
    "pace_site": 300,
    "refusals_max": 3,
    "spam_filter": True,
    "spam_hold": 90,
    "external_spam_check": True,
    "challenge_after": 5,
    "warn_before_hold": False,
    "votes": "updown",
    "noindex": False,
    "flags_hold": 3,
    "privacy_url": "",
    "language": "",
    "trailing_slash": "drop",
    "letter_case": "keep",
    "page_params": "p,page_id,attachment_id",
    "home_path": "/",
}
ZERO_MEANS_NEVER = [
    *(
        "edit_window_s",
        "min_interval_s",
        "links_max",
        "new_account_days",
        "close_after_days",
        "min_compose_s",
        "pace_author",
    ),
    *("pace_network", "pace_thread", "pace_site", "refusals_max", "challenge_after", "flags_hold"),
]


def test_nothing_stored_means_the_defaults_of_the_contract():
    found = policy.from_json({})
    assert found == Policy()
    assert policy.to_json(found) == DEFAULTS


def test_what_is_stored_comes_back_and_what_a_newer_version_stored_is_ignored():
    changed = policy.changed(Policy(), {"mode": "off", "body_max": 200, "is_open": False})
    assert policy.from_json({**policy.to_json(changed), "from_the_future": 1}) == changed
    assert changed.mode is Mode.OFF


@pytest.mark.parametrize("field", policy.BOUNDS)
def test_a_number_has_its_bounds(field):
    low, high = policy.BOUNDS[field]
    for value in (low, high):
        assert getattr(policy.changed(Policy(), {field: value}), field) == value
    for value in (low - 1, high + 1, str(low), 1.5, True, None):
        with pytest.raises(Invalid) as caught:
            policy.changed(Policy(), {field: value})
        assert caught.value.problems[0][0] == field


@pytest.mark.parametrize("field", ZERO_MEANS_NEVER)
def test_a_limit_can_be_switched_off(field):
    assert getattr(policy.changed(Policy(), {field: 0}), field) == 0


def test_a_mode_that_a_person_chooses_ends_what_a_flood_has_set():
    flooded = policy.changed(Policy(), {"mode": "all", "flood_from": "off"})
    assert flooded.flood_from == "off"
    assert policy.changed(flooded, {"links_max": 1}).flood_from == "off"
    assert policy.changed(flooded, {"mode": "new"}).flood_from == ""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Ada  Lovelace \n\n Field Notes\n", "Ada Lovelace\nField Notes"),
        ("", ""),
        ("x" * NAME_MAX, "x" * NAME_MAX),
        ("\n".join(["x"] * 200), "\n".join(["x"] * 200)),
    ],
)
def test_protected_names_are_kept_one_a_line(value, kept):
    assert policy.changed(Policy(), {"protected_names": value}).protected_names == kept


@pytest.mark.parametrize("value", ["x" * (NAME_MAX + 1), "\n".join(["x"] * 201), "a\0b", 7, None, ["x"]])
def test_protected_names_have_limits(value):
    with pytest.raises(Invalid) as caught:
        policy.changed(Policy(), {"protected_names": value})
    assert caught.value.problems[0][0] == "protected_names"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "some"),
        ("mode", 1),
        ("votes", "down"),
        ("votes", True),
        ("is_open", 1),
        ("is_open", "yes"),
        ("flood_from", "some"),
        ("colour", 1),
    ],
)
def test_what_is_no_setting_or_no_value_of_it_is_refused(field, value):
    with pytest.raises(Invalid) as caught:
        policy.changed(Policy(), {field: value})
    assert caught.value.problems[0][0] == field


@pytest.mark.parametrize(("asked", "kept"), [("de", "de"), ("pt-BR", "pt"), ("zh-TW", "zh-Hant"), ("", "")])
def test_a_site_speaks_the_nearest_of_our_languages(asked, kept):
    assert policy.changed(Policy(), {"language": asked}).language == kept


@pytest.mark.parametrize("language", ["xx", "German", 1, None, True])
def test_a_language_that_we_do_not_speak_is_refused(language):
    with pytest.raises(Invalid) as caught:
        policy.changed(Policy(), {"language": language})
    assert caught.value.problems[0][0] == "language"


def test_the_bounds_of_settings():
    day_s = 24 * 3600
    assert {
        "approved_needed": (1, 100),
        "depth_max": (1, 20),
        "body_max": (200, 20_000),
        "edit_window_s": (0, 7 * day_s),
        "min_interval_s": (0, 3600),
        "links_max": (0, 100),
        "new_account_days": (0, 3650),
        "close_after_days": (0, 36_500),
        "min_compose_s": (0, 60),
        "pace_author": (0, 1000),
        "pace_network": (0, 1000),
        "pace_thread": (0, 1000),
        "pace_site": (0, 5000),
        "refusals_max": (0, 100),
        "spam_hold": (50, 100),
        "challenge_after": (0, 1000),
        "flags_hold": (0, 100),
    } == policy.BOUNDS


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        (" https://blog.example/privacy ", "https://blog.example/privacy"),
        ("http://b.example", "http://b.example"),
    ],
)
def test_the_address_of_a_privacy_page_is_kept(typed, kept):
    assert policy.changed(Policy(), {"privacy_url": typed}).privacy_url == kept


@pytest.mark.parametrize(
    "typed", ["javascript:alert(1)", "blog.example", "https://", "https://a b.example/", 1, None, True]
)
def test_what_is_no_web_address_is_refused_as_a_privacy_page(typed):
    with pytest.raises(Invalid) as caught:
        policy.changed(Policy(), {"privacy_url": typed})
    assert caught.value.problems[0][0] == "privacy_url"


def test_the_home_page_is_a_path():
    assert policy.changed(Policy(), {"home_path": " /blog/ "}).home_path == "/blog/"
    for value in ("", "blog", "https://x.example/blog/", "/a\nb", "/" * 2049, None, 1):
        with pytest.raises(Invalid, match="begins with a slash"):
            policy.changed(Policy(), {"home_path": value})
