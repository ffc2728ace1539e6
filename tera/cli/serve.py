"""tera authority serve: answer for an authority on this machine, until it is told to stop.

The law of this file: SIGTERM, SIGINT and SIGHUP end it in order: no new requests, answers to those that are under
way, a last signed checkpoint. A log that cannot be signed any more ends it at once: nothing is released without one.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from tera.cli.events import DATA
from tera.cli.inputs import once, read_file
from tera.cli.keys import KEY_FILE, fingerprints
from tera.cli.options import FILE
from tera.cli.outputs import write
from tera.cli.talk import say, tell
from tera.errors import TeraError, Unavailable

if TYPE_CHECKING:
    from tera.authority.authority import Authority
    from tera.authority.server import Server

EVERY = 1.0
"""Seconds between two looks whether the log has grown and is to be signed."""


@click.command(short_help="Answer requests on this machine until SIGTERM.")
@DATA
@click.option("--keys", metavar="FILE", required=True, type=FILE, help="What `tera keygen --authority` made.")
@click.option("--listen", metavar="ADDRESS:PORT", default="127.0.0.1:0", help="Port 0 takes a free one.")
@click.option("--name", metavar="NAME", help="What its log is called, for good. Default: from its fingerprint.")
@click.option("--blocklist", "blocklists", metavar="FILE", multiple=True, type=FILE, help="What is not released.")
@click.option("--issuer", "issuers", metavar="KEY", multiple=True, help="Whose block lists count.")
@click.option("--signer", "signers", metavar="KEY", multiple=True, help="On whom require_signature may rely.")
@click.option("--tokens", metavar="FILE", type=click.Path(), help="Viewers by token: `tera authority token` writes it.")
def serve(
    data: str,
    keys: str,
    listen: str,
    name: str | None,
    blocklists: tuple[str, ...],
    issuers: tuple[str, ...],
    signers: tuple[str, ...],
    tokens: str | None,
) -> None:
    """Answer requests for shares, on this machine only, until SIGTERM or SIGINT.

    The URL goes to standard output when it answers there. All lists and keys but the tokens and the lists' content
    are read once, at the start.
    """
    once([keys, *issuers, *signers])
    host, port = _address(listen)
    if bool(blocklists) != bool(issuers):
        raise click.UsageError("--blocklist and --issuer go together: a list counts because of who signed it")
    from tera.audit.notekeys import check_name
    from tera.authority.folder import open_state, take_name
    from tera.authority.keys import HeldKeys
    from tera.authority.server import check_host

    check_host(host)
    if name is not None:
        check_name(name)
    held = HeldKeys.load(read_file(keys, KEY_FILE, "an authority's keys"), where=keys)
    trusted, relied = fingerprints(issuers), frozenset(fingerprints(signers))
    state = open_state(data, make=True)
    try:
        from tera.authority.authority import Authority

        authority = Authority(
            state,
            held,
            origin=take_name(data, name, held.fingerprint),
            blocklists=_lists(blocklists, trusted),
            signers=relied,
        )
        _check_log(state, authority)
        _run(authority, _bound(authority, host, port, tokens))
    finally:
        state.close()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise click.UsageError(f"--listen: {text!r} is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:0")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _lists(paths: Sequence[str], trusted: Sequence[bytes]) -> list[Any]:
    from tera.codec.config import BlockListFile

    return [BlockListFile(path, trusted) for path in paths]


def _check_log(state: Any, authority: Authority) -> None:
    """Refuse another authority's folder. Raises MissingSignature, BadCheckpoint, BadSignature."""
    from tera.audit.checkpoint import open_checkpoint

    with state.reading() as view:
        last = view.log.last_checkpoint()
    if last is not None:
        try:
            open_checkpoint(last.note, authority.verifiers, authority.origin)
        except TeraError as error:
            raise type(error)(
                f"the log in this folder is not this authority's: {error}", hint="another --data, or other --keys"
            ) from None


def _bound(authority: Authority, host: str, port: int, tokens: str | None) -> Server:
    from tera.authority.server import make_server
    from tera.authority.tokens import TokenFile

    viewer_of = None if tokens is None else TokenFile(tokens).viewer_of

    def on_fault(error: Exception) -> None:
        say("warning", f"internal: {type(error).__name__}: this is a fault in tera")

    try:
        return make_server(authority, host=host, port=port, viewer_of=viewer_of, on_fault=on_fault)
    except OSError as error:
        raise Unavailable(f"{host}:{port}: {error.strerror or error}", hint="port 0 takes a free one") from None


def _run(authority: Authority, server: Server) -> None:
    """Answer until a signal; sign the log once a second."""
    with _stop_signals() as told:
        answering = Thread(target=server.serve_forever, name="accept")
        answering.start()
        try:
            _sign(authority)
            tell(f"tera: the authority {authority.fingerprint.hex()[:16]} answers at {server.url}")
            tell(f"tera: its log is {authority.origin}")
            write(server.url)
            sys.stdout.flush()
            while not select.select([told], [], [], EVERY)[0]:
                _sign(authority)
        finally:
            server.end()
            answering.join()
        authority.checkpoint(every=0)


def _sign(authority: Authority) -> None:
    """Sign what was added. A database that is busy or full is tried again: without it nothing is released either."""
    try:
        authority.checkpoint()
    except Unavailable as error:
        say("warning", str(error))


@contextmanager
def _stop_signals() -> Iterator[int]:
    """Give a descriptor that can be read when we are told to stop; a signal that is ignored stays so."""
    told, tell_it = os.pipe()
    os.set_blocking(tell_it, False)

    def stop(number: int, frame: object) -> None:
        with suppress(BlockingIOError):  # it has been told often enough
            os.write(tell_it, b".")

    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop)
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell_it)
