"""CORE: what anybody may read and nobody may change.

The law of this file: everything that affects CORE's map is here; its hash is taken over the received
bytes by `schedule`, never over a re-encoding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tera.errors import BadCore, UnknownFeature
from tera.format import limits, schema
from tera.format.rules import Rule, parse_rules, rules_value
from tera.wire import canonical

NO_PADDING: Final = 0
PADME: Final = 1
KC_LENGTH: Final = 32

_KEYS: Final = ("id", "pad", "pol", "release", "req", "sig", "t", "tags", "x")


@dataclass(frozen=True, slots=True)
class NoRules:
    """There are no rules."""


@dataclass(frozen=True, slots=True)
class StaticRules:
    """Rules that anybody can read; they cannot change."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class SealedRules:
    """The rules are in the encrypted manifest; they cannot change."""


@dataclass(frozen=True, slots=True)
class DynamicRules:
    """The rules are in POLICY, signed by one of `signers` (fingerprints), not below version `floor`."""

    policy_id: bytes
    signers: tuple[bytes, ...]
    floor: int


RulesPlace: TypeAlias = NoRules | StaticRules | SealedRules | DynamicRules


@dataclass(frozen=True, slots=True)
class Core:
    """The public, immutable part of a container.

    `id` has 16 bytes; `created` is in seconds since 1970 UTC; `signers` and `authorities` are fingerprints
    of 32 bytes; `padding` is NO_PADDING or PADME.
    """

    id: bytes
    created: int
    rules: RulesPlace = NoRules()
    tags: tuple[str, ...] = ()
    signers: tuple[bytes, ...] = ()
    authorities: tuple[bytes, ...] = ()
    padding: int = PADME
    features: tuple[str, ...] = ()
    extensions: dict[str, Any] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the core map. Raises BadCore for what no reader would take."""
        packed = canonical.pack(
            {
                "id": self.id,
                "pad": self.padding,
                "pol": _rules_map(self.rules),
                "release": list(self.authorities),
                "req": list(self.features),
                "sig": list(self.signers),
                "t": self.created,
                "tags": list(self.tags),
                "x": self.extensions,
            }
        )
        parse_core(packed)
        return packed


def parse_core(packed: bytes) -> Core:
    """Parse a core map. Raises NotCanonical, BadCore or UnknownFeature."""
    value = canonical.unpack(packed, what="CORE", max_len=limits.CORE - KC_LENGTH)
    found = schema.exact_map(value, _KEYS, BadCore, "CORE")
    extensions = found["x"]
    if not isinstance(extensions, dict) or len(canonical.pack(extensions)) > limits.EXTENSIONS:
        raise BadCore("x is not a map of at most 16 KiB")
    core = Core(
        id=schema.binary(found["id"], 16, 16, BadCore, "id"),
        padding=schema.integer(found["pad"], NO_PADDING, PADME, BadCore, "pad"),
        rules=_parse_rules_map(found["pol"]),
        authorities=schema.fingerprints(found["release"], limits.AUTHORITIES, BadCore, "release"),
        features=schema.texts(found["req"], limits.FEATURES, limits.FEATURE_BYTES, BadCore, "req"),
        signers=schema.fingerprints(found["sig"], limits.SIGNERS, BadCore, "sig"),
        created=schema.integer(found["t"], 0, limits.TIME_MAX, BadCore, "t"),
        tags=schema.texts(found["tags"], limits.TAGS, limits.TAG_BYTES, BadCore, "tags"),
        extensions=extensions,
    )
    if core.authorities and not isinstance(core.rules, StaticRules | DynamicRules):
        raise BadCore("an authority is named, but there are no rules that it could read")
    if core.features:
        raise UnknownFeature(f"the container needs {', '.join(map(repr, core.features))}")
    return core


def _rules_map(rules: RulesPlace) -> dict[str, Any]:
    match rules:
        case NoRules():
            return {"m": "none"}
        case StaticRules():
            return {"m": "static", "rules": rules_value(rules.rules)}
        case SealedRules():
            return {"m": "sealed"}
        case DynamicRules():
            return {"m": "dynamic", "pid": rules.policy_id, "auth": list(rules.signers), "min": rules.floor}


def _parse_rules_map(value: Any) -> RulesPlace:
    if not isinstance(value, dict):
        raise BadCore("pol is not a map")
    mode = value.get("m")
    if mode == "none":
        schema.exact_map(value, ("m",), BadCore, "pol")
        return NoRules()
    if mode == "static":
        schema.exact_map(value, ("m", "rules"), BadCore, "pol")
        return StaticRules(parse_rules(value["rules"], BadCore))
    if mode == "sealed":
        schema.exact_map(value, ("m",), BadCore, "pol")
        return SealedRules()
    if mode == "dynamic":
        schema.exact_map(value, ("auth", "m", "min", "pid"), BadCore, "pol")
        return DynamicRules(
            policy_id=schema.binary(value["pid"], 16, 16, BadCore, "pid"),
            signers=schema.fingerprints(value["auth"], limits.SIGNERS, BadCore, "auth", low=1),
            floor=schema.integer(value["min"], 0, 2**64 - 1, BadCore, "min"),
        )
    raise BadCore("pol says neither none, static, sealed nor dynamic")
