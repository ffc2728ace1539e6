"""tera policy show: what a container's policy says, who signed it, and whether it would hold now.

The law of this file: without a key everything is what the file claims, as in `inspect`; what does not hold is shown
first, and is then the error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.containers import sealed_file
from tera.cli.marks import remembered
from tera.cli.options import FILE, config_option, json_option, signer_option
from tera.cli.outputs import write, write_json

if TYPE_CHECKING:
    from tera.codec.inspect_policy import PolicyInspection, PolicySigner


@click.command("show", short_help="Show what a policy says, who signed it, and whether it holds now.")
@click.argument("file", metavar="FILE", type=FILE)
@signer_option
@config_option
@json_option
def command(file: str, signers: Sequence[bytes], asking: Asking, as_json: bool) -> None:
    """Show what a container's policy says: no key is needed.

    Everything is what the file claims, unless --signer names a key that has signed the container, or the policy.
    What does not hold now, or is older than what this machine has seen, is shown all the same, and is the error.
    """
    from tera.codec.inspect_policy import inspect_policy

    with sealed_file(file) as source:
        found = inspect_policy(source, signers=signers, marks=remembered(asking) or {}, now=int(time.time()))
    if as_json:
        write_json({"file": file, **found.to_dict()})
    else:
        write("\n".join(_lines(found)))
    if found.error is not None:
        raise found.error


def _lines(found: PolicyInspection) -> Iterator[str]:
    said = found.to_dict()
    vouched = "signed" if found.verified else "unverified"
    shared = "" if found.container_id else ", and for others that name it"
    yield _row("policy", said["policy"], vouched)
    yield _row("container", f"{said['container']}{shared}", vouched)
    yield _row("version", f"{found.version:,}", vouched)
    yield _row("issued", show.moment(found.issued), vouched)
    yield _row("expires", show.moment(found.expires), vouched)
    if found.frozen:
        yield _row("rules", "frozen: nobody may open it", vouched)
    elif found.rules is None:
        yield _row("rules", "none", vouched)
    for number, rule in enumerate([] if found.frozen else said["rules"] or []):
        text = f"{rule['name']} = {show.one_line(rule['value'])}"
        yield _row("" if number else "rules", text, f"{vouched}, {rule['enforcement']}")
    for number, one in enumerate(found.signers):
        yield _row("" if number else "signers", one.fingerprint.hex(), _mark(one))
    if not found.signers:
        yield _row("signers", "none", "the signatures are missing")
    for one_named in found.named:
        if one_named not in {one.fingerprint for one in found.signers}:
            yield _row("may sign", one_named.hex(), "the container names it; it has not signed this version")
    yield _row("room", f"{found.room:,} bytes", "for a next version in place")
    yield _row("holds", "yes" if found.error is None else f"no: {found.error.code}", "by this machine's clock")


def _mark(one: PolicySigner) -> str:
    named = "the container names it" if one.named else "the container does not name it: it means nothing"
    verified = "the signature verifies" if one.verified else "the signature does not verify"
    trusted = "" if one.pinned else "; if you trust this key, name it with --signer"
    return f"{named}; {verified}{trusted if one.named and one.verified else ''}"


def _row(label: str, value: str, mark: str) -> str:
    return f"{label:<11} {show.safe(value):<38}  ({mark})"
