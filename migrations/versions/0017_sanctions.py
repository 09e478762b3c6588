"""What moderators decide about people, and comments that only their authors see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # A default that is an expression would make SQLite write the whole table anew.
    no = "0" if op.get_bind().dialect.name == "sqlite" else sa.false()
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_shadowed", sa.Boolean(), server_default=no, nullable=False))
    op.create_table(
        "sanction",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by_account_id", ID, nullable=True),
        sa.Column("batch", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by_id", ID, nullable=True),
        sa.CheckConstraint(
            "kind IN ('trust', 'warn', 'hold', 'suspend', 'shadow', 'ban')", name=op.f("ck_sanction_kind")
        ),
        sa.ForeignKeyConstraint(["by_account_id"], ["account.id"], name=op.f("fk_sanction_by_account_id_account")),
        sa.ForeignKeyConstraint(["lifted_by_id"], ["account.id"], name=op.f("fk_sanction_lifted_by_id_account")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_sanction_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sanction")),
    )
    op.create_index("ix_sanction_by_account_id", "sanction", ["by_account_id"])
    op.create_index("ix_sanction_lifted_by_id", "sanction", ["lifted_by_id"])
    op.create_index("ix_sanction_site_id_id", "sanction", ["site_id", "id"])
    where = sa.text("lifted_at IS NULL")
    op.create_index("ix_sanction_subject", "sanction", ["subject"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("sanction")
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.drop_column("is_shadowed")
