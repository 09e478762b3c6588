"""Threads keep the title and address that their page itself gives, and when the page was last asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("thread", sa.Column("page_title", sa.String(length=500), nullable=True))
    op.add_column("thread", sa.Column("page_url", sa.String(length=2048), nullable=True))
    op.add_column("thread", sa.Column("page_asked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("page_asked_at", "page_url", "page_title"):
        op.drop_column("thread", name)
