"""Indexes for what moderators look for: comments with links, and those of one page in one status.

The second one serves the feed of a page too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

FED = sa.text("status = 'approved' AND kind = 'comment'")


def upgrade() -> None:
    op.create_index(
        "ix_comment_linked",
        "comment",
        ["site_id", "status", "created_at", "id"],
        sqlite_where=sa.text("instr(html, '<a ') > 0"),
        postgresql_where=sa.text("strpos(html, '<a ') > 0"),
    )
    op.create_index("ix_comment_thread_queue", "comment", ["thread_id", "status", "created_at", "id"])
    op.drop_index("ix_comment_feed", "comment")


def downgrade() -> None:
    op.create_index(
        "ix_comment_feed", "comment", ["thread_id", "created_at", "id"], sqlite_where=FED, postgresql_where=FED
    )
    op.drop_index("ix_comment_thread_queue", "comment")
    op.drop_index("ix_comment_linked", "comment")
