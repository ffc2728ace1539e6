"""tera admin: what an operator does at the shell, and what it prints; in this process, since it is the same code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tera.cli import main
from tera.library import block, identity
from tera.library.installation import Installation
from tera.library.library import Principal
from tests.catalog.databases import empty
from tests.library.installed import Installed
from tests.storage.stores import s3

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `tera admin …` on `data`; returns the exit code, what was printed and what was said."""
    for name in [name for name in os.environ if name.startswith("TERA_") and not name.startswith("TERA_TEST")]:
        monkeypatch.delenv(name)

    def ran(*arguments: str, where: tuple[str, ...] = ()) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["admin", *arguments, *(where or ("--data", str(data)))])
        found = capsys.readouterr()
        return code, found.out, found.err

    return ran


@pytest.fixture
def key(run: Run) -> dict[str, str]:
    code, out, _ = run("init", "--org", "Acme", "--email", "ann@example.org", "--json")
    assert code == 0
    found: dict[str, str] = json.loads(out)
    return found


@pytest.fixture
def made(key: dict[str, str], data: Path) -> Installed:
    """The library that the shell has made, as others use it."""
    master = bytes.fromhex((data / "master.key").read_text())
    return Installed(Installation(data), master)


def who(made: Installed, key: dict[str, str]) -> Principal:
    found, org = identity.authenticate(made.library, f"Bearer {key['token']}")
    return Principal(found, org)


def test_a_first_key_is_shown_once_and_opens(run: Run, key: dict[str, str], made: Installed, data: Path) -> None:
    assert set(key) == {"org_id", "api_key", "api_secret", "token"}
    assert who(made, key).org.id == key["org_id"]
    import base64

    basic = base64.b64encode(f"{key['api_key']}:{key['api_secret']}".encode()).decode()
    assert identity.authenticate(made.library, f"Basic {basic}")[1].id == key["org_id"]
    for path in data.rglob("*"):
        assert not path.is_file() or key["api_secret"].encode() not in path.read_bytes()
    code, out, err = run("init", "--org", "Acme", "--email", "ann@example.org")
    assert code != 0
    assert out == ""
    assert "admin org add" in err


def test_for_people_it_is_four_lines_and_a_warning(run: Run) -> None:
    code, out, err = run("init", "--org", "Acme", "--email", "ann@example.org")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["org_id", "api_key", "api_secret", "token"]
    assert "protects copies of the data without it, and nothing if both are taken" in err


