"""tera audit: is a log whole, what does it say, and what is to be kept of it elsewhere.

The law of this file: success is never said without what was not checked. A log is opened to be read only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from tera.cli import show
from tera.cli.events import (
    CONTAINER,
    LIMIT,
    VIEWER,
    found_in,
    log_at,
    moment_option,
    plain,
    print_table,
    query,
    time_of,
)
from tera.cli.inputs import once, read_file
from tera.cli.keys import KEY_FILE
from tera.cli.options import FILE, json_option
from tera.cli.outputs import write, write_json
from tera.errors import BadInput, BadKey, NoSuchEvent

if TYPE_CHECKING:
    from tera.audit.events import Event
    from tera.audit.notekeys import Verifier
    from tera.audit.verify import Whole

_NOTE = 1 << 20
_ORIGIN = click.option("--origin", metavar="NAME", help="What the log is called. Default: from the authority's key.")


@click.group(short_help="Check a log, and show what it says.", no_args_is_help=False)
def command() -> None:
    """Check an authority's log, or a reader's, and show what it says. LOG is an authority's folder, or a database.

    \b
    tera audit verify DIR --key authority.pub --checkpoint kept.txt
    tera audit show DIR --kind denied --since 2031-01-01T00:00:00Z
    """


@command.command(short_help="Check a whole log against its checkpoints.")
@click.argument("log", metavar="LOG", type=click.Path())
@click.option("--key", "keys", metavar="FILE", multiple=True, type=FILE, help="The authority's public text.")
@_ORIGIN
@click.option("--checkpoint", "kept", metavar="FILE", multiple=True, type=FILE, help="A checkpoint that was kept.")
@json_option
def verify(log: str, keys: tuple[str, ...], origin: str | None, kept: tuple[str, ...], as_json: bool) -> None:
    """Check that no event of a log was changed, removed or reordered since it was signed.

    Every event is hashed again and compared with every checkpoint. Whoever can write to the log can cut it back to
    an older checkpoint: --checkpoint names one that was kept elsewhere (`tera audit checkpoint`), which shows that.

    A reader's own log has no checkpoints. It is checked against its own hashes, which shows an accident, not
    somebody who changed it.
    """
    from tera.audit.verify import verify_log

    once([*keys, *kept])
    with log_at(log) as (found, of_authority):
        if of_authority and not keys:
            raise click.UsageError("whose log is it? --key names the authority's public text")
        if not of_authority and (keys or kept or origin):
            raise click.UsageError("a reader's log is signed by nobody: it has no --key, --origin or --checkpoint")
        known = _verifiers(keys, origin)
        notes = [read_file(one, _NOTE, "a checkpoint") for one in kept]
        name = known[0].name if known else "local"
        whole = verify_log(found, known, name, kept=notes, signed=of_authority)
    result = _described(whole, name, known, len(kept), of_authority=of_authority)
    if as_json:
        write_json(result)
    else:
        write("\n".join(_lines(result)))


@command.command("show", short_help="Show the events of a log.")
@click.argument("log", metavar="LOG", type=click.Path())
@CONTAINER
@VIEWER
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Of this kind only: release, denied, enrol, ...")
@click.option("--since", metavar="TIME", help="Not before this time: 2031-01-01T00:00:00Z.")
@click.option("--until", metavar="TIME", help="Before this time.")
@LIMIT
@json_option
def show_events(
    log: str,
    container: str | None,
    viewer: str | None,
    kinds: tuple[str, ...],
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show the events of a log, the newest last. They are claims until `tera audit verify` has passed."""
    meant = query(
        container, viewer, kinds=kinds, since=moment_option(since, "--since"), until=moment_option(until, "--until")
    )
    with log_at(log) as (found, _):
        rows = [_event(index, event) for index, event in found_in(found, meant, limit)]
    print_table(rows, ["index", "time", "kind", "viewer", "rule", "subject", "extra"], plain, as_json=as_json)


@command.command(short_help="Print the newest signed checkpoint, to be kept elsewhere.")
@click.argument("log", metavar="LOG", type=click.Path())
def checkpoint(log: str) -> None:
    """Print the newest signed checkpoint of a log: whoever keeps it can show later that nothing before it changed."""
    with log_at(log) as (found, of_authority):
        last = found.last_checkpoint()
    if last is None:
        raise NoSuchEvent(
            "the log has no checkpoint yet" if of_authority else "a reader's log has no checkpoints: nobody signs it"
        )
    write(last.note.decode("utf-8", "replace").removesuffix("\n"))


