"""The container that a verb reads: a path, a pipe, standard input.

The law of this file: a pipe is copied, still sealed, to a file without a name before it is read, so that
every verb works on both and nothing is shown before it was verified. The trace of an interrupted change
is reported and not acted upon.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO, Final, TypeGuard

from tera.cli.inputs import STDIN, stdin
from tera.cli.talk import say
from tera.errors import InputUnavailable, NoSuchEntry

if TYPE_CHECKING:
    from tera.cli.config import Asking
    from tera.codec.reader import Container
    from tera.codec.recipients import Identity
    from tera.policy.context import Action

Source = str | BinaryIO
BACKUP: Final = ".tera-access"
POLICY_BACKUP: Final = ".tera-policy"
"""Those of `tera.codec.overwrite`; every verb would pay for that import."""


@contextmanager
def open_container(
    path: str, load: Callable[[], list[Identity]], signers: Sequence[bytes], asking: Asking, action: Action
) -> Iterator[Container]:
    """Open what `path` names, for `action`. `load` gives the identities: asked for only when the file is there."""
    from tera.codec import pipe
    from tera.codec.gate import Gate
    from tera.codec.reader import Container

    with raw(path) as source:
        gate = Gate(asking.context(action), asking.config(), signers=signers)
        identities = load()
        with (
            pipe.spool(source, identities, gate) if _is_pipe(source) else nullcontext(source) as readable,
            Container(readable, identities, signers=signers, gate=gate) as container,
        ):
            yield container


@contextmanager
def sealed_file(path: str) -> Iterator[Source]:
    """Give the path, or a copy of a pipe that can be sought in: for what needs no key."""
    with raw(path) as source:
        if not _is_pipe(source):
            yield source
            return
        from tera.codec import pipe

        with pipe.spool_all(source) as copy:
            yield copy


@contextmanager
def raw(path: str) -> Iterator[Source]:
    """Give the path, or a stream: stdin, or a pipe that has a name."""
    if path == STDIN:
        yield stdin()
        return
    mode = mode_of(path)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode):
        try:
            with open(path, "rb") as stream:
                yield stream
        except OSError as error:
            raise InputUnavailable(f"{path}: {error.strerror or error}") from None
        return
    warn_if_interrupted(path)
    yield path


def mode_of(path: str) -> int:
    """Return the file's mode. Raises InputUnavailable when it is not there: better before a prompt than after."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise InputUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def warn_if_interrupted(path: str) -> None:
    """Say so when the copy of an old section lies beside the file."""
    for suffix, change in ((BACKUP, "a rewrap of it"), (POLICY_BACKUP, "a change of its policy")):
        if os.path.lexists(os.path.realpath(path) + suffix):
            say("warning", f"{path}: {change} was interrupted: `tera recover {path}` restores it")


def below(paths: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return those of `paths` that `names` are, or lie below. Raises NoSuchEntry for a name without any."""
    wanted = [name.rstrip("/") or name for name in names]
    found = [path for path in paths if any(path == name or path.startswith(name + "/") for name in wanted)]
    for name in wanted:
        if not any(path == name or path.startswith(name + "/") for path in found):
            raise NoSuchEntry(f"{name!r} is not in the container", hint="`tera ls` lists what is")
    return found


def _is_pipe(source: Source) -> TypeGuard[BinaryIO]:
    return not isinstance(source, str) and not source.seekable()
