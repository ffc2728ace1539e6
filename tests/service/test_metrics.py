"""Metrics: counted by template, method and status; no name, id or address in a label; on a port of their own."""

from __future__ import annotations

import re
import socket
import urllib.request

import pytest
from prometheus_client import generate_latest

from tera.errors import Unavailable
from tests.service.houses import ADDRESS, House


def exposed(house: House) -> str:
    return generate_latest(house.app.state.metrics.registry).decode()


def value(text: str, name: str, **labels: str) -> float:
    found = 0.0
    for line in text.splitlines():
        if re.match(rf"{name}[{{ ]", line) and all(f'{key}="{wanted}"' in line for key, wanted in labels.items()):
            found += float(line.rpartition(" ")[2])
    return found


def test_requests_are_counted_by_template_method_and_status(house: House) -> None:
    container = house.encode({"wolf.txt": b"x" * 1_000})
    for _ in range(3):
        house.get(f"/containers/{container}")
    house.get("/containers/nobody")
    house.client.request("BREW", "/hunter2")
    text = exposed(house)
    route = "/orgs/{org_id}/containers/{container_id}"
    assert value(text, "tera_requests_total", route=route, method="GET", status="200") == 3
    assert value(text, "tera_requests_total", route=route, method="GET", status="404") == 1
    assert value(text, "tera_requests_total", method="other", route="none") == 1
    assert value(text, "tera_request_seconds_count", route=route) == 4
    assert value(text, "tera_received_bytes_total") > 1_000
    assert value(text, "tera_sent_bytes_total") > 1_000
    assert value(text, "tera_requests_active") == value(text, "tera_uploads_active") == 0
    assert value(text, "tera_build") == 1
    for secret in (container, house.org.id, "wolf", "hunter2", "nobody", ADDRESS, "ann@"):
        assert secret not in text


def test_two_applications_count_for_themselves(house: House) -> None:
    with House(house.library, email="other@example.org") as other:
        other.get("/containers")
        assert value(exposed(other), "tera_requests_total") == 1
        assert value(exposed(house), "tera_requests_total") == 0


def test_they_are_on_a_port_of_their_own_and_not_on_the_services(house: House) -> None:
    assert house.client.request("GET", "/metrics").status_code == 404
    server, port = house.app.state.metrics.serve("127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"tera_requests_total" in answer.read()
    finally:
        server.shutdown()
        server.server_close()


def test_a_port_that_is_taken_is_said_to_be(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held, pytest.raises(Unavailable):
        house.app.state.metrics.serve("127.0.0.1", held.getsockname()[1])
