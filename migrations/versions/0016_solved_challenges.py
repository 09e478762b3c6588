"""A solved challenge works once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "solved_challenge",
        sa.Column("signature", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_solved_challenge")),
    )
    op.create_index("ix_solved_challenge_expires_at", "solved_challenge", ["expires_at"])


def downgrade() -> None:
    op.drop_table("solved_challenge")
