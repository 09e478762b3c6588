"""The index of comments by their parent holds replies alone.

Three of five comments have no parent. Once statistics were gathered (ANALYZE), SQLite took them for few and looked for
the top level of one thread among that of all.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

REPLIES = sa.text("parent_id IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_comment_parent_id", "comment")
    op.create_index("ix_comment_parent_id", "comment", ["parent_id"], sqlite_where=REPLIES, postgresql_where=REPLIES)


def downgrade() -> None:
    op.drop_index("ix_comment_parent_id", "comment")
    op.create_index("ix_comment_parent_id", "comment", ["parent_id"])
