"""Opening a container into a folder, from a path, a file object or a pipe.

The law of this file: which way of reading is taken is decided here, and by the input and the caller only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import BinaryIO, cast

from tera.codec import pipe
from tera.codec.config import PLAIN, Config
from tera.codec.extract import Extracted, extract
from tera.codec.gate import ANYBODY, Gate
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.source import Readable, can_seek
from tera.codec.target import TargetFolder
from tera.errors import BadInput
from tera.format import limits
from tera.format.limits import Limits
from tera.policy.context import Context


def decode(
    source: Readable,
    target: str | os.PathLike[str],
    identities: Sequence[Identity],
    *,
    signers: Sequence[bytes] = (),
    context: Context = ANYBODY,
    config: Config = PLAIN,
    names: Collection[str] | None = None,
    stream: bool = False,
    force: bool = False,
    rename: bool = False,
    bounds: Limits = limits.DEFAULT,
    progress: Callable[[int], None] | None = None,
) -> Extracted:
    """Extract a container into the folder `target`, which is made if it is missing.

    `names` are the entries to take, all if None. What exists is kept (OutputExists) unless `force`. Names
    that the target cannot hold are refused (UnsafeTarget) unless `rename`. A pipe is spooled, encrypted,
    and nothing is released before all of it has been verified; with `stream`, content is released as its
    chunks verify, and a wrong end is an error after the output. `context` and `config` are those of `tera.open`;
    the action is `extract`. Raises TeraError; no file is left partial.
    """
    if stream and rename:
        raise BadInput("a stream is taken under the names that come: it cannot be renamed")
    with contextlib.closing(Gate(replace(context, action="extract"), config, signers=signers)) as gate:
        return _decode(
            source,
            target,
            identities,
            gate,
            signers=signers,
            names=names,
            stream=stream,
            force=force,
            rename=rename,
            bounds=bounds,
            progress=progress,
        )


def _decode(
    source: Readable,
    target: str | os.PathLike[str],
    identities: Sequence[Identity],
    gate: Gate,
    *,
    signers: Sequence[bytes],
    names: Collection[str] | None,
    stream: bool,
    force: bool,
    rename: bool,
    bounds: Limits,
    progress: Callable[[int], None] | None,
) -> Extracted:
    readable = source
    spooled: BinaryIO | None = None
    if hasattr(source, "read") and (stream or not can_seek(cast(BinaryIO, source))):
        piped = cast(BinaryIO, source)
        if stream:
            reading = pipe.Streaming(piped, identities, gate, signers=signers, bounds=bounds)
            folder = TargetFolder(target, force=force)
            complete = False
            try:
                found = reading.run(folder, wanted=names, progress=progress)
                complete = True
            finally:
                folder.close(complete=complete)
            return found
        readable = spooled = pipe.spool(piped, identities, gate)
    with (
        spooled or contextlib.nullcontext(),
        Container(readable, identities, signers=signers, bounds=bounds, gate=gate) as container,
    ):
        folder = TargetFolder(target, force=force)
        complete = False
        try:
            found = extract(container, folder, wanted=names, rename=rename, progress=progress)
            complete = True
        finally:
            folder.close(complete=complete)
        return found
