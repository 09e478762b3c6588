"""Each entry of the audit log names its actor: an account, the service by itself, or the command line.

Entries without an account are of the command line, but for a flood, which turns the mode by itself.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("journal", sa.Column("actor", sa.String(16), nullable=False, server_default="account"))
    op.execute("UPDATE journal SET actor = 'command line' WHERE by_account_id IS NULL")
    op.execute(
        "UPDATE journal SET actor = 'system' WHERE by_account_id IS NULL AND kind = 'setting' AND subject = 'flood'"
    )


def downgrade() -> None:
    op.drop_column("journal", "actor")
