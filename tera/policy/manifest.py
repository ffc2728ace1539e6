"""Rules as a manifest gives them: JSON in, `[name, value]` pairs in their one form out.

The law of this file: it knows where rules stand, and finds every one of them or fails; what the values mean is
`authoring.py`'s. The manifest's own bytes are kept as they are, except for a password. Spec: spec/policy.md,
"Manifests". Rules stand in `container.drm`, `drm` or `rules`, where nothing else may, or directly in
`container` or at the top, beside what is the user's own:

    {"title": "Q3", "drm": {"time": {"end": "2031-01-01T00:00:00Z"}, "opens": 3}}
    {"container_name": "Q3", "recipients": ["a@example.org"], "downloadable": false}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tera.errors import BadInput
from tera.format.rules import Rule
from tera.policy import contradictions
from tera.policy.authoring import author
from tera.policy.document import ABSENT, Object, at, check_near, check_once, check_plain, parse_json
from tera.policy.file_rules import entry_rules, file_rules
from tera.policy.people import read_viewer
from tera.policy.redact import without_value
from tera.policy.vocabulary import NAMES, parse_rules

_SETTINGS: Final = ("dynamic", "password")
_STRICT: Final[tuple[tuple[str, ...], ...]] = (("container", "drm"), ("drm",), ("rules",))
_MIXED: Final[tuple[tuple[str, ...], ...]] = (("container",), ())


@dataclass(frozen=True, slots=True)
class ManifestRules:
    """What a manifest asks for. `rules` is None where there are none.

    `password` is a passphrase that every recipient needs besides the rest, and `text` the manifest without it;
    `dynamic`, whether the rules shall be changeable, None where it is not said.
    """

    rules: list[list[Any]] | None
    text: bytes = field(repr=False)
    password: str | None = field(default=None, repr=False)
    dynamic: bool | None = None


def rules_from_manifest(text: bytes, *, owner: str | None = None) -> list[list[Any]] | None:
    """Return the rules alone, for a caller that can keep neither a password nor rules that change. Raises BadInput."""
    found = read_manifest(text, owner=owner)
    if found.password is not None:
        raise BadInput("the manifest has a password, which is not taken from there", hint="give it with -p")
    if found.dynamic:
        raise BadInput("the manifest asks for rules that can change (dynamic), which cannot be made here")
    return found.rules


def read_manifest(text: bytes, *, owner: str | None = None) -> ManifestRules:
    """Return what a manifest asks for. With `owner`, an address, absent or empty recipients become that one.

    Raises BadInput, naming the field: no JSON in UTF-8, or a rule that is not known, is understood by nobody, can
    let nobody in, or stands in two places; InputUnavailable: a name in it needs a package that is not installed.
    """
    manifest = parse_json(text)
    found: dict[str, tuple[str, Any]] = {}
    for where, name, value in _members(manifest):
        if name in found:
            raise BadInput(f"the manifest has {name} twice, in {found[name][0]} and in {where}")
        found[name] = where, value
    password_at, password = found.pop("password", ("", None))
    if password is not None:
        if not isinstance(password, str) or not password:
            raise BadInput(f"the manifest's {password_at} is not a string of at least one character")
        text = without_value(text.decode(), password_at.split(".")).encode()
    dynamic_at, dynamic = found.pop("dynamic", ("", None))
    if dynamic is not None and not isinstance(dynamic, bool):
        raise BadInput(f"the manifest's {dynamic_at} is not true or false")
    if owner is not None and found.get("recipients", ("", []))[1] == []:
        found["recipients"] = "recipients", [read_viewer(owner)]
    entry_at, entry = found.pop("entry", ("entry", ABSENT))
    entries: dict[tuple[str, str], tuple[Any, str]] = {}
    for (glob, name, value), where in (
        *(() if entry is ABSENT else entry_rules(entry, entry_at)),
        *file_rules(manifest),
    ):
        if (glob, name) in entries:
            raise BadInput(f"the manifest has the rule {where} twice, in {entries[glob, name][1]} too")
        entries[glob, name] = value, where
    rules = {name: author(name, value, where) for name, (where, value) in found.items()}
    triples = [[*pair, author(pair[1], *entries[pair])] for pair in sorted(entries)]
    rules["entry"] = [triple for triple in triples if triple[2] is not None] or None
    rules = {name: rules[name] for name in sorted(rules) if rules[name] is not None}
    contradictions.check(rules, {"entry": entry_at} | {name: where for name, (where, _) in found.items()})
    parse_rules([Rule(name, value) for name, value in rules.items()])  # what is written can be read
    return ManifestRules([[name, value] for name, value in rules.items()] or None, text, password, dynamic)


# --- where rules stand ------------------------------------------------------------------------------


def _members(manifest: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield each rule or setting of the manifest: its field, its name, its value."""
    for path in _STRICT:
        rules = at(manifest, path)
        where = ".".join(path)
        if rules is ABSENT:
            continue
        if not isinstance(rules, Object):
            raise BadInput(f"the manifest's {where} is not an object of rules")
        if not rules:
            raise BadInput(f"the manifest's {where} is empty", hint="leave it out, and there are no rules")
        for name, value in rules.items():
            if name not in NAMES and name != "dynamic":
                raise BadInput(f"{where} has the unknown rule {name[:64]!r}", hint="known: " + ", ".join(NAMES))
            check_plain(value, f"{where}.{name}")
            yield f"{where}.{name}", name, value
        check_once(rules.twice, where)
    for path in _MIXED:
        members = at(manifest, path)
        if isinstance(members, Object):
            where = ".".join(path)
            check_once(members.twice & {*NAMES, *_SETTINGS, "files"}, where or "top")
            for name, value in members.items():
                field_ = f"{where}.{name}".lstrip(".")
                if name in NAMES or (name in _SETTINGS and value is not None):
                    check_plain(value, field_)
                    yield field_, name, value
                elif name not in _SETTINGS:
                    check_near(name, field_, (*NAMES, *_SETTINGS))
