"""Former keys of threads lead to them, merges of threads can be undone, and threads get normalised keys.

The keys are changed by a job for each site, while it is served: until then, threads are found by the spelling that they
have.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

JOB = (
    ("kind", sa.String()),
    ("queue", sa.String()),
    ("host", sa.String()),
    ("key", sa.String()),
    ("payload", sa.JSON()),
    ("tries", sa.Integer()),
    ("created_at", sa.DateTime(timezone=True)),
)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "thread_alias",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_thread_alias_site_id_site")),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_thread_alias_thread_id_thread")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread_alias")),
        sa.UniqueConstraint("site_id", "key_hash", name=op.f("uq_thread_alias_site_id_key_hash")),
    )
    op.create_index(op.f("ix_thread_alias_thread_id"), "thread_alias", ["thread_id"])
    op.create_table(
        "merged_comment",
        sa.Column("entry_id", ID, autoincrement=False, nullable=False),
        sa.Column("comment_id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_merged_comment_comment_id_comment")),
        sa.ForeignKeyConstraint(["entry_id"], ["journal.id"], name=op.f("fk_merged_comment_entry_id_journal")),
        sa.PrimaryKeyConstraint("entry_id", "comment_id", name=op.f("pk_merged_comment")),
    )
    op.create_index(op.f("ix_merged_comment_comment_id"), "merged_comment", ["comment_id"])

    site, job = sa.table("site", sa.column("id", ID)), sa.table("job", *[sa.column(name, kind) for name, kind in JOB])
    connection = op.get_bind()
    now = datetime.now(UTC)
    for (site_id,) in connection.execute(sa.select(site.c.id)).all():
        row = {"kind": "normalize_threads", "queue": "long", "host": "", "key": secrets.token_hex(12), "tries": 0}
        connection.execute(job.insert().values(**row, payload={"site_id": site_id}, created_at=now))


def downgrade() -> None:
    op.drop_table("merged_comment")
    op.drop_table("thread_alias")
