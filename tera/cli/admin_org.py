"""tera admin org, tera admin quota: organisations, as an operator sees them.

The law of this file: deleting asks for the organisation's id once more, and for that alone.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tera.cli.installed import Where, installed
from tera.cli.options import json_option
from tera.cli.outputs import write, write_json
from tera.cli.show import size
from tera.cli.talk import tell

if TYPE_CHECKING:
    from tera.catalog.orgs import Org
    from tera.library.library import Library

_ID = click.argument("org_id", metavar="ORG")


@click.group(short_help="Organisations.", no_args_is_help=False)
def org() -> None:
    """Add, list, disable, export and delete organisations."""


@org.command(short_help="Make another organisation and its first key.")
@installed
@click.option("--name", metavar="NAME", required=True, help="What it is called.")
@click.option("--email", metavar="ADDRESS", required=True, help="As whom its first key acts.")
@json_option
def add(where: Where, name: str, email: str, as_json: bool) -> None:
    """Make an organisation with a key that may do everything in it. The key is shown once."""
    with where.library() as library:
        show_new(library, name, email, as_json)


@org.command("list", short_help="List organisations.")
@installed
@json_option
def list_orgs(where: Where, as_json: bool) -> None:
    """List all organisations, what they hold and what they may hold."""
    from tera.library.operate import listed

    with where.library() as library:
        found = listed(library)
    if as_json:
        write_json([_described(one) for one in found])
        return
    for one in found:
        state = "disabled" if one.disabled_at is not None else "active"
        write(f"{one.id}  {state:<8}  {one.used_containers:>9,}  {size(one.used_bytes):>10}  {one.name}")


@org.command(short_help="Let nobody of an organisation in any more.")
@installed
@_ID
@click.option("--undo", is_flag=True, help="Let them in again.")
def disable(where: Where, org_id: str, undo: bool) -> None:
    """Refuse every key of ORG, from the next request on. Its containers stay as they are."""
    from tera.library.operate import set_disabled

    with where.library() as library:
        set_disabled(library, org_id, not undo)
    tell(f"tera: {org_id} is {'active' if undo else 'disabled'}")


@org.command(short_help="Write all that an organisation has into a folder.")
@installed
@_ID
@click.option("--to", "folder", metavar="FOLDER", required=True, help="A new folder.")
def export(where: Where, org_id: str, folder: str) -> None:
    """Write the containers of ORG, what is known of them, and its log. No secret is among it."""
    from tera.library.operate import export as do

    with where.library() as library:
        count = do(library, org_id, Path(folder))
    tell(f"tera: {count:,} containers of {org_id} are in {folder}")


@org.command(short_help="Remove an organisation for good.")
@installed
@_ID
@click.option("--yes-delete", metavar="ORG", required=True, help="Its id once more.")
def delete(where: Where, org_id: str, yes_delete: str) -> None:
    """Remove containers, keys, rows and log of ORG, which is disabled. Nothing sealed to its keys opens any more."""
    from tera.library.operate import delete as do

    if yes_delete != org_id:
        raise click.UsageError("--yes-delete names another organisation")
    with where.library() as library:
        count = do(library, org_id)
    tell(f"tera: {org_id} is gone, and so are {count:,} containers")


@click.command(short_help="Bound what an organisation may hold.")
@installed
@_ID
@click.option("--bytes", "most", metavar="N", type=click.IntRange(0, 2**63 - 1), help="Bytes of containers.")
@click.option("--containers", metavar="N", type=click.IntRange(0, 2**63 - 1), help="How many.")
@click.option("--none", "unbounded", is_flag=True, help="No bound any more.")
@json_option
def quota(where: Where, org_id: str, most: int | None, containers: int | None, unbounded: bool, as_json: bool) -> None:
    """Bound what ORG may hold; without a bound, show the one there is. What is over it already stays."""
    from tera.library import operate

    if unbounded and (most is not None or containers is not None):
        raise click.UsageError("--none goes with no bound")
    with where.library() as library:
        found = operate.found(library, org_id)
        if unbounded or most is not None or containers is not None:
            if not unbounded:
                most = found.quota_bytes if most is None else most
                containers = found.quota_containers if containers is None else containers
            found = operate.set_quota(library, org_id, size=most, count=containers)
    if as_json:
        write_json(_described(found))
        return
    for label, used, bound in (
        ("bytes", found.used_bytes, found.quota_bytes),
        ("containers", found.used_containers, found.quota_containers),
    ):
        write(f"{label:<12}{used:,} of {'any number' if bound is None else format(bound, ',')}")


def show_new(library: Library, name: str, email: str, as_json: bool) -> None:
    """Make an organisation, and show its first key, which nobody will be shown again."""
    from tera.library.identity import create_org

    made, key = create_org(library, name, email)
    if as_json:
        write_json({"org_id": made.id, "api_key": key.key.id, "api_secret": key.secret, "token": key.token})
        return
    tell("tera: shown once; whoever has the secret or the token is the organisation")
    for label, text in (("org_id", made.id), ("api_key", key.key.id), ("api_secret", key.secret), ("token", key.token)):
        write(f"{label:<12}{text}")


def _described(one: Org) -> dict[str, Any]:
    found = {name: getattr(one, name) for name in type(one).__dataclass_fields__}
    for name in ("created_at", "disabled_at"):
        if found[name] is not None:
            found[name] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found[name]))
    return {"org_id": found.pop("id"), **found}
