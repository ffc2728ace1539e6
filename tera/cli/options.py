"""Options that several verbs share.

The law of this file: an option that means one thing has one spelling, and its words are here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from tera.cli.config import Asking
from tera.cli.inputs import read_file
from tera.cli.keys import KEY_FILE, Opening, Sealing, fingerprints
from tera.cli.passphrase import PassphraseSource

_F = TypeVar("_F", bound=Callable[..., Any])
FILE = click.Path(allow_dash=True)
AT_LEAST_0 = click.IntRange(min=0)

_PASSPHRASE = (
    click.option("-p", "--passphrase", is_flag=True, help="Ask for a passphrase on the terminal."),
    click.option("--passphrase-file", metavar="FILE", type=FILE, help="Take the passphrase from a file of one line."),
    click.option("--passphrase-fd", metavar="N", type=AT_LEAST_0, help="Take it from an open file descriptor."),
)
_KEK = (
    click.option("--kek-file", metavar="FILE", type=FILE, help="A key-encryption key: 32 bytes, raw or hexadecimal."),
    click.option("--kek-id", metavar="ID", default="", help="What that key is called where it is kept."),
)
_IDENTITIES = (
    click.option("-i", "--identity", metavar="FILE", multiple=True, type=FILE, help="A file of secret keys."),
    *_PASSPHRASE,
    *_KEK,
)
_RECIPIENTS = (
    click.option("-r", "--recipient", metavar="KEY", multiple=True, help="Seal to this public key."),
    click.option("-R", "--recipients-file", metavar="FILE", multiple=True, type=FILE, help="Seal to all keys in it."),
)
_ALL_OF = click.option("--all-of", is_flag=True, help="What is given opens together only, not each by itself.")
_ANONYMOUS = click.option("--anonymous", is_flag=True, help="Leave out the hints that tell key holders it is theirs.")
_SIGNER = click.option(
    "--signer", metavar="KEY", multiple=True, help="Must be signed by this: a file, terasign1..., or a fingerprint."
)
_AUTHORITY = click.option(
    "--authority", metavar="FILE", multiple=True, type=FILE, help="Give a share to this authority: its two public keys."
)
_CONFIG = click.option("--config", metavar="FILE", type=FILE, help="Whom to trust and to ask. Default: $TERA_CONFIG.")
_ASKING = (
    _CONFIG,
    click.option("--viewer", metavar="ADDRESS", help="Who opens it: name@example.org."),
    click.option("--ip", metavar="ADDRESS", help="From which network address."),
    click.option("--place", metavar="COUNTRY[/...]", help="From where: DE, DE/BY, DE/BY/Munich."),
    click.option("--fulfil", metavar="ID", multiple=True, help="An obligation of the rules that you will fulfil."),
    click.option("--lease", is_flag=True, help="Ask the authority for a lease, to open it later without network."),
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
_QUIET = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")


def _together(function: _F, options: Sequence[Callable[[Any], Any]]) -> _F:
    for option in reversed(options):
        function = option(function)
    return function


def json_option(function: _F) -> _F:
    """Add `--json` as `as_json`."""
    return _together(function, [_JSON])


def quiet_option(function: _F) -> _F:
    """Add `-q/--quiet`."""
    return _together(function, [_QUIET])


def signer_option(function: _F) -> _F:
    """Add `--signer`; the verb gets `signers`, fingerprints."""

    @functools.wraps(function)
    def loaded(*args: Any, signer: tuple[str, ...], **others: Any) -> Any:
        return function(*args, signers=fingerprints(signer), **others)

    return _together(loaded, [_SIGNER])  # type: ignore[return-value]


def authority_option(function: _F) -> _F:
    """Add `--authority`; the verb gets `authorities`, a list of `AuthorityKey`."""

    @functools.wraps(function)
    def loaded(*args: Any, authority: tuple[str, ...], **others: Any) -> Any:
        found = []
        if authority:
            from tera.codec.authorities import load_authority

            found = [load_authority(read_file(one, KEY_FILE, "an authority's keys"), where=one) for one in authority]
        return function(*args, authorities=found, **others)

    return _together(loaded, [_AUTHORITY])  # type: ignore[return-value]


def config_option(function: _F) -> _F:
    """Add `--config` alone, for what nobody opens; the verb gets `asking`, an `Asking`."""

    @functools.wraps(function)
    def gathered(*args: Any, config: str | None, **others: Any) -> Any:
        return function(*args, asking=Asking(config), **others)

    return _together(gathered, [_CONFIG])  # type: ignore[return-value]


def asking_options(function: _F) -> _F:
    """Add `--config`, `--viewer` and so on; the verb gets `asking`, an `Asking`."""

    @functools.wraps(function)
    def gathered(
        *args: Any,
        config: str | None,
        viewer: str | None,
        ip: str | None,
        place: str | None,
        fulfil: tuple[str, ...],
        lease: bool,
        **others: Any,
    ) -> Any:
        return function(*args, asking=Asking(config, viewer, ip, place, fulfil, lease), **others)

    return _together(gathered, _ASKING)  # type: ignore[return-value]


def opening_options(function: _F) -> _F:
    """Add `-i`, `-p` and so on; the verb gets `keys`, an `Opening`."""

    @functools.wraps(function)
    def gathered(
        *args: Any,
        identity: tuple[str, ...],
        passphrase: bool,
        passphrase_file: str | None,
        passphrase_fd: int | None,
        kek_file: str | None,
        kek_id: str,
        **others: Any,
    ) -> Any:
        source = PassphraseSource(passphrase, passphrase_file, passphrase_fd)
        return function(*args, keys=Opening(identity, source, kek_file, kek_id), **others)

    return _together(gathered, _IDENTITIES)  # type: ignore[return-value]


def sealing_options(function: _F) -> _F:
    """Add `-r`, `-R`, `-p` and so on; the verb gets `keys`, a `Sealing`."""

    @functools.wraps(function)
    def gathered(
        *args: Any,
        recipient: tuple[str, ...],
        recipients_file: tuple[str, ...],
        passphrase: bool,
        passphrase_file: str | None,
        passphrase_fd: int | None,
        kek_file: str | None,
        kek_id: str,
        all_of: bool,
        anonymous: bool,
        **others: Any,
    ) -> Any:
        source = PassphraseSource(passphrase, passphrase_file, passphrase_fd)
        keys = Sealing(recipient, recipients_file, source, kek_file, kek_id, all_of, anonymous)
        return function(*args, keys=keys, **others)

    return _together(gathered, [*_RECIPIENTS, *_PASSPHRASE, *_KEK, _ALL_OF, _ANONYMOUS])  # type: ignore[return-value]
