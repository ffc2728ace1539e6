"""tera blocklist: lists of what may not be opened, for readers whose configuration trusts their issuer.

The law of this file: every change is the next version of one list, signed by the key that made it; nothing is changed
halfway, and what was there already, or was not, is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tera.cli import blocklist_show, show
from tera.cli.blockable import Named, blockable_options, check_stdin
from tera.cli.config import Asking
from tera.cli.keys import signing_keys
from tera.cli.marks import remember, remembered
from tera.cli.options import FILE, config_option, json_option, quiet_option
from tera.cli.outputs import write_json
from tera.cli.talk import say, tell

if TYPE_CHECKING:
    from tera.codec.blocklists import Written
    from tera.crypto.signing import SigningKey

_F = TypeVar("_F", bound=Callable[..., Any])
_DAY: Final = 86_400
_SHOWN: Final = 5
_DAYS: Final = click.IntRange(1, 36_500)
_WHERE: Final = click.argument("file", metavar="FILE", type=click.Path())
_SIGN_KEY: Final = click.option("--sign-key", metavar="FILE", type=FILE, help="The issuer's key, which signs it.")
_COMMON: Final = (config_option, json_option, quiet_option)
_CHANGE: Final = (
    _SIGN_KEY,
    click.option("--days", metavar="N", type=_DAYS, help="How long it holds. Default: as long as the last version."),
    click.option("--lost", is_flag=True, help="A newer version was seen here and is lost: go on above it."),
    *_COMMON,
)


def _with(options: Sequence[Callable[[Any], Any]]) -> Callable[[_F], _F]:
    def add(function: _F) -> _F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.group("blocklist", subcommand_metavar="VERB ...", no_args_is_help=False)
def command() -> None:
    """Make and change a list of what may not be opened. Readers name it, and its issuer, in their configuration.

    \b
    tera blocklist create blocked.terb --sign-key issuer.txt
    tera blocklist add blocked.terb bad.tera --signer thief.pub --sign-key issuer.txt
    tera blocklist show blocked.terb --issuer issuer.pub
    """


command.add_command(blocklist_show.command)


@command.command("create", short_help="Make a list that blocks nothing yet.")
@_WHERE
@_SIGN_KEY
@click.option("--days", metavar="N", type=_DAYS, default=30, help="How long it holds. Default: 30.")
@click.option("--id", "list_id", metavar="HEX", help="The list's id: 32 hexadecimal digits. Default: random ones.")
@_with(_COMMON)
def create(
    file: str,
    sign_key: str | None,
    days: int,
    list_id: str | None,
    asking: Asking,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a list that blocks nothing yet, in a new file. Its issuer and its id stay; only their key changes it."""
    from tera.cli.blocked_items import parse_id
    from tera.codec.blocklists import create_blocklist

    check_stdin(file, [], Named())
    key = _key(sign_key)
    named = None if list_id is None else parse_id(list_id)
    _answer(file, create_blocklist(file, key, list_id=named, valid_for=days * _DAY), asking, as_json, quiet)


@command.command("add", short_help="Block containers, keys or policies.")
@_WHERE
@click.argument("containers", metavar="[CONTAINER]...", nargs=-1, type=click.Path())
@blockable_options
@_with(_CHANGE)
def add(file: str, named: Named, **options: Any) -> None:
    """Write the list's next version, with more on it.

    A CONTAINER is a file: its id, its digest and its H_bind are blocked, so that it stays so after a rewrap, or under
    another name.
    """
    _change(file, named, "add", **options)


@command.command("remove", short_help="Let containers, keys or policies be opened again.")
@_WHERE
@click.argument("containers", metavar="[CONTAINER]...", nargs=-1, type=click.Path())
@blockable_options
@_with(_CHANGE)
def remove(file: str, named: Named, **options: Any) -> None:
    """Write the list's next version, without what is named. What is not on the list is an error."""
    _change(file, named, "remove", **options)


@command.command("renew", short_help="Let the list hold for longer.")
@_WHERE
@_with(_CHANGE)
def renew(file: str, **options: Any) -> None:
    """Write the list's next version with the same on it, for as long as the last one held, or --days."""
    _change(file, Named(), "renew", **options)


def _change(
    file: str,
    named: Named,
    what: str,
    *,
    sign_key: str | None,
    days: int | None,
    lost: bool,
    asking: Asking,
    as_json: bool,
    quiet: bool,
) -> None:
    if not named.given and what != "renew":
        raise click.UsageError(f"nothing to {what}: name containers, or --id, --digest, --signer and so on")
    check_stdin(file, [sign_key or ""], named)
    from tera.codec.blocklists import change_blocklist

    key = _key(sign_key)
    items = named.items(quiet=quiet)
    found = change_blocklist(
        file,
        key,
        add=items if what == "add" else (),
        remove=items if what == "remove" else (),
        valid_for=None if days is None else days * _DAY,
        renew=what == "renew",
        marks=remembered(asking),
        lost=lost,
    )
    _answer(file, found, asking, as_json, quiet)


def _key(file: str | None) -> SigningKey:
    if file is None:
        raise click.UsageError("a block list is signed: name its issuer's key with --sign-key")
    keys = signing_keys([file])
    if len(keys) != 1:
        raise click.UsageError(f"{file} holds {len(keys)} keys: a block list has one issuer")
    return keys[0]


def _answer(file: str, found: Written, asking: Asking, as_json: bool, quiet: bool) -> None:
    remember(asking, found.marks)
    if as_json:
        write_json(
            {
                "file": file,
                **blocklist_show.described(found.head),
                "written": bool(found.marks),
                "changed": [item.label for item in found.changed],
                "same": [item.label for item in found.same],
            }
        )
    elif not quiet:
        for item in found.same[:_SHOWN]:
            say("note", f"{item.label} is on the list already")
        if len(found.same) > _SHOWN:
            say("note", f"so are {len(found.same) - _SHOWN:,} more")
        head = found.head
        count, until = show.plural(head.count, "entry", "entries"), show.moment(head.expires)
        state = "is now" if found.marks else "stays"
        tell(f"tera: the block list {file} {state} version {head.version:,}, until {until}: {count}")
