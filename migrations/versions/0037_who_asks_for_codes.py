"""Codes know which browser asked for them and whether they were mailed; identities whether their holder confirmed them.

Identities of before count as confirmed: nobody who moderates is asked anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("signin_code", sa.Column("stray_tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("signin_code", sa.Column("asker", sa.LargeBinary(length=32), nullable=True))
    op.add_column("signin_code", sa.Column("is_known", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("signin_code", sa.Column("is_mailed", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("identity", sa.Column("is_confirmed", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    op.drop_column("identity", "is_confirmed")
    op.drop_column("signin_code", "is_mailed")
    op.drop_column("signin_code", "is_known")
    op.drop_column("signin_code", "asker")
    op.drop_column("signin_code", "stray_tries")
