"""A configuration that is not understood opens nothing; and a state that cannot be used lets nothing through."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import tera as library
from tera.audit.events import Event
from tera.cli.config import Asking, state_folder
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, TeraError
from tera.format.signatures import signer_name
from tera.policy.places import Place
from tera.state.readerdb import APPLICATION, VERSION, SqliteReaderState
from tests.cli.authorities import ANN, KEYS, write_keys
from tests.cli.runs import Room, Tera

ANN_NAME = signer_name(SigningKey(b"\x22" * 64).public)


@pytest.fixture(autouse=True)
def nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own, and no variable of whoever runs this."""
    for name in ("TERA_CONFIG", "TERA_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", f"{tmp_path}.home")
    monkeypatch.setenv("XDG_CONFIG_HOME", f"{tmp_path}.config")
    write_keys(tmp_path)


def written(folder: Path, text: str, name: str = "c.toml") -> Asking:
    (folder / name).write_text(text)
    return Asking(str(folder / name))


# --- what it says ---------------------------------------------------------------------------------------


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("t0ken\n")
    asking = written(
        tmp_path,
        f"""
        viewer = "{ANN}"
        viewer_key = "ann.txt"
        device_key = "device.txt"
        signers = ["bob.pub", "{"ab" * 32}", "{(tmp_path / "ann.pub").read_text().strip()}"]
        state = "deep/reader.db"
        lease = true
        macs = ["00:1a:2b:3c:4d:5e"]
        place = {{country = "DE", continent = "EU", subdivisions = ["BY"], city = "Munich"}}
        [[authorities]]
        key = "authority.pub"
        url = "https://keys.example.org"
        token_file = "token.txt"
        [[blocklists]]
        file = "blocked.terb"
        issuers = ["ann.pub"]
        stale = "allow"
        """,
    )
    config, context = asking.config(), asking.context("view")
    assert (context.viewer, context.macs) == (ANN, frozenset({"00:1a:2b:3c:4d:5e"}))
    assert context.place == Place(continent="EU", country="DE", subdivisions=("BY",), city="Munich")
    assert config.viewer_key is not None and signer_name(config.viewer_key.public) == ANN_NAME
    assert config.device_key is not None
    assert {ANN_NAME, b"\xab" * 32} < config.signers and len(config.signers) == 3
    assert config.lease
    assert list(config.authorities) == [KEYS.fingerprint]
    [listed] = config.blocklists
    assert isinstance(listed, library.BlockListFile)
    assert (os.fspath(listed.path), set(listed.trusted), listed.stale) == (
        f"{tmp_path}/blocked.terb",
        {ANN_NAME},
        "allow",
    )
    assert isinstance(config.state, SqliteReaderState)
    assert config.state.path == tmp_path / "deep" / "reader.db"
    assert not config.state.path.parent.exists()  # nothing has to be remembered yet


def test_options_come_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(f'viewer = "{ANN}"\nplace = {{country = "DE", continent = "EU"}}\n')
    file = str(tmp_path / "c.toml")
    found = Asking(file, viewer="bob@example.org", place="FR/75/Paris", ip="192.0.2.1").context("view")
    assert found.viewer == "bob@example.org"
    assert (found.place.country, found.place.subdivisions, found.place.city) == ("FR", ("75",), "paris")
    assert Asking(file).context("view").viewer == ANN


def test_an_option_that_is_wrong_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("")
    file = str(tmp_path / "c.toml")
    places = [Asking(file, place=one) for one in ("/x", "Germany", "DE/BY/a/b")]
    for asking in (Asking(file, ip="x"), Asking(file, viewer="x"), *places):
        with pytest.raises(BadInput) as caught:
            asking.context("view")
        assert "c.toml" not in str(caught.value)


