"""spec/api.md: its tables are the application's, both ways, and its examples are run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tera import errors
from tera.errors import Denied, Malformed, NotFound, TeraError, Unauthentic, Unavailable
from tera.format import limits
from tera.library import block, lock, once, seal, tags
from tera.library.library import SCOPES, Library
from tera.release.request import LONGEST as MESSAGE
from tera.service import app, body, decode, documents, forms, lists, tries
from tera.service.operations import OPERATIONS
from tera.service.problems import status_of
from tests import sessions
from tests.service.houses import House

TEXT = Path(__file__).resolve().parents[2] / "spec" / "api.md"
OURS = {"cross_site": 403, "not_found": 404, "method_not_allowed": 405, "range_not_satisfiable": 416, "internal": 500}
"""Codes that are no error's of the tree."""
FAMILIES: dict[type[TeraError], int] = {Malformed: 400, Unauthentic: 400, Denied: 403, NotFound: 404, Unavailable: 503}


def table(section: str) -> list[list[str]]:
    """Return the cells of the first table of a section, without its head."""
    text = TEXT.read_text("utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = re.search(r"(?:^\|.*\|\n)+", text, re.M)
    assert lines is not None
    rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines[0].splitlines()[2:]]
    return [[cell.strip(" |") for cell in row] for row in rows]


def routes() -> dict[tuple[str, str], list[str]]:
    text = TEXT.read_text("utf-8").split("\n## Routes\n")[1].split("\n## ")[0]
    found = {}
    for line in re.findall(r"^\| [A-Z]+ /.*\|$", text, re.M):
        route, *cells = (cell.strip() for cell in line[1:-1].split("|"))
        method, path = route.split()
        assert (method, path) not in found
        found[method, path] = cells
    return found


def names(cell: str) -> set[str]:
    """The parameters of a cell: what stands in parentheses, or behind a colon, is said of them."""
    return set(re.findall(r"`([\w-]+)`", re.sub(r"\(.*?\)|:.*", "", cell)))


# --- the tables -----------------------------------------------------------------------------------------


def test_the_routes_of_the_text_are_those_of_the_application_and_of_the_document(house: House) -> None:
    document = house.client.request("GET", "/openapi.json").json()["paths"]
    published = {(method.upper(), path): one for path, all_ in document.items() for method, one in all_.items()}
    text = routes()
    assert list(text) == list(OPERATIONS)
    assert set(text) == set(published)
    for key, (operation, scope, parameters, _, answers) in text.items():
        one = published[key]
        assert operation == one["operationId"], key
        assert scope == one.get("x-scope", "-"), key
        declared = {found["name"] for found in one["parameters"] if found["in"] != "path"}
        assert names(parameters) == declared, key
        listed = {int(status) for status in re.findall(r"\b[2345]\d\d\b", answers)}
        common = set() if scope == "-" else {400, 401, 403, 404, 429, 503}
        assert listed | common == {int(status) for status in one["responses"]}, key


def test_what_is_sent_is_what_is_taken(house: House) -> None:
    document = house.client.request("GET", "/openapi.json").json()
    for key, cells in routes().items():
        one = document["paths"][key[1]][key[0].lower()]
        assert bool(cells[3]) == ("requestBody" in one), key
        if "requestBody" in one:
            schema: dict[str, Any] = next(iter(one["requestBody"]["content"].values()))["schema"]
            shape = document["components"]["schemas"].get(str(schema.get("$ref")).rpartition("/")[2], {})
            if shape.get("additionalProperties") is False and "multipart" not in cells[3]:
                assert set(re.findall(r"`(\w+)`", cells[3])) == set(shape["properties"]), key


def test_the_scopes_of_the_text_are_those_of_keys() -> None:
    assert [row[0].strip("`") for row in table("Manners")] == ["admin", "read", "write", "decode", "open"]
    assert {row[0].strip("`") for row in table("Manners")} == SCOPES


def test_every_refusal_has_the_status_that_the_text_gives_it() -> None:
    text = {row[0].strip("`"): int(row[1]) for row in table("Refusals")}
    kinds: list[type[TeraError]] = [getattr(errors, name) for name in errors.__all__]
    leaves = {one.code: one for one in kinds if not one.__subclasses__()}
    for code, leaf in leaves.items():
        family = next(status for kind, status in FAMILIES.items() if issubclass(leaf, kind))
        assert status_of(leaf("it")) == text.get(code, family), code
    assert text.keys() - leaves.keys() == OURS.keys()
    assert {code: text[code] for code in OURS} == OURS


def test_the_limits_of_the_text_are_those_of_the_code() -> None:
    text = {row[0].split(",")[0].split("(")[0].strip(): int(row[1].replace(",", "")) for row in table("Limits")}
    assert text == {
        "rows of a page": lists.LONGEST,
        "rows that `page` reaches": lists.DEEPEST,
        "bytes of an upload": app.UPLOAD,
        "uploads at once": body.UPLOADS,
        "seconds without a byte of an upload": body.IDLE,
        "bytes of a manifest": seal.MANIFEST,
        "bytes of a JSON body": documents.LONGEST,
        "files of an encode": forms.FILES,
        "bytes of a release request or report": MESSAGE,
        "characters of a name": tags.NAME,
        "tags of a container": limits.TAGS,
        "bytes of a tag": limits.TAG_BYTES,
        "characters of a reason": block.REASON,
        "bytes of a password": decode.PASSWORD,
        "wrong credentials of an address": tries.MOST,
        "wrong passwords of a viewer in a row": lock.MOST,
        "passwords that are tried at once": lock.TURNS,
        "seconds of a session": Library.__dataclass_fields__["session"].default,
        "seconds for which an answer is given again": once.KEEP,
    }


# --- the examples ---------------------------------------------------------------------------------------


def test_the_examples_run_as_they_are_printed(tmp_path: Path) -> None:
    assert sessions.run(TEXT, tmp_path) == 8


def test_an_example_that_says_something_else_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "api.md"
    wrong.write_text(TEXT.read_text("utf-8").replace("'ann@example.org'\n", "'eve@example.org'\n"), "utf-8")
    (tmp_path / "scratch").mkdir()
    with pytest.raises(sessions.Drift):
        sessions.run(wrong, tmp_path / "scratch")
