"""Rules for single files, as a manifest gives them: in `entry` by pattern, in `files` by name.

The law of this file: a file's information is a viewer's business (type, pages, duration, hidden, what to show or
download instead) and stays in the manifest; what it holds under the name of a rule is a rule of that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from tera.errors import BadInput
from tera.policy.document import Object, at, check_near, check_once, check_plain
from tera.policy.globs import Glob, literal
from tera.policy.vocabulary import ENTRY_NAMES, NAMES

Triple: TypeAlias = tuple[str, str, Any]
"""Pattern, rule, and its value as it stands in the manifest."""

_FILE_FIELDS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "download_instead": ((str,), "a string"),
    "duration": ((int, float), "a number"),
    "hidden": ((bool,), "true or false"),
    "pages": ((int,), "an integer"),
    "type": ((str,), "a string"),
    "view_instead": ((str,), "a string"),
}


def entry_rules(value: Any, where: str) -> Iterator[tuple[Triple, str]]:
    """Yield what `entry` says, an object of patterns with an object of rules each. Raises BadInput."""
    if not isinstance(value, Object) or not value:
        raise BadInput(f"{where} is not an object of patterns, each with an object of rules")
    for glob, rules in value.items():
        here = f"{where}.{glob[:64]}"
        try:
            Glob(glob)
        except BadInput as error:
            raise BadInput(f"{here}: {error}") from None
        yield from _rules_of(glob, rules, here)


def file_rules(manifest: Any) -> Iterator[tuple[Triple, str]]:
    """Yield the rules in `files`: what a file's information holds under the name of a rule, and its `drm`."""
    files = at(manifest, ("files",))
    pairs: list[tuple[Any, Any]] = []
    if isinstance(files, list):
        pairs = [(item.get("name"), item) for item in files if isinstance(item, Object)]
    elif isinstance(files, Object):
        check_once(files.twice, "files")
        pairs = list(files.items())
    for name, information in pairs:
        if not isinstance(information, Object):
            continue
        where = f"files.{str(name)[:64]}"
        check_once(information.twice & {*NAMES, *_FILE_FIELDS, "drm"}, where)
        rules = Object()
        for key, value in information.items():
            if key in NAMES:
                rules[key] = value
            elif key in _FILE_FIELDS:
                kinds, expected = _FILE_FIELDS[key]
                if type(value) not in kinds:
                    raise BadInput(f"{where}.{key} is not {expected}")
            elif key != "drm":
                check_near(key, f"{where}.{key}", NAMES)
        if rules:
            yield from _rules_of(_literal(name, where), rules, where)
        if "drm" in information:
            yield from _rules_of(_literal(name, where), information["drm"], f"{where}.drm")


def _literal(name: Any, where: str) -> str:
    if not isinstance(name, str):
        raise BadInput(f"{where} has rules and no name")
    try:
        return Glob(literal(name)).text
    except BadInput:
        raise BadInput(f"{where} has rules and a name that no file of a container has") from None


def _rules_of(glob: str, rules: Any, where: str) -> Iterator[tuple[Triple, str]]:
    if not isinstance(rules, Object) or not rules:
        raise BadInput(f"{where} is not an object of rules")
    check_once(rules.twice, where)
    for name, value in rules.items():
        if name not in ENTRY_NAMES:
            raise BadInput(f"{where} has {name[:64]!r}, which is no rule for single files", hint=", ".join(ENTRY_NAMES))
        check_plain(value, f"{where}.{name}")
        yield (glob, name, value), f"{where}.{name}"
