"""A site's settings: defaults, bounds, and settings of a newer version left alone."""

import pytest

from commentsvc.core import policy
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import Mode, Policy


def test_nothing_stored_means_the_defaults_of_the_contract():
    found = policy.from_json({})
    assert found == Policy()
    assert (found.mode, found.depth_max, found.body_max, found.edit_window_s, found.min_interval_s) == (
        "all",
        5,
        10_000,
        900,
        15,
    )


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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "some"),
        ("mode", 1),
        ("votes", "down"),
        ("votes", True),
        ("is_open", 1),
        ("is_open", "yes"),
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
