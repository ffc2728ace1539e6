"""One suite over every key store: files, rows, the environment, and files or rows under a key in a token."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tera.errors import BadKey, KeysUnavailable
from tera.library.keystore import FileKeyStore, OrgKeys, WrappedKeys
from tera.library.keystore_environment import FolderKeys, TextKeys
from tera.library.keystore_kek import Kek, MasterKek
from tests.library.tokens import PIN, SoftHsm, memory_kek, softhsm, softhsm_kek

__all__ = ["softhsm"]
NOW = 1_900_000_000
ORG, OTHER = "org-1", "org-2"
MASTER = bytes(range(32))


@dataclasses.dataclass
class Place:
    """A place for keys: `writer` makes and changes them, `reader` is the store under test, opened anew each time."""

    folder: Path
    kek: bytes | Kek
    handed: Callable[[Place, bytes | Kek], WrappedKeys] | None = None

    def writer(self, kek: bytes | Kek | None = None) -> WrappedKeys:
        return FileKeyStore(self.folder, kek or self.kek)

    def reader(self, kek: bytes | Kek | None = None) -> WrappedKeys:
        return self.handed(self, kek or self.kek) if self.handed else self.writer(kek)

    def file(self, org_id: str = ORG) -> Path:
        return self.folder / f"{org_id}.json"


def in_text(place: Place, kek: bytes | Kek) -> WrappedKeys:
    texts = {one.stem: json.loads(one.read_bytes()) for one in place.folder.glob("*.json")}
    return TextKeys(json.dumps(texts), kek)


def in_folder(place: Place, kek: bytes | Kek) -> WrappedKeys:
    return FolderKeys(place.folder, kek)


@pytest.fixture(scope="session")
def in_memory() -> Kek:
    return memory_kek()


@pytest.fixture(scope="session")
def in_softhsm(softhsm: SoftHsm) -> Kek:
    return softhsm_kek(softhsm)


@pytest.fixture(scope="session")
def wrapping_in_softhsm(softhsm: SoftHsm) -> Kek:
    return softhsm_kek(softhsm, encrypts=False)


TOKENS = {"a token": "in_memory", "SoftHSM": "in_softhsm", "SoftHSM, key wrap": "wrapping_in_softhsm"}
WRITABLE = ("files", *TOKENS)


def place_of(request: pytest.FixtureRequest, folder: Path) -> Place:
    match request.param:
        case "files":
            return Place(folder, MASTER)
        case "a text":
            return Place(folder, MASTER, in_text)
        case "a folder":
            return Place(folder, MASTER, in_folder)
    return Place(folder, request.getfixturevalue(TOKENS[request.param]))


@pytest.fixture(params=[*WRITABLE, "a text", "a folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Every store."""
    return place_of(request, tmp_path / "keys")


@pytest.fixture(params=[*WRITABLE, "a folder"])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Every store that looks where the keys are whenever it is asked."""
    return place_of(request, tmp_path / "keys")


@pytest.fixture(params=WRITABLE)
def writable(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Every store that makes keys."""
    return place_of(request, tmp_path / "keys")


def seeds(keys: OrgKeys) -> list[bytes]:
    return [keys.signing.seed[:32], keys.signing.seed[32:], *(one.key.seed for one in keys.opening)]


def kids(keys: OrgKeys) -> list[tuple[str, int, int | None]]:
    return [(one.kid, one.created_at, one.retired_at) for one in keys.opening]


