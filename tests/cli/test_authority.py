"""An authority at the shell: nobody opens more often than it lets them, and it says who tried."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tera as library
from tera.audit.verify import verify_log
from tera.authority.authority import Authority
from tera.authority.folder import default_name
from tera.authority.keys import HeldKeys
from tera.codec.authorities import load_authority
from tera.crypto.hashes import sha256
from tests.cli.authorities import ANN, BOB, KEYS, Serving, configure, serving, state_in, write_keys
from tests.cli.runs import Room, Tera, left_in

NEVER = 4_070_908_800


@dataclass(frozen=True)
class World:
    """A folder with an authority that answers, containers that need it, and how to ask."""

    folder: Path
    server: Serving
    key: str

    def at(self, name: str) -> str:
        return str(self.folder / name)

    def seal(self, name: str, *rules: tuple[str, object]) -> str:
        """Seal a container under rules of its own, so that no two tests share a count."""
        key = library.load_recipients(Path(self.key).with_suffix(".pub").read_bytes(), where="key")
        library.encode(
            [("a.txt", b"content")],
            self.folder / name,
            recipients=key,
            rules=[list(rule) for rule in rules],
            authorities=[KEYS.public],
        )
        return self.at(name)


@pytest.fixture(scope="module")
def world(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("authority")
    write_keys(folder)
    (folder / "tokens").touch()
    with serving(folder, more=["--tokens", "tokens"]) as server:
        configure(folder / "ann.toml", server.url, viewer_key='"ann.txt"', state='"ann.db"')
        configure(folder / "bob.toml", server.url, viewer_key='"bob.txt"', state='"bob.db"')
        yield World(folder, server, room.key)


@pytest.fixture(autouse=True)
def never_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving in this process would not end: a test fails that comes to it."""

    def run(*_: object) -> None:
        pytest.fail("it serves")

    monkeypatch.setattr("tera.cli.serve._run", run)


@pytest.fixture
def enrolled(world: World, tera: Tera) -> World:
    answer = tera("authority", "enrol", "--data", world.at("auth"), "--viewer", "Ann@Example.ORG", world.at("ann.pub"))
    assert answer.code == 0
    return world


# --- its keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["xwing", "mlkem1024-p384"])
def test_an_authoritys_keys_are_made_and_read(tera: Tera, kind: str) -> None:
    made = tera("keygen", "--authority", "--type", kind, "-o", "authority.txt")
    assert (made.code, made.out) == (0, b"")
    assert stat.S_IMODE(os.stat("authority.txt").st_mode) == 0o600
    held = HeldKeys.load(Path("authority.txt").read_bytes(), where="file")
    public = tera("keygen", "-y", "authority.txt").text
    assert public == held.public.text
    assert load_authority(public, where="file") == held.public
    assert [line.removeprefix("Public key: ") for line in made.err.splitlines()] == public.splitlines()


def test_an_authoritys_keys_are_never_replaced(tera: Tera) -> None:
    Path("authority.txt").write_text("old")
    assert tera("keygen", "--authority", "-o", "authority.txt").code == 4
    assert Path("authority.txt").read_text() == "old"


def test_json_of_an_authoritys_keys_holds_no_secret(tera: Tera) -> None:
    answer = tera("keygen", "--authority", "-o", "authority.txt", "--json", "-q")
    assert "SECRET" not in answer.text
    assert [key["type"] for key in json.loads(answer.out)["keys"]] == ["mldsa65-ed25519", "xwing"]


@pytest.mark.parametrize("more", [["--sign"], ["--type", "mlkem768"], ["--type", "mlkem1024"], ["-y", "x"]])
def test_an_authority_of_other_keys_is_a_usage_error(tera: Tera, more: list[str]) -> None:
    assert tera("keygen", "--authority", *more, "-o", "authority.txt").code == 2
    assert not Path("authority.txt").exists()


# --- opens --------------------------------------------------------------------------------------------


