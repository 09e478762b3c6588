"""The API described: OpenAPI 3.1 made from the shapes, and a page to read it."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template
from pydantic.json_schema import models_json_schema

from commentsvc.core import routes
from commentsvc.web.api import schemas as schemas_pages
from commentsvc.web.api.openapi_calls import (
    AUTHOR,
    CALLS,
    HEADER,
    ID,
    MEANS,
    MODERATION_QUERY,
    MODERATOR,
    OWNER,
    QUERY,
    VIEWER,
    Call,
)
from commentsvc.web.api.schemas import Schema
from commentsvc.web.http.app_setup import settings

pages = Blueprint("api_docs", __name__)


@pages.get(routes.API_OPENAPI)
def openapi() -> Response:
    response = jsonify(document(settings().base_url))
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@pages.get(routes.API_DOCS)
def docs() -> Response:
    api_url = settings().base_url + routes.API
    return make_response(render_template("api_docs.html", calls=CALLS, means=MEANS, api_url=api_url))


@cache
def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document for the service at `base_url`."""
    used = {shape for call in CALLS for shape in (call.takes, call.gives) if shape} | {schemas_pages.ProblemOut}
    ordered = sorted(used, key=lambda shape: shape.__name__)
    _, schemas = models_json_schema(
        [(shape, "validation") for shape in ordered], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(routes.API + call.path, {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "commentsvc", "version": "1", "description": "Moderated comments for any page."},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "a personal token"}},
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    parameters = [_in_query(call, name) for name in call.query]
    parameters += [{"name": name, "in": "header", "schema": HEADER[name]} for name in call.headers]
    if "{id}" in call.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": ID})
    operation: dict[str, Any] = {
        "summary": call.does,
        "operationId": f"{call.method}{call.path.title()}".translate({ord(c): None for c in "/{}_"}),
        "parameters": parameters,
        "responses": {str(status): _response(call, status) for status in call.answers},
    }
    if call.takes:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(call.takes)}}}
    if call.who in (MODERATOR, OWNER, VIEWER):
        operation["security"] = [{"bearer": []}]
    elif call.who == AUTHOR:
        operation["security"] = [{}, {"bearer": []}]
    return operation


def _in_query(call: Call, name: str) -> dict[str, Any]:
    is_moderation = call.route.startswith(routes.API_MODERATION)
    is_needed = name == "site" or (name == "thread" and not is_moderation)
    schema = {**QUERY, **(MODERATION_QUERY if is_moderation else {})}[name]
    if (name, call.route) == ("thread", routes.API_COUNTS):
        schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": schemas_pages.COUNTS_MAX}
    return {"name": name, "in": "query", "required": is_needed, "schema": schema}


def _response(call: Call, status: int) -> dict[str, Any]:
    response: dict[str, Any] = {"description": MEANS[status]}
    if status >= 400:
        response["content"] = {"application/problem+json": {"schema": _ref(schemas_pages.ProblemOut)}}
    elif status in (200, 201, 202):
        schema = _ref(call.gives) if call.gives else {"type": "object"}
        response["content"] = {"application/json": {"schema": schema}}
    return response


def _ref(shape: type[Schema]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
