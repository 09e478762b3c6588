"""Sanctions by moderators who may not see addresses know the author they are about.

What such a sanction visibly does is bound to that author: otherwise it would tell whose address is the same.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sanction", sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))


def downgrade() -> None:
    op.drop_column("sanction", "author_id")