def test_the_third_of_two_opens_is_denied_and_on_record(enrolled: World, tera: Tera) -> None:
    file = enrolled.seal("two.tera", ("opens", 2), ("time", {"end": NEVER}))
    config = ["--config", enrolled.at("ann.toml")]
    for _ in range(2):
        assert tera("cat", file, "a.txt", "-i", enrolled.key, *config).out == b"content"
    denied = tera("cat", file, "a.txt", "-i", enrolled.key, *config)
    assert (denied.code, denied.out) == (15, b"")
    assert "by the rule opens" in denied.err
    shown = tera("authority", "attempts", "--data", enrolled.at("auth"), "--container", file)
    assert [line.split()[1:] for line in shown.text.splitlines()] == [
        ["viewer", "action", "outcome", "rule"],
        [ANN, "extract", "released", "-"],
        [ANN, "extract", "released", "-"],
        [ANN, "extract", "denied", "opens"],
    ]


def test_attempts_are_found_by_container_and_viewer(enrolled: World, tera: Tera) -> None:
    one, other = enrolled.seal("one.tera", ("opens", 1)), enrolled.seal("other.tera", ("opens", 9))
    data = ["authority", "attempts", "--data", enrolled.at("auth"), "--json"]
    tera("authority", "enrol", "--data", enrolled.at("auth"), "--viewer", BOB, enrolled.at("bob.pub"))
    for file, who in ((one, "ann"), (one, "ann"), (one, "bob"), (other, "bob")):
        tera("ls", file, "-i", enrolled.key, "--config", enrolled.at(f"{who}.toml"))
    found = json.loads(tera(*data, "--container", one).out)
    assert [(row["viewer"], row["action"], row["outcome"], row["rule"]) for row in found] == [
        (ANN, "view", "released", None),
        (ANN, "view", "denied", "opens"),
        (BOB, "view", "released", None),
    ]
    assert len({row["bind"] for row in found}) == 1
    [by_bob, also] = json.loads(tera(*data, "--viewer", "BOB@example.org").out)
    assert by_bob["bind"] == found[0]["bind"] != also["bind"]
    assert [row["index"] for row in json.loads(tera(*data, "--limit", "1").out)] == [also["index"]]
    assert json.loads(tera(*data, "--container", "00000000-0000-0000-0000-000000000000").out) == []


def test_a_viewer_whose_key_was_withdrawn_opens_nothing(enrolled: World, tera: Tera) -> None:
    file = enrolled.seal("kept.tera", ("opens", 5))
    again = ["ls", file, "-i", enrolled.key, "--config", enrolled.at("ann.toml")]
    assert tera(*again).code == 0
    answer = tera("authority", "withdraw", "--data", enrolled.at("auth"), enrolled.at("ann.pub"))
    assert (answer.code, ANN in answer.err) == (0, True)
    refused = tera(*again)
    assert (refused.code, refused.out) == (13, b"")
    assert "tera authority enrol" in refused.err
    assert tera("authority", "withdraw", "--data", enrolled.at("auth"), enrolled.at("ann.pub")).code == 13


def test_without_the_authority_nothing_opens(world: World, tera: Tera) -> None:
    file = world.seal("alone.tera", ("opens", 5))
    assert tera("ls", file, "-i", world.key).code == 4
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"
    config = configure(world.folder / "gone.toml", gone, viewer_key='"ann.txt"', state='"ann.db"')
    refused = tera("ls", file, "-i", world.key, "--config", config)
    assert (refused.code, "gives no answer" in refused.err) == (4, True)


# --- tokens -------------------------------------------------------------------------------------------