@pytest.mark.parametrize(
    "arguments", [["--org", "", "--email", "a@b.example"], ["--org", "A", "--email", "nobody"], ["--org", "A"]]
)
def test_what_is_no_organisation_is_refused(run: Run, arguments: list[str]) -> None:
    code, out, err = run("init", *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith(("tera: error: ", "tera: warning: "))


@pytest.mark.parametrize(
    "arguments",
    [
        ["org", "list"],
        ["verify"],
        ["gc"],
        ["due"],
        ["rekey"],
        ["backup", "--to", "x"],
        ["org", "delete", "x", "--yes-delete", "x"],
    ],
)
def test_where_there_is_no_library_none_is_made(run: Run, data: Path, arguments: list[str]) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert "no library" in err
    assert not data.exists()


def test_organisations_are_added_listed_bounded_and_disabled(run: Run, key: dict[str, str], made: Installed) -> None:
    code, out, _ = run("org", "add", "--name", "Other", "--email", "bob@example.org", "--json")
    other = json.loads(out)
    assert code == 0
    assert identity.authenticate(made.library, f"Bearer {other['token']}")[1].name == "Other"
    found = {one["org_id"]: one for one in json.loads(run("org", "list", "--json")[1])}
    assert set(found) == {key["org_id"], other["org_id"]}
    assert found[key["org_id"]]["created_at"].endswith("Z")
    lines = run("org", "list")[1].splitlines()
    assert len(lines) == 2
    assert any(line.startswith(key["org_id"]) and line.endswith("Acme") and "active" in line for line in lines)

    assert run("quota", other["org_id"])[1].splitlines()[0].split() == ["bytes", "0", "of", "any", "number"]
    run("quota", other["org_id"], "--bytes", "1000")
    out = run("quota", other["org_id"], "--containers", "5", "--json")[1]
    assert {name: json.loads(out)[name] for name in ("quota_bytes", "quota_containers")} == {
        "quota_bytes": 1_000,
        "quota_containers": 5,
    }
    assert "of any number" in run("quota", other["org_id"], "--none")[1]
    assert run("quota", other["org_id"], "--none", "--bytes", "1")[0] == 2

    assert run("org", "disable", other["org_id"])[0] == 0
    assert "disabled" in run("org", "list")[1]
    assert run("org", "disable", other["org_id"], "--undo")[0] == 0
    assert "disabled" not in run("org", "list")[1]
    assert run("org", "disable", "org-nobody")[0] == 1


def test_an_organisation_is_exported_and_deleted_by_its_name_said_twice(
    run: Run, key: dict[str, str], made: Installed, tmp_path: Path
) -> None:
    made.add(who(made, key))
    org = key["org_id"]
    assert run("org", "delete", org, "--yes-delete", org)[0] == 15  # not disabled yet
    run("org", "disable", org)
    assert run("org", "delete", org, "--yes-delete", "other")[0] == 2
    assert run("org", "delete", org)[0] == 2
    assert run("org", "export", org, "--to", str(tmp_path / "out"))[0] == 0
    assert len(list((tmp_path / "out").glob("*.tera"))) == 1
    code, _, err = run("org", "delete", org, "--yes-delete", org)
    assert code == 0
    assert "1 containers" in err
    assert run("org", "list")[1] == ""


def test_a_whole_library_verifies_and_a_damaged_one_exits_with_13(
    run: Run, key: dict[str, str], made: Installed, data: Path
) -> None:
    row = made.add(who(made, key))
    assert run("due")[0] == 0
    code, _, err = run("verify")
    assert code == 0
    assert "1 containers, 1 logs (0 events not signed yet), 0 wrong" in err
    (data / "blobs" / row.blob).write_bytes(b"x" * row.size)
    code, _, err = run("verify")
    assert code == 13
    assert f"wrong: container of {row.id}" in err
    code, out, _ = run("verify", "--json")
    assert (code, json.loads(out)["wrong"][0]["name"]) == (13, row.id)
    assert run("verify", "--no-content")[0] == 0


def test_garbage_is_counted_or_removed(run: Run, key: dict[str, str], made: Installed, data: Path) -> None:
    row = made.add(who(made, key))
    orphan = (data / "blobs" / row.blob).with_name("orphan")
    orphan.write_bytes(b"12345")
    os.utime(orphan, (1, 1))
    assert json.loads(run("gc", "--dry-run", "--json")[1]) == {"blobs": 1, "bytes": 5, "partial": 0, "removed": False}
    assert "removed 1 blobs (5 B)" in run("gc")[2]
    assert not orphan.exists()
    assert (data / "blobs" / row.blob).exists()


def test_a_backup_is_restored_elsewhere_and_used_when_that_is_accepted(
    run: Run, key: dict[str, str], made: Installed, data: Path, tmp_path: Path
) -> None:
    row = made.add(who(made, key))
    block.block(made.library, who(made, key), row.id)
    code, _, err = run("backup", "--to", str(tmp_path / "backup"))
    assert code == 0
    assert "the master key is not in the backup" in err
    new = tmp_path / "new"
    where = ("--data", str(new), "--master-key-file", str(data / "master.key"))
    code, _, err = run("restore", "--from", str(tmp_path / "backup"), where=where)
    assert code == 0, err
    assert "accept-rollback" in err
    assert not (new / "master.key").exists()
    code, _, err = run("verify", where=where)
    assert code == 13
    assert "accept-rollback" in err or "restored" in err
    assert run("restore", "--accept-rollback", where=where)[0] == 0
    assert "nothing to accept" in run("restore", "--accept-rollback", where=where)[2]
    assert run("verify", where=where)[0] == 0
    for wrong in ([], ["--from", "x", "--accept-rollback"]):
        assert run("restore", *wrong, where=where)[0] == 2


def test_the_master_key_is_changed_beside_the_data_and_elsewhere(
    run: Run, key: dict[str, str], made: Installed, data: Path, tmp_path: Path
) -> None:
    org = key["org_id"]
    before = (data / "master.key").read_text()
    seed = made.keys.load(org).signing.seed
    assert run("rekey")[0] == 0
    after = (data / "master.key").read_text()
    assert after != before
    assert not (data / "master.key.new").exists()
    assert Installed(Installation(data), bytes.fromhex(after)).keys.load(org).signing.seed == seed
    elsewhere = tmp_path / "elsewhere"
    code, _, err = run("rekey", "--new-master-key-file", str(elsewhere))
    assert code == 0
    assert str(elsewhere) in err
    new = bytes.fromhex(elsewhere.read_text())
    assert Installed(Installation(data), new).keys.load(org).signing.seed == seed
    code, _, err = run("rekey", where=("--data", str(data), "--master-key-file", str(elsewhere)))
    assert code == 2
    assert "new-master-key-file" in err


def test_a_change_of_the_master_key_that_was_cut_off_goes_on_with_the_same_one(
    run: Run, key: dict[str, str], data: Path
) -> None:
    run("org", "add", "--name", "Other", "--email", "bob@example.org")
    keys = sorted((data / "keys").glob("*.json"))
    saved = keys[0].read_bytes()
    shutil.copy(data / "master.key", data / "old")
    assert run("rekey")[0] == 0
    # As if it had ended after the second organisation: one is under the old key, and the new one is not in place.
    (data / "master.key").rename(data / "master.key.new")
    (data / "old").rename(data / "master.key")
    keys[0].write_bytes(saved)
    code, _, err = run("rekey")
    assert code == 0
    assert "the keys of 1 organisations" in err
    assert run("due")[0] == 0


def test_a_catalog_is_migrated_by_its_own_command_on_a_server(run: Run, tmp_path: Path) -> None:
    url, _ = s3()
    with empty("postgresql", tmp_path) as database:
        config = os.environ["TERA_TEST_S3_CONFIG"]
        storage = f"{url}/{tmp_path.name}{os.getpid()}"
        (tmp_path / "key").write_text("ab" * 32)
        where: tuple[str, ...] = ("--data", str(tmp_path / "d"), "--database", database)
        where += ("--storage", storage, "--storage-config", config, "--master-key-file", str(tmp_path / "key"))
        (tmp_path / "url").write_text(f"{database}\n")
        by_file = ("--data", str(tmp_path / "d"), "--database-file", str(tmp_path / "url"), *where[4:])
        assert run("org", "list", where=by_file)[0] == 4
        assert run("org", "list", where=(*where, "--database-file", "x"))[0] == 2
        code, _, err = run("org", "list", where=where)
        assert code == 4
        assert "tera admin migrate" in err
        assert run("migrate", where=where[:8])[0] == 0
        assert "has version" in run("migrate", where=where[:8])[2]
        code, out, err = run("init", "--org", "Acme", "--email", "ann@example.org", "--json", where=where)
        assert code == 0, err
        assert json.loads(run("org", "list", "--json", where=where)[1])[0]["org_id"] == json.loads(out)["org_id"]
        assert run("due", where=where)[0] == run("verify", where=where)[0] == run("gc", where=where)[0] == 0
        assert not (tmp_path / "d").exists(), "nothing of it is on this machine"
