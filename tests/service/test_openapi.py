"""/openapi.json: every route once, nothing else, and what it says of scopes, statuses and bodies is what happens.

Strangers' requests are drawn by schemathesis from the document itself: TERA_OPENAPI_EXAMPLES says how many for each
operation (`make openapi`: many).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tera.catalog.tables import failure
from tera.library.library import SCOPES
from tera.service.operations import OPERATIONS
from tera.service.schemas import SHAPES
from tests.library.places import Clock, library_at
from tests.service.calls import PATHS, Call, good_calls
from tests.service.houses import BOB, EVE, House

EXAMPLES = int(os.environ.get("TERA_OPENAPI_EXAMPLES", "3"))
CHECKS = [
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture
def document(house: House) -> dict[str, Any]:
    found = house.client.request("GET", "/openapi.json")
    assert found.status_code == 200
    return dict(found.json())


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method.upper(), path): one for path, all_ in document["paths"].items() for method, one in all_.items()}


def conforms(schema: Any, call: Call, response: httpx.Response) -> None:
    method, path = PATHS[call.id]
    assert response.status_code in OPERATIONS[method, path].statuses, (call.id, response.text)
    schema[path][method].validate_response(answered(response))


def answered(response: httpx.Response, request: requests.PreparedRequest | None = None) -> httpx.Response:
    """Return the same, with its request in memory, as schemathesis takes it."""
    method, url = ("GET", str(response.url)) if request is None else (str(request.method), str(request.url))
    headers: Any = {} if request is None else request.headers
    body: Any = b"" if request is None else request.body or b""
    sent = httpx.Request(method, url, headers=headers, content=body)
    found = httpx.Response(response.status_code, headers=response.headers, content=response.content, request=sent)
    found.elapsed = timedelta()
    return found


def loaded(house: House) -> Any:
    return schemathesis.openapi.from_dict(dict(house.app.openapi()))


# --- the document ---------------------------------------------------------------------------------------


def test_every_route_is_published_once_and_nothing_else(house: House, document: dict[str, Any]) -> None:
    routes = {
        (method, str(one.path).replace(":path", ""))
        for one in iter_route_contexts(house.app.routes)
        for method in one.methods or ()
        if getattr(one, "include_in_schema", False)
    }
    assert len(routes) > 40
    assert set(operations(document)) == routes == set(OPERATIONS)


def test_what_is_not_published_is_the_head_of_a_published_get_or_an_older_form(house: House) -> None:
    hidden = {
        (method, str(one.path).replace(":path", ""))
        for one in iter_route_contexts(house.app.routes)
        for method in one.methods or ()
        if not getattr(one, "include_in_schema", False) and one.path not in ("/openapi.json",)
    }
    heads = {(method, path) for method, path in hidden if method == "HEAD"}
    assert {("GET", path) for _, path in heads} <= set(OPERATIONS)
    assert hidden - heads == {("POST", "/orgs/{org_id}/v1/release")}


def test_an_operation_has_a_name_of_its_own_and_every_parameter_of_its_path(document: dict[str, Any]) -> None:
    found = operations(document)
    names = [one["operationId"] for one in found.values()]
    assert len(set(names)) == len(names)
    for (_, path), one in found.items():
        declared = {name["name"] for name in one["parameters"] if name["in"] == "path"}
        assert declared == {part.partition("}")[0] for part in path.split("{")[1:]}, path
        assert "422" not in one["responses"]
        for status, answer in one["responses"].items():
            assert ("application/problem+json" in answer.get("content", {})) == (int(status) >= 400), (path, status)


def test_every_shape_that_is_named_is_there_and_used(document: dict[str, Any]) -> None:
    used = set(_references(document))
    assert used == set(SHAPES) == set(document["components"]["schemas"])


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(name := value.get("$ref"), str):
            yield name.removeprefix("#/components/schemas/")
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


# --- what it says is what happens -----------------------------------------------------------------------


def test_every_operation_answers_as_it_is_published(house: House) -> None:
    schema, seen = loaded(house), []
    for call in good_calls(house):
        response = call.by(house, None if OPERATIONS[PATHS[call.id]].scope == "-" else house.ann)
        assert response.status_code == OPERATIONS[PATHS[call.id]].status, (call.id, response.text)
        conforms(schema, call, response)
        seen.append(call.id)
    assert sorted(seen) == sorted(PATHS)


def test_without_a_key_every_operation_is_401_but_health(house: House) -> None:
    schema = loaded(house)
    for call in good_calls(house):
        if OPERATIONS[PATHS[call.id]].scope == "-":
            continue
        for token in (None, "tera_" + "0" * 20 + "_" + "a" * 52):
            response = call.by(house, token)
            assert (response.status_code, response.json()["code"]) == (401, "bad_credentials"), call.id
            assert response.headers["www-authenticate"].startswith("Bearer")
            conforms(schema, call, response)
            with house.library.catalog.writing() as db:
                db.execute(failure.delete())  # who had ten wrong ones would wait


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_key_does_what_its_scope_is_published_to_allow(house: House, scope: str) -> None:
    schema = loaded(house)
    token = house.token(house.key.owner, scope)
    for call in good_calls(house):
        needed = OPERATIONS[PATHS[call.id]].scope
        response = call.by(house, token)
        conforms(schema, call, response)
        if needed in ("-", "any", scope) or scope == "admin":
            assert response.status_code == OPERATIONS[PATHS[call.id]].status, (call.id, response.text)
        else:
            assert (response.status_code, response.json()["code"]) == (403, "forbidden"), call.id
            call.by(house, house.ann)  # what comes behind it finds what it is about


def test_a_viewers_own_key_does_what_decode_does_and_nothing_else(house: House) -> None:
    token = house.ask("PUT", f"/viewers/{house.key.owner}", json={}).json()["token"]
    for call in good_calls(house):
        needed = OPERATIONS[PATHS[call.id]].scope
        response = call.by(house, token)
        assert (response.status_code == 403) == (needed not in ("-", "any", "decode")), call.id
        if response.status_code == 403:
            call.by(house, house.ann)


# --- strangers ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory, empty_catalog: Path) -> Iterator[tuple[House, Any]]:
    """A house where many strangers pass, and its document."""
    library = library_at(tmp_path_factory.mktemp("street"), empty_catalog, Clock())
    with House(library) as found:
        yield found, loaded(found)
    library.catalog.close()


def things(house: House) -> dict[str, list[str]]:
    """What stands in a path, in half of the examples: things that are there."""
    container = house.encode({"a.txt": b"content"}, tags=["a"], drm={"recipients": [house.key.owner], "opens": 5})
    other = house.encode({"a.txt": b"content"}, dynamic=True)
    house.ask("PUT", f"/viewers/{BOB}", json={})
    return {
        "org_id": [house.org.id, "-"],
        "container_id": [container, other],
        "email": [BOB, EVE],
        "file": ["a.txt"],
        "view": ["access", "expire"],
        "key_id": [house.token(BOB, "read").split("_")[1]],
    }


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("id", sorted(PATHS))
def test_what_strangers_send_is_answered_as_it_is_published(
    street: tuple[House, Any], id: str, mode: GenerationMode
) -> None:
    method, path = PATHS[id]
    house, schema = street
    known = things(house)
    count = 0

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def asked(case: Any) -> None:
        nonlocal count
        count += 1
        for name in case.path_parameters or {}:
            if name == "org_id" or count % 2 == 0:
                case.path_parameters[name] = known[name][count // 2 % len(known[name])]
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {house.ann}"}
        sent = requests.Request(**case.as_transport_kwargs(base_url="http://tera.test")).prepare()
        response = house.client.request(method, str(sent.url), headers=dict(sent.headers), content=sent.body or b"")
        case.validate_response(answered(response, sent), checks=CHECKS)

    try:
        asked()
    except Unsatisfiable:
        assert path in ("/healthz", "/readyz")  # there is nothing in it to be wrong
