"""Addresses of guests that want mail about answers, and whether their holders have confirmed it.

Who had asked before keeps getting it: nobody asked them to confirm anything, and each mail has a link that ends it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_subscription_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("site_id", "email", name=op.f("uq_subscription_site_id_email")),
    )
    op.execute(
        "INSERT INTO subscription (site_id, email, created_at, mailed_at, confirmed_at) "
        "SELECT site_id, author_email, min(created_at), min(created_at), min(created_at) FROM comment "
        "WHERE notify AND author_email IS NOT NULL GROUP BY site_id, author_email"
    )


def downgrade() -> None:
    op.drop_table("subscription")
