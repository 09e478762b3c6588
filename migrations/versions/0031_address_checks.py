"""How often a network was told that an address belongs to an account, and which addresses were asked to confirm.

Rows are of use for a day, and name an address only by its keyed hash.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "address_check",
        sa.Column("id", ID, nullable=False),
        sa.Column("network", sa.String(length=45), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("email_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_check")),
    )
    op.create_index("ix_address_check_network_created_at", "address_check", ["network", "created_at"])
    op.create_index("ix_address_check_email_hash_created_at", "address_check", ["email_hash", "created_at"])


def downgrade() -> None:
    op.drop_table("address_check")
