"""Jobs have queues, so that a server that hangs delays only the jobs that need it; and ended ones can be pruned.

A version before this one adds jobs to the queue of the service's own work, whose worker can do all kinds.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

OPEN = sa.text("done_at IS NULL AND failed_at IS NULL")
DONE = sa.text("done_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("job", sa.Column("queue", sa.String(32), nullable=False, server_default=""))
    op.add_column("job", sa.Column("host", sa.String(255), nullable=False, server_default=""))
    op.add_column("job", sa.Column("key", sa.String(32)))
    op.execute("UPDATE job SET queue = kind WHERE kind IN ('mail', 'picture', 'teach')")
    op.drop_index("ix_job_open", "job")
    op.create_index("ix_job_due", "job", ["queue", "run_at", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_job_done", "job", ["done_at"], sqlite_where=DONE, postgresql_where=DONE)


def downgrade() -> None:
    op.drop_index("ix_job_done", "job")
    op.drop_index("ix_job_due", "job")
    op.create_index("ix_job_open", "job", ["id"], sqlite_where=OPEN, postgresql_where=OPEN)
    with op.batch_alter_table("job") as batch_op:
        for name in ("key", "host", "queue"):
            batch_op.drop_column(name)
