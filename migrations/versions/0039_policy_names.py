"""Five settings of a policy have names that say what they are.

They are keys of JSON: in the sites' settings, and in the audit log's entries about settings, from which a change can be
undone.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

NAMES = {
    "flood_s": "min_interval_s",
    "nudge": "warn_before_hold",
    "outside_check": "external_spam_check",
    "form_s_min": "min_compose_s",
    "young_days": "new_account_days",
}

site = sa.table("site", sa.column("id", sa.BigInteger), sa.column("settings", sa.JSON))
journal = sa.table(
    "journal",
    sa.column("id", sa.BigInteger),
    sa.column("kind", sa.String),
    sa.column("subject", sa.String),
    sa.column("before", sa.JSON),
    sa.column("after", sa.JSON),
)


def upgrade() -> None:
    _rename(NAMES)


def downgrade() -> None:
    _rename({new: old for old, new in NAMES.items()})


def _rename(names: dict[str, str]) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(site.c.id, site.c.settings)).all():
        settings = _renamed(row.settings, names)
        if settings != row.settings:
            connection.execute(sa.update(site).where(site.c.id == row.id).values(settings=settings))
    entries = sa.select(journal).where(journal.c.kind == "setting")
    for row in connection.execute(entries).all():
        before, after = _renamed(row.before, names), _renamed(row.after, names)
        if (before, after) == (row.before, row.after):
            continue
        subject = ", ".join(names.get(name, name) for name in row.subject.split(", "))[:200]
        changed = {"before": before, "after": after, "subject": subject}
        connection.execute(sa.update(journal).where(journal.c.id == row.id).values(**changed))


def _renamed(stored: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in stored.items()}
