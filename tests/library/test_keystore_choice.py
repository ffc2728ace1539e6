"""tera.library.keystore_choice: the one line that says where keys are, and where a PIN comes from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tera.errors import BadInput, BadKey, KeysUnavailable
from tera.library.installation import Installation
from tera.library.keystore import FileKeyStore
from tera.library.keystore_choice import KeysAt, read_keys_at, read_pin
from tera.library.keystore_environment import FolderKeys
from tera.library.keystore_pkcs11 import TokenPlace
from tests.library.places import catalog_at, empty_catalog
from tests.service.processes import descriptor_of

__all__ = ["empty_catalog"]
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
SAYS = {
    "file:/srv/keys": KeysAt(folder=Path("/srv/keys")),
    "file:keys%20of%20mine": KeysAt(folder=Path("keys of mine")),
    "env": KeysAt(read_only=True),
    "env:/run/keys": KeysAt(read_only=True, folder=Path("/run/keys")),
    f"pkcs11:{MODULE}?token=tera%20hsm": KeysAt(token=TokenPlace(MODULE, "tera hsm", "tera")),
    f"pkcs11:{MODULE}?token=t&key=k&files=/a+b": KeysAt(token=TokenPlace(MODULE, "t", "k"), folder=Path("/a+b")),
    f"pkcs11:{MODULE}?token=t&pin-file=/run/p%3Fn": KeysAt(token=TokenPlace(MODULE, "t"), pin_file="/run/p?n"),
    f"pkcs11:{MODULE}?pin-fd=7&token=t": KeysAt(token=TokenPlace(MODULE, "t"), pin_fd=7),
}


@pytest.mark.parametrize("text", SAYS)
def test_a_line_is_read_and_said_again_without_the_place_of_the_pin(text: str) -> None:
    found = read_keys_at(text)
    assert found == SAYS[text]
    assert found.text is not None and "pin" not in found.text
    assert read_keys_at(found.text) == KeysAt(found.read_only, found.folder, found.token)


def test_nothing_said_is_the_installations_own_place() -> None:
    assert read_keys_at(None) == KeysAt() and KeysAt().text is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file",
        "file:",
        "vault:x",
        "pkcs11",
        "pkcs11:",
        f"pkcs11:{MODULE}",
        f"pkcs11:{MODULE}?",
        f"pkcs11:{MODULE}?key=k",
        "pkcs11:?token=t",
        f"pkcs11:{MODULE}?token=",
        f"pkcs11:{MODULE}?token",
        f"pkcs11:{MODULE}?token=t&token=u",
        f"pkcs11:{MODULE}?token=t&pin=1234",
        f"pkcs11:{MODULE}?token=t&pin-file=f&pin-fd=3",
        f"pkcs11:{MODULE}?token=t&pin-fd=-1",
        f"pkcs11:{MODULE}?token=t&pin-fd=²",
        f"pkcs11:{MODULE}?token=t&",
    ],
)
def test_a_line_that_says_something_else_is_refused_and_no_pin_is_shown(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_keys_at(text)
    assert "1234" not in f"{caught.value} {caught.value.hint}"


def test_a_pin_comes_from_a_file_or_a_descriptor_and_not_from_both(tmp_path: Path) -> None:
    file = tmp_path / "pin"
    file.write_text("12 34\n")
    at = KeysAt(pin_file=str(file))
    assert read_pin(at, {}) == "12 34"
    assert read_pin(at, {"TERA_PIN_FILE": "/nowhere"}) == "12 34"
    assert read_pin(KeysAt(), {"TERA_PIN_FILE": str(file)}) == "12 34"
    assert read_pin(KeysAt(pin_fd=descriptor_of(b"1234\r\n")), {}) == "1234"
    fd = descriptor_of(b"1234")
    environ = {"TERA_PIN_FD": str(fd)}
    assert read_pin(KeysAt(), environ) == "1234" and environ == {}
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
    for wrong in ({}, {"TERA_PIN_FILE": str(file), "TERA_PIN_FD": "3"}, {"TERA_PIN_FD": "x"}):
        with pytest.raises(BadInput):
            read_pin(KeysAt(), wrong)


@pytest.mark.parametrize("text", [b"", b"\n", b"12\n34", b"\xff\xff", b"12\x0034"])
def test_what_is_no_pin_is_refused_and_not_shown(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "pin").write_bytes(text)
    with pytest.raises(BadInput, match="one line") as caught:
        read_pin(KeysAt(pin_file=str(tmp_path / "pin")), {})
    assert "12" not in str(caught.value).removeprefix(str(tmp_path))


def test_a_file_of_a_pin_that_others_can_write_or_that_is_gone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("1234")
    (tmp_path / "pin").chmod(0o666)
    with pytest.raises(BadKey, match="write"):
        read_pin(KeysAt(pin_file=str(tmp_path / "pin")), {})
    with pytest.raises(KeysUnavailable):
        read_pin(KeysAt(pin_file=str(tmp_path / "nowhere")), {})


def test_an_installation_keeps_its_keys_where_the_line_says(tmp_path: Path, empty_catalog: Path) -> None:
    catalog, master = catalog_at(tmp_path / "catalog.db", empty_catalog), bytes(32)
    elsewhere = tmp_path / "elsewhere"
    try:
        Installation(tmp_path, keys_at=read_keys_at(f"file:{elsewhere}")).keys(catalog, master).create("org", 1)
        read = Installation(tmp_path, keys_at=read_keys_at(f"env:{elsewhere}")).keys(catalog, master)
        assert isinstance(read, FolderKeys) and read.load("org").newest.created_at == 1
        own = Installation(tmp_path).keys(catalog, master)
        assert isinstance(own, FileKeyStore) and own.orgs() == []
    finally:
        catalog.close()
