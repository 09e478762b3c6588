"""Administrators are found by an index: their names are looked for with each comment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

ADMIN = sa.text("is_admin")


def upgrade() -> None:
    op.create_index("ix_account_admin", "account", ["id"], sqlite_where=ADMIN, postgresql_where=ADMIN)


def downgrade() -> None:
    op.drop_index("ix_account_admin", "account")
