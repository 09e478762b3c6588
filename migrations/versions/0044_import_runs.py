"""Imports by the dashboard are jobs, and each import knows which comments it has added."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IMPORTED = sa.text("import_run_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "import_run",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("by_account_id", ID, nullable=True),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_import_run_site_id_site")),
        sa.ForeignKeyConstraint(["by_account_id"], ["account.id"], name=op.f("fk_import_run_by_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    op.create_index(op.f("ix_import_run_site_id"), "import_run", ["site_id"])
    op.create_table(
        "import_file",
        sa.Column("run_id", ID, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_file_run_id_import_run")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_import_file")),
    )
    # Without a foreign key: SQLite would have to write the table of comments anew.
    op.add_column("comment", sa.Column("import_run_id", ID, nullable=True))
    op.create_index(
        "ix_comment_import_run", "comment", ["import_run_id", "id"], sqlite_where=IMPORTED, postgresql_where=IMPORTED
    )


def downgrade() -> None:
    op.drop_index("ix_comment_import_run", "comment")
    op.drop_column("comment", "import_run_id")
    op.drop_table("import_file")
    op.drop_table("import_run")
