"""Rewraps that were cut off, and who opens what they left.

The law of this file: a backup is written here by the words of the text, not by the code that is tested.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tera.codec.reader import Container
from tera.codec.recipients import KeyEncryptionKey
from tera.codec.recover import recover
from tera.codec.rewrap import SUFFIX, front_section, rewrap
from tera.crypto.hashes import sha256
from tera.errors import TeraError
from tests.codec.sealed import FILES, KEK, OTHER_KEK, SIGNER, contents, front_of, seal

THIRD_KEK = KeyEncryptionKey(bytes(range(2, 34)), b"k")
KEYS = {"old": KEK, "new": OTHER_KEK, "third": THIRD_KEK}


def openers(path: Path) -> set[str]:
    """Return whose keys open the container, all of its content compared."""
    found = set()
    for name, key in KEYS.items():
        try:
            with Container(path, [key]) as container:
                assert contents(container) == dict(FILES)
                assert len(container.signatures) == 1
        except TeraError as error:
            assert error.code in ("no_key", "bad_stanza")
        else:
            found.add(name)
    return found


def refused(code: str, call: Callable[[], object]) -> TeraError:
    with pytest.raises(TeraError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


def replaced(folder: Path) -> None:
    """The operation that is killed."""
    rewrap(folder / "c.tera", [KEK], recipients=[OTHER_KEK], in_place=True)


def recovered(folder: Path) -> None:
    recover(folder / "c.tera")


def interrupted(folder: Path) -> bytes:
    """Leave in `folder` what a rewrap leaves that was cut off in its last write; return the container before."""
    data = seal(signers=[SIGNER])
    file = folder / "c.tera"
    file.write_bytes(data)
    replaced(folder)
    front, new = front_of(data), file.read_bytes()
    middle = front.access_offset + 60
    file.write_bytes(new[:middle] + data[middle:])
    Path(f"{file}{SUFFIX}").write_bytes(backup_of(data))
    return data


def backup_of(data: bytes) -> bytes:
    """Return a backup by the words of the text, not by the code."""
    front = front_of(data)
    body = b"tera/v1/access-backup\0" + front.bind + front.access_offset.to_bytes(8, "big") + front_section(front)
    return body + sha256(body)


def opened_by_one(folder: Path, payload: bytes) -> tuple[bool, set[str]]:
    """Recover if there is something to recover from; return whether there was, and who opens."""
    file = folder / "c.tera"
    assert file.read_bytes().endswith(payload)
    there = os.path.lexists(f"{file}{SUFFIX}")
    if there:
        refused("interrupted_rewrap", lambda: rewrap(file, [KEK], add=[OTHER_KEK], in_place=True))
        assert recover(file).restored
    assert list(folder.iterdir()) == [file]
    return there, openers(file)
