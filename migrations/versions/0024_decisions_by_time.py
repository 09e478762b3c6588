"""An index for what was decided on a site in a stretch of time."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_decision_site_id_created_at", "decision", ["site_id", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_decision_site_id_created_at", "decision")
