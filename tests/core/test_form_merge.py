"""Two people change one form: changes of different fields are both kept."""

import pytest

from commentsvc.core.form_merge import Merged, fingerprint, merge

SHOWN = {"mode": "all", "links_max": 3, "warn_before_hold": False}


@pytest.mark.parametrize(
    ("sent", "current", "changes", "overlaps"),
    [
        (SHOWN, SHOWN, {}, []),
        ({**SHOWN, "links_max": 7}, {**SHOWN, "mode": "off"}, {"links_max": 7}, []),
        ({**SHOWN, "mode": "new"}, {**SHOWN, "mode": "off"}, {"mode": "new"}, ["mode"]),
        ({**SHOWN, "mode": "off"}, {**SHOWN, "mode": "off"}, {"mode": "off"}, []),
        (SHOWN, {**SHOWN, "warn_before_hold": True}, {}, []),
        ({"flags_hold": 2}, {**SHOWN, "flags_hold": 5}, {"flags_hold": 2}, []),
    ],
)
def test_only_what_somebody_changed_is_saved_and_only_the_same_field_overlaps(sent, current, changes, overlaps):
    assert merge(fingerprint(SHOWN), sent, current) == Merged(changes, overlaps)