@command.command(short_help="Print the public keys of an authority's log, for other tools.")
@click.option("--keys", metavar="FILE", required=True, type=FILE, help="What `tera keygen --authority` made.")
@_ORIGIN
def key(keys: str, origin: str | None) -> None:
    """Print the public keys with which the checkpoints of an authority's log are verified, in the form of signed notes.

    The first, Ed25519, is for other tools; it is not in the authority's public text, from which tera needs nothing
    but the second.
    """
    from tera.audit.notekeys import log_signers
    from tera.authority.folder import default_name
    from tera.authority.keys import HeldKeys

    held = HeldKeys.load(read_file(keys, KEY_FILE, "an authority's keys"), where=keys)
    for signer in log_signers(origin or default_name(held.fingerprint), held.signing):
        write(str(signer.verifier))


# --- how ------------------------------------------------------------------------------------------


def _verifiers(files: Sequence[str], origin: str | None) -> list[Verifier]:
    """Return the keys of `--key`, all under the log's name. Raises BadKey, BadInput."""
    found: list[Verifier] = []
    for file in files:
        try:
            lines = read_file(file, KEY_FILE, "public keys").decode()
        except UnicodeDecodeError:
            raise BadKey(f"{file}: not a text file") from None
        try:
            found += _verifiers_in(lines, origin)
        except BadKey as error:
            raise BadKey(f"{file}: {error}", hint=error.hint) from None
    names = {one.name for one in found}
    if len(names) > 1 or (found and origin not in (None, *names)):
        raise BadInput(f"the keys are of logs called {', '.join(sorted(names))}", hint="--origin names the log")
    return found


def _verifiers_in(text: str, origin: str | None) -> Iterator[Verifier]:
    from tera.audit.notekeys import COMPOSITE, Verifier, parse_verifier
    from tera.authority.folder import default_name
    from tera.codec import keyfile
    from tera.codec.signers import VerifyingKey

    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    keys = [line for line in lines if "+" not in line]
    yield from (parse_verifier(line) for line in lines if "+" in line)
    signers = [one for one in (keyfile.parse(line) for line in keys) if isinstance(one, VerifyingKey)]
    if len(signers) != (1 if keys else 0) or not lines:
        raise BadKey(
            "there is not one signer's public key (terasign1...) in it", hint="`tera keygen -y authority.txt` prints it"
        )
    for signer in signers:
        yield Verifier(origin or default_name(signer.fingerprint), COMPOSITE, signer.raw)


def _described(whole: Whole, name: str, known: Sequence[Verifier], kept: int, *, of_authority: bool) -> dict[str, Any]:
    unchecked = []
    if not of_authority:
        unchecked.append("who wrote it: nobody signs a reader's log, and its owner can make it anew")
    elif not any(one.post_quantum for one in known):
        unchecked.append("the post-quantum signatures: only the log's Ed25519 key was given")
    if whole.size > whole.signed and of_authority:
        count = show.plural(whole.size - whole.signed, "event", "events")
        unchecked.append(f"the last {count}: no checkpoint vouches for them yet")
    if of_authority and not kept:
        unchecked.append("that its end is there: no checkpoint was given that was kept elsewhere")
    return {
        "log": name,
        "events": whole.size,
        "root": whole.root,
        "checkpoints": whole.checkpoints,
        "signed": whole.signed,
        "kept": kept,
        "shown": "none changed, removed or reordered" if of_authority else "which fit their own hashes",
        "unchecked": unchecked,
    }


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{'log':<12} {show.safe(found['log'])}"
    yield f"{'events':<12} {found['events']:,}, {found['shown']}"
    if found["checkpoints"]:
        kept = f", {found['kept']:,} of them kept elsewhere" if found["kept"] else ""
        yield f"{'checkpoints':<12} {found['checkpoints']:,}{kept}; the last is of {found['signed']:,} events"
    for at, text in enumerate(found["unchecked"]):
        yield f"{'not checked' if not at else '':<12} {text}"


def _event(index: int, event: Event) -> dict[str, Any]:
    import uuid

    return {
        "index": index,
        "time": time_of(event),
        "kind": event.kind,
        "viewer": event.viewer,
        "rule": event.rule,
        "container": None if event.container is None else str(uuid.UUID(bytes=event.container)),
        "bind": event.bind,
        "subject": event.subject,
        "request": event.request,
        "extra": dict(event.extra) or None,
    }
