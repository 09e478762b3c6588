"""What the spam filter has learnt, how far it has read, and what it thinks of each comment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("spam_score", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("learnt", sa.String(length=4), nullable=True))
    where = sa.text("spam_score IS NOT NULL")
    columns = ["site_id", "status", "spam_score", "id"]
    op.create_index("ix_comment_by_spam_score", "comment", columns, sqlite_where=where, postgresql_where=where)
    people = sa.text("by_account_id IS NOT NULL")
    for name, columns in (("of_people", ["id"]), ("of_people_on_site", ["site_id", "comment_id"])):
        index = f"ix_decision_{name}"
        op.create_index(index, "decision", columns, sqlite_where=people, postgresql_where=people)
    op.create_table(
        "spam_word",
        sa.Column("site_id", ID, autoincrement=False, nullable=False),
        sa.Column("word", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ham", sa.Integer(), nullable=False),
        sa.Column("spam", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_spam_word_site_id_site")),
        sa.PrimaryKeyConstraint("site_id", "word", name=op.f("pk_spam_word")),
    )
    op.create_table(
        "spam_total",
        sa.Column("site_id", ID, autoincrement=False, nullable=False),
        sa.Column("ham", sa.Integer(), nullable=False),
        sa.Column("spam", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_spam_total_site_id_site")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_spam_total")),
    )
    op.create_table(
        "follower",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_follower")),
    )


def downgrade() -> None:
    for table in ("follower", "spam_total", "spam_word"):
        op.drop_table(table)
    op.drop_index("ix_decision_of_people_on_site", table_name="decision")
    op.drop_index("ix_decision_of_people", table_name="decision")
    op.drop_index("ix_comment_by_spam_score", table_name="comment")
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.drop_column("learnt")
        batch_op.drop_column("spam_score")
