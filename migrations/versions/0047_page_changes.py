"""What pages have changed, so that a process asks once for all the pages that it holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Each change of a version by which pages are known (store/versions.py): the table, when, and what is noted of the rows.
# NULL for all pages of the site, an empty key for those that show comments of all its threads.
THREAD = "id, version, site_id, key_hash"
CHANGES = [
    ("thread", "INSERT", "", "SELECT NEW.site_id, NEW.key_hash"),
    ("thread", "UPDATE", THREAD, "SELECT OLD.site_id, OLD.key_hash UNION SELECT NEW.site_id, NEW.key_hash"),
    ("thread", "DELETE", "", "SELECT OLD.site_id, OLD.key_hash"),
    ("site", "UPDATE", "id, version", "SELECT OLD.id, NULL"),
    ("site", "DELETE", "", "SELECT OLD.id, NULL"),
    ("tally", "INSERT", "", "SELECT NEW.site_id, {empty} WHERE NEW.status = 'approved'"),
    ("tally", "UPDATE", "version", "SELECT NEW.site_id, {empty} WHERE NEW.status = 'approved'"),
    ("tally", "DELETE", "", "SELECT OLD.site_id, {empty} WHERE OLD.status = 'approved'"),
]


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "page_change",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_change")),
        sqlite_autoincrement=True,
    )
    if not is_sqlite:
        # PostgreSQL commits in another order than it numbers: see store/page_changes.py.
        transaction = "pg_current_xact_id()::text::bigint"
        op.execute(f"ALTER TABLE page_change ALTER COLUMN position SET DEFAULT {transaction}")
    op.create_index("ix_page_change_position", "page_change", ["position"])
    for table, event, columns, rows in CHANGES:
        name = f"page_change_{table}_{event.lower()}"
        noted = "INSERT INTO page_change (site_id, key_hash) " + rows.format(empty="x''" if is_sqlite else "''::bytea")
        when = f"AFTER {event}{f' OF {columns}' if columns else ''} ON {table}"
        if is_sqlite:
            op.execute(f"CREATE TRIGGER {name} {when} BEGIN {noted}; END")
        else:
            op.execute(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {noted}; RETURN NULL; END $$"
            )
            op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()")


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, event, _, _ in CHANGES:
        name = f"page_change_{table}_{event.lower()}"
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("page_change")
