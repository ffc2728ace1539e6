"""The files of deploy/ say what the command understands: they are read here, since nothing runs them in the tests."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]

from tera.cli.verbs import tera

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY = PROJECT / "deploy"
OURS = re.compile(r"\bTERA_[A-Z_]+\b")
BY_MASTER = {"TERA_MASTER_KEY_FILE", "TERA_MASTER_KEY_FD", "TERA_MASTER_KEY"}


def command(arguments: list[str], monkeypatch: pytest.MonkeyPatch, **env: str) -> dict[str, Any]:
    """Parse a command line of `tera` without running it; return its parameters."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    found: click.Command = tera
    context = click.Context(tera, info_name="tera")
    while isinstance(found, click.Group):
        name, *arguments = arguments
        inner = found.get_command(context, name)
        assert inner is not None, name
        context = click.Context(inner, info_name=name, parent=context)
        found = inner
    return found.make_context(found.name, list(arguments)).params


def variables() -> set[str]:
    """Every environment variable that an option of `serve` reads."""
    serve = tera.get_command(click.Context(tera), "serve")
    assert serve is not None
    return {str(one.envvar) for one in serve.params if one.envvar} | BY_MASTER


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def docker() -> list[str]:
    """The Dockerfile's instructions, each on one line."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "tera.service")
    return parser


def test_every_variable_that_is_set_is_one_that_the_command_reads(compose: dict[str, Any]) -> None:
    known = variables()
    assert len(known) > 12
    used = set(compose["services"]["tera"]["environment"])
    used |= set(OURS.findall((DEPLOY / "Dockerfile").read_text()))
    used |= set(OURS.findall((DEPLOY / "tera.service").read_text()))
    assert used <= known
    assert len(used) >= 8


# --- Docker ---------------------------------------------------------------------------------------------


def test_the_image_runs_as_nobody_special_and_holds_no_secret(docker: list[str]) -> None:
    users = [line.split()[1] for line in docker if line.startswith("USER")]
    assert users == ["10001"]
    assert not any(re.search(r"secret|token|master", line, re.I) for line in docker)
    copied = [line.split()[1:-1] for line in docker if line.startswith("COPY")]
    names = [name for line in copied for name in line]
    for path in names:
        assert (PROJECT / path).exists(), path
    kept = (PROJECT / ".dockerignore").read_text().splitlines()
    assert kept[0] == "*"
    assert {one.removeprefix("!") for one in kept if one.startswith("!")} == set(names)


def test_the_image_starts_a_command_that_there_is(docker: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = {line.split()[0]: line.partition(" ")[2] for line in docker}
    start = json.loads(said["ENTRYPOINT"]) + json.loads(said["CMD"])
    assert start[0] == "tera"
    env = dict(one.split("=") for one in said["ENV"].split())
    found = command(start[1:], monkeypatch, **env)
    assert (found["port"], found["host"]) == (int(said["EXPOSE"]), "0.0.0.0")
    assert f":{found['port']}/readyz" in said["HEALTHCHECK"]
    assert env["TERA_DATA"] == said["VOLUME"]


def test_the_image_installs_the_extra_that_there_is(docker: list[str]) -> None:
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert "server" in project["optional-dependencies"]
    assert any(f"'{project['name']}[server]'" in line for line in docker)
    version = next(line.split(":")[1].split("-")[0] for line in docker if line.startswith("FROM"))
    assert tuple(map(int, version.split("."))) >= (3, 11)


# --- compose --------------------------------------------------------------------------------------------


def test_the_parts_name_each_other(compose: dict[str, Any]) -> None:
    services, secrets = compose["services"], compose["secrets"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert set(service.get("networks", ())) <= set(compose["networks"]), name
        assert set(service.get("secrets", ())) <= set(secrets), name
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"], name
        for path in re.findall(r"/run/secrets/(\w+)", json.dumps(service)):
            assert path in service["secrets"], name
    build = services["tera"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_only_the_proxy_is_reached_from_outside(compose: dict[str, Any]) -> None:
    assert [name for name, one in compose["services"].items() if one.get("ports")] == ["proxy"]
    assert compose["networks"]["back"]["internal"]
    assert "tera:8420" in compose["services"]["proxy"]["command"]


def test_the_service_may_start_there(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tera.service.serve import Serving

    (tmp_path / "database").write_text("postgresql://tera:x@database/tera\n")
    env = {name: str(value) for name, value in compose["services"]["tera"]["environment"].items()}
    env |= {"TERA_DATA": "/data", "TERA_HOST": "0.0.0.0", "TERA_DATABASE_FILE": str(tmp_path / "database")}
    found = command(["serve"], monkeypatch, **env)
    Serving(host=found["host"], proxies=found["behind_proxy"]).check()
    assert found["metrics_port"] == 9420
    stop = int(compose["services"]["tera"]["stop_grace_period"].removesuffix("s"))
    assert stop > found["grace"]
    command(shlex.split(compose["services"]["migrate"]["command"]), monkeypatch)


def test_the_secrets_are_made_once_and_fit_together(compose: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "make"
    script.write_bytes((DEPLOY / "secrets" / "make").read_bytes())
    for _ in range(2):
        before = {path.name: path.read_text() for path in tmp_path.iterdir()}
        subprocess.run(["sh", script], check=True, timeout=30)
        made = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert len(before) == 1 or before == made
    assert {Path(one["file"]).name for one in compose["secrets"].values()} <= set(made)
    from tera.library.installation import read_options
    from tera.library.master import read_master

    assert len(read_master(made["master_key"].encode(), "x")) == 32
    assert f":{made['database_password']}@database/" in made["database"]
    identity = json.loads(made["store_identities"])["identities"][0]["credentials"][0]
    options = read_options(str(tmp_path / "storage"))
    assert (identity["accessKey"], identity["secretKey"]) == (options["access_key_id"], options["secret_access_key"])
    ignored = (DEPLOY / "secrets" / ".gitignore").read_text().split()
    assert ignored == ["*", "!make", "!.gitignore"]


# --- systemd --------------------------------------------------------------------------------------------


def test_the_unit_starts_a_command_that_there_is(
    unit: configparser.ConfigParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = unit["Service"]
    path, *arguments = shlex.split(service["ExecStart"])
    assert path.endswith("/tera")
    found = command(arguments, monkeypatch)
    assert found["data"] == f"/var/lib/{service['StateDirectory']}"
    assert int(service["TimeoutStopSec"]) > found["grace"]
    name, _, source = service["LoadCredential"].partition(":")
    assert service["Environment"] == f"TERA_MASTER_KEY_FILE=%d/{name}"
    assert source.startswith("/etc/")


def test_the_unit_gives_away_no_rights(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["User"], service["NoNewPrivileges"], service["ProtectSystem"]) == ("tera", "yes", "strict")
    assert service["CapabilityBoundingSet"] == ""
    assert service["UMask"] == "0077"
