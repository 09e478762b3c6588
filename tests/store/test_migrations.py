"""Migrations: up to what the models say, down to nothing, and up again, on both databases."""

import json

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, inspect, select, text

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.core.job_kinds import NormalizeThreadsJob
from commentsvc.core.policy import Policy
from commentsvc.services import jobs as jobs_service
from commentsvc.services import posting
from commentsvc.services.jobs import JobTools
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import engine as stored_engine
from commentsvc.store import jobs, migrations, sites, threads
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.db import Base, db
from commentsvc.store.search_index import OWN_KIND
from commentsvc.store.subscriptions import Subscription
from commentsvc.store.transactions import write
from tests.support.cast import SECRET


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request, tmp_path):
    """An app on a database without any table."""
    url = ""
    if request.param == "postgresql":
        url = _database_of_its_own(request.getfixturevalue("postgres_url"))
    config = from_environment(
        {
            "COMMENTSVC_SECRET_KEY": SECRET,
            "COMMENTSVC_INSTANCE_DIR": str(tmp_path),
            "COMMENTSVC_DATABASE_URL": url,
        },
        None,
    )
    stored_engine.create_file(config)
    app = create_app(config)
    migrations.init_migrate(app)
    with app.app_context():
        yield db.engine
        db.session.remove()
        db.engine.dispose()


def _database_of_its_own(server_url: str) -> str:
    engine = create_engine(server_url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS migrations"))
        connection.execute(text("CREATE DATABASE migrations"))
    engine.dispose()
    return server_url.replace("/postgres?", "/migrations?")


def is_own_kind(name):
    """Objects that only migrations create, because each database has its own syntax."""
    return (name or "").startswith(OWN_KIND)


def shape(engine):
    """Everything that inspection tells of each table, in one order."""
    look = inspect(engine)
    tables = sorted(t for t in look.get_table_names() if t != "alembic_version" and not is_own_kind(t))
    return {
        table: {
            "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(table)),
            "checks": sorted((c["name"], " ".join(c["sqltext"].split())) for c in look.get_check_constraints(table)),
            "indexes": sorted(
                (i["name"], tuple(i["column_names"]), bool(i["unique"]), _options(i))
                for i in look.get_indexes(table)
                if not is_own_kind(i["name"])
            ),
            "uniques": sorted((u["name"], tuple(u["column_names"])) for u in look.get_unique_constraints(table)),
            "foreign": sorted(
                (f["name"], tuple(f["constrained_columns"]), f["referred_table"]) for f in look.get_foreign_keys(table)
            ),
            "key": tuple(look.get_pk_constraint(table)["constrained_columns"]),
        }
        for table in tables
    }


def _options(index):
    return sorted((name, str(value)) for name, value in index.get("dialect_options", {}).items())


def test_migrations_make_exactly_the_tables_of_the_models(bare):
    upgrade()
    with bare.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": lambda _item, name, *_: not is_own_kind(name)}
        )
        assert compare_metadata(context, Base.metadata) == []
    migrated = shape(bare)
    assert migrated, "there are tables to compare"

    downgrade(revision="base")
    assert shape(bare) == {}
    Base.metadata.create_all(bare)
    assert shape(bare) == migrated


def test_down_and_up_again_works_and_twice_up_changes_nothing(bare):
    upgrade()
    first = shape(bare)
    downgrade(revision="base")
    upgrade()
    upgrade()
    assert shape(bare) == first


def test_an_upgrade_keeps_what_is_there(bare, now):
    migrations.upgrade()
    with write():
        sites.add("blog", "A blog", ["https://blog.example"], Policy(), now)
    migrations.upgrade()
    assert sites.by_key("blog").name == "A blog"


def test_who_asked_for_mail_before_addresses_were_confirmed_keeps_getting_it(bare, now):
    upgrade()
    with write():
        site = sites.add("blog", "A blog", ["https://blog.example"], Policy(), now)
    for name, notify in (("Dave", True), ("Erin", False)):
        email = f"{name.lower()}@example.org"
        draft = Draft("/post", "", "A post", None, "Words", name, email, None, notify)
        posting.post(site, Submission(draft, Sender(None, "192.0.2.1", "test", limited=False)), SECRET, now)
    db.session.remove()
    downgrade(revision="0025")
    upgrade()
    (kept,) = db.session.scalars(select(Subscription)).all()
    assert kept.email == "dave@example.org" and kept.confirmed_at is not None


def test_renamed_settings_keep_their_values_and_can_still_be_undone(bare, now):
    upgrade(revision="0038")
    site = {"flood_s": 60, "nudge": True, "outside_check": False, "form_s_min": 9, "young_days": 7, "links_max": 4}
    change = {"settings": json.dumps(site), "before": json.dumps({"flood_s": 15}), "after": json.dumps({"flood_s": 60})}
    with bare.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO site (id, key, name, version, rules_version, settings, created_at)"
                " VALUES (1, 'blog', 'A blog', 1, 1, :settings, :now)"
            ),
            {"settings": change["settings"], "now": now},
        )
        connection.execute(
            text(
                "INSERT INTO journal (site_id, kind, subject, before, after, ip, created_at)"
                " VALUES (1, 'setting', 'flood_s', :before, :after, '', :now)"
            ),
            {"before": change["before"], "after": change["after"], "now": now},
        )
    upgrade()
    policy = sites.by_key("blog").policy
    assert (policy.min_interval_s, policy.warn_before_hold, policy.external_spam_check) == (60, True, False)
    assert (policy.min_compose_s, policy.new_account_days, policy.links_max) == (9, 7, 4)
    (entry,) = db.session.scalars(select(AuditEntry)).all()
    assert (entry.before, entry.after) == ({"min_interval_s": 15}, {"min_interval_s": 60})
    assert entry.subject == "min_interval_s"


def test_entries_without_an_account_get_the_actor_that_made_them(bare, now):
    upgrade(revision="0039")
    with bare.begin() as connection:
        connection.execute(
            text("INSERT INTO account (id, name, is_admin, created_at) VALUES (1, 'Alice', :no, :now)"),
            {"no": False, "now": now},
        )
        add = text(
            "INSERT INTO journal (by_account_id, kind, subject, before, after, ip, created_at)"
            " VALUES (:by, :kind, :subject, '{}', '{}', '', :now)"
        )
        for by, kind, subject in (
            (None, "setting", "flood"),
            (None, "sign-out", "a@b.example"),
            (1, "setting", "mode"),
        ):
            connection.execute(add, {"by": by, "kind": kind, "subject": subject, "now": now})
    upgrade()
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.actor_name for entry in entries] == ["the system", "the command line", "Alice"]


def test_a_new_database_has_no_account_and_no_token(bare):
    upgrade()
    with bare.connect() as connection:
        for table in ("account", "identity", "api_token", "site", "session"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def test_an_upgrade_leaves_a_job_that_renames_threads_with_keys_of_other_rules(bare, now):
    upgrade(revision="0042")
    with bare.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO site (id, key, name, version, rules_version, settings, created_at)"
                " VALUES (1, 'blog', 'A blog', 1, 1, '{}', :now)"
            ),
            {"now": now},
        )
    upgrade()
    job = jobs.claim(now, jobs.LONG_QUEUE)
    assert job.payload == NormalizeThreadsJob(1)
    site = sites.by_key("blog")
    with write():
        threads.get_or_add(site, "/post/", now)
    jobs_service.perform(job.payload, job.key, JobTools(None, ()), now)
    db.session.rollback()
    assert [key for _, key in threads.keys_of(sites.by_key("blog"))] == ["/post"]
