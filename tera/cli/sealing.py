"""What is sealed, read from a command line and checked before anything is sealed.

The law of this file: what would fail at the end (two entries of one name, a name that cannot be stored, rules that
are none) fails here, before a prompt.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from tera.cli.inputs import STDIN, read_file
from tera.errors import BadInput, BadPath

if TYPE_CHECKING:
    from tera.policy.manifest import ManifestRules

MANIFEST: Final = 16 << 20


def asked_for(path: str | None, *, sealed: bool) -> ManifestRules:
    """Return what the manifest in a file asks for. Raises BadInput; UsageError where `sealed` rules are none."""
    from tera.policy.manifest import ManifestRules, read_manifest

    found = ManifestRules(None, b"")
    if path is not None:
        try:
            found = read_manifest(read_file(path, MANIFEST, "a manifest"))
        except BadInput as error:
            raise BadInput(f"{path}: {error}", hint=error.hint) from None
    if sealed and found.rules is None:
        raise click.UsageError("--sealed-rules: there are no rules; a --manifest has them in `drm`")
    return found


def with_password(found: Sequence[Any], password: str | None) -> list[Any]:
    """Return the recipients, each of whom needs the manifest's password too, if there is one."""
    if password is None:
        return list(found)
    from tera.codec.recipients import Passphrase

    return [[*(one if isinstance(one, Sequence) else [one]), Passphrase(password)] for one in found]


def check_names(paths: Sequence[str], stdin_name: str) -> None:
    """Return when every input has a name in the container, and one of its own. Raises BadInput."""
    from tera.format.paths import check_path

    names = [stdin_name if path == STDIN else _name(path) for path in paths]
    for path, name in zip(paths, names, strict=True):
        try:
            if name is not None:
                check_path(name)
        except BadPath as error:
            raise BadInput(f"{path}: its name cannot be stored: {error}") from None
    for name, count in Counter(names).items():
        if name is not None and count > 1:
            raise BadInput(f"two of the inputs would be {name!r} in the container", hint="seal the folder above them")


def _name(path: str) -> str | None:
    """Return what `path` is called in the container; None for `.` and `..`, whose content stands at the top."""
    inside = os.path.basename(os.path.normpath(path)) in ("", ".", "..") and os.path.isdir(path)
    return None if inside else os.path.basename(os.path.abspath(path))
