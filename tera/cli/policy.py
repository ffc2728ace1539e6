"""tera policy: the rules of a container whose rules can change.

The law of this file: the file is changed first, then authorities are told, and what could not be told is an error
that says how to try again; what this machine has seen is remembered last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tera.cli import policy_show, show
from tera.cli.bringing import Told
from tera.cli.config import Asking
from tera.cli.containers import mode_of
from tera.cli.inputs import once, read_file
from tera.cli.keys import signing_keys
from tera.cli.marks import remember, remembered
from tera.cli.options import FILE, config_option, json_option, quiet_option
from tera.cli.outputs import write_json
from tera.cli.talk import tell
from tera.errors import BadInput

if TYPE_CHECKING:
    from tera.codec.repolicy import Updated

_F = TypeVar("_F", bound=Callable[..., Any])
_MANIFEST: Final = 16 << 20
_DAY: Final = 86_400

_CHANGE: Final = (
    click.option("--policy-key", "policy_keys", metavar="FILE", multiple=True, type=FILE, help="Sign with this key."),
    click.option(
        "--days", metavar="N", type=click.IntRange(1, 36_500), default=90, help="How long it holds. Default: 90."
    ),
    click.option("--in-place", is_flag=True, help="Change the file itself."),
    click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write a copy here."),
    click.option("-f", "--force", is_flag=True, help="Replace the output if it is there."),
    click.option("--push", is_flag=True, help="Bring it to the authorities that the container names."),
    click.option("--lost", is_flag=True, help="A newer version was seen here and is lost: go on above it."),
    config_option,
    json_option,
    quiet_option,
)


def _change_options(function: _F) -> _F:
    for option in reversed(_CHANGE):
        function = option(function)
    return function


@click.group("policy", subcommand_metavar="VERB ...", no_args_is_help=False)
def command() -> None:
    """Show and change the rules of a container that was sealed with --dynamic.

    \b
    tera policy show FILE
    tera policy update FILE --manifest rules.json --policy-key key.txt --in-place
    tera policy freeze FILE --policy-key key.txt --in-place --push
    """


command.add_command(policy_show.command)


@command.command("update", short_help="Write the next version: other rules, or the same for longer.")
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--manifest", metavar="FILE", type=FILE, help="A JSON text; the new rules come from its `drm`.")
@click.option("--keep", is_flag=True, help="Keep the rules and renew the time: so it is without --manifest too.")
@click.option("--no-rules", is_flag=True, help="Lift all rules: whoever has a key may open it.")
@_change_options
def update(file: str, manifest: str | None, keep: bool, no_rules: bool, **options: Any) -> None:
    """Write the next version of a container's policy. Content, digest and recipients stay; no key to them is needed.

    Without --manifest the rules stay and the time is renewed. Whoever has opened the new version refuses the old one.
    """
    if (manifest is not None) + keep + no_rules > 1:
        raise click.UsageError("name the new rules (--manifest), or --keep them, or --no-rules")
    once([manifest, *options["policy_keys"]])
    _change(file, "keep" if manifest is None and not no_rules else _rules(manifest), **options)


@command.command("freeze", short_help="Write a version by which nobody may open it.")
@click.argument("file", metavar="FILE", type=click.Path())
@_change_options
def freeze(file: str, **options: Any) -> None:
    """Write a version of a container's policy by which nobody may open it, until there is another one.

    Readers that see the old file, and hold its whole key, still open it: --push reaches the authorities, who will not.
    """
    from tera.policy.envelope import FROZEN

    once(options["policy_keys"])
    _change(file, [[rule.name, rule.value] for rule in FROZEN], **options)


@command.command("push", short_help="Bring a container's policy to its authorities.")
@click.argument("file", metavar="FILE", type=click.Path())
@config_option
@json_option
@quiet_option
def push(file: str, asking: Asking, as_json: bool, quiet: bool) -> None:
    """Bring the policy of a container to every authority that it names and that the configuration knows."""
    from contextlib import closing

    from tera.codec.repolicy import read_policy
    from tera.codec.source import open_path, read_front

    with closing(open_path(file)) as source:
        front = read_front(source)
    signed, _ = read_policy(front)
    known = asking.authorities()
    told = Told(file, signed.envelope.version)
    told.tell(front.core.authorities, known, front.prefix)
    if as_json:
        write_json({"file": file, "version": signed.envelope.version, "pushed": told.results})
    elif not quiet:
        told.say()
    told.check()


# --- changing -------------------------------------------------------------------------------------


def _rules(manifest: str | None) -> list[list[Any]] | None:
    """Return the rules of a manifest; None to lift them, which no manifest does by leaving them out."""
    from tera.policy.manifest import read_manifest

    if manifest is None:
        return None
    try:
        found = read_manifest(read_file(manifest, _MANIFEST, "a manifest"))
    except BadInput as error:
        raise BadInput(f"{manifest}: {error}", hint=error.hint) from None
    if found.password is not None:
        raise BadInput(f"{manifest}: a password cannot change with the rules", hint="leave it out; `tera rewrap` does")
    if found.rules is None:
        raise BadInput(f"{manifest}: there are no rules in it", hint="--no-rules lifts all rules")
    return found.rules


def _change(
    file: str,
    rules: Any,
    *,
    policy_keys: Sequence[str],
    days: int,
    in_place: bool,
    output: str | None,
    force: bool,
    push: bool,
    lost: bool,
    asking: Asking,
    as_json: bool,
    quiet: bool,
) -> None:
    if in_place == (output is not None):
        raise click.UsageError("the new version goes to a copy (-o FILE) or in place (--in-place)")
    if file == "-" or output == "-":
        raise click.UsageError("a policy changes in files, not on standard input and output")
    if not policy_keys:
        raise click.UsageError("a policy is signed: name one of its keys with --policy-key")
    from tera.codec.config import Config
    from tera.codec.repolicy import update_policy

    mode_of(file)
    known = asking.authorities() if push else {}  # what is wrong there is said before anything is changed
    found = update_policy(
        file,
        signing_keys(policy_keys),
        rules=rules,
        valid_for=days * _DAY,
        output=output,
        in_place=in_place,
        force=force,
        lost=lost,
        config=Config(state=remembered(asking)),
    )
    told = Told(output or file, found.policy.envelope.version)
    if push:
        told.tell(found.authorities, known, found.prefix)
    remember(asking, found.marks)
    if as_json:
        write_json(_described(found, output or file, told))
    elif not quiet:
        _summarise(found, output or file)
        told.say()
    told.check()


def _described(found: Updated, file: str, told: Told) -> dict[str, Any]:
    envelope = found.policy.envelope
    return {
        "file": file,
        "version": envelope.version,
        "issued": envelope.issued,
        "expires": envelope.expires,
        "rules": None if envelope.rules is None else [[rule.name, rule.value] for rule in envelope.rules],
        "size": found.size,
        "pushed": told.results,
    }


def _summarise(found: Updated, file: str) -> None:
    from tera.policy.envelope import FROZEN

    envelope = found.policy.envelope
    rules = ", ".join(rule.name for rule in envelope.rules or ()) or "no rules"
    if envelope.rules == FROZEN:
        rules = "frozen, nobody may open it"
    until = show.moment(envelope.expires)
    tell(f"tera: the policy of {file} is now version {envelope.version:,}, until {until}: {rules}")
