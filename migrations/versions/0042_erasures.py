"""Erasures are remembered by keyed hashes, and a restored backup can be erased again; pruning has a position."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("site_id", ID, nullable=True),
        sa.Column("subject_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("keeps_comments", sa.Boolean(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('account', 'guest')", name=op.f("ck_erasure_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_table(
        "pruning",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("position", ID, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pruning")),
    )


def downgrade() -> None:
    op.drop_table("pruning")
    op.drop_table("erasure")
