"""tera blocklist show: what a block list says of itself, who issued it, and what is on it.

The law of this file: a list is verified whole, but whose it is, only the caller knows: without --issuer everything is
marked as unverified. What does not hold now is shown first, and is then the error.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tera.cli import show
from tera.cli.blockable import Named, blockable_options, check_stdin
from tera.cli.config import Asking
from tera.cli.keys import fingerprints
from tera.cli.marks import remembered
from tera.cli.options import config_option, json_option
from tera.cli.outputs import write, write_json
from tera.errors import Blocked, Malformed, StaleBlocklist, TeraError, Unauthentic

if TYPE_CHECKING:
    from tera.codec.blocklists import Item
    from tera.policy.blockfile import Head
    from tera.policy.blocklist import BlockList


@click.command("show", short_help="Show what a list says, and whether something is on it.")
@click.argument("file", metavar="FILE", type=click.Path())
@click.option(
    "--issuer", metavar="KEY", multiple=True, help="Must be signed by this: a file, terasign1..., or a fingerprint."
)
@click.option("--contains", "containers", metavar="CONTAINER", multiple=True, type=click.Path(), help="Is it blocked?")
@blockable_options
@config_option
@json_option
def command(file: str, issuer: tuple[str, ...], named: Named, asking: Asking, as_json: bool) -> None:
    """Show what a block list says of itself. What is on it are hashes: it can only be asked for what is named.

    --contains asks for a container by everything that can be seen of it, --id and the others for one value each.
    If any of it is blocked, the exit code is 14.
    """
    check_stdin(file, issuer, named)
    from tera.cli.blocked_items import questions
    from tera.codec.source import open_path
    from tera.policy.blockfile import HEADER, parse_head
    from tera.policy.blocklist import BlockList

    trusted = fingerprints(issuer)
    asked = replace(named, containers=()).items(quiet=True)
    asked += [questions(path, quiet=True) for path in named.containers]
    with closing(open_path(file)) as source:
        head, _ = parse_head(source.read_at(0, HEADER), source.size)
        error: TeraError | None = None
        answers: list[tuple[Item, list[str]]] = []
        try:
            found = BlockList.open(
                source.read_at,
                source.size,
                trusted=trusted or [head.issuer],
                now=int(time.time()),
                marks=remembered(asking) or {},
                name=os.path.basename(file),
                stale="allow",
            )
            deque(found.ids(), maxlen=0)  # every page is the one that was signed
            answers = [(item, _hits(found, item)) for item in asked]
            if found.stale:
                error = StaleBlocklist(f"the block list {found.name} expired at {show.moment(head.expires)}")
        except TeraError as raised:
            error = raised
    verified = bool(trusted) and not isinstance(error, Malformed | Unauthentic)
    if as_json:
        write_json({"file": file, **_said(head, verified, error, answers)})
    else:
        write("\n".join(_lines(head, verified, error, answers)))
    if error is not None:
        raise error
    blocked = [item for item, hits in answers if hits]
    if blocked:
        more = f", and {len(blocked) - 1:,} more" if len(blocked) > 1 else ""
        raise Blocked(f"{blocked[0].label} is blocked by the list{more}")


def described(head: Head) -> dict[str, Any]:
    """Return what a header says, as JSON can hold it."""
    return {
        "id": head.list_id.hex(),
        "version": head.version,
        "issued": head.issued,
        "expires": head.expires,
        "count": head.count,
        "issuer": head.issuer.hex(),
    }


def _hits(found: BlockList, item: Item) -> list[str]:
    """Return by which of its names an item is blocked."""
    from tera.cli.blocked_items import KINDS

    words = {kind: word for word, kind in KINDS.items()}
    return [words[kind] for kind, value in item.names if found.contains(kind, value)]


def _said(
    head: Head, verified: bool, error: TeraError | None, answers: Sequence[tuple[Item, list[str]]]
) -> dict[str, Any]:
    return {
        **described(head),
        "verified": verified,
        "holds": error is None,
        "error": None if error is None else {"code": error.code, "message": str(error), "hint": error.hint},
        "contains": [{"what": item.label, "blocked": bool(hits), "by": hits} for item, hits in answers],
    }


def _lines(
    head: Head, verified: bool, error: TeraError | None, answers: Sequence[tuple[Item, list[str]]]
) -> Iterator[str]:
    mark = "signed" if verified else "unverified"
    yield _row("list", head.list_id.hex(), mark)
    yield _row("version", f"{head.version:,}", mark)
    yield _row("issued", show.moment(head.issued), mark)
    yield _row("expires", show.moment(head.expires), mark)
    yield _row("entries", f"{head.count:,}", mark)
    trust = "signed" if verified else "unverified: if you trust this key, name it with --issuer"
    yield _row("issuer", head.issuer.hex(), trust)
    yield _row("holds", "yes" if error is None else f"no: {error.code}", "by this machine's clock")
    for item, hits in answers:
        yield _row(
            "contains", f"{'yes' if hits else 'no'}: {item.label}", f"by its {', '.join(hits)}" if hits else mark
        )


def _row(label: str, value: str, mark: str) -> str:
    return f"{label:<11} {show.safe(value):<38}  ({mark})"
