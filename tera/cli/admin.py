"""tera admin: what an operator does to a library's data, beside the service or without it.

The law of this file: a secret is shown once, to whoever makes it. What is destroyed is said before, and asked for by
name. Nothing here imports the server.
"""

from __future__ import annotations

import click

from tera.cli.admin_backup import backup, restore
from tera.cli.admin_org import org, quota, show_new
from tera.cli.installed import Where, installed
from tera.cli.options import json_option, quiet_option
from tera.cli.outputs import write_json
from tera.cli.show import size
from tera.cli.talk import say, tell


@click.group(short_help="Set up, check, back up and clean a library's data.", no_args_is_help=False)
def command() -> None:
    """Set up, check, back up and clean the data of `tera serve`.

    \b
    tera admin init --data DIR --org NAME --email YOU@EXAMPLE.ORG
    tera admin verify --data DIR
    tera admin backup --data DIR --to FOLDER
    """


for one in (org, quota, backup, restore):
    command.add_command(one)


@command.command(short_help="Make a library, its first organisation and key.")
@installed
@click.option("--org", "name", metavar="NAME", required=True, help="What the organisation is called.")
@click.option("--email", metavar="ADDRESS", required=True, help="As whom its first key acts.")
@json_option
def init(where: Where, name: str, email: str, as_json: bool) -> None:
    """Make a library in DIR, and the first organisation with a key that may do everything. The key is shown once."""
    from tera.errors import Conflict
    from tera.library.operate import listed

    if where.is_server:
        from tera.catalog.migrate import migrate

        catalog = where.installation.catalog()
        try:
            if catalog.version() is None:
                migrate(catalog)
        finally:
            catalog.close()
    where.make_master()
    with where.library(make=True) as library:
        if listed(library):
            raise Conflict("there is an organisation already", hint="tera admin org add makes another one")
        show_new(library, name, email, as_json)


@command.command(short_help="Bring the catalog's tables to this version.")
@installed
@quiet_option
def migrate(where: Where, quiet: bool) -> None:
    """Bring the catalog's tables to the version that this program knows; a SQLite file is copied before."""
    from tera.catalog.migrate import migrate as do
    from tera.catalog.migrate import migrate_after_copy
    from tera.catalog.tables import VERSION

    catalog = where.installation.catalog()
    try:
        before = catalog.version()
        copy = migrate_after_copy(catalog) if catalog.is_sqlite else do(catalog) and None
    finally:
        catalog.close()
    if copy is not None:
        tell(f"tera: copied to {copy} before")
    if not quiet:
        tell(
            f"tera: the catalog has version {VERSION}" + ("" if before == VERSION else f", and had {before or 'none'}")
        )


@command.command(short_help="Remove blobs that no container needs.")
@installed
@click.option("--dry-run", is_flag=True, help="Only count them.")
@json_option
def gc(where: Where, dry_run: bool, as_json: bool) -> None:
    """Remove blobs without a row that are over a day old, and what killed writers left half-written.

    In an object store, parts of uploads that were never completed are not seen: a rule of the bucket removes them.
    """
    from tera.library.gc import collect

    with where.library() as library:
        found = collect(library, delete=not dry_run)
    if as_json:
        write_json({"blobs": found.blobs, "bytes": found.bytes, "partial": found.partial, "removed": not dry_run})
    else:
        verb = "would remove" if dry_run else "removed"
        tell(f"tera: {verb} {found.blobs:,} blobs ({size(found.bytes)}) and {found.partial:,} half-written files")


@command.command(short_help="Read every blob and log again.")
@installed
@click.option("--no-content", is_flag=True, help="Logs and sums only; read no blob.")
@json_option
def verify(where: Where, no_content: bool, as_json: bool) -> None:
    """Read every blob again and compare it with its digest, every log with its checkpoints, every sum with its rows.

    Exit code 13 if anything does not fit; all of it is said.
    """
    from tera.errors import BadLog
    from tera.library.check import verify as check

    counts = {"log": 0, "sums": 0, "container": 0}
    wrong: list[dict[str, str]] = []
    unsigned = 0
    with where.library() as library:
        for one in check(library, content=not no_content):
            counts[one.kind] += 1
            unsigned += one.unsigned
            if one.wrong is not None:
                wrong.append({"kind": one.kind, "name": one.name, "wrong": one.wrong})
                if not as_json:
                    say("wrong", f"{one.kind} of {one.name}: {one.wrong}")
    if as_json:
        write_json({"containers": counts["container"], "logs": counts["log"], "unsigned": unsigned, "wrong": wrong})
    else:
        tell(
            f"tera: {counts['container']:,} containers, {counts['log']:,} logs ({unsigned:,} events not signed yet),"
            f" {len(wrong):,} wrong"
        )
    if wrong:
        raise BadLog(f"{len(wrong):,} of what was read again does not fit")


@command.command(short_help="Do what is due, once.")
@installed
def due(where: Where) -> None:
    """Do what is due every minute: sign logs, forget what is over. For cron, where `serve --no-periodic` runs."""
    from tera.library.due import run

    with where.library() as library:
        done = run(library)
    for name, error in done.errors.items():
        say("error", f"{name}: {error}")
    for error in done.errors.values():
        raise error


@command.command(short_help="Change the master key.")
@installed
@click.option(
    "--new-master-key-file", metavar="FILE", help="The new one; made if it is not there. Default: beside the data."
)
def rekey(where: Where, new_master_key_file: str | None) -> None:
    """Keep every organisation's keys under a new master key. Stop the service first; start it with the new one.

    Who is interrupted runs it again: what is under the new key already stays. Backups of before need the old one.
    """
    from tera.library.operate import listed
    from tera.library.rekey import rekey as do

    with where.library() as library:
        everyone = [org.id for org in listed(library)]
        changed, there = do(where.keys(library), where.data, where.master, new_master_key_file, everyone=everyone)
    tell(f"tera: the keys of {changed:,} organisations are under the master key in {there} now")
