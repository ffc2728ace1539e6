"""tera authority: run an authority on this machine, say who its viewers are, see who asked; and report to one.

The law of this file: what an authority's owner changes is an event of its log. A secret is shown once, to whoever
makes it, and goes to a new file of mode 0600.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tera.cli.config import Asking
from tera.cli.events import CONTAINER, DATA, LIMIT, VIEWER, found_in, log_at, plain, print_table, query, time_of
from tera.cli.keys import fingerprints
from tera.cli.options import FILE, json_option, quiet_option
from tera.cli.outputs import STDOUT, write, write_json
from tera.cli.serve import serve
from tera.cli.talk import tell
from tera.errors import BadInput, BadKey, OutputUnavailable

if TYPE_CHECKING:
    from tera.audit.events import Event

_OUTCOMES = {"release": "released", "denied": "denied", "reported": "opened within a lease"}


@click.group(short_help="Run an authority, which holds shares of keys; see who asked.", no_args_is_help=False)
def command() -> None:
    """Run an authority, which holds a share of a container's key and gives it to whom the rules allow.

    \b
    tera keygen --authority -o authority.txt     its keys; -y authority.txt prints what authors need
    tera authority enrol --data DIR --viewer ann@example.org ann.pub
    tera authority serve --data DIR --keys authority.txt
    """


command.add_command(serve)


@command.command(short_help="Say whose a signing key is.")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@DATA
@click.option("--viewer", metavar="ADDRESS", required=True, help="Whose: name@example.org.")
@quiet_option
def enrol(keys: tuple[str, ...], data: str, viewer: str, quiet: bool) -> None:
    """Say that requests that are signed with KEY (a file, terasign1..., or a fingerprint) are this viewer's.

    The folder is made if it is not there.
    """
    from tera.authority.enrolment import enrol as enrol_key
    from tera.authority.folder import open_state
    from tera.policy.people import read_viewer

    named, address = _fingerprints(keys), read_viewer(viewer)
    state = open_state(data, make=True)
    try:
        for one in named:
            enrol_key(state, one, address, _now())
            if not quiet:
                tell(f"tera: {one.hex()[:16]} is {address}")
    finally:
        state.close()


@command.command(short_help="Forget whose a signing key is.")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@DATA
@quiet_option
def withdraw(keys: tuple[str, ...], data: str, quiet: bool) -> None:
    """Forget whose KEY is: from the next request on nothing is released to it. Its leases stay until they end."""
    from tera.authority.enrolment import withdraw as withdraw_key
    from tera.authority.folder import open_state

    named = _fingerprints(keys)
    state = open_state(data, make=False)
    try:
        for one in named:
            address = withdraw_key(state, one, _now())
            if not quiet:
                tell(f"tera: {one.hex()[:16]} is no longer {address}")
    finally:
        state.close()


@command.command(short_help="Make a token, for callers that do not sign.")
@click.option("--tokens", metavar="FILE", required=True, type=click.Path(), help="The list of `serve --tokens`.")
@click.option("--viewer", metavar="ADDRESS", required=True, help="Whose: name@example.org.")
@click.option("-o", "--output", metavar="FILE", type=FILE, help="Write it to this new file; else to standard output.")
def token(tokens: str, viewer: str, output: str | None) -> None:
    """Make a token with which a viewer is known to the authority, and add its hash to a list.

    Who takes a line out of the list ends its token.
    """
    from tera.authority.tokens import new_token
    from tera.cli.keygen import write_new

    secret, line = new_token(viewer)
    if output in (None, STDOUT):
        write(secret)
    else:
        write_new(str(output), f"{secret}\n", 0o600)
    _append(tokens, line)


@command.command(short_help="Show who asked for what, and what became of it.")
@DATA
@CONTAINER
@VIEWER
@LIMIT
@json_option
def attempts(data: str, container: str | None, viewer: str | None, limit: int, as_json: bool) -> None:
    """Show who asked for a share, by the authority's log: the newest last."""
    meant = query(container, viewer, kinds=tuple(_OUTCOMES))
    with log_at(data) as (log, _):
        rows = [_attempt(index, event) for index, event in found_in(log, meant, limit)]
    print_table(rows, ["time", "viewer", "action", "outcome", "rule"], plain, as_json=as_json)


@command.command(short_help="Tell authorities what was opened within their leases.")
@click.option("--config", metavar="FILE", type=FILE, help="Which authorities, and where. Default: $TERA_CONFIG.")
@json_option
@quiet_option
def report(config: str | None, as_json: bool, quiet: bool) -> None:
    """Send what this device opened within leases, so that the authorities' logs show it. Nothing is recorded twice."""
    from tera.client.reports import send_reports

    asking = Asking(config)
    found = asking.config()
    if found.device_key is None or found.state is None:
        raise BadInput("a report is signed by the device: the configuration lacks device_key")
    sent: dict[str, int] = {}
    for name, authority in asking.authorities().items():
        sent[name.hex()] = send_reports(found.state, found.device_key, name, authority)
        if not quiet and not as_json:
            tell(f"tera: {sent[name.hex()]:,} opens reported to the authority {name.hex()[:16]}")
    if not sent:
        raise BadInput("the configuration names no authority", hint="[[authorities]] with key and url")
    if as_json:
        write_json(sent)


def _attempt(index: int, event: Event) -> dict[str, Any]:
    again = " again" if event.extra.get("again") else ""
    return {
        "index": index,
        "time": time_of(event),
        "viewer": event.viewer,
        "action": event.extra.get("act"),
        "outcome": _OUTCOMES[event.kind] + again,
        "rule": event.rule,
        "bind": event.bind,
        "request": event.request,
        "device": event.subject if event.kind == "reported" else event.extra.get("dev"),
    }


def _fingerprints(keys: Sequence[str]) -> list[bytes]:
    try:
        return fingerprints(keys)
    except BadKey as error:
        raise BadKey(str(error).removeprefix("--signer: "), hint=error.hint) from None


def _append(path: str, line: str) -> None:
    """Add a line to a list that only its owner reads; durably."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb", buffering=0) as file:
            file.write(line.encode())
            os.fsync(descriptor)
    except (OSError, ValueError) as error:
        raise OutputUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _now() -> int:
    return time.time_ns() // 1_000_000