def test_a_token_opens_for_its_viewer_until_its_line_is_gone(world: World, tera: Tera) -> None:
    file = world.seal("token.tera", ("opens", 5), ("recipients", [BOB]))
    made = tera("authority", "token", "--tokens", world.at("tokens"), "--viewer", BOB, "-o", world.at("token.txt"))
    assert (made.code, made.out) == (0, b"")
    token = Path(world.at("token.txt")).read_text().strip()
    assert stat.S_IMODE(os.stat(world.at("token.txt")).st_mode) == 0o600
    listed = Path(world.at("tokens")).read_text()
    assert listed == f"{sha256(token.encode()).hex()} {BOB}\n"
    config = configure(world.folder / "token.toml", world.server.url, state='"t.db"', token_file='"token.txt"')
    assert tera("ls", file, "-i", world.key, "--config", config).code == 0
    Path(world.at("tokens")).write_text("# nobody\n")
    refused = tera("ls", file, "-i", world.key, "--config", config)
    assert refused.code == 13
    assert token not in refused.err


def test_a_token_is_never_made_in_place_of_something(tera: Tera) -> None:
    Path("token.txt").write_text("old")
    assert tera("authority", "token", "--tokens", "tokens", "--viewer", BOB, "-o", "token.txt").code == 4
    assert left_in(Path()) == {"token.txt"}
    assert tera("authority", "token", "--tokens", "tokens", "--viewer", "bob").code == 2
    first, second = (tera("authority", "token", "--tokens", "tokens", "--viewer", BOB).text for _ in range(2))
    assert first != second
    assert len(Path("tokens").read_text().splitlines()) == 2
    assert stat.S_IMODE(os.stat("tokens").st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    ["x", "\xff", *("0" * 63 + f" {BOB}", "0" * 64, "0" * 64 + " bob", "0" * 64 + " Bob@b.org", "A" * 64 + f" {BOB}")],
)
def test_a_list_of_tokens_with_anything_else_in_it_is_refused(tera: Tera, tmp_path: Path, text: str) -> None:
    write_keys(tmp_path)
    Path("tokens").write_text(f"# mine\n\n{text}\n", "latin-1")
    answer = tera("authority", "serve", "--data", "auth", "--keys", "authority.txt", "--tokens", "tokens")
    assert (answer.code, "tokens:3: " in answer.err) == (4, True)


# --- reports ------------------------------------------------------------------------------------------


def test_opens_within_a_lease_are_reported_once(enrolled: World, tera: Tera) -> None:
    file = enrolled.seal("offline.tera", ("offline_for", 3_600), ("opens", 1))
    settings = {"viewer_key": '"ann.txt"', "device_key": '"device.txt"', "lease": "true", "state": '"laptop.db"'}
    config = ["--config", configure(enrolled.folder / "laptop.toml", enrolled.server.url, **settings)]
    for _ in range(3):
        assert tera("ls", file, "-i", enrolled.key, *config).code == 0
    first = tera("authority", "report", *config)
    assert (first.code, "2 opens reported" in first.err) == (0, True)
    assert json.loads(tera("authority", "report", *config, "--json").out) == {KEYS.fingerprint.hex(): 0}
    shown = tera("authority", "attempts", "--data", enrolled.at("auth"), "--container", file).text
    assert [line.split()[3] for line in shown.splitlines()[1:]] == ["released", "opened", "opened"]
    local = tera("audit", "show", enrolled.at("laptop.db"), "--kind", "lease_open", "--json")
    assert [row["subject"] for row in json.loads(local.out)] == [KEYS.fingerprint.hex()] * 2


def test_a_report_without_a_device_or_an_authority_is_refused(world: World, tera: Tera) -> None:
    answer = tera("authority", "report", "--config", world.at("ann.toml"))
    assert (answer.code, "device_key" in answer.err) == (2, True)
    Path(world.at("lonely.toml")).write_text('device_key = "device.txt"\n')
    answer = tera("authority", "report", "--config", world.at("lonely.toml"))
    assert (answer.code, "[[authorities]]" in answer.err) == (2, True)


