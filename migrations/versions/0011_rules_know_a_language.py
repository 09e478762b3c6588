"""Rules may be for texts of one language; a site counts the changes of its rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("language", sa.String(length=8), server_default="", nullable=False))
    with op.batch_alter_table("site", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rules_version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("site", schema=None) as batch_op:
        batch_op.drop_column("rules_version")
    with op.batch_alter_table("rule", schema=None) as batch_op:
        batch_op.drop_column("language")
