"""/openapi.json: what the routes declare, with what `operations` and `schemas` say of them.

The law of this file: it publishes nothing that is not a route, and every route once, under the path of its one form.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tera.service.operations import ANYTHING, JSON, OPERATIONS, Operation
from tera.service.schemas import SHAPES, Schema, one_of, ref

PROBLEM: Final = "application/problem+json"
SECURITY: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key's one opaque token"},
    "basic": {"type": "http", "scheme": "basic", "description": "api_key:api_secret"},
}
_KEYS: Final[list[dict[str, list[str]]]] = [{"bearer": []}, {"basic": []}]

_PATH: Final[dict[str, Schema]] = {
    "org_id": {"type": "string", "description": "The organisation's id; - is that of the key"},
    "container_id": {"type": "string", "format": "uuid"},
    "view": one_of("access", "block", "create", "expire", "fail"),
    "email": {"type": "string", "format": "email"},
    "key_id": {"type": "string", "pattern": "^[0-9a-f]{20}$"},
    "file": {"type": "string", "description": "The file's path in the container, with its slashes"},
}
_MEANING: Final = {
    204: "Done",
    206: "A range of it",
    304: "What If-None-Match names is still what there is",
    400: "The request is not valid",
    401: "No API key, or one that is not known or over",
    403: "The key, a rule or a block forbids it",
    404: "It is not there, or is another organisation's",
    409: "It cannot be done beside what is there, or what is under way",
    412: "The rules are not of a version that If-Match names",
    413: "It is longer than is taken",
    416: "No byte of it is in the range",
    429: "Too many wrong credentials, or passwords being tried: Retry-After",
    503: "The catalog, the store or the keys do not answer: Retry-After",
}
_REQUEST_ID: Final = {"X-Request-Id": {"schema": {"type": "string"}, "description": "Also in the service's own log"}}
_RETRY: Final = {"Retry-After": {"schema": {"type": "integer", "minimum": 0}, "description": "In seconds"}}
_CHALLENGE: Final = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
_RANGE: Final = {"Content-Range": {"schema": {"type": "string"}, "required": True}}
_ETAG: Final = {"ETag": {"schema": {"type": "string"}, "required": True}}


def install(app: FastAPI) -> None:
    """Let the application publish this document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application."""
    found = get_openapi(title=app.title, version=app.version, routes=app.routes, description="spec/api.md")
    for path, methods in found["paths"].items():
        for method, declared in methods.items():
            known = OPERATIONS.get((method.upper(), path))
            if known is not None:
                _complete(declared, path, known)
    found["components"] = {"schemas": SHAPES, "securitySchemes": SECURITY}
    return found


def _complete(declared: dict[str, Any], path: str, known: Operation) -> None:
    """Add to what a route declares what is known of it."""
    declared["operationId"] = known.id
    declared["parameters"] = _parameters(declared.get("parameters", []), path, known)
    if known.scope != "-":
        declared["security"] = [{}, *_KEYS] if known.id.startswith(("release_", "lease_")) else _KEYS
        declared["x-scope"] = known.scope
    if known.body is not None:
        declared["requestBody"] = {"required": known.required, "content": {known.takes: {"schema": known.body}}}
        if known.takes == "application/merge-patch+json":  # what clients send that know no better
            declared["requestBody"]["content"][JSON] = {"schema": known.body}
    declared["responses"] = {str(status): _response(status, known) for status in known.statuses}


def _parameters(declared: list[dict[str, Any]], path: str, known: Operation) -> list[dict[str, Any]]:
    in_path = [name for name in _PATH if f"{{{name}}}" in path]
    made = [{"name": name, "in": "path", "required": True, "schema": _PATH[name]} for name in in_path]
    made += [{"name": name, "in": "header", "required": False, "schema": {"type": "string"}} for name in known.heeds]
    for one in declared:
        if one["in"] != "path":
            made.append({**one, "name": one["name"].title()} if one["in"] == "header" else one)
    return made


def _response(status: int, known: Operation) -> dict[str, Any]:
    headers: dict[str, Any] = dict(_REQUEST_ID)
    if status in (429, 503):
        headers |= _RETRY
    if status == 401:
        headers |= _CHALLENGE
    if status in (206, 416):
        headers |= _RANGE
    if status in (200, 206, 304) and (known.media in (ANYTHING, "application/vnd.tera") or known.id.endswith("drm")):
        headers |= _ETAG
    found: dict[str, Any] = {"description": _MEANING.get(status, "As asked"), "headers": headers}
    if status >= 400:
        found["content"] = {PROBLEM: {"schema": ref("Problem")}}
    elif status in (200, 206):
        found["content"] = {known.media: {} if known.answer is None else {"schema": known.answer}}
    return found
