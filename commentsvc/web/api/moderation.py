"""The moderation API: queue, decisions, undo, log, rules, sanctions; with a personal token only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request

from commentsvc.core import page_keys, routes, search_query
from commentsvc.core import pagination as paging
from commentsvc.core.errors import Invalid, NotAllowed
from commentsvc.core.pagination import Sort
from commentsvc.core.policy import EMAIL_MAX as AUTHOR_MAX
from commentsvc.core.search_query import Search
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import backtest as backtest_service
from commentsvc.services import moderation, thread_moves, thread_pages, thread_settings, thread_undo
from commentsvc.services import rules as rules_service
from commentsvc.services import sanctions as sanctions_service
from commentsvc.services.thread_settings import ThreadChange
from commentsvc.store import comment_search, comments, counters, decisions, reports
from commentsvc.store import rules as stored_rules
from commentsvc.store import sanctions as stored_sanctions
from commentsvc.store.comment_search import Wanted
from commentsvc.store.sites import Site
from commentsvc.web.api import moderation_schemas, schemas, serializers
from commentsvc.web.api.schemas import S
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import RULES_MAX_BYTES, csrf, now

pages = Blueprint("api_moderation", __name__)
csrf.exempt(pages)

SORTS = {"oldest": Sort.OLDEST, "newest": Sort.NEWEST, "likely-spam": Sort.TOP}
FLAGGED = "flagged"  # published, and reported by readers


@pages.get(routes.API_QUEUE)
def queue() -> Response:
    by = access.require_token_moderator()
    site = access.require_moderated_site(request.args.get("site", ""), by)
    asked_order = request.args.get("sort") or "newest"
    if asked_order not in SORTS:
        raise Invalid("sort", f"sort is one of {', '.join(SORTS)} here.")
    sort = SORTS[asked_order]
    sees_addresses = by.sees_addresses(site)
    search = _search(sees_addresses)
    asked = request.args.get("status") or Status.PENDING
    if asked == search_query.ANY_STATUS and search.status is None:
        search = replace(search, is_any_status=True)
    is_flagged = asked == FLAGGED and search.status is None and not search.is_any_status
    is_one = not (is_flagged or search.is_any_status)
    status = search.status or _status(asked) if is_one else Status.APPROVED
    after = paging.cursor(request.args.get("cursor", ""), sort)
    limit = paging.limit(request.args.get("limit", ""))
    wanted = Wanted([site], status, sort, search, sees_addresses, is_flagged=is_flagged)
    found = comment_search.page(wanted, after, limit)
    reported = reports.open_of([comment.id for comment in found.comments if comment.flag_count])
    listed = [serializers.moderated_json(c, sees_addresses, reported.get(c.id, [])) for c in found.comments]
    following = str(found.following) if found.following else None
    return jsonify({"comments": listed, "counts": _counts(site), "next": following})


def _counts(site: Site) -> dict[str, int]:
    return {str(status): n for status, n in counters.of_site(site).items()} | {FLAGGED: counters.flagged_on(site)}


@pages.post(routes.API_DECISIONS)
def decide() -> Response:
    by = access.require_token_moderator()
    shape = schemas.parsed(moderation_schemas.DecisionsIn)
    decided = moderation.decide(shape.ids, shape.action, by, shape.note, now(), shape.told, shape.versions)
    return jsonify(
        {"decisions": [serializers.decision_json(d, False) for d in decided.decisions], "undo": decided.undo}
    )


@pages.post(routes.API_UNDO)
def undo() -> Response:
    by = access.require_token_moderator()
    named = schemas.parsed(moderation_schemas.UndoIn).undo
    entry_id = thread_settings.find_entry(named)
    if entry_id is not None:
        access.require_moderated_change(entry_id, by)
        tended = thread_undo.undo(entry_id, by, access.client_ip(), now())
        return jsonify({"decisions": [], **_tended_json(tended)})
    decided = moderation.undo(named, by, now())
    return jsonify(
        {"decisions": [serializers.decision_json(d, False) for d in decided.decisions], "undo": decided.undo}
    )


@pages.get(routes.API_DECISIONS)
def log() -> Response:
    by = access.require_token_moderator()
    site = access.require_moderated_site(request.args.get("site", ""), by)
    found, following = decisions.log(
        site, _number("comment"), _number("cursor"), paging.limit(request.args.get("limit", ""))
    )
    sees_addresses = by.sees_addresses(site)
    listed = [serializers.decision_json(decision, sees_addresses) for decision in found]
    return jsonify({"decisions": listed, "next": str(following) if following else None})


@pages.post(routes.API_THREADS)
def tend_thread() -> Response:
    by = access.require_token_moderator()
    shape = schemas.parsed(moderation_schemas.ThreadIn)
    site = (
        access.require_moderated_site(shape.site, by)
        if shape.mode is None
        else access.require_owned_site(shape.site, by)
    )
    named, ip = shape.changes(site), access.client_ip()
    if shape.move_to is not None:
        changed = thread_moves.move(site.id, shape.thread, shape.move_to, by.account, ip, now(), named)
    else:
        changed = thread_settings.tend(site, schemas.page_key(shape.thread, site), named, by.account, ip, now())
    return jsonify(_tended_json(changed))


def _tended_json(tended: ThreadChange) -> dict[str, Any]:
    page = thread_pages.bare_page(tended.thread.site, tended.thread)
    return {"thread": serializers.thread_json(page), "undo": tended.undo}


@pages.get(routes.API_RULES)
def list_rules() -> Response:
    site = access.require_owned_site(request.args.get("site", ""), access.require_token_moderator())
    return jsonify({"rules": [serializers.rule_json(rule) for rule in stored_rules.of_site(site)]})


@pages.post(routes.API_RULES)
def add_rule() -> tuple[Response, int]:
    by = access.require_token_moderator()
    shape = _long(moderation_schemas.RuleIn)
    site = access.require_owned_site(shape.site, by)
    return jsonify(serializers.rule_json(rules_service.add(site, shape.text, by.account, now()))), 201


@pages.patch(routes.API_RULE)
def change_rule(rule_id: int) -> Response:
    by = access.require_token_moderator()
    access.require_owned_rule(rule_id, by)
    changes = _long(moderation_schemas.RuleChangeIn).model_dump(exclude_none=True)
    return jsonify(serializers.rule_json(rules_service.change(rule_id, changes, by.account, now())))


@pages.delete(routes.API_RULE)
def remove_rule(rule_id: int) -> tuple[str, int]:
    by = access.require_token_moderator()
    access.require_owned_rule(rule_id, by)
    rules_service.remove(rule_id, by.account, now())
    return "", 204


@pages.post(routes.API_RULES_TEST)
def test_rule() -> Response:
    by = access.require_token_moderator()
    shape = _long(moderation_schemas.RuleTestIn)
    site = access.require_owned_site(shape.site, by)
    who = (shape.name, shape.email, shape.website, shape.ip, shape.user_agent)
    found = rules_service.tried(shape.rule.text, shape.body, *who, site.policy.body_max)
    return jsonify({"speaks": found is not None, "reason": serializers.reason_json(found) if found else None})


@pages.post(routes.API_RULES_BACKTEST)
def backtest() -> Response:
    by = access.require_token_moderator()
    shape = _long(moderation_schemas.BacktestIn)
    site = access.require_owned_site(shape.site, by)
    found = backtest_service.backtest(site, shape.proposal(site), shape.limit)
    shown = {comment.id: comment for comment in comments.of_ids(found.example_ids)}
    return jsonify(serializers.backtest_json(found, shown))


@pages.get(routes.API_VERDICT)
def judgement(comment_id: int) -> Response:
    by = access.require_token_moderator()
    comment = access.require_moderated_comment(comment_id, by)
    return jsonify(
        serializers.judgement_json(comment, rules_service.judgement(comment), by.sees_addresses(comment.site))
    )


@pages.get(routes.API_SANCTIONS)
def list_sanctions() -> Response:
    by = access.require_token_moderator()
    site = access.require_moderated_site(request.args.get("site", ""), by)
    found, following = stored_sanctions.of_site(site, _number("cursor"), paging.limit(request.args.get("limit", "")))
    sees_addresses = by.sees_addresses(site)
    listed = [serializers.sanction_json(sanction, now(), sees_addresses) for sanction in found]
    return jsonify({"sanctions": listed, "next": str(following) if following else None})


@pages.post(routes.API_SANCTIONS)
def impose() -> tuple[Response, int]:
    by = access.require_token_moderator()
    shape = schemas.parsed(moderation_schemas.SanctionIn)
    site = access.require_moderated_site(shape.site, by)
    about = None if shape.comment is None else access.require_moderated_comment(shape.comment, by)
    if about is not None and about.site_id != site.id:
        raise Invalid("comment", "This comment belongs to another site.")
    imposed = sanctions_service.impose(site, shape.order(about), by, now(), access.client_ip())
    return jsonify(serializers.sanction_json(imposed, now(), by.sees_addresses(site))), 201


@pages.delete(routes.API_SANCTION)
def lift(sanction_id: int) -> Response:
    by = access.require_token_moderator()
    site = access.require_site_of_sanction(sanction_id, request.args.get("site", ""), by)
    lifted = sanctions_service.lift(sanction_id, site, by, now(), access.client_ip())
    return jsonify(serializers.sanction_json(lifted, now(), site is not None and by.sees_addresses(site)))


def _long(shape: type[S]) -> S:
    """A request that may hold a long list; only an owner's is read so far."""
    request.max_content_length = RULES_MAX_BYTES
    return schemas.parsed(shape)


def _status(value: str) -> Status:
    if value not in set(Status):
        raise Invalid("status", f"status is one of {', '.join(Status)}, {FLAGGED}.")
    return Status(value)


def _number(name: str) -> int | None:
    value = request.args.get(name, "")
    if not value:
        return None
    number = find_number(value)
    if number is None:
        raise Invalid(name, f"{name} is a number.")
    return number


def _search(sees_addresses: bool) -> Search:
    """The language of the dashboard in `q`; `author` (a name, or an address) and `thread` narrow it further."""
    search = search_query.parse(request.args.get("q", ""))
    author, thread_key = request.args.get("author", "").strip(), request.args.get("thread", "")
    if "\0" in author or len(author) > AUTHOR_MAX:
        raise Invalid("author", f"author is a name or an address of up to {AUTHOR_MAX} characters.")
    if author:
        search = replace(search, email=author.lower()) if "@" in author else replace(search, author=author)
    if thread_key:
        search = replace(search, thread=page_keys.check(thread_key))
    if search.asks_for_address and not sees_addresses:
        raise NotAllowed("Only owners can see addresses here. An owner can allow it for moderators in Settings.")
    return search