def edited(place: Place, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(place.file().read_bytes())
    change(found)
    place.file().write_text(json.dumps(found))


# --- what it promises ------------------------------------------------------------------------------


def test_what_was_made_is_loaded(place: Place) -> None:
    made = place.writer().create(ORG, NOW)
    for _ in range(2):  # from the text, and from memory
        found = place.reader().load(ORG)
        assert (seeds(found), kids(found)) == (seeds(made), kids(made))
    assert found.newest.created_at == NOW


def test_old_keys_open_and_the_new_one_seals_after_rotation(place: Place) -> None:
    first = place.writer().create(ORG, NOW)
    place.writer().rotate(ORG, NOW + 1)
    place.writer().rotate(ORG, NOW + 2)
    found = place.reader().load(ORG)
    assert [(one.created_at, one.retired_at) for one in found.opening] == [
        (NOW, NOW + 1),
        (NOW + 1, NOW + 2),
        (NOW + 2, None),
    ]
    assert found.opening[0].key.seed == first.newest.key.seed and found.signing.seed == first.signing.seed
    assert len({one.kid for one in found.opening}) == 3
    assert found.newest is found.opening[-1]


def test_a_rotation_elsewhere_is_seen(watched: Place) -> None:
    watched.writer().create(ORG, NOW)
    store = watched.reader()
    before = store.load(ORG)
    assert store.load(ORG) is before
    rotated = watched.writer().rotate(ORG, NOW + 1)
    assert kids(store.load(ORG)) == kids(rotated)


def test_no_keys_are_made_twice(writable: Place) -> None:
    made = writable.writer().create(ORG, NOW)
    with pytest.raises(KeysUnavailable, match="has keys already"):
        writable.writer().create(ORG, NOW)
    assert seeds(writable.reader().load(ORG)) == seeds(made)


def test_deleted_keys_are_gone_and_do_not_come_back(writable: Place) -> None:
    store = writable.reader()
    store.create(ORG, NOW)
    store.create(OTHER, NOW)
    store.load(ORG)
    store.delete(ORG)
    for other in (store, writable.reader()):
        with pytest.raises(KeysUnavailable):
            other.load(ORG)
        with pytest.raises(KeysUnavailable):
            other.rotate(ORG, NOW)
    store.delete(ORG)
    assert store.orgs() == [OTHER]


def test_keys_of_nobody_are_missed(place: Place) -> None:
    place.writer().create(ORG, NOW)
    for name in (OTHER, "", ".", "../keys/org-1", "org-1.json", "a\0b", "é"):
        with pytest.raises(KeysUnavailable):
            place.reader().load(name)
    assert place.reader().orgs() == [ORG]


def test_a_backup_is_what_is_kept_and_comes_back(writable: Place) -> None:
    store = writable.reader()
    made = store.create(ORG, NOW)
    kept = store.exported(ORG)
    with pytest.raises(KeysUnavailable, match="has keys already"):
        store.imported(ORG, kept)
    store.delete(ORG)
    with pytest.raises(KeysUnavailable):
        store.imported(OTHER, kept)
    store.imported(ORG, kept)
    assert seeds(writable.reader().load(ORG)) == seeds(made)


# --- other master keys -----------------------------------------------------------------------------


def test_another_master_key_opens_nothing(place: Place) -> None:
    place.writer().create(ORG, NOW)
    for kek in (bytes(32), MASTER[::-1]):
        with pytest.raises(KeysUnavailable) as caught:
            place.reader(kek).load(ORG)
        assert caught.value.hint
    place.reader().load(ORG)


def test_keys_move_under_another_master_key_once(writable: Place) -> None:
    made = writable.writer().create(ORG, NOW)
    rotated = writable.writer().rotate(ORG, NOW + 1)
    other = bytes(32)
    assert writable.reader().rekey(ORG, other) is True
    assert writable.reader().rekey(ORG, other) is False
    with pytest.raises(KeysUnavailable):
        writable.reader().load(ORG)
    found = writable.reader(other).load(ORG)
    assert (seeds(found), kids(found)) == (seeds(rotated), kids(rotated))
    assert found.signing.seed == made.signing.seed
    assert writable.reader(other).rekey(ORG, writable.kek) is True
    assert seeds(writable.reader().load(ORG)) == seeds(rotated)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_master_key_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(BadKey, match="32 bytes"):
        FileKeyStore(tmp_path, bytes(length))


# --- damaged and foreign files ---------------------------------------------------------------------


def swap(found: dict[str, Any]) -> None:
    found["signing"].reverse()


def revive(found: dict[str, Any]) -> None:
    del found["opening"][1]
    found["opening"][0]["retired_at"] = None


def exchange(found: dict[str, Any]) -> None:
    one, other = found["opening"]
    one["wrapped"], other["wrapped"] = other["wrapped"], one["wrapped"]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "halves of the signing key exchanged": swap,
    "an old key made the newest": revive,
    "keys exchanged": exchange,
    "the newest left out": lambda found: found["opening"].pop(),
    "two newest": lambda found: found["opening"].append(found["opening"][-1]),
    "a moment moved": lambda found: found["opening"][0].update(created_at=NOW - 1),
    "a moment as text": lambda found: found["opening"][0].update(created_at=str(NOW)),
    "another name": lambda found: found["opening"][0].update(kid="0" * 16),
    "no keys to open": lambda found: found.update(opening=[]),
    "another version": lambda found: found.update(v=2),
    "no signing key": lambda found: found.pop("signing"),
    "half a signing key": lambda found: found["signing"].pop(),
    "a signing key too many": lambda found: found["signing"].append(found["signing"][0]),
    "wrapped is no text": lambda found: found["opening"][0].update(wrapped=7),
    "wrapped is not hexadecimal": lambda found: found["opening"][0].update(wrapped="zz"),
    "wrapped is nothing": lambda found: found["opening"][0].update(wrapped=""),
    "wrapped is cut off": lambda found: found["opening"][0].update(wrapped=found["opening"][0]["wrapped"][:-2]),
    "a list for a key": lambda found: found.update(opening=[[]]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_refused(place: Place, change: Callable[[dict[str, Any]], object]) -> None:
    place.writer().create(ORG, NOW)
    place.writer().rotate(ORG, NOW + 1)
    place.reader().load(ORG)
    edited(place, change)
    with pytest.raises(KeysUnavailable) as caught:
        place.reader().load(ORG)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b"[" * 100_000, b"{}", bytes(9)]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: bytes) -> None:
    store = FileKeyStore(tmp_path, MASTER)
    (tmp_path / f"{ORG}.json").write_bytes(text)
    with pytest.raises(KeysUnavailable, match="damaged"):
        store.load(ORG)


