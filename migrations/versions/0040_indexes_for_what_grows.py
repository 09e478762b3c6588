"""Indexes that keep a page's replies and the failed jobs cheap, however many there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0005"
branch_labels = None
depends_on = None

REPLY = sa.text("root_id IS NOT NULL")
FAILED = sa.text("failed_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_comment_replies",
        "comment",
        ["root_id", "is_shown", "id"],
        sqlite_where=REPLY,
        postgresql_where=REPLY,
    )
    op.drop_index("ix_comment_root_id", table_name="comment")
    op.create_index("ix_job_failed", "job", ["failed_at"], sqlite_where=FAILED, postgresql_where=FAILED)


def downgrade() -> None:
    op.drop_index("ix_job_failed", table_name="job")
    op.create_index("ix_comment_root_id", "comment", ["root_id", "id"])
    op.drop_index("ix_comment_replies", table_name="comment")
