"""tera admin backup, tera admin restore.

The law of this file: what a backup does not hold is said with it.
"""

from __future__ import annotations

from pathlib import Path

import click

from tera.cli.installed import Where, installed
from tera.cli.show import size
from tera.cli.talk import say, tell


@click.command(short_help="Copy a library's data into a folder.")
@installed
@click.option("--to", "folder", metavar="FOLDER", required=True, help="A new folder, or an older backup.")
def backup(where: Where, folder: str) -> None:
    """Copy rows, keys (wrapped) and blobs into FOLDER, while the service runs. Blobs of an older backup stay there.

    The master key is left out: keep it elsewhere. Without it the backup opens nothing.
    """
    from tera.library.backup import write

    with where.library() as library:
        done = write(library, where.keys(library), Path(folder))
    tell(
        f"tera: {done.rows:,} rows, {done.keys:,} keys and {done.blobs:,} blobs are in {folder}, {size(done.bytes)} new"
    )
    if done.missing:
        say("warning", f"{len(done.missing):,} blobs were not there: deleted meanwhile, or `tera admin verify` says")
    say("warning", "the master key is not in the backup, which opens nothing without it")


@click.command(short_help="Make a library of a backup.")
@installed
@click.option("--from", "folder", metavar="FOLDER", help="What `tera admin backup` made.")
@click.option("--accept-rollback", is_flag=True, help="Let keys be used although the library was set back.")
def restore(where: Where, folder: str | None, accept_rollback: bool) -> None:
    """Make the empty library in DIR what the backup in FOLDER holds.

    What was deleted, blocked or counted since the backup is as if it had never been. So no key is used until
    --accept-rollback says that this is known, which every organisation's log records.
    """
    from tera.library.backup import restore as do
    from tera.library.rollback import accept

    if (folder is None) == (not accept_rollback):
        raise click.UsageError("one of --from and --accept-rollback")
    with where.library(make=folder is not None) as library:
        if folder is None:
            everyone = accept(library)
            tell(
                f"tera: accepted, and recorded by {len(everyone):,} organisations"
                if everyone
                else "tera: nothing to accept"
            )
            return
        done = do(library, where.keys(library), Path(folder))
    tell(f"tera: {done.rows:,} rows, {done.keys:,} keys and {done.blobs:,} blobs are restored")
    if done.missing:
        say("warning", f"{len(done.missing):,} blobs are not in the backup")
    say("warning", "no key is used before `tera admin restore --accept-rollback`")
