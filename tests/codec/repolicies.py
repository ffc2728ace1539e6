"""Containers whose rules change, changes of them that were cut off, and what those left.

The law of this file: a backup is written here by the words of the text, not by the code that is tested.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tera.codec.config import Config
from tera.codec.header import Dynamic
from tera.codec.reader import Container
from tera.codec.recover import recover
from tera.codec.repolicy import Updated, update_policy
from tera.crypto.hashes import sha256
from tera.crypto.signing import SigningKey
from tera.policy.envelope import SignedEnvelope, parse_policy
from tera.state.reader import MemoryReaderState
from tests.codec.rewraps import refused
from tests.codec.sealed import FILES, KEK, contents, front_of, seal

OWNER = SigningKey(bytes(64))
DEPUTY = SigningKey(b"\1" * 64)
STRANGER = SigningKey(b"\2" * 64)
NOW = 1_800_000_000
DAY = 86_400
SUFFIX = ".tera-policy"
FROZEN = [["opens", 0]]
DENIED = [["rights", ["print"]]]
"""Denies every view, and, unlike a count, needs no state to do so."""


def config(now: int = NOW, state: Any = None) -> Config:
    return Config(clock=lambda: now, state=state)


def sealed(**options: Any) -> bytes:
    """Return a container with version 1, for 90 days from `NOW`."""
    return seal(dynamic=Dynamic([OWNER, DEPUTY]), created=NOW, **{"rules": DENIED, **options})


def update(file: Path, *keys: SigningKey, now: int = NOW + 10, state: Any = None, **options: Any) -> Updated:
    where = {} if "output" in options else {"in_place": True}
    return update_policy(file, keys or [OWNER], config=config(now, state), **{**where, **options})


def policy_of(data: bytes | Path) -> SignedEnvelope:
    found = front_of(data.read_bytes() if isinstance(data, Path) else data).policy
    assert found is not None
    return parse_policy(found)


def read(file: Path, now: int = NOW + 20, state: Any = None) -> dict[str, bytes | None]:
    """Return what a reader finds that remembers nothing, or what `state` does."""
    with Container(file, [KEK], config=config(now, state or MemoryReaderState())) as container:
        return contents(container)


def with_policy(data: bytes, body: bytes) -> bytes:
    """Return the container with another body in POLICY, of any length."""
    start, section = policy_section(data)
    header = section[:4] + len(body).to_bytes(4, "big")
    return data[:start] + header + body + data[start + len(section) :]


# --- what is killed -------------------------------------------------------------------------------


def updated(folder: Path) -> None:
    """The operation that is killed."""
    update(folder / "c.tera", rules=None)


def recovered(folder: Path) -> None:
    recover(folder / "c.tera")


def policy_section(data: bytes) -> tuple[int, bytes]:
    """Return where POLICY starts, and all of it."""
    front = front_of(data)
    assert front.policy is not None
    start = front.access_offset - 8 - len(front.policy)
    return start, data[start : front.access_offset]


def backup_of(data: bytes) -> bytes:
    """Return a backup by the words of the text."""
    start, section = policy_section(data)
    body = b"tera/v1/policy-backup\0" + front_of(data).bind + start.to_bytes(8, "big") + section
    return body + sha256(body)


def interrupted(folder: Path, part: int = 60) -> bytes:
    """Leave what a change leaves that was cut off after `part` bytes of its write; return the container before."""
    data = sealed()
    file = folder / "c.tera"
    file.write_bytes(data)
    updated(folder)
    start, _ = policy_section(data)
    new = file.read_bytes()
    file.write_bytes(new[: start + part] + data[start + part :])
    Path(f"{file}{SUFFIX}").write_bytes(backup_of(data))
    return data


def version_after(folder: Path, data: bytes) -> tuple[bool, int]:
    """Recover if there is something to recover from; return whether there was, and which version holds.

    Version 1 denies, version 2 does not; nothing but the policy differs from `data`.
    """
    file = folder / "c.tera"
    there = os.path.lexists(f"{file}{SUFFIX}")
    if there:
        refused("interrupted_rewrap", lambda: update(file))
        assert recover(file).policy is not None
    assert list(folder.iterdir()) == [file]
    version = policy_of(file).envelope.version
    start, section = policy_section(data)
    after = file.read_bytes()
    assert (after[:start], after[start + len(section) :]) == (data[:start], data[start + len(section) :])
    if version == 1:
        assert after == data
        refused("rule_denied", lambda: read(file))
    else:
        assert read(file) == dict(FILES)
    return there, version
