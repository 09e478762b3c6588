"""A comment keeps the title and address that it gave for its page; the thread shows them once it is approved.

Threads without an approved comment hand what a commenter gave them back to their comments.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

UNSHOWN = """
    (thread.title <> '' OR thread.url <> '')
    AND NOT EXISTS (SELECT 1 FROM comment WHERE comment.thread_id = thread.id AND comment.status = 'approved')
"""


def upgrade() -> None:
    op.add_column("comment", sa.Column("page_title", sa.String(500), nullable=True))
    op.add_column("comment", sa.Column("page_url", sa.String(2048), nullable=True))
    for name in ("is_title_fixed", "is_url_fixed"):
        op.add_column("thread", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        f"""
        UPDATE comment SET
            page_title = (SELECT title FROM thread WHERE thread.id = comment.thread_id),
            page_url = (SELECT url FROM thread WHERE thread.id = comment.thread_id)
        WHERE thread_id IN (SELECT id FROM thread WHERE {UNSHOWN})
        """
    )
    op.execute(f"UPDATE thread SET title = '', url = '', version = version + 1 WHERE {UNSHOWN}")


def downgrade() -> None:
    for name in ("is_title_fixed", "is_url_fixed"):
        op.drop_column("thread", name)
    op.drop_column("comment", "page_url")
    op.drop_column("comment", "page_title")