# --- the server as a process ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_in_order_with_a_signed_log(room: Room, tera: Tera, tmp_path: Path, number: int) -> None:
    write_keys(tmp_path)
    with serving(tmp_path) as server:
        tera("authority", "enrol", "--data", "auth", "--viewer", ANN, "ann.pub")
        assert server.stop(number) == 0
    assert server.said.splitlines() == [
        f"tera: the authority {KEYS.fingerprint.hex()[:16]} answers at {server.url}",
        f"tera: its log is {default_name(KEYS.fingerprint)}",
    ]
    state = state_in(tmp_path / "auth")
    verifiers = Authority(state, KEYS, origin=default_name(KEYS.fingerprint)).verifiers
    with state.reading() as view:
        whole = verify_log(view.log, verifiers, default_name(KEYS.fingerprint))
    state.close()
    assert whole.size == whole.signed == 1
    assert stat.S_IMODE(os.stat("auth").st_mode) == 0o700


def test_a_log_keeps_its_name_and_its_authority(tera: Tera, tmp_path: Path) -> None:
    write_keys(tmp_path)
    tera("authority", "enrol", "--data", "auth", "--viewer", ANN, "ann.pub")
    with serving(tmp_path, more=["--name", "keys.example.org/log"]) as server:
        assert server.stop() == 0
    assert "its log is keys.example.org/log" in server.said
    with serving(tmp_path) as server:
        assert server.stop() == 0
    assert "its log is keys.example.org/log" in server.said
    serve = ["authority", "serve", "--data", "auth", "--keys"]
    answer = tera(*serve, "authority.txt", "--name", "other")
    assert (answer.code, "keeps its name" in answer.err) == (2, True)
    tera("keygen", "--authority", "-o", "second.txt")
    answer = tera(*serve, "second.txt")
    assert (answer.code, "not this authority's" in answer.err) == (13, True)
    Path("auth/name").write_text("a b\n")
    assert tera(*serve, "authority.txt").code == 4


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--listen", "0.0.0.0:0"], 2, "no TLS"),
        (["--listen", "192.0.2.1:0"], 2, "no TLS"),
        (["--listen", "[::]:0"], 2, "no TLS"),
        (["--listen", "8080"], 2, "ADDRESS:PORT"),
        (["--listen", "127.0.0.1:"], 2, "ADDRESS:PORT"),
        (["--listen", "127.0.0.1:65536"], 2, "ADDRESS:PORT"),
        (["--name", "two words"], 2, "cannot be the name"),
        (["--keys", "ann.txt"], 2, "one or more keys of type xwing"),
        (["--keys", "authority.pub"], 2, "one signing key"),
        (["--keys", "nothing"], 4, "nothing"),
        (["--tokens", "nothing"], 4, "nothing"),
        (["--blocklist", "x.terb"], 2, "--issuer"),
        (["--issuer", "ann.pub"], 2, "--blocklist"),
        (["--data", "authority.txt"], 4, "authority.txt"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    tera: Tera, tmp_path: Path, more: list[str], code: int, words: str
) -> None:
    write_keys(tmp_path)
    answer = tera("authority", "serve", "--data", "auth", "--keys", "authority.txt", *more)
    assert (answer.code, answer.out) == (code, b"")
    assert words in answer.err
    assert code != 2 or not Path("auth").exists()


