"""Which thread a change of the journal is about, and which decision answered an appeal: an undo needs both."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("journal", sa.Column("thread_id", ID, nullable=True))
    op.add_column("appeal", sa.Column("decision_id", ID, nullable=True))


def downgrade() -> None:
    op.drop_column("appeal", "decision_id")
    op.drop_column("journal", "thread_id")