AUTHORITY = '[[authorities]]\nkey = "authority.pub"\nurl = "https://a.example"\n'
LIST = '[[blocklists]]\nfile = "b.terb"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("viewer", "not TOML"),
        ("viewer = 'a'\nviewer = 'b'", "not TOML"),
        ("\xff", "not TOML"),
        ("a = " + "[" * 5_000, "not TOML"),
        ("viewer = 1", "viewer is not a text"),
        ("viewer = ''", "viewer is not a text"),
        ("viewer = 'ann'", "expected name@example.org"),
        ("viewer = '*@example.org'", "expected name@example.org"),
        ("viewer_key = ['ann.txt']", "viewer_key is not a text"),
        ("viewer_key = 'ann.pub'", "key of another kind"),
        ("viewer_key = 'two.txt'", "viewer_key: two.txt holds 2 keys"),
        ("device_key = 7", "device_key is not a text"),
        ("device_key = 'authority.pub'", "key of another kind"),
        ("signers = 'ann.pub'", "signers is not a list of texts"),
        ("signers = [1]", "signers is not a list of texts"),
        ("signers = ['']", "signers is not a list of texts"),
        ("signers = ['authority.pub']", "key of another kind"),
        ("signers = ['terasign1xyz']", ""),
        ("state = 1", "state is not a text"),
        ("lease = 'yes'", "lease is not true or false"),
        ("lease = 1", "lease is not true or false"),
        ("lease = true", "device"),
        ("macs = '00:1a:2b:3c:4d:5e'", "macs is not a list of texts"),
        ("macs = ['00-1a']", ""),
        ("place = 'DE'", "place is not a table"),
        ("place = {land = 'DE'}", "'land' is no setting"),
        ("place = {country = 1}", "country is not a text"),
        ("place = {country = 'Germany'}", "country is not two capital letters"),
        ("place = {country = 'DE', continent = 'XX'}", "continent is none of"),
        ("place = {subdivisions = ['BY']}", "subdivision"),
        ("place = {country = 'DE', subdivisions = ['BY', 'Bavaria']}", "subdivision"),
        ("place = {city = 'a/b'}", "city"),
        ("place = {country = 'DE', subdivisions = 'BY'}", "subdivisions is not a list of texts"),
        ("authorities = 'authority.pub'", "authorities is not a list of tables"),
        ("[authorities]\nkey = 'authority.pub'", "authorities is not a list of tables"),
        ("[[authorities]]\nurl = 'https://a.example'", "[[authorities]] lacks key"),
        ("[[authorities]]\nkey = 'authority.pub'", "[[authorities]] lacks url"),
        ("[[authorities]]\nkey = 'ann.pub'\nurl = 'https://a.example'", "two keys"),
        ("[[authorities]]\nkey = 'authority.txt'\nurl = 'https://a.example'", "two keys"),
        ("[[authorities]]\nkey = 'authority.pub'\nurl = 'http://a.example'", "without TLS"),
        ("[[authorities]]\nkey = 'authority.pub'\nurl = 'https://x:s3cret@a.example'", "not the address"),
        (AUTHORITY + "tokenfile = 'x'", "'tokenfile' is no setting"),
        (AUTHORITY + "token = 's3cret'", "'token' is no setting"),
        (AUTHORITY + "token_file = 1", "token_file is not a text"),
        (AUTHORITY + "token_file = 'two lines'", "the authority's token is none"),
        (AUTHORITY + AUTHORITY, "twice"),
        ("blocklists = ['b.terb']", "blocklists is not a list of tables"),
        ("[[blocklists]]\nissuers = ['ann.pub']", "[[blocklists]] lacks file"),
        (LIST, "[[blocklists]] lacks issuers"),
        (LIST + "issuers = []", "[[blocklists]] lacks issuers"),
        (LIST + "issuers = 'ann.pub'", "issuers is not a list of texts"),
        (LIST + "issuers = ['ann.pub']\nstale = true", "neither"),
        (LIST + "issuers = ['ann.pub']\nlist = 'mine'", "32 hexadecimal digits"),
        (LIST + "issuers = ['ann.pub']\nstale = 'Allow'", "neither"),
        (LIST + "issuers = ['ann.pub']\nissuer = 'ann.pub'", "'issuer' is no setting"),
    ],
)
def test_a_value_that_is_none_is_refused_and_named_with_its_file(
    tera: Tera, room: Room, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "two.txt").write_text((tmp_path / "ann.txt").read_text() + (tmp_path / "bob.txt").read_text())
    (tmp_path / "two lines").write_text("s3cret\ns3cret\n")
    (tmp_path / "c.toml").write_text(text, "latin-1")
    answer = tera("ls", room.out_tera, "-i", room.key, "--config", "c.toml")
    assert (answer.code, answer.out) == (2, b"")
    assert answer.err.startswith(("tera: error: c.toml: ", "tera: error: ./")), answer.err
    assert words in answer.err
    assert "s3cret" not in answer.err