def test_a_port_that_is_taken_is_said_at_once(tera: Tera, tmp_path: Path) -> None:
    write_keys(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listen = ["--listen", f"127.0.0.1:{port}"]
        answer = tera("authority", "serve", "--data", "auth", "--keys", "authority.txt", *listen)
    assert (answer.code, f"127.0.0.1:{port}: " in answer.err) == (4, True)


def test_what_is_blocked_at_the_authority_is_not_released(room: Room, tera: Tera, tmp_path: Path) -> None:
    write_keys(tmp_path)
    tera("keygen", "--sign", "-o", "issuer.txt", "-q")
    tera("keygen", "-y", "issuer.txt", "-o", "issuer.pub")
    tera("blocklist", "create", "blocked.terb", "--sign-key", "issuer.txt", "-q")
    tera("authority", "enrol", "--data", "auth", "--viewer", ANN, "ann.pub")
    with serving(tmp_path, more=["--blocklist", "blocked.terb", "--issuer", "issuer.pub"]) as server:
        file = World(tmp_path, server, room.key).seal("a.tera", ("opens", 9))
        config = configure(tmp_path / "ann.toml", server.url, viewer_key='"ann.txt"', state='"ann.db"')
        ls = ["ls", file, "-i", room.key, "--config", config]
        assert tera(*ls).code == 0
        assert tera("blocklist", "add", "blocked.terb", file, "--sign-key", "issuer.txt", "-q").code == 0
        refused = tera(*ls)
        assert (refused.code, refused.out) == (14, b"")
        assert tera("blocklist", "remove", "blocked.terb", file, "--sign-key", "issuer.txt", "-q").code == 0
        assert tera(*ls).code == 0
        os.unlink("blocked.terb")
        assert tera(*ls).code == 4
    shown = json.loads(tera("authority", "attempts", "--data", "auth", "--json").out)
    assert [row["rule"] for row in shown] == [None, "blocked", None, "missing_blocklist"]


# --- who is who -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("viewer", "key", "code"),
    [
        ("ann", "ann.pub", 2),
        ("*@example.org", "ann.pub", 2),
        ("a\nb@example.org", "ann.pub", 2),
        (ANN, "nothing", 4),
        (ANN, "authority.txt", 2),
        (ANN, "terasign1xyz", 2),
    ],
)
def test_an_enrolment_of_nobody_or_nothing_is_refused(
    tera: Tera, tmp_path: Path, viewer: str, key: str, code: int
) -> None:
    write_keys(tmp_path)
    answer = tera("authority", "enrol", "--data", "auth", "--viewer", viewer, key)
    assert answer.code == code
    assert "--signer" not in answer.err
    assert not Path("auth").exists()


def test_a_key_is_enrolled_by_its_text_its_file_and_its_fingerprint(tera: Tera, tmp_path: Path) -> None:
    write_keys(tmp_path)
    fingerprint = json.loads(tera("keygen", "-y", "ann.pub", "--json").out)[0]["fingerprint"]
    for key in (Path("ann.pub").read_text().strip(), "ann.pub", fingerprint):
        assert tera("authority", "enrol", "--data", "auth", "--viewer", ANN, key).code == 0
    rows = json.loads(tera("audit", "show", "auth", "--json").out)
    assert [(row["kind"], row["viewer"], row["subject"]) for row in rows] == [("enrol", ANN, fingerprint)] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["authority", "attempts", "--data", "auth"],
        ["authority", "withdraw", "--data", "auth", "ann.pub"],
        ["audit", "show", "auth"],
        ["audit", "checkpoint", "auth"],
        ["audit", "verify", "auth", "--key", "authority.pub"],
    ],
)
def test_looking_at_an_authority_that_is_not_there_makes_none(tera: Tera, tmp_path: Path, arguments: list[str]) -> None:
    write_keys(tmp_path)
    before = left_in(tmp_path)
    assert tera(*arguments).code == 4
    (tmp_path / "auth").mkdir()
    assert tera(*arguments).code == 4
    assert left_in(tmp_path) == before | {"auth"}


def test_attempts_without_any_say_nothing(tera: Tera, tmp_path: Path) -> None:
    write_keys(tmp_path)
    tera("authority", "enrol", "--data", "auth", "--viewer", ANN, "ann.pub")
    answer = tera("authority", "attempts", "--data", "auth")
    assert (answer.code, answer.out) == (0, b"")
    answer = tera("authority", "attempts", "--data", "auth", "--container", "nothing.tera")
    assert (answer.code, "no such file" in answer.err) == (2, True)


def test_a_verb_that_is_not_one_is_a_usage_error(tera: Tera) -> None:
    for arguments in (["authority"], ["authority", "rule"], ["audit"], ["audit", "x"]):
        answer = tera(*arguments)
        assert (answer.code, answer.out) == (2, b"")
        assert answer.err.count("\n") == 2
