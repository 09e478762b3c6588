"""Indexes that keep a page's replies and the open and the failed jobs cheap, however many there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

REPLY = sa.text("root_id IS NOT NULL")
OPEN = sa.text("done_at IS NULL AND failed_at IS NULL")
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
    # By number, as a worker claims them: by time, SQLite read all jobs that were ever done.
    op.drop_index("ix_job_open", table_name="job")
    op.create_index("ix_job_open", "job", ["id"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index("ix_job_open", table_name="job")
    op.create_index("ix_job_open", "job", ["run_at", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_index("ix_job_failed", table_name="job")
    op.create_index("ix_comment_root_id", "comment", ["root_id", "id"])
    op.drop_index("ix_comment_replies", table_name="comment")
