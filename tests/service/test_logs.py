"""Logs: one JSON object a line; what a request was about, who sent it, and every secret are in none of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tera.service.logs import LOGGER, JsonLines, configure, say
from tests.service.houses import ADDRESS, House


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, by everybody, down to DEBUG."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, LOGGER.level
    out = io.StringIO()
    configure(out)
    root.setLevel(logging.DEBUG)
    LOGGER.setLevel(logging.DEBUG)
    yield out
    root.handlers[:], root.level, LOGGER.level = before
    logging.getLogger("uvicorn.access").disabled = False


def objects(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def requests(out: io.StringIO) -> list[dict[str, Any]]:
    return [one for one in objects(out) if one["said"] == "request"]


def test_a_request_is_one_line_by_its_id_and_template(house: House, lines: io.StringIO) -> None:
    container = house.encode()
    answer = house.get(f"/containers/{container}")
    assert answer.status_code == 200
    line = requests(lines)[-1]
    assert line["request"] == answer.headers["x-request-id"]
    assert (line["method"], line["status"], line["level"]) == ("GET", 200, "info")
    assert line["route"].endswith("/containers/{container_id}")
    assert line["ms"] >= 0
    assert set(line) == {"at", "level", "said", "request", "method", "route", "status", "ms"}
    house.client.request("GET", f"/api/v1/containers/{container}", headers={"Authorization": f"Bearer {house.ann}"})
    assert requests(lines)[-1]["route"].endswith("/containers/{container_id}"), "an older form of it too"


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [("GET", "/hunter2", "none"), ("BREW", "/healthz", "/healthz"), ("GET", "/orgs/hunter2/containers/x", None)],
)
def test_what_is_refused_is_logged_without_its_path(
    house: House, lines: io.StringIO, method: str, path: str, route: str | None
) -> None:
    answer = house.client.request(method, path)
    line = requests(lines)[-1]
    assert line["status"] == answer.status_code >= 400
    assert route is None or line["route"] == route or line["route"] == "none"
    assert line["method"] in ("GET", "other")
    assert "hunter2" not in lines.getvalue()


SECRETS = ("hunter2", "Q3 figures", "zebra-tag", "wolf.txt", "eve@example.net", "confidential content", ADDRESS)


def test_nothing_of_a_request_is_in_any_line_at_any_level(house: House, lines: io.StringIO) -> None:
    """A busy hour of an organisation, and of strangers, with a word in every place where one fits."""
    named: dict[str, Any] = {"container_name": "Q3 figures", "tags": ["zebra-tag"], "password": "hunter2"}
    container = house.encode({"wolf.txt": b"confidential content"}, **named)
    token = house.token("eve@example.net", "read")
    here = f"/containers/{container}"
    for method, path, more in (
        ("GET", here, {}),
        ("GET", f"{here}/decode/wolf.txt?viewer=eve@example.net", {"headers": {"Tera-Password": "aHVudGVyMg=="}}),
        ("GET", f"{here}/decode/wolf.txt", {"headers": {"Tera-Password": "d3Jvbmc="}}),
        ("GET", "/containers?tag=zebra-tag&name=Q3%20figures", {}),
        ("GET", "/containers?limit=hunter2", {}),
        ("PUT", f"{here}/tags", {"json": {"tags": ["zebra-tag"]}}),
        ("PUT", f"{here}/tags", {"content": b"hunter2"}),
        ("PUT", f"{here}/block", {}),
        ("GET", f"{here}/attempts?detail=true", {}),
        ("PUT", "/viewers/eve@example.net", {"json": {}}),
        ("POST", "/api_keys", {"json": {"name": "hunter2", "owner": "eve@example.net", "scopes": ["read"]}}),
        ("POST", "/containers/encode", {"content": b"hunter2"}),
        ("POST", f"{here}/release", {"content": b"hunter2"}),
        ("GET", "/container_by_digest?digest=hunter2", {}),
        ("DELETE", here, {"headers": {"X-Forwarded-For": ADDRESS, "Cookie": "hunter2"}}),
    ):
        house.ask(method, path, **more)
        house.ask(method, path, token, **more)
        house.ask(method, path, "tera_wrong_hunter2", **more)
    said = lines.getvalue()
    assert len(requests(lines)) > 40
    for secret in (*SECRETS, container, house.org.id, house.ann, token, house.ann.rpartition("_")[2], "Bearer"):
        assert secret not in said, secret


def test_a_failure_of_ours_is_said_with_its_place_and_not_its_message(house: House, lines: io.StringIO) -> None:
    async def fails() -> None:
        raise RuntimeError("hunter2")

    house.app.add_api_route("/fails", fails)
    with pytest.raises(RuntimeError):
        house.client.request("GET", "/fails")
    assert "hunter2" not in lines.getvalue()
    failed, line = objects(lines)[-2:]
    assert (failed["said"], failed["level"], failed["error"]["kind"]) == ("failed", "error", "RuntimeError")
    assert "test_logs.py" in failed["error"]["at"][-1]
    assert failed["request"] == line["request"]
    assert (line["status"], line["route"]) == (500, "/fails")


def test_what_others_log_is_cut_down_to_its_constant_text(lines: io.StringIO) -> None:
    other = logging.getLogger("somebody")
    other.warning("a request of %s", "hunter2")
    other.warning("hunter2")
    try:
        raise ValueError("hunter2") from KeyError("hunter2")
    except ValueError:
        other.exception("it failed")
    first, second, third = objects(lines)
    assert (first["said"], first["by"]) == ("a request of %s", "somebody")
    assert second["said"] == ""
    assert (third["error"]["kind"], third["error"]["cause"]["kind"]) == ("ValueError", "KeyError")
    assert "hunter2" not in lines.getvalue()


def test_a_line_is_one_line_of_ascii_whatever_is_said(lines: io.StringIO) -> None:
    say("two\nlines \u2028 ü", fields="x\ny")
    assert len(lines.getvalue().splitlines()) == 1
    assert lines.getvalue().isascii()
    assert objects(lines)[0]["said"] == "two\nlines \u2028 ü"


def test_the_servers_own_lines_of_requests_are_off(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info('%s - "%s %s"', ADDRESS, "GET", "/?viewer=hunter2")
    assert lines.getvalue() == ""
    assert isinstance(logging.getLogger().handlers[0].formatter, JsonLines)
