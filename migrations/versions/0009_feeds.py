"""What feeds are read by: a version of all that is published on a site, and the newest comments of a thread."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FED = sa.text("status = 'approved' AND kind = 'comment'")


def upgrade() -> None:
    op.add_column("tally", sa.Column("version", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_comment_feed", "comment", ["thread_id", "created_at", "id"], sqlite_where=FED, postgresql_where=FED
    )


def downgrade() -> None:
    op.drop_index("ix_comment_feed", "comment")
    op.drop_column("tally", "version")
