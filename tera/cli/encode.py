"""tera encode: seal files, folders and streams into one container.

The law of this file: what would fail at the end fails before anything is read; what is skipped is named, and makes
the exit code 3.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tera.cli import show
from tera.cli.failures import SKIPPED
from tera.cli.inputs import STDIN, once, stdin
from tera.cli.keys import Sealing, signing_keys
from tera.cli.options import FILE, authority_option, json_option, quiet_option, sealing_options
from tera.cli.outputs import binary_output, write_json
from tera.cli.progress import Progress
from tera.cli.sealing import asked_for, check_names, with_password
from tera.cli.talk import say, tell
from tera.errors import BadInput, OutputExists

if TYPE_CHECKING:
    from tera.codec.authorities import AuthorityKey
    from tera.codec.encoder import Sealed
    from tera.codec.header import Dynamic


@click.command(short_help="Seal files, folders and streams into one container.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", metavar="FILE", type=FILE, help="Write it here; else to standard output.")
@click.option("-f", "--force", is_flag=True, help="Replace the output if it is there.")
@sealing_options
@click.option("--manifest", metavar="FILE", type=FILE, help="A JSON text to seal with it; rules come from its `drm`.")
@click.option("--sealed-rules", is_flag=True, help="Let only recipients read the rules.")
@authority_option
@click.option("--dynamic", is_flag=True, help="Let the rules change later; --policy-key signs the first version.")
@click.option("--policy-key", "policy_keys", metavar="FILE", multiple=True, type=FILE, help="Who may change them.")
@click.option(
    "--policy-days",
    metavar="N",
    type=click.IntRange(1, 36_500),
    default=90,
    help="How long it holds. Default: 90.",
)
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="A tag that recipients see.")
@click.option("--public", is_flag=True, help="Let everybody see the tags.")
@click.option("--sign-key", "sign_keys", metavar="FILE", multiple=True, type=FILE, help="Sign with the keys in it.")
@click.option("--no-compress", is_flag=True, help="Store as is: for secrets mixed with text that others chose.")
@click.option(
    "--pad", type=click.Choice(["padme", "none"]), default="padme", help="Hide the exact size. Default: padme."
)
@click.option("--stdin-name", metavar="NAME", default="stdin", help="The name of what is read from standard input (-).")
@json_option
@quiet_option
def command(
    paths: tuple[str, ...],
    output: str | None,
    force: bool,
    keys: Sealing,
    manifest: str | None,
    sealed_rules: bool,
    authorities: Sequence[AuthorityKey],
    dynamic: bool,
    policy_keys: tuple[str, ...],
    policy_days: int,
    tags: tuple[str, ...],
    public: bool,
    sign_keys: tuple[str, ...],
    no_compress: bool,
    pad: str,
    stdin_name: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Seal files, folders with all below them, and standard input (-) into one container.

    Whoever has the secret key of one of the recipients can open it: -r names a public key, -R a file of them, -p
    a passphrase; with --all-of all of them are needed together. Links and special files in a folder are skipped.
    """
    once([*paths, *keys.stdin, *sign_keys, *policy_keys, manifest])
    target = binary_output(output, "a container")
    if as_json and not isinstance(target, str):
        raise click.UsageError("--json answers on standard output, where the container is: name a file with -o")
    check_names(paths, stdin_name)
    if isinstance(target, str):
        _check_output(paths, target, force=force)
    asked = asked_for(manifest, sealed=sealed_rules)
    options: dict[str, Any] = {
        "manifest": asked.text,
        "rules": asked.rules,
        "sealed_rules": sealed_rules,
        "dynamic": _dynamic(dynamic or bool(asked.dynamic), policy_keys, policy_days),
        "authorities": authorities,
        "tags": () if public else tags,
        "public_tags": tags if public else (),
        "signers": signing_keys(sign_keys),
        "compress": not no_compress,
        "padding": pad == "padme",
        "force": force,
    }
    options["recipients"] = with_password(keys.load(), asked.password)
    with Progress("sealing", quiet=quiet) as progress:
        progress.measure(path for path in paths if path != STDIN)
        sealed = _seal(paths, stdin_name, target, options, progress)
    for path, reason in sealed.skipped:
        say("skipped", f"{path}: {reason}")
    if as_json:
        write_json(_described(sealed, output))
    elif not quiet:
        _summarise(sealed, output if isinstance(target, str) else "standard output")
    if sealed.skipped:
        raise click.exceptions.Exit(SKIPPED)


def _seal(paths: Sequence[str], stdin_name: str, target: Any, options: dict[str, Any], progress: Progress) -> Sealed:
    from tera.codec.encoder import encode

    sources = [(stdin_name, stdin()) if path == STDIN else path for path in paths]
    # Skips are in the result too; naming a callback is what allows them.
    return encode(sources, target, on_skip=lambda path, reason: None, progress=progress.callback, **options)


def _dynamic(wanted: bool, keys: Sequence[str], days: int) -> Dynamic | None:
    if not wanted:
        if keys:
            raise click.UsageError("--policy-key: the rules cannot change without --dynamic")
        return None
    if not keys:
        raise click.UsageError("rules that can change need a --policy-key: who may change them")
    from tera.codec.header import Dynamic

    return Dynamic(signing_keys(keys), days * 86_400)


def _check_output(paths: Sequence[str], target: str, *, force: bool) -> None:
    """Refuse an output that is an input, standard input too, or is there; better before a prompt than after."""
    try:
        there = os.stat(target)
    except (OSError, ValueError):
        return
    for path in paths:
        try:
            same = os.path.samestat(there, os.fstat(stdin().fileno()) if path == STDIN else os.stat(path))
        except (OSError, ValueError):
            continue
        if same:
            raise BadInput(f"{'standard input' if path == STDIN else path} is the output too")
    if not force:
        raise OutputExists(f"{target} exists")


def _described(sealed: Sealed, output: str | None) -> dict[str, Any]:
    """The content digest is left out: whoever has it can test guesses."""
    return {
        "file": output,
        "id": str(uuid.UUID(bytes=sealed.id)),
        "digest": sealed.digest,
        "size": sealed.size,
        "plain_size": sealed.plain_size,
        "entries": sealed.entries,
        "skipped": [{"path": path, "reason": reason} for path, reason in sealed.skipped],
    }


def _summarise(sealed: Sealed, output: str | None) -> None:
    what = f"{show.plural(sealed.entries, 'entry', 'entries')} ({show.size(sealed.plain_size)})"
    tell(f"tera: sealed {what} into {output} ({show.size(sealed.size)}), {sealed.digest}")
