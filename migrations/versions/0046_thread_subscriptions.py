"""Subscriptions can follow all new comments of a thread."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "thread_subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("subscription_id", ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_thread_subscription_thread_id_thread"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_thread_subscription_subscription_id_subscription"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread_subscription")),
        sa.UniqueConstraint(
            "thread_id", "subscription_id", name=op.f("uq_thread_subscription_thread_id_subscription_id")
        ),
    )
    op.create_index(op.f("ix_thread_subscription_subscription_id"), "thread_subscription", ["subscription_id"])
    op.create_table(
        "announced_comment",
        sa.Column("comment_id", ID, autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_announced_comment_comment_id_comment")),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_announced_comment")),
    )


def downgrade() -> None:
    op.drop_table("announced_comment")
    op.drop_index(op.f("ix_thread_subscription_subscription_id"), "thread_subscription")
    op.drop_table("thread_subscription")