def test_every_damaged_digit_is_refused(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path, MASTER)
    store.create(ORG, NOW)
    text = store.exported(ORG)
    wrapped = json.loads(text)["opening"][0]["wrapped"].encode()
    start = text.index(wrapped)
    for at in range(start, start + len(wrapped), 2):
        digit = b"0" if text[at : at + 1] != b"0" else b"1"
        (tmp_path / f"{ORG}.json").write_bytes(text[:at] + digit + text[at + 1 :])
        with pytest.raises(KeysUnavailable):
            store.load(ORG)


def test_another_organisations_file_is_refused(place: Place) -> None:
    place.writer().create(ORG, NOW)
    place.file(OTHER).write_bytes(place.file(ORG).read_bytes())
    with pytest.raises(KeysUnavailable):
        place.reader().load(OTHER)
    place.reader().load(ORG)


# --- secrets ---------------------------------------------------------------------------------------


def spellings(secret: bytes) -> list[bytes]:
    import base64

    return [secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret)[:40]]


def test_no_secret_is_shown_or_lies_in_a_file(place: Place, tmp_path: Path) -> None:
    made = place.writer().create(ORG, NOW)
    made = place.writer().rotate(ORG, NOW + 1)
    secrets = [spelled for seed in [*seeds(made), MASTER] for spelled in spellings(seed)]
    store = place.reader()
    keys = store.load(ORG)
    shown = [repr(one) for one in (store, keys, keys.signing, *keys.opening, keys.newest.key, MasterKek(MASTER))]
    shown += [str(one) for one in (store, keys)]
    edited(place, CHANGES["wrapped is cut off"])
    try:
        place.reader().load(ORG)
    except KeysUnavailable as error:
        shown += [str(error), str(error.hint), "".join(traceback.format_exception(error)), repr(error.__context__)]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1 and len(shown) > 10
    for text in [*files, *(one.encode() for one in shown)]:
        assert not [secret for secret in secrets if secret in text]
    assert PIN.encode() not in b"".join(files)


