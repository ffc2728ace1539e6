"""What a reader trusts, whom it may ask, and where it remembers: its configuration, never the container's.

The law of this file: nothing here comes from a container. An authority that is not named here is not asked, an
issuer that is not named here blocks nothing, and without a state nothing is opened that needs one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from tera.codec.source import FileSource
from tera.errors import BadInput, InputUnavailable, MissingBlocklist

if TYPE_CHECKING:
    from tera.crypto.signing import SigningKey
    from tera.policy.blocklist import BlockList
    from tera.policy.marks import Marks
    from tera.state.reader import ReaderState


class Releaser(Protocol):
    """Where an authority can be asked: a service, a process, an object in this one."""

    def release(self, request: bytes) -> bytes:
        """Return the signed answer to a signed request, a denial too (spec/release.md).

        Raises AuthorityUnavailable, and what the authority refuses without an answer.
        """
        ...


class BlockListSource(Protocol):
    """Where a block list is found, and whose it has to be."""

    def open(self, now: int, marks: Marks) -> AbstractContextManager[BlockList]:
        """Give the verified list. Raises what `BlockList.open` does, and MissingBlocklist."""
        ...


@dataclass(frozen=True, slots=True)
class BlockListFile:
    """A block list in a file; `trusted` are the fingerprints of its issuers. With `stale="allow"` it may be old.

    `list_id` (16 bytes) is the list that is meant: without it another list of the same issuer passes for it.
    """

    path: str | os.PathLike[str]
    trusted: Collection[bytes]
    stale: Literal["refuse", "allow"] = "refuse"
    list_id: bytes | None = None

    @contextmanager
    def open(self, now: int, marks: Marks) -> Iterator[BlockList]:
        """See `BlockListSource`."""
        from tera.policy.blocklist import BlockList

        name = os.fspath(self.path)
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise MissingBlocklist(f"the block list {name} is not there") from None
        except (OSError, ValueError) as error:
            raise InputUnavailable(f"{name}: {getattr(error, 'strerror', None) or error}") from None
        source = FileSource(fd, name, owned=True)
        try:
            found = BlockList.open(
                source.read_at,
                source.size,
                trusted=self.trusted,
                now=now,
                marks=marks,
                name=os.path.basename(name),
                stale=self.stale,
            )
            if self.list_id not in (None, found.head.list_id):
                raise MissingBlocklist(f"the block list {name} is another one than the configuration names")
            yield found
        finally:
            source.close()


@dataclass(frozen=True, slots=True)
class Config:
    """The reader's own configuration.

    `authorities` by fingerprint (32 bytes); `signers`, fingerprints on whom `require_signature` may rely;
    `viewer_key` proves who asks, to an authority, `device_key` which machine. With `lease` one is asked for
    wherever the rules may give it. `clock` returns seconds since 1970 UTC. Raises BadInput for a lease that nothing
    could keep.
    """

    authorities: Mapping[bytes, Releaser] = field(default_factory=dict)
    blocklists: Sequence[BlockListSource] = ()
    signers: frozenset[bytes] = frozenset()
    state: ReaderState | None = None
    viewer_key: SigningKey | None = None
    device_key: SigningKey | None = None
    lease: bool = False
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if self.lease and (self.device_key is None or self.state is None):
            raise BadInput(
                "a lease is kept in a state, under the key of the device, and one of the two is not configured",
                hint="device_key names a key that `tera keygen --sign` made",
            )


PLAIN: Final = Config()
"""Nobody is trusted or asked, and nothing is remembered."""
