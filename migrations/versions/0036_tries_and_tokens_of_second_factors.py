"""Wrong second factors are counted by account; a personal token knows whether its maker had shown one.

Tokens without a name are the operator's: the dashboard asks for a name, the command line does not.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("factor_misses", sa.Integer(), server_default="0", nullable=False))
    op.add_column("account", sa.Column("factor_missed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_token", sa.Column("has_shown_factor", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(sa.text("UPDATE api_token SET has_shown_factor = true WHERE name = ''"))


def downgrade() -> None:
    op.drop_column("api_token", "has_shown_factor")
    op.drop_column("account", "factor_missed_at")
    op.drop_column("account", "factor_misses")