def test_a_signing_key_is_not_pickled(place: Place) -> None:
    made = place.writer().create(ORG, NOW)
    with pytest.raises(TypeError):
        pickle.dumps(made)


def test_files_are_the_owners_alone(writable: Place) -> None:
    before = os.umask(0)
    try:
        writable.writer().create(ORG, NOW)
        writable.writer().rotate(ORG, NOW)
    finally:
        os.umask(before)
    assert writable.folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in writable.folder.iterdir()] == [0o600]


# --- two at once -----------------------------------------------------------------------------------


class Between(FileKeyStore):
    """A store that lets something happen just before it writes, once."""

    def __init__(self, place: Place, happens: Callable[[], object]) -> None:
        super().__init__(place.folder, place.kek)
        self.happens: list[Callable[[], object]] = [happens]

    def _write(self, org_id: str, text: bytes, *, before: bytes | None) -> bool:
        while self.happens:
            self.happens.pop()()
        return super()._write(org_id, text, before=before)


def test_of_two_rotations_at_once_both_keys_stay(writable: Place) -> None:
    writable.writer().create(ORG, NOW)
    meanwhile: list[OrgKeys] = []
    mine = Between(writable, lambda: meanwhile.append(writable.writer().rotate(ORG, NOW + 1))).rotate(ORG, NOW + 2)
    found = {one.kid for one in writable.reader().load(ORG).opening}
    assert {meanwhile[0].newest.kid, mine.newest.kid} < found and len(found) == 3


def test_a_rotation_while_the_master_key_changes_is_kept(writable: Place) -> None:
    writable.writer().create(ORG, NOW)
    meanwhile: list[OrgKeys] = []
    Between(writable, lambda: meanwhile.append(writable.writer().rotate(ORG, NOW + 1))).rekey(ORG, bytes(32))
    assert kids(writable.reader(bytes(32)).load(ORG)) == kids(meanwhile[0])


def test_a_rotation_does_not_bring_deleted_keys_back(writable: Place) -> None:
    writable.writer().create(ORG, NOW)
    with pytest.raises(KeysUnavailable):
        Between(writable, lambda: writable.writer().delete(ORG)).rotate(ORG, NOW + 1)
    assert list(writable.folder.iterdir()) == []


def test_of_two_processes_that_make_keys_one_does_and_of_those_that_rotate_all(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from tera.errors import KeysUnavailable\n"
        "from tera.library.keystore import FileKeyStore\n"
        "store = FileKeyStore(sys.argv[1], bytes(32))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try: store.create('org', 1); print('made')\n"
        "except KeysUnavailable: print('refused')\n"
        "for turn in range(10): print(store.rotate('org', turn).newest.kid)\n"
    )
    with contextlib.ExitStack() as held:
        children = [
            held.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, str(tmp_path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(3)
        ]
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
        said = [child.communicate("\n")[0].split() for child in _told(children)]
    assert sorted(one[0] for one in said) == ["made", "refused", "refused"]
    found = FileKeyStore(tmp_path, bytes(32)).load("org")
    assert {kid for one in said for kid in one[1:]} < {one.kid for one in found.opening}
    assert len(found.opening) == 31
    assert [path.name for path in tmp_path.iterdir()] == ["org.json"]


def _told(children: list[subprocess.Popen[str]]) -> Iterator[subprocess.Popen[str]]:
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    yield from children


# --- folders that fail -----------------------------------------------------------------------------


def test_a_folder_that_is_none_is_an_error_and_not_an_empty_store(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    store = FileKeyStore(tmp_path / "keys", MASTER)
    for refused in (store.orgs, lambda: store.create(ORG, NOW), lambda: store.load(ORG), lambda: store.delete(ORG)):
        with pytest.raises(KeysUnavailable):
            refused()
