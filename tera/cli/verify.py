"""tera verify: check everything that the keys at hand allow.

The law of this file: success is never said without what was not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.containers import sealed_file
from tera.cli.inputs import once
from tera.cli.keys import Opening
from tera.cli.options import FILE, asking_options, json_option, opening_options, quiet_option, signer_option
from tera.cli.outputs import write, write_json
from tera.cli.progress import Progress


@click.command(short_help="Check a whole container; say what was checked and what was not.")
@click.argument("file", metavar="FILE", type=FILE)
@opening_options
@signer_option
@asking_options
@json_option
@quiet_option
def command(file: str, keys: Opening, signers: Sequence[bytes], asking: Asking, as_json: bool, quiet: bool) -> None:
    """Check a whole container, and say what was checked and what was not.

    Without a key: structure, digest and signatures. With one (-i): every byte. A signature proves who signed only
    to somebody who names the signer's key: --signer.
    """
    from tera.codec.inspect import verify

    once([file, *keys.stdin])
    with Progress("verifying", quiet=quiet) as progress, sealed_file(file) as source:
        identities = keys.load(needed=False)
        found = verify(
            source,
            identities,
            signers=signers,
            context=asking.context("view"),
            config=asking.config(),
            progress=progress.callback,
        ).to_dict()
    if as_json:
        write_json(found)
    else:
        write("\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield _row("digest", [found["digest"]])
    yield _row("checked", found["checked"])
    if found["unchecked"]:
        yield _row("not checked", found["unchecked"])
    for one in found["signers"]:
        trust = "pinned" if one["pinned"] else "not pinned: you have not named it with --signer"
        yield _row("signed by", [f"{one['fingerprint']} ({trust})"])
    if found["entries"] is not None:
        yield _row("content", [show.plural(found["entries"], "entry", "entries")])


def _row(label: str, values: Sequence[str]) -> str:
    return "\n".join(f"{label if not at else '':<12} {show.safe(value)}" for at, value in enumerate(values))
