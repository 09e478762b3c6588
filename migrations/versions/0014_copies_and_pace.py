"""Comments can be found by what they nearly say, by network, and the newest of a thread."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


SKETCHES = ("sketch_1", "sketch_2")


def upgrade() -> None:
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("network", sa.String(length=45), server_default="", nullable=False))
        for column in SKETCHES:
            batch_op.add_column(sa.Column(column, sa.BigInteger(), nullable=True))
    op.create_index("ix_comment_thread_id_id", "comment", ["thread_id", "id"])
    op.create_index("ix_comment_site_id_network_created_at", "comment", ["site_id", "network", "created_at"])
    for column in SKETCHES:
        where = sa.text(f"{column} IS NOT NULL")
        columns = ["site_id", column, "id"]
        op.create_index(f"ix_comment_{column}", "comment", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in ("sketch_2", "sketch_1", "site_id_network_created_at", "thread_id_id"):
        op.drop_index(f"ix_comment_{name}", table_name="comment")
    with op.batch_alter_table("comment", schema=None) as batch_op:
        for column in (*SKETCHES, "network"):
            batch_op.drop_column(column)
