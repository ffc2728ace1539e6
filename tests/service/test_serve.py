"""tera serve, as a process: no configuration, its own keys, its own log; it ends what is under way or refuses it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tera.errors import BadInput
from tera.library.check import verify
from tera.library.installation import Installation
from tera.library.library import Library
from tera.service.serve import Serving
from tests.cli.runs import environment
from tests.cli.test_start import imported
from tests.service.processes import Upload, descriptor_of, first_key, refused, serving, wait_for

KEY = "ab" * 32
Made: TypeAlias = "tuple[Path, dict[str, str]]"
"""Where a library is, and its first key."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A library with an organisation, under a master key that lies elsewhere."""
    data = tmp_path_factory.mktemp("service") / "data"
    return data, first_key(data, env={"TERA_MASTER_KEY": KEY})


@pytest.fixture
def house(made: Made, tmp_path: Path) -> Made:
    """A copy of it."""
    data = tmp_path / "data"
    subprocess.run(["cp", "-r", made[0], data], check=True, timeout=30)
    return data, made[1]


ENV = {"TERA_MASTER_KEY": KEY}


# --- without a word of configuration --------------------------------------------------------------------


def test_it_serves_with_nothing_configured_and_says_how_to_make_the_first_key(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data, "--metrics-port", "0", "--no-periodic") as service:
        assert service.url.startswith("http://127.0.0.1:")
        assert service.ask("GET", "/healthz") == (200, b'{"status":"ok"}')
        assert service.ask("GET", "/readyz") == (200, b'{"status":"ready"}')
        key = first_key(data)  # beside the running service
        status, body = service.ask("GET", f"/orgs/{key['org_id']}/containers", key["token"])
        assert (status, json.loads(body)) == (200, [])
        service.tell()
        assert service.ended() == 0
    assert "tera: warning: the master key is beside the data" in service.said
    assert f"tera admin init --data {data}" in service.said
    assert "/metrics" in service.said
    assert (data / "master.key").stat().st_mode & 0o777 == 0o600
    assert [line["route"] for line in service.lines()] == ["/healthz", "/readyz", "/orgs/{org_id}/containers"]
    assert key["token"] not in service.said
    assert key["org_id"] not in service.said


def test_a_made_library_says_nothing_of_a_first_key(house: Made) -> None:
    with serving(house[0], "--no-periodic", env=ENV) as service:
        service.tell(signal.SIGINT)
        assert service.ended() == 0
    assert "admin init" not in service.said
    assert "warning" not in service.said


@pytest.mark.parametrize("how", ["file", "fd"])
def test_the_master_key_comes_from_where_it_is_named(house: Made, tmp_path: Path, how: str) -> None:
    data, key = house
    path = tmp_path / "elsewhere"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    with ExitStack() as held:
        fd = descriptor_of(KEY.encode())
        held.callback(os.close, fd)
        env = {"TERA_MASTER_KEY_FILE": str(path)} if how == "file" else {"TERA_MASTER_KEY_FD": str(fd)}
        service = held.enter_context(serving(data, "--no-periodic", env=env, pass_fds=[fd]))
        upload = Upload(service, key["org_id"], key["token"], 5)
        upload.send(b"hello")
        assert upload.end()[0] == 200
        upload.close()
    assert not (data / "master.key").exists()


def test_another_master_key_is_refused_where_keys_are_used_and_nothing_is_lost(
    house: Made,
) -> None:
    data, key = house
    with serving(data, "--no-periodic", env={"TERA_MASTER_KEY": "cd" * 32}) as service:
        upload = Upload(service, key["org_id"], key["token"], 5)
        upload.send(b"hello")
        status, body = upload.end()
        upload.close()
    assert status == 503
    assert json.loads(body)["code"] == "keys_unavailable"


def test_a_master_key_that_is_none_is_refused_in_one_line(house: Made) -> None:
    code, said = refused(house[0], env={"TERA_MASTER_KEY": "hunter2"})
    assert code != 0
    assert "hunter2" not in said
    assert said.startswith("tera: error: ")
    assert len(said.splitlines()) == 1