@pytest.mark.parametrize("name", ["blocklist", "signer", "Viewer", "_file", "", "a\\u001b[2J"])
def test_a_setting_that_is_not_known_is_refused_with_those_that_are(
    tera: Tera, room: Room, tmp_path: Path, name: str
) -> None:
    """A block list whose name is misspelt would block nothing."""
    (tmp_path / "c.toml").write_text(f'"{name}" = "x"\n')
    answer = tera("ls", room.out_tera, "-i", room.key, "--config", "c.toml")
    assert answer.code == 2
    assert "is no setting" in answer.err and "\x1b" not in answer.err
    hint = answer.err.splitlines()[1].removeprefix("tera: hint: known: ")
    assert hint.split(", ") == sorted(
        "authorities blocklists device_key lease macs place server signers state viewer viewer_key".split()
    )


@pytest.mark.parametrize(
    "text",
    [
        "viewer_key = 'nothing'",
        "device_key = 'nothing'",
        "signers = ['nothing']",
        "signers = ['nothing.pub', 'ann.pub']",
        "[[authorities]]\nkey = 'nothing'\nurl = 'https://a.example'",
        AUTHORITY + "token_file = 'nothing'",
        LIST + "issuers = ['nothing']",
    ],
)
def test_a_file_that_is_not_there_is_refused_and_named(tera: Tera, room: Room, tmp_path: Path, text: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    answer = tera("ls", room.out_tera, "-i", room.key, "--config", "c.toml")
    assert (answer.code, answer.out) == (4, b"")
    assert "./nothing" in answer.err


def test_a_block_list_that_is_not_there_opens_nothing(tera: Tera, room: Room, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(LIST + "issuers = ['ann.pub']")
    answer = tera("ls", room.out_tera, "-i", room.key, "--config", "c.toml")
    assert (answer.code, answer.out) == (15, b"")
    assert "b.terb is not there" in answer.err


# --- where it is, and what is beside it -----------------------------------------------------------------


def test_paths_are_relative_to_the_file_and_never_to_where_somebody_is(tera: Tera, room: Room, tmp_path: Path) -> None:
    """Else a folder that somebody else filled could name whom this reader trusts."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "c.toml").write_text('signers = ["ann.pub"]\n')
    answer = tera("ls", room.out_tera, "-i", room.key, "--config", "inner/c.toml")
    assert (answer.code, "inner/ann.pub" in answer.err) == (4, True)
    (inner / "ann.pub").write_text((tmp_path / "ann.pub").read_text())
    assert tera("ls", room.out_tera, "-i", room.key, "--config", "inner/c.toml").code == 0


def test_a_file_that_is_called_like_a_fingerprint_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = written(tmp_path, f'signers = ["{"ab" * 32}"]')
    monkeypatch.chdir(tmp_path)
    (tmp_path / ("ab" * 32)).write_text((tmp_path / "ann.pub").read_text())
    assert asking.config().signers == {b"\xab" * 32}


def test_no_setting_is_read_from_standard_input(tera: Tera, room: Room, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('signers = ["-"]\n')
    answer = tera("ls", room.out_tera, "-i", room.key, "--config", "c.toml", stdin=(tmp_path / "ann.pub").read_bytes())
    assert (answer.code, "./-" in answer.err) == (4, True)


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    asking = written(tmp_path / "inner", f'signers = ["{tmp_path}/ann.pub"]\nstate = "{tmp_path}/x.db"\n')
    assert asking.config().signers == {ANN_NAME}
    assert asking.state().path == tmp_path / "x.db"


def test_the_variable_names_the_file_and_the_option_another(
    tera: Tera, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.toml").write_text("bad = 1")
    (tmp_path / "good.toml").write_text("")
    ls = ["ls", room.out_tera, "-i", room.key]
    monkeypatch.setenv("TERA_CONFIG", "bad.toml")
    answer = tera(*ls)
    assert (answer.code, "bad.toml: 'bad' is no setting" in answer.err) == (2, True)
    assert tera(*ls, "--config", "good.toml").code == 0
    monkeypatch.setenv("TERA_CONFIG", "gone.toml")
    assert tera(*ls).code == 4
    monkeypatch.setenv("TERA_CONFIG", "")
    assert tera(*ls).code == 2
    assert tera(*ls, "--config", "").code == 2


def test_the_users_own_file_is_read_where_none_is_named(tera: Tera, room: Room, tmp_path: Path) -> None:
    home = Path(f"{tmp_path}.config") / "tera"
    home.mkdir(parents=True)
    ls = ["ls", room.out_tera, "-i", room.key]
    assert tera(*ls).code == 0
    (home / "config.toml").symlink_to("gone")
    assert tera(*ls).code == 4
    (home / "config.toml").unlink()
    (home / "config.toml").write_text("bad = 1")
    answer = tera(*ls)
    assert (answer.code, f"{home}/config.toml: 'bad'" in answer.err) == (2, True)


def test_a_file_without_an_end_is_refused(tera: Tera, room: Room) -> None:
    assert tera("ls", room.out_tera, "-i", room.key, "--config", "/dev/zero").code == 2


# --- the state ------------------------------------------------------------------------------------------


def test_the_state_is_where_the_variables_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = f"{tmp_path}.home"
    assert state_folder() == Path(home, ".local/state/tera")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert state_folder() == Path("/xdg/tera")
    monkeypatch.setenv("TERA_STATE", "/mine")
    assert state_folder() == Path("/mine")
    assert written(tmp_path, "").state().path == Path("/mine/reader.db")
    assert written(tmp_path, 'state = "own.db"').state().path == tmp_path / "own.db"


def remembering(path: Path) -> None:
    state = SqliteReaderState(path)
    state.record(Event(1, "open"))
    state.close()


def damaged(path: Path) -> None:
    remembering(path)
    path.write_bytes(path.read_bytes()[:4_096] + b"\xff" * 20_000)


def not_a_database(path: Path) -> None:
    path.write_bytes(b"x" * 9_000)


def another_programs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")


def a_newer_teras(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
        db.execute("CREATE TABLE opens (x)")


def an_authoritys(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 0x74657241")
        db.execute("PRAGMA user_version = 1")
        db.execute("CREATE TABLE opens (x)")


def a_folder(path: Path) -> None:
    path.mkdir()


def without_its_tables(path: Path) -> None:
    remembering(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE opens")


@pytest.mark.parametrize(
    "ruin",
    [damaged, not_a_database, another_programs, a_newer_teras, an_authoritys, a_folder, without_its_tables],
    ids=lambda one: one.__name__,
)
def test_a_state_that_cannot_be_used_lets_nothing_through_and_stays_as_it_is(
    tera: Tera, room: Room, tmp_path: Path, ruin: object
) -> None:
    assert callable(ruin)
    ruin(tmp_path / "s.db")
    before = (tmp_path / "s.db").read_bytes() if (tmp_path / "s.db").is_file() else b""
    (tmp_path / "c.toml").write_text('state = "s.db"\n')
    for _ in range(2):
        answer = tera("cat", room.ruled_tera, "hello.txt", "-i", room.key, "--config", "c.toml")
        assert (answer.code, answer.out) == (4, b"")
        error, hint = answer.err.splitlines()
        assert "s.db" in error
        assert hint.startswith("tera: hint: ")
    assert tera("cat", room.out_tera, "hello.txt", "-i", room.key, "--config", "c.toml").code == 0  # it has no rules
    if before:
        assert (tmp_path / "s.db").read_bytes() == before


def test_a_state_that_cannot_be_made_lets_nothing_through(tera: Tera, room: Room, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "c.toml").write_text('state = "file/s.db"\n')
    answer = tera("cat", room.ruled_tera, "hello.txt", "-i", room.key, "--config", "c.toml")
    assert (answer.code, answer.out) == (4, b"")
    assert "TERA_STATE names another folder" in answer.err


def test_a_state_that_is_being_written_to_lets_nothing_through(
    tera: Tera, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembering(tmp_path / "s.db")
    (tmp_path / "c.toml").write_text('state = "s.db"\n')
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(sqlite3, "connect", _impatient(sqlite3.connect))
        answer = tera("cat", room.ruled_tera, "hello.txt", "-i", room.key, "--config", "c.toml")
    assert (answer.code, answer.out) == (4, b"")
    assert "try again" in answer.err


def _impatient(real: object) -> object:
    def connect(*arguments: object, **options: object) -> object:
        assert callable(real)
        return real(*arguments, **{**options, "timeout": 0.05})

    return connect


def test_a_state_counts_across_runs(tera: Tera, room: Room, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('state = "s.db"\n')
    codes = [tera("cat", room.ruled_tera, "hello.txt", "-i", room.key, "--config", "c.toml").code for _ in range(4)]
    assert codes == [0, 0, 0, 15]


def test_every_error_of_a_configuration_is_ours(tmp_path: Path) -> None:
    """Whatever TOML can hold in place of a value, it is refused by one of our errors."""
    values = ["1", "1.5", "nan", "true", "'x'", "[]", "[[]]", "[{}]", "{}", "2031-01-01", "12:00:00"]
    for name in "authorities blocklists device_key lease macs place server signers state viewer viewer_key".split():
        for value in values:
            asking = written(tmp_path, f"{name} = {value}")
            try:
                asking.config()
                asking.context("view")
            except TeraError:
                pass
