"""Readers' reports of comments, and how many of them are open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAGGED = sa.text("flag_count > 0")


def upgrade() -> None:
    op.create_table(
        "flag",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("guest_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_id", ID, nullable=True),
        sa.CheckConstraint("(account_id IS NULL) <> (guest_hash IS NULL)", name=op.f("ck_flag_account_or_guest")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_flag_account_id_account")),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_flag_comment_id_comment")),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_flag_decision_id_decision")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_flag_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag")),
        sa.UniqueConstraint("comment_id", "account_id", name=op.f("uq_flag_comment_id_account_id")),
        sa.UniqueConstraint("comment_id", "guest_hash", name=op.f("uq_flag_comment_id_guest_hash")),
    )
    op.create_index("ix_flag_account_id_created_at", "flag", ["account_id", "created_at"])
    op.create_index("ix_flag_decision_id", "flag", ["decision_id"])
    op.create_index("ix_flag_ip_created_at", "flag", ["ip", "created_at"])
    op.add_column("comment", sa.Column("flag_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tally", sa.Column("flagged", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_comment_flagged",
        "comment",
        ["site_id", "status", "created_at", "id"],
        sqlite_where=FLAGGED,
        postgresql_where=FLAGGED,
    )


def downgrade() -> None:
    op.drop_index("ix_comment_flagged", "comment")
    op.drop_column("tally", "flagged")
    op.drop_column("comment", "flag_count")
    op.drop_table("flag")
