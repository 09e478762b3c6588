"""The moves between statuses."""

import pytest

from commentsvc.core import status
from commentsvc.core.errors import Conflict
from commentsvc.core.status import Action, Status


@pytest.mark.parametrize("now", Status)
@pytest.mark.parametrize("action", Action)
def test_every_act_leads_to_its_status_unless_it_is_there_already(now, action):
    target = {"approve": "approved", "reject": "rejected", "spam": "spam", "delete": "deleted", "pending": "pending"}[
        action
    ]
    if now == target:
        with pytest.raises(Conflict) as caught:
            status.move(now, action)
        assert caught.value.slug == "no-change"
    else:
        assert status.move(now, action) == target
