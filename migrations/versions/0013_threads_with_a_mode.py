"""A thread may take comments in a mode of its own; threads can be found by age."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("thread", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mode", sa.String(length=8), nullable=True))
    op.create_index("ix_thread_site_id_created_at", "thread", ["site_id", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_thread_site_id_created_at", table_name="thread")
    with op.batch_alter_table("thread", schema=None) as batch_op:
        batch_op.drop_column("mode")
