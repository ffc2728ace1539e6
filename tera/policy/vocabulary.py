"""Which rules there are, what each is worth, and rules as they come from a container, compiled.

The law of this file: a rule that is not known, or whose value is not in its one form, is refused with
`unsupported_rule`; nothing is guessed, skipped or repaired. Rules are compiled once, so that a decision only
compares. Grammar: spec/policy.md, "Rules".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeVar

from tera.errors import BadInput, UnsupportedRule
from tera.format import limits, schema
from tera.format.rules import Rule
from tera.policy import checks
from tera.policy.checks import Check, Obligation
from tera.policy.globs import Glob

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind:
    """What there is to know of a rule: `enforceable` by an authority; allowed `in_entry`; why it denied."""

    compile: Callable[[Any], Check]
    enforceable: bool
    in_entry: bool
    reason: str


KINDS: Final[dict[str, Kind]] = {
    "device": Kind(checks.device, True, True, "the device has not proven a key that may open it"),
    "downloadable": Kind(checks.downloadable, False, True, "it may be viewed only"),
    "first_open_for": Kind(checks.first_open_for, True, False, "the time since the first open is over, or not known"),
    "geo": Kind(checks.geo, True, True, "it may not be opened from this place, or the place is not known"),
    "ip": Kind(checks.ip, True, True, "it may not be opened from this address, or the address is not known"),
    "mac": Kind(checks.mac, False, True, "no hardware address of the machine may open it"),
    "obligations": Kind(checks.must_fulfil, False, True, "an obligation was not declared as fulfilled"),
    "offline_for": Kind(checks.offline_for, True, False, "it never denies"),
    "opens": Kind(checks.opens, True, False, "it was opened as often as it may be, or the count is not known"),
    "recipients": Kind(checks.recipients, True, True, "the viewer is not named, or not known"),
    "require_fresh_blocklist": Kind(checks.require_fresh_blocklist, True, False, "no fresh block list was consulted"),
    "require_signature": Kind(checks.require_signature, True, False, "no signer of it is relied on"),
    "rights": Kind(checks.rights, False, True, "the action is not granted"),
    "time": Kind(checks.time, True, True, "it is too early or too late"),
}
"""Every rule but `entry`."""

NAMES: Final = tuple(sorted([*KINDS, "entry"]))
ENTRY_NAMES: Final = tuple(sorted(name for name, kind in KINDS.items() if kind.in_entry))


def label(rule: str, has_release: bool) -> Literal["enforced", "advisory"]:
    """Return what a rule is worth: `enforced` only if it can be, and an authority holds a share of the key."""
    return "enforced" if has_release and rule in KINDS and KINDS[rule].enforceable else "advisory"


@dataclass(frozen=True, slots=True)
class EntryRules:
    """The rules for the files whose path fits a pattern, which is matched once for all of them."""

    glob: Glob
    checks: tuple[tuple[str, Check], ...]
    obligations: tuple[Obligation, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that are known and in their one form, ready to be decided on. Equal when their sources are."""

    source: tuple[Rule, ...]
    checks: tuple[tuple[str, Check], ...] = field(repr=False, compare=False)
    entries: tuple[EntryRules, ...] = field(repr=False, compare=False)
    obligations: tuple[Obligation, ...] = field(repr=False, compare=False)
    opens: int | None = field(repr=False, compare=False)
    end: int | None = field(repr=False, compare=False)
    first_open_for: int | None = field(repr=False, compare=False)
    offline_for: int | None = field(repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the container's own rules, in their order."""
        return tuple(rule.name for rule in self.source)

    def without(self, names: Collection[str]) -> Rules:
        """Return these rules, of which those with `names` are somebody else's to decide."""
        return replace(self, checks=tuple(pair for pair in self.checks if pair[0] not in names))


def parse_rules(rules: Sequence[Rule]) -> Rules:
    """Return rules, compiled. Raises UnsupportedRule, which names the rule and does not repeat its value.

    The shape (sorted by name, each once) is `tera.format.rules`'s business and is not looked at again.
    """
    found: list[tuple[str, Check]] = []
    entries: tuple[EntryRules, ...] = ()
    values = {rule.name: rule.value for rule in rules}
    for rule in rules:
        if rule.name == "entry":
            entries = _refusing(rule.name, _entries, rule.value)
        elif rule.name in KINDS:
            found.append((rule.name, _refusing(rule.name, KINDS[rule.name].compile, rule.value)))
        else:
            hint = "a newer tera may know it"
            raise UnsupportedRule(f"there is a rule {rule.name!r}, which is not known here", hint=hint)
    return Rules(
        source=tuple(rules),
        checks=tuple(found),
        entries=entries,
        obligations=checks.obligations(values.get("obligations", {})),
        opens=values.get("opens"),
        end=values.get("time", {}).get("end"),
        first_open_for=values.get("first_open_for"),
        offline_for=values.get("offline_for"),
    )


def _refusing(name: str, compiler: Callable[[Any], T], value: Any) -> T:
    try:
        return compiler(value)
    except BadInput as error:
        raise UnsupportedRule(
            f"the rule {name!r} does not have its one form: {error}", hint="who wrote the container erred"
        ) from None


def _entries(value: Any) -> tuple[EntryRules, ...]:
    pairs: list[tuple[str, str]] = []
    found: dict[str, list[tuple[str, Check]]] = {}
    obligations: dict[str, tuple[Obligation, ...]] = {}
    for item in schema.array(value, checks.ENTRIES, BadInput, "entry", low=1):
        text, name, inner = schema.array(item, 3, BadInput, "an element", low=3)
        schema.text(text, 2 * limits.PATH_BYTES, BadInput, "a pattern")  # each character may need a \ before it
        if not isinstance(name, str) or name not in ENTRY_NAMES:
            raise BadInput("it holds a rule that cannot stand there")
        pairs.append((text, name))
        found.setdefault(text, []).append((name, KINDS[name].compile(inner)))
        if name == "obligations":
            obligations[text] = checks.obligations(inner)
    schema.ascending(pairs, BadInput, "entry")
    if sum(len(text.encode()) for text in found) > checks.PATTERNS:
        raise BadInput(f"its patterns have over {checks.PATTERNS:,} bytes together")
    return tuple(EntryRules(Glob(text), tuple(those), obligations.get(text, ())) for text, those in found.items())
