"""The language in which an account gets its mails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("language", sa.String(length=16), nullable=True))


def downgrade() -> None:
    op.drop_column("account", "language")
