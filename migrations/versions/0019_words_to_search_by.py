"""The words of each comment, in an index of the database's own kind for search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from commentsvc.core import search_query

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 1000

POSTGRESQL = ["CREATE INDEX word_search ON comment_words USING gin (array_to_tsvector(string_to_array(words, ' ')))"]
# The words come with spaces between and in one case already; `ascii` leaves every sign beyond ASCII in its word.
SQLITE = [
    "CREATE VIRTUAL TABLE word_search USING fts5(words, content='comment_words', content_rowid='comment_id', "
    "tokenize='ascii', detail=none)",
    "CREATE TRIGGER word_search_added AFTER INSERT ON comment_words BEGIN "
    "INSERT INTO word_search(rowid, words) VALUES (new.comment_id, new.words); END",
    "CREATE TRIGGER word_search_removed AFTER DELETE ON comment_words BEGIN "
    "INSERT INTO word_search(word_search, rowid, words) VALUES ('delete', old.comment_id, old.words); END",
    "CREATE TRIGGER word_search_changed AFTER UPDATE ON comment_words BEGIN "
    "INSERT INTO word_search(word_search, rowid, words) VALUES ('delete', old.comment_id, old.words); "
    "INSERT INTO word_search(rowid, words) VALUES (new.comment_id, new.words); END",
]


def upgrade() -> None:
    op.create_table(
        "comment_words",
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_comment_words_comment_id_comment")),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_comment_words")),
    )
    _fill()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if is_sqlite else POSTGRESQL:
        op.execute(statement)
    if is_sqlite:
        op.execute("INSERT INTO word_search(word_search) VALUES ('rebuild')")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE word_search")
    op.drop_table("comment_words")


def _fill() -> None:
    comment = sa.table("comment", *map(sa.column, ("id", "site_id", "source", "html", "author_name", "author_email")))
    words = sa.table("comment_words", sa.column("comment_id"), sa.column("words"))
    connection = op.get_bind()
    last = 0
    while rows := connection.execute(
        sa.select(comment).where(comment.c.id > last).order_by(comment.c.id).limit(BATCH)
    ).all():
        values = [
            {
                "comment_id": row.id,
                "words": search_query.index_of(
                    row.site_id, row.source, row.author_name, row.author_email or "", "<a " in row.html
                ),
            }
            for row in rows
        ]
        connection.execute(words.insert(), values)
        last = rows[-1].id
