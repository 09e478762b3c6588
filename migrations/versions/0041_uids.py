"""Sites have a random identifier, and imported rows keep the one they had elsewhere: exports name rows by them.

An imported comment also keeps the score that it had there, where its votes are not known."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TABLES = ("author", "comment", "decision", "flag", "rule")


def upgrade() -> None:
    op.add_column("site", sa.Column("uid", sa.String(32), nullable=False, server_default=""))
    connection = op.get_bind()
    for (site_id,) in connection.execute(sa.text("SELECT id FROM site")).all():
        row = {"uid": secrets.token_hex(8), "site_id": site_id}
        connection.execute(sa.text("UPDATE site SET uid = :uid WHERE id = :site_id"), row)
    for table in TABLES:
        op.add_column(table, sa.Column("uid", sa.String(64), nullable=True))
        where = sa.text("uid IS NOT NULL")
        op.create_index(
            f"ix_{table}_uid", table, ["site_id", "uid"], unique=True, sqlite_where=where, postgresql_where=where
        )
    op.add_column("comment", sa.Column("imported_score", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("comment", "imported_score")
    for table in TABLES:
        op.drop_index(f"ix_{table}_uid", table_name=table)
        op.drop_column(table, "uid")
    op.drop_column("site", "uid")
