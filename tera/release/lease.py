"""Leases: what a device keeps to open without the network, and how. Spec: spec/release.md, "Leases".

The law of this file: the secret of a lease is kept under a key that only the device's signing key gives; so a
copy of what is stored opens nothing elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tera.crypto import kdf, kem, wrap
from tera.crypto.random import Random
from tera.crypto.signing import SigningKey
from tera.errors import BadStanza, ClockBehind, LeaseExpired, ShareRefused
from tera.release.answer import Answer, check_answer, open_answer
from tera.release.request import Request, parse_request

_DEVICE: Final = b"tera/v1 device-key"
_LEASE: Final = b"tera/v1 lease"
_INFO: Final = b"tera/v1 lease\0"


@dataclass(frozen=True, slots=True)
class Lease:
    """What is kept: request and answer as they were sent, and the wrapped seed of the request's key."""

    request: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)

    @property
    def parsed(self) -> Request:
        """The request. Raises what `parse_request` does: the store may have been changed."""
        return parse_request(self.request)


def keep_lease(message: bytes, answer: bytes, seed: bytes, device: SigningKey, random: Random) -> Lease:
    """Return what to store of a release with a lease; `seed` is that of the request's key (32 bytes)."""
    request = parse_request(message)
    salt = random(wrap.SALT_LENGTH)
    return Lease(message, answer, salt, wrap.wrap(_secret(device), salt, _info(request), seed))


def open_lease(lease: Lease, device: SigningKey, now: int) -> tuple[Answer, bytes]:
    """Return the receipt and the share, at `now` in seconds since 1970 UTC.

    Raises what `open_answer` does, ClockBehind before the answer's time, LeaseExpired from the lease's end on, and
    ShareRefused for another device's, or one that was changed.
    """
    request = lease.parsed
    answer = check_answer(lease.answer, request)
    check_time(answer, now)
    try:
        seed = wrap.unwrap(_secret(device), lease.salt, _info(request), lease.wrapped)
    except BadStanza:
        seed = None
    if seed is None:
        raise ShareRefused("the lease is another device's, or was changed")
    return open_answer(lease.answer, request, kem.XWING.private_key(seed))


def check_time(answer: Answer, now: int) -> None:
    """Return when the lease in a receipt holds at `now`. Raises ClockBehind or LeaseExpired."""
    if now < answer.issued:
        raise ClockBehind(f"the lease was given {answer.issued - now:,} seconds after the time of this machine's clock")
    if answer.lease is None or now >= answer.lease:
        raise LeaseExpired("the lease has ended")


def _secret(device: SigningKey) -> bytes:
    return kdf.expand(kdf.extract(_DEVICE, device.seed), _LEASE, 32)


def _info(request: Request) -> bytes:
    return _INFO + request.bind + request.hash