# --- where it listens -------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost", "127.0.0.1.example.org"])
def test_it_does_not_listen_elsewhere_without_encryption(host: str) -> None:
    with pytest.raises(BadInput, match="nothing encrypts"):
        Serving(host=host).check()
    Serving(host=host, tls_cert="c", tls_key="k").check()
    Serving(host=host, proxies=("10.0.0.0/8",)).check()
    for own in ("127.0.0.1", "127.1.2.3", "::1"):
        Serving(host=own).check()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"tls_cert": "c"}, "go together"), ({"tls_key": "k"}, "go together"), ({"proxies": ("nonsense",)}, "network")],
)
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Serving(**wrong).check()


def test_the_command_refuses_them_too_and_a_certificate_that_is_none(house: Made, tmp_path: Path) -> None:
    code, said = refused(house[0], "--host", "0.0.0.0", env=ENV)
    assert (code, len(said.splitlines())) == (2, 2)
    assert "--tls-cert" in said
    (tmp_path / "x.pem").write_text("hunter2")
    code, said = refused(house[0], "--tls-cert", str(tmp_path / "x.pem"), "--tls-key", str(tmp_path / "x.pem"), env=ENV)
    assert code == 2
    assert "certificate" in said
    assert "hunter2" not in said


def test_a_port_that_is_taken_is_said_to_be(house: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        code, said = refused(house[0], "--port", str(held.getsockname()[1]), env=ENV)
    assert code == 4
    assert "in use" in said


def test_it_speaks_tls_elsewhere(house: Made, tmp_path: Path) -> None:
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    subprocess.run(
        [*make, "-subj", "/CN=tera.test", "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=30
    )
    with serving(
        house[0], "--host", "0.0.0.0", "--tls-cert", cert, "--tls-key", key, "--no-periodic", env=ENV
    ) as service:
        assert service.url.startswith("https://0.0.0.0:")
        assert service.ask("GET", "/healthz")[0] == 200


def test_behind_a_proxy_the_caller_is_whom_it_names(house: Made) -> None:
    data, key = house
    with serving(data, "--no-periodic", "--host", "0.0.0.0", "--behind-proxy", "127.0.0.0/8", env=ENV) as service:
        assert service.url.startswith("http://0.0.0.0:")
        named = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "Content-Type": "application/json"}
        body = json.dumps({"name": "key", "scopes": ["read"]}).encode()
        assert service.ask("POST", f"/orgs/{key['org_id']}/api_keys", key["token"], body, **named)[0] in (200, 201)
        events = service.ask("GET", f"/orgs/{key['org_id']}/events", key["token"])[1]
        assert b"203.0.113.9" in events
        assert b"198.51.100.7" not in events
        service.tell()
        service.ended()
    assert "203.0.113.9" not in service.said


def test_metrics_are_on_a_port_of_their_own(house: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(house[0], "--metrics-port", str(port), "--no-periodic", env=ENV) as service:
        service.ask("GET", "/healthz")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b'tera_requests_total{method="GET",route="/healthz",status="200"} 1.0' in answer.read()
        assert service.ask("GET", "/metrics")[0] == 404


# --- the end ------------------------------------------------------------------------------------------------


def blobs(data: Path) -> set[Path]:
    return {path for path in (data / "blobs").rglob("*") if path.is_file() and path.name != ".tera-store"}


def test_an_upload_that_is_under_way_is_finished_before_the_end(house: Made) -> None:
    data, key = house
    with serving(data, "--no-periodic", env=ENV) as service:
        upload = Upload(service, key["org_id"], key["token"], 6 << 20)
        upload.send(bytes(3 << 20))
        time.sleep(0.2)
        service.tell()
        wait_for(lambda: _refuses(service.address))
        upload.send(bytes(3 << 20))
        status, body = upload.end()
        upload.close()
        assert service.ended() == 0
    assert status == 200, body
    assert len(blobs(data)) == 1


def test_an_upload_that_takes_longer_than_it_may_is_given_up_and_leaves_nothing(
    house: Made,
) -> None:
    data, key = house
    with serving(data, "--no-periodic", "--grace", "1", env=ENV) as service:
        upload = Upload(service, key["org_id"], key["token"], 6 << 20)
        upload.send(bytes(3 << 20))
        time.sleep(0.2)
        began = time.monotonic()
        service.tell()
        assert service.ended() == 0
        assert 0.5 < time.monotonic() - began < 10
        assert upload.answer()[0] in (0, 400, 500, 503)
        upload.close()
    assert blobs(data) == set()


def test_a_second_signal_ends_it_now(house: Made) -> None:
    data, key = house
    with serving(data, "--no-periodic", "--grace", "600", env=ENV) as service:
        upload = Upload(service, key["org_id"], key["token"], 6 << 20)
        upload.send(bytes(3 << 20))
        time.sleep(0.2)
        service.tell()
        wait_for(lambda: _refuses(service.address))
        service.tell()
        service.ended()
        upload.close()
    assert blobs(data) == set()


def _refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return True
    return False


def test_a_killed_service_leaves_nothing_that_is_seen_and_starts_again(house: Made) -> None:
    data, key = house
    with serving(data, "--no-periodic", env=ENV) as service:
        upload = Upload(service, key["org_id"], key["token"], 6 << 20)
        upload.send(bytes(3 << 20))
        time.sleep(0.2)
        service.process.kill()
        service.process.wait()
        service.ended()
        upload.close()
    assert blobs(data) == set()
    with serving(data, "--no-periodic", env=ENV) as service:
        assert json.loads(service.ask("GET", f"/orgs/{key['org_id']}/containers", key["token"])[1]) == []


def test_a_body_that_is_refused_early_still_gets_its_answer(house: Made) -> None:
    """By a client that sends everything before it reads: what comes after the refusal is dropped."""
    data, key = house
    with serving(data, "--no-periodic", env=ENV) as service:
        head = b"--b\r\nContent-Disposition: form-data; name=manifest\r\n\r\nno json\r\n"
        head += b'--b\r\nContent-Disposition: form-data; name=files; filename="a"\r\n\r\n'
        status, body = service.ask(
            "POST",
            f"/orgs/{key['org_id']}/containers/encode",
            key["token"],
            head + bytes(60 << 20),
            **{"Content-Type": "multipart/form-data; boundary=b"},
        )
    assert status == 400
    assert json.loads(body)["code"]


# --- what is due ----------------------------------------------------------------------------------------------


def test_what_is_due_is_done_by_a_child_that_gets_the_master_key_by_a_pipe(house: Made) -> None:
    """A short period through the function itself: the command's is a minute."""
    data, _ = house
    code = f"""
import sys
from pathlib import Path
from tera.library.installation import Installation
from tera.service import logs
from tera.service.app import make_app
from tera.service.serve import Serving, serve
data, key = Path({str(data)!r}), bytes.fromhex({KEY!r})
library = Installation(data).library(key)
due = [sys.executable, "-m", "tera", "admin", "due", "--data", str(data)]
def ready(url, metrics):
    logs.configure()
    print(url, flush=True)
serve(make_app(library), Serving(due=due, period=0.2, master=key), ready=ready)
"""
    library = Installation(data).library(bytes.fromhex(KEY))
    assert unsigned(library) == 1
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: unsigned(library) == 0)
        process.terminate()
        assert process.communicate(timeout=30)[1] == ""
        assert process.returncode == 0
    library.catalog.close()


def unsigned(library: Library) -> int:
    return sum(one.unsigned for one in verify(library, content=False))


# --- databases --------------------------------------------------------------------------------------------------


def test_a_catalog_of_a_newer_version_is_refused_and_not_ready(house: Made) -> None:
    import sqlite3

    data, _ = house
    with serving(data, "--no-periodic", env=ENV) as service:
        with sqlite3.connect(data / "catalog.db") as database:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.close()
        status, body = service.ask("GET", "/readyz")
        assert (status, json.loads(body)["code"]) == (503, "catalog_unavailable")
        assert service.ask("GET", "/healthz")[0] == 200
    code, said = refused(data, "--no-periodic", env=ENV)
    assert code == 4
    assert "version" in said


def test_no_other_verb_imports_the_server_and_the_server_is_not_asked_for_help() -> None:
    for arguments in (["--help"], ["serve", "--help"], ["admin", "--help"], ["admin", "org", "list", "--help"]):
        found = imported(*arguments)
        assert not {"fastapi", "uvicorn", "sqlalchemy", "alembic", "obstore", "starlette", "prometheus_client"} & found
        assert not {name for name in found if name.startswith(("tera.service", "tera.library", "tera.catalog"))}


def test_an_operators_command_imports_no_server(house: Made) -> None:
    code = "import sys; from tera.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, "admin", "org", "list", "--data", str(house[0])],
        env=environment(**ENV),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = set(done.stderr.split())
    assert "sqlalchemy" in found
    assert not {"fastapi", "uvicorn", "starlette", "prometheus_client"} & found
