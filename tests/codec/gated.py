"""Readers and authorities for the tests of the gate: a clock that stands still, a desk in this process, block lists
in memory, and every door by which somebody comes to the content.

The law of this file: a desk answers as an authority does unless a test says otherwise, and remembers what it was asked.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tera.audit.events import Event, parse_event
from tera.audit.log import Query
from tera.authority.authority import Authority, Caller
from tera.authority.keys import HeldKeys
from tera.authority.memory import MemoryState
from tera.codec.config import Config, Releaser
from tera.codec.decode import decode
from tera.codec.header import Dynamic  # noqa: F401 - for `options`
from tera.codec.inspect import verify
from tera.codec.reader import Container
from tera.codec.recipients import PrivateKey
from tera.codec.recover import recover
from tera.codec.rewrap import rewrap
from tera.crypto.signing import SigningKey
from tera.errors import AuthorityUnavailable, TeraError
from tera.format.rules import Rule
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind, blocked_id, build_blocklist
from tera.policy.blocklist import BlockList
from tera.policy.context import Context
from tera.policy.envelope import Envelope, pack_policy, sign_envelope
from tera.policy.marks import Marks
from tera.state.reader import ReaderState
from tests.codec.sealed import KEK, SIGNER, front_of, pipe, seal  # noqa: F401 - SIGNER for `options`

NOW = 1_900_000_000
ANN, BOB = "ann@a.example", "bob@b.example"


def signing(number: int) -> SigningKey:
    return SigningKey(bytes((number,)) * 64)


OWNER, CO_OWNER, ISSUER, DEVICE, OTHER_DEVICE, STRANGER = (signing(number) for number in range(11, 17))
KEYS = HeldKeys(signing(1), [PrivateKey(1, bytes(32))])
SECOND = HeldKeys(signing(2), [PrivateKey(1, b"\2" * 32)])
POLICY, LIST = b"p" * 16, b"l" * 16


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Desk(Releaser):
    """An authority in this process, to which everybody is Ann."""

    def __init__(self, clock: Clock, keys: HeldKeys = KEYS, **options: Any) -> None:
        self.keys = keys
        self.authority = Authority(MemoryState(), keys, origin="authority.example/log", clock=clock, **options)
        self.caller = Caller(ANN)
        self.asked: list[bytes] = []
        self.down = False
        self.change: Callable[[bytes], bytes] = bytes

    def release(self, request: bytes) -> bytes:
        if self.down:
            raise AuthorityUnavailable("the desk is closed", hint="come back later")
        self.asked.append(request)
        return self.change(self.authority.release(request, self.caller))

    def report(self, message: bytes) -> int:
        return self.authority.report(message)

    def events(self, *kinds: str) -> list[Event]:
        return [parse_event(data) for _, data in self.authority.events(Query(kinds=kinds))]


def authorities(*desks: Desk) -> dict[bytes, Releaser]:
    return {desk.keys.fingerprint: desk for desk in desks}


class Listed:
    """A block list that lies in memory; `data` may be changed."""

    def __init__(self, *blocked: tuple[Kind, bytes], trusted: Collection[bytes] | None = None, **options: Any) -> None:
        found = {"list_id": LIST, "version": 1, "issued": NOW - 100, "expires": NOW + 1_000, **options}
        self.data = bytearray(build_blocklist([blocked_id(*one) for one in blocked], ISSUER, **found))
        self.trusted = [signer_name(ISSUER.public)] if trusted is None else trusted

    @contextmanager
    def open(self, now: int, marks: Marks) -> Iterator[BlockList]:
        def read_at(offset: int, length: int) -> bytes:
            return bytes(self.data[offset : offset + length])

        yield BlockList.open(read_at, len(self.data), trusted=self.trusted, now=now, marks=marks, name="the list")


# --- containers -----------------------------------------------------------------------------------------


@cache
def _ruled(rules: str, options: str) -> bytes:
    found = {"created": NOW, **eval(options, globals())}
    return seal(rules=eval(rules), **found)


def ruled(*rules: tuple[str, Any], options: str = "{}") -> bytes:
    """Return a container with these rules; `options`, for `encode`, is Python. Each is made once."""
    return _ruled(repr(sorted(rules)), options)


def dynamic(*rules: tuple[str, Any], signers: str = "[OWNER]", more: str = "") -> bytes:
    return ruled(*rules, options=f"{{'dynamic': Dynamic({signers}, 90 * 86_400, POLICY), {more}}}")


def policy_of(data: bytes, *rules: tuple[str, Any], by: Sequence[SigningKey] = (OWNER,), **changes: Any) -> bytes:
    """Return the body of another POLICY for a container, as long as its own."""
    front = front_of(data)
    fields = {
        "policy_id": POLICY,
        "version": 1,
        "issued": NOW,
        "expires": NOW + 1_000,
        "container_id": None,
        "rules": tuple(Rule(*one) for one in rules) or None,
        **changes,
    }
    fields.setdefault("previous", bytes(32) if fields["version"] == 1 else b"\1" * 32)
    assert front.policy is not None
    signed = sign_envelope(Envelope(**fields), by)
    return pack_policy(signed, len(front.policy))


def with_policy(data: bytes, body: bytes) -> bytes:
    front = front_of(data)
    assert front.policy is not None
    assert len(front.policy) == len(body)
    at = front.access_offset - len(body)
    return data[:at] + body + data[front.access_offset :]


def unsigned(body: bytes) -> bytes:
    """Return a body of POLICY whose signatures were stripped."""
    length = 4 + int.from_bytes(body[:4], "big")
    return (body[:length] + b"\0\0\0\1\x90").ljust(len(body), b"\0")


# --- doors ----------------------------------------------------------------------------------------------

Door = Callable[..., None]


def through_open(data: bytes, folder: Path, identities: Sequence[Any], **options: Any) -> None:
    with Container(io.BytesIO(data), identities, **options) as container:
        for entry in container.entries:
            container.read(entry.path)


def through_decode(data: bytes, folder: Path, identities: Sequence[Any], **options: Any) -> None:
    decode(io.BytesIO(data), folder / "out", identities, **options)


def through_pipe(data: bytes, folder: Path, identities: Sequence[Any], **options: Any) -> None:
    decode(pipe(data), folder / "out", identities, **options)


def through_stream(data: bytes, folder: Path, identities: Sequence[Any], **options: Any) -> None:
    decode(pipe(data), folder / "out", identities, stream=True, **options)


def through_verify(data: bytes, folder: Path, identities: Sequence[Any], **options: Any) -> None:
    verify(io.BytesIO(data), identities, **options)


def through_rewrap(data: bytes, folder: Path, identities: Sequence[Any], **options: Any) -> None:
    path = folder / "in.tera"
    path.write_bytes(data)
    more: dict[str, Any] = {"authorities": options.pop("keys")} if "keys" in options else {}
    rewrap(path, identities, add=[KEK], output=folder / "out.tera", force=True, **more, **options)


def through_recover(data: bytes, folder: Path, identities: Sequence[Any], **options: Any) -> None:
    path = folder / "in.tera"
    path.write_bytes(data)
    recover(path, identities, folder / "out", **options)


SEEKING: dict[str, Door] = {"open": through_open, "decode": through_decode, "pipe": through_pipe}
DOORS: dict[str, Door] = {
    **SEEKING,
    "stream": through_stream,
    "verify": through_verify,
    "rewrap": through_rewrap,
    "recover": through_recover,
}


def written(folder: Path) -> list[str]:
    """Return what a door has left behind."""
    return sorted(one.name for one in folder.rglob("*") if one.name not in ("in.tera", "out"))


def refused(code: str, call: Callable[[], object], match: str | None = None, rule: str | None = None) -> TeraError:
    with pytest.raises(TeraError, match=match) as caught:
        call()
    assert caught.value.code == code
    assert getattr(caught.value, "rule", None) == rule
    return caught.value


def config(clock: Clock | None = None, **options: Any) -> Config:
    return Config(clock=clock or Clock(), **options)


def view(viewer: str | None = ANN, **options: Any) -> Context:
    return Context(viewer=viewer, **options)


def log_of(state: ReaderState) -> list[Event]:
    with state.log() as log:
        return [parse_event(one.data) for one in log.records()]


def kinds_of(state: ReaderState) -> list[str]:
    return [one.kind for one in log_of(state)]
