"""tera keygen: make a key; or print the public half of one.

The law of this file: a secret goes to a new file of mode 0600 or to standard output, and never replaces
anything; what is said on stderr is public.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tera.cli.inputs import read_file
from tera.cli.keys import KEY_FILE
from tera.cli.options import FILE, json_option, quiet_option
from tera.cli.outputs import STDOUT, write, write_json
from tera.cli.passphrase import ask
from tera.cli.talk import say, tell
from tera.errors import OutputExists, OutputUnavailable

if TYPE_CHECKING:
    from tera.codec.keyfile import Key
    from tera.codec.recipients import PrivateKey
    from tera.crypto.signing import SigningKey

TYPES = ("xwing", "mlkem1024-p384", "mlkem768", "mlkem1024")


@click.command(short_help="Make a key, or show the public half of one.")
@click.option("-o", "--output", metavar="FILE", type=FILE, help="Write it to this new file; else to standard output.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="The kind of key. Default: xwing.")
@click.option("--sign", is_flag=True, help="Make a signing key.")
@click.option("--authority", is_flag=True, help="Make the keys of an authority: one to sign with, one to open with.")
@click.option("-y", "--public-of", metavar="FILE", type=FILE, help="Print the public keys of this file's keys.")
@json_option
@quiet_option
def command(
    output: str | None,
    kind: str | None,
    sign: bool,
    authority: bool,
    public_of: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a key to open containers with, or (--sign) one to sign them with, or (--authority) an authority's two.

    The file holds the secret: whoever has it can open what is sealed to it. The public key is for giving away;
    it goes to standard error, and -y prints it again. Keys of age 1.3 (age-keygen -pq) and ML-KEM keys in PEM work too.
    """
    output = None if output == STDOUT else output
    if public_of is not None:
        if kind or sign or authority:
            raise click.UsageError("-y reads a key: it goes without --type, --sign and --authority")
        _show_public(public_of, output, as_json=as_json)
        return
    if sign and kind:
        raise click.UsageError("--sign makes a signing key, of which there is one type")
    if authority and (sign or kind in TYPES[2:]):
        raise click.UsageError("--authority makes a signing key, and one of type xwing or mlkem1024-p384")
    if as_json and output is None:
        raise click.UsageError("--json answers on standard output, where the key would be: name a file with -o")
    keys = [_signing_key()] if sign or authority else []
    keys += [] if sign else [_opening_key(kind or "xwing")]
    _write_secret(keys, output, as_json=as_json, quiet=quiet)


def _signing_key() -> PrivateKey | SigningKey:
    from tera.crypto import signing
    from tera.crypto.random import system

    return signing.generate(system)


def _opening_key(kind: str) -> PrivateKey:
    from tera.codec.recipients import PrivateKey
    from tera.crypto import kem
    from tera.crypto.random import system

    return PrivateKey.generate(kem.by_name(kind).type, random=system)


def _write_secret(keys: Sequence[PrivateKey | SigningKey], output: str | None, *, as_json: bool, quiet: bool) -> None:
    from tera.codec import keyfile

    created = datetime.now().astimezone().isoformat(timespec="seconds")
    public = [keyfile.dump_public(key) for key in keys]
    text = f"# created: {created}\n"
    for key, shown in zip(keys, public, strict=True):
        text += f"# public key: {shown}\n{keyfile.dump_secret(key)}\n"
    if output is None:
        _warn_if_readable()
        write(text.removesuffix("\n"))
    else:
        write_new(output, text, 0o600)
    if not quiet:
        for shown in public:
            tell(f"Public key: {shown}")
    if as_json:
        one = {"keys": [_described(key) for key in keys]} if len(keys) > 1 else _described(keys[0])
        write_json({"file": output, "created": created, **one})


def _show_public(path: str, output: str | None, *, as_json: bool) -> None:
    from tera.codec import keyfile

    def password() -> bytes:
        return ask(f"Passphrase of {path}").encode()

    keys = keyfile.load_keys(read_file(path, KEY_FILE, "a file of keys"), where=path, password=password)
    text = "\n".join(keyfile.dump_public(key) for key in keys)
    if output is not None:
        write_new(output, text + "\n", 0o666)
    if as_json:
        write_json([_described(key) for key in keys])
    elif output is None:
        write(text)


def _described(key: Key) -> dict[str, Any]:
    from tera.codec import keyfile
    from tera.codec.recipients import PrivateKey, PublicKey
    from tera.codec.signers import VerifyingKey, signer_fingerprint
    from tera.crypto import signing

    public = keyfile.dump_public(key)
    match key:
        case PublicKey():
            return {"type": key.kem.name, "public_key": public, "fingerprint": key.fingerprint}
        case PrivateKey():
            return {"type": key.kem.name, "public_key": public, "fingerprint": key.public.fingerprint}
        case VerifyingKey():
            return {"type": signing.NAME, "public_key": public, "fingerprint": key.fingerprint}
        case _:
            return {"type": signing.NAME, "public_key": public, "fingerprint": signer_fingerprint(key.public)}


def write_new(path: str, text: str, mode: int) -> None:
    """Write a file that is not there yet, durably; on failure it is not there afterwards either."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise OutputExists(f"{path} exists, and a key file is never overwritten", hint="name another file") from None
    except (OSError, ValueError) as error:
        raise OutputUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(path)
        if isinstance(error, OSError):
            raise OutputUnavailable(f"{path}: {error.strerror or error}") from None
        raise


def _warn_if_readable() -> None:
    """Say so when the shell has put the secret into a file that others can read."""
    try:
        found = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
        say("warning", f"the key goes to a file that others can read (mode {found.st_mode & 0o777:o}): use -o")
