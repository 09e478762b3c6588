"""Signing in from a blog: one-time codes and tokens of widgets, and how each browser signed in.

The new columns have defaults in the database, so that the code of the version before can go on writing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "auth_code",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("site_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("redirect_uri", sa.String(length=2048), nullable=False),
        sa.Column("challenge", sa.String(length=128), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_auth_code_account_id_account")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_auth_code_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_auth_code_code_hash")),
    )
    with op.batch_alter_table("auth_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_auth_code_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_auth_code_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "widget_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("site_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_widget_token_account_id_account")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_widget_token_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_widget_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_widget_token_token_hash")),
    )
    with op.batch_alter_table("widget_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_widget_token_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_widget_token_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_widget_token_family"), ["family"], unique=False)

    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=245), nullable=False, server_default=""))

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provider", sa.String(length=64), nullable=False, server_default="email"))

    with op.batch_alter_table("signin_code", schema=None) as batch_op:
        batch_op.add_column(sa.Column("joins", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("signin_code", schema=None) as batch_op:
        batch_op.drop_column("joins")

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_column("provider")

    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.drop_column("name")

    with op.batch_alter_table("widget_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_widget_token_family"))
        batch_op.drop_index(batch_op.f("ix_widget_token_expires_at"))
        batch_op.drop_index(batch_op.f("ix_widget_token_account_id"))

    op.drop_table("widget_token")
    with op.batch_alter_table("auth_code", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_auth_code_expires_at"))
        batch_op.drop_index(batch_op.f("ix_auth_code_account_id"))

    op.drop_table("auth_code")
