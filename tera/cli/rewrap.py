"""tera rewrap: change who may open a container, without touching its payload.

The law of this file: whether the recipients given replace all others or come in addition is said by the
option's name, and nothing is changed before that is clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tera.cli.config import Asking
from tera.cli.containers import mode_of
from tera.cli.inputs import once
from tera.cli.keys import Opening, kek, public_keys
from tera.cli.options import FILE, asking_options, authority_option, json_option, opening_options, quiet_option
from tera.cli.outputs import write_json
from tera.cli.passphrase import PassphraseSource
from tera.cli.talk import say, tell

if TYPE_CHECKING:
    from tera.codec.authorities import AuthorityKey
    from tera.codec.recipients import Recipient

_REMOVED = "whoever was removed keeps what they have already; only a new container protects what comes after"


@click.command(short_help="Change who may open a container; its payload stays.")
@click.argument("file", metavar="FILE", type=click.Path())
@opening_options
@asking_options
@click.option("-r", "--recipient", metavar="KEY", multiple=True, help="Replace all recipients: this public key.")
@click.option("-R", "--recipients-file", metavar="FILE", multiple=True, type=FILE, help="Replace all: the keys in it.")
@click.option("--new-passphrase", is_flag=True, help="Replace all: a passphrase, asked for on the terminal.")
@click.option("--new-passphrase-file", metavar="FILE", type=FILE, help="Replace all: the passphrase in it.")
@click.option("--new-kek-file", metavar="FILE", type=FILE, help="Replace all: the key-encryption key in it.")
@click.option("--new-kek-id", metavar="ID", default="", help="What that key is called where it is kept.")
@click.option("--add", metavar="KEY", multiple=True, help="Add this public key.")
@click.option("--add-file", metavar="FILE", multiple=True, type=FILE, help="Add the public keys in it.")
@click.option("--add-passphrase", is_flag=True, help="Add a passphrase, asked for on the terminal.")
@click.option("--add-passphrase-file", metavar="FILE", type=FILE, help="Add the passphrase in it.")
@click.option("--add-kek-file", metavar="FILE", type=FILE, help="Add the key-encryption key in it.")
@click.option("--add-kek-id", metavar="ID", default="", help="What that key is called where it is kept.")
@click.option("--remove", metavar="N", multiple=True, type=click.IntRange(min=0), help="Remove group N of `inspect`.")
@click.option("--all-of", is_flag=True, help="The new ones open together only, not each by itself.")
@click.option("--anonymous", is_flag=True, help="Leave out the hints that tell the new ones it is theirs.")
@authority_option
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write a copy here.")
@click.option("-f", "--force", is_flag=True, help="Replace the output if it is there.")
@click.option("--in-place", is_flag=True, help="Change the file itself.")
@json_option
@quiet_option
def command(
    file: str,
    keys: Opening,
    asking: Asking,
    recipient: tuple[str, ...],
    recipients_file: tuple[str, ...],
    new_passphrase: bool,
    new_passphrase_file: str | None,
    new_kek_file: str | None,
    new_kek_id: str,
    add: tuple[str, ...],
    add_file: tuple[str, ...],
    add_passphrase: bool,
    add_passphrase_file: str | None,
    add_kek_file: str | None,
    add_kek_id: str,
    remove: tuple[int, ...],
    all_of: bool,
    anonymous: bool,
    authorities: Sequence[AuthorityKey],
    output: str | None,
    force: bool,
    in_place: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Change who may open a container: -i opens it; its payload, digest and signatures stay as they are.

    Either -r, -R and --new-... are the new, complete list; or --add... and --remove change the old one.
    Removing somebody does not take back what they already hold.
    """
    new = _New(
        recipient, recipients_file, PassphraseSource(new_passphrase, new_passphrase_file), new_kek_file, new_kek_id
    )
    more = _New(add, add_file, PassphraseSource(add_passphrase, add_passphrase_file), add_kek_file, add_kek_id)
    replaces, changes = new.given, more.given or bool(remove)
    if replaces == changes:
        raise click.UsageError("name all new recipients (-r, -R, --new-...), or changes (--add..., --remove)")
    if in_place == (output is not None):
        raise click.UsageError("a rewrap goes to a copy (-o FILE) or in place (--in-place)")
    if file == "-" or output == "-":
        raise click.UsageError("rewrap works on files, not on standard input and output")
    files = (new_passphrase_file, add_passphrase_file, new_kek_file, add_kek_file)
    once([*keys.stdin, *recipients_file, *add_file, *files])
    from tera.codec.rewrap import rewrap

    mode_of(file)
    identities = keys.load()
    found = rewrap(
        file,
        identities,
        recipients=new.load(all_of=all_of, anonymous=anonymous) if replaces else None,
        add=more.load(all_of=all_of, anonymous=anonymous),
        remove=remove,
        output=output,
        in_place=in_place,
        force=force,
        authorities=authorities,
        context=asking.context("rewrap"),
        config=asking.config(),
    )
    groups = [list(members) for members in found.stanzas]
    if as_json:
        write_json({"file": output or file, "recipients": groups, "size": found.size})
    elif not quiet:
        who = "; ".join(f"{number}: {' and '.join(members)}" for number, members in enumerate(groups))
        tell(f"tera: recipients of {output or file} are now {who}")
    if (replaces or remove) and not quiet:
        say("note", _REMOVED)


class _New:
    """Recipients to come, as they were named."""

    def __init__(
        self,
        texts: Sequence[str],
        files: Sequence[str],
        passphrase: PassphraseSource,
        kek_file: str | None,
        kek_id: str,
    ) -> None:
        self._texts = texts
        self._files = files
        self._passphrase = passphrase
        self._kek_file = kek_file
        self._kek_id = kek_id
        self.given = bool(texts or files or passphrase.given or kek_file)

    def load(self, *, all_of: bool, anonymous: bool) -> list[Any]:
        found: list[Recipient] = list(public_keys(self._texts, self._files, anonymous=anonymous))
        if self._kek_file:
            found.append(kek(self._kek_file, self._kek_id))
        if self._passphrase.given:
            from tera.codec.recipients import Passphrase

            found.append(Passphrase(self._passphrase.get("New passphrase", confirm=True)))
        return [found] if all_of and found else list(found)
