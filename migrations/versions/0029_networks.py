"""Sign-in codes and reports know their network.

Limits count a neighbourhood of addresses (IPv4 /24, IPv6 /48), not single addresses. Rows from before are counted by
nothing; the longest window is an hour.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("signin_code", "flag"):
        op.add_column(table, sa.Column("network", sa.String(length=45), server_default="", nullable=False))
        op.create_index(f"ix_{table}_network_created_at", table, ["network", "created_at"])
        op.drop_index(f"ix_{table}_ip_created_at", table)


def downgrade() -> None:
    for table in ("signin_code", "flag"):
        op.create_index(f"ix_{table}_ip_created_at", table, ["ip", "created_at"])
        op.drop_index(f"ix_{table}_network_created_at", table)
        op.drop_column(table, "network")
