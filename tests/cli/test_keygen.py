"""keygen: a secret goes to a new file that only its owner reads, and nothing is ever replaced by one."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tera.codec import keyfile
from tera.codec.recipients import PrivateKey
from tera.crypto import pem
from tests.cli.runs import Room, Tera, left_in

TYPES = {
    "xwing": "teraxwing1",
    "mlkem1024-p384": "terap3841",
    "mlkem768": "teramlkem7681",
    "mlkem1024": "teramlkem10241",
}


@pytest.mark.parametrize("kind", [*TYPES, "sign"])
def test_a_key_is_made_shown_and_used(tera: Tera, kind: str) -> None:
    option = ["--sign"] if kind == "sign" else ["--type", kind]
    made = tera("keygen", *option, "-o", "key.txt")
    assert (made.code, made.out) == (0, b"")
    public = made.err.removeprefix("Public key: ").strip()
    assert public.startswith(TYPES.get(kind, "terasign1"))
    lines = Path("key.txt").read_text().splitlines()
    assert lines[0].startswith("# created: 20")
    assert lines[1] == f"# public key: {public}"
    assert len(lines) == 3
    assert lines[2] == lines[2].upper()
    assert tera("keygen", "-y", "key.txt").text.strip() == public
    if kind == "sign":
        return
    Path("a").write_text("x")
    assert tera("encode", "a", "-r", public, "-o", "x").code == 0
    assert tera("cat", "x", "a", "-i", "key.txt").out == b"x"


def test_a_key_file_is_its_owners_alone(tera: Tera) -> None:
    before = os.umask(0)
    try:
        tera("keygen", "-o", "key.txt", "-q")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat("key.txt").st_mode) == 0o600


def test_a_key_file_is_never_replaced(tera: Tera, tmp_path: Path) -> None:
    for kind in ("file", "folder", "link"):
        path = tmp_path / kind
        if kind == "file":
            path.write_text("old")
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("elsewhere")
        answer = tera("keygen", "-o", kind)
        assert answer.code == 4
        assert "never overwritten" in answer.err
        assert "Public key" not in answer.err
    assert (tmp_path / "file").read_text() == "old"
    assert left_in(tmp_path) == {"file", "folder", "link"}


def test_a_key_goes_to_standard_output_and_into_a_pipe(tera: Tera) -> None:
    for more in ([], ["-o", "-"]):
        made = tera("keygen", *more)
        [key] = keyfile.load_identities(made.out, where="stdout")
        assert keyfile.dump_public(key) in made.err
        assert tera("keygen", "-y", "-", stdin=made.out).text.strip() == keyfile.dump_public(key)


def test_a_key_that_others_can_read_is_warned_of(spawn: Tera, tmp_path: Path) -> None:
    for mode, warned in ((0o644, True), (0o600, False)):
        path = tmp_path / f"{mode:o}"
        path.touch(mode)
        with open(path, "wb") as file:
            answer = spawn("keygen", stdout=file, stderr=-1, capture_output=False)
        assert answer.code == 0
        assert answer.err.startswith("tera: warning: ") is warned


def test_the_public_halves_of_a_file_are_shown_in_order(tera: Tera, room: Room) -> None:
    keys = "".join(Path(path).read_text() for path in (room.key, room.signer_txt, room.second_pub))
    Path("many.txt").write_text(keys)
    shown = tera("keygen", "-y", "many.txt").text.splitlines()
    assert shown == [Path(path).read_text().strip() for path in (room.key_pub, room.signer_pub, room.second_pub)]
    assert tera("keygen", "-y", "many.txt", "-o", "pub.txt").out == b""
    assert Path("pub.txt").read_text().splitlines() == shown
    assert tera("keygen", "-y", "many.txt", "-o", "pub.txt").code == 4


def test_keys_of_others_are_shown_as_teras(tera: Tera) -> None:
    key = PrivateKey(3, bytes(64))
    Path("key.pem").write_bytes(pem.dump_private(3, key.seed, None))
    assert tera("keygen", "-y", "key.pem").text.strip() == keyfile.dump_public(key)


def test_an_encrypted_key_without_a_terminal_is_refused(spawn: Tera, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem.dump_private(3, bytes(64), b"pass"))
    answer = spawn("keygen", "-y", "key.pem", start_new_session=True)
    assert (answer.code, "no terminal" in answer.err) == (2, True)


def test_json_holds_no_secret(tera: Tera) -> None:
    made = json.loads(tera("keygen", "-o", "key.txt", "--json").out)
    assert made.keys() == {"file", "created", "type", "public_key", "fingerprint"}
    [shown] = json.loads(tera("keygen", "-y", "key.txt", "--json").out)
    assert shown == {key: made[key] for key in ("type", "public_key", "fingerprint")}
    [signer] = json.loads(tera("keygen", "-y", "-", "--json", stdin=tera("keygen", "--sign").out).out)
    assert signer["type"] == "mldsa65-ed25519"
