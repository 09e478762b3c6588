"""An index of the comments with links, for moderators who look for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_comment_linked",
        "comment",
        ["site_id", "status", "created_at", "id"],
        sqlite_where=sa.text("instr(html, '<a ') > 0"),
        postgresql_where=sa.text("strpos(html, '<a ') > 0"),
    )


def downgrade() -> None:
    op.drop_index("ix_comment_linked", "comment")
