"""What a verdict rests on is kept, by which settings it was made, and which rules spoke."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("facts", sa.JSON(), server_default="{}", nullable=False))
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.add_column(sa.Column("settings_version", sa.String(length=12), nullable=True))
    op.create_table(
        "spoken",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_spoken_comment_id_comment")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_spoken_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spoken")),
    )
    op.create_index("ix_spoken_comment_id", "spoken", ["comment_id"])
    op.create_index("ix_spoken_created_at", "spoken", ["created_at"])
    op.create_index("ix_spoken_site_id_rule_created_at", "spoken", ["site_id", "rule", "created_at"])


def downgrade() -> None:
    op.drop_table("spoken")
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_column("settings_version")
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.drop_column("facts")
