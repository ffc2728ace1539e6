"""The rules in force of a container in the library: shown, replaced, merged, narrowed, taken away.

The law of this file: the row says which rules hold. Where they can change and the organisation's key may sign, a
change is also the next version of the container's policy, which its authority keeps as the newest. Where they cannot,
the container's own rules stay, and the service only narrows them: it asks for the row's rules besides. A change is
one transaction, with its event, under the lock of the organisation.

    dynamic    true, or frozen to false; never thawed
    DELETE     recipients are the owner alone: nobody else opens
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tera.authority.policies import held_for
from tera.catalog import containers
from tera.catalog.authority import OrgTables
from tera.catalog.containers import DELETED, Row
from tera.catalog.engine import Connection
from tera.codec.repolicy import DAY
from tera.codec.source import read_front
from tera.crypto.hashes import sha256
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, BadPolicy, Conflict, NoSuchThing, PreconditionFailed
from tera.format.core import DynamicRules, StaticRules
from tera.format.front import Front
from tera.format.limits import MANIFEST
from tera.format.rules import Rule, parse_rules, rules_value
from tera.format.signatures import signer_name
from tera.library.drm import shown
from tera.library.events import record
from tera.library.find import found
from tera.library.library import Library, Principal
from tera.library.narrow import narrowed
from tera.policy.document import Object, check_plain, parse_json
from tera.policy.envelope import (
    SignedEnvelope,
    check_authentic,
    next_envelope,
    pack_policy,
    parse_policy,
    sign_envelope,
)
from tera.policy.manifest import read_manifest
from tera.policy.marks import Mark, MarkKey
from tera.wire import canonical

VALID_FOR: Final = 90 * DAY
"""Seconds for which a version of a policy holds."""
RENEW: Final = 30 * DAY
"""It is written anew when it holds for less than this."""
BYTES: Final = 1 << 20
"""Bytes of rules that are sent."""

Versions: TypeAlias = "frozenset[int] | None"
"""Which versions of the rules a caller means to change; None for any."""
Asked: TypeAlias = "tuple[tuple[Rule, ...], bool | None]"
"""Rules, and whether they shall be changeable; None as they were."""


@dataclass(frozen=True, slots=True)
class _Signable:
    """The policy that is the newest, and who may write the next one."""

    newest: SignedEnvelope
    key: SigningKey
    place: DynamicRules


def rules_of(row: Row) -> tuple[Rule, ...]:
    """Return a container's rules in force, in their one form."""
    pairs = canonical.unpack(row.rules, what="the rules of a row", max_len=MANIFEST)
    return parse_rules(pairs, BadPolicy) if pairs else ()


def described(row: Row) -> dict[str, Any]:
    """Return the rules in force, and whether they can change, as they can be written again."""
    return {**shown(rules_of(row)), "dynamic": row.dynamic}


def replace(
    library: Library, principal: Principal, container_id: str, document: bytes, *, versions: Versions = None
) -> Row:
    """Put the rules of a JSON object in place of those in force; recipients that are absent are the owner.

    Raises Forbidden, NoSuchThing, BadInput, which names the field, Conflict, and PreconditionFailed.
    """
    asked = _object(document)
    return _change(library, principal, container_id, versions, lambda row: _read(asked, row))


def merge(
    library: Library, principal: Principal, container_id: str, document: bytes, *, versions: Versions = None
) -> Row:
    """Change the rules in force by a JSON Merge Patch (RFC 7396). Raises what `replace` does."""
    patch = _object(document)
    return _change(library, principal, container_id, versions, lambda row: _read(_merged(described(row), patch), row))


def remove(library: Library, principal: Principal, container_id: str, *, versions: Versions = None) -> Row:
    """Take the rules away: from now on only the owner opens. Raises Forbidden, NoSuchThing, PreconditionFailed."""
    return _change(
        library, principal, container_id, versions, lambda row: ((Rule("recipients", [row.owner]),), None), beside=True
    )


def renew(library: Library, row: Row) -> bool:
    """Write a container's policy anew, with its rules, if it soon expires; return whether that was done."""
    front = _front(library, row)
    keys = library.keys.load(row.org_id)
    with library.catalog.writing(row.org_id) as db:
        tables = OrgTables(db, row.org_id)
        signable = _signable(tables, front, keys.signing)
        if signable is None or signable.newest.envelope.expires - library.now() > RENEW:
            return False
        version = _sign(library, tables, signable, signable.newest.envelope.rules or ())
        tables.record(library.event("policy", subject=signable.place.policy_id, extra={"ver": version}))
    return True


# --- one change -------------------------------------------------------------------------------------------


def _change(
    library: Library,
    principal: Principal,
    container_id: str,
    versions: Versions,
    ask: Callable[[Row], Asked],
    *,
    beside: bool = False,
) -> Row:
    """With `beside`, what is asked for stands beside the container's own rules, whatever they say of it."""
    principal.need("write")
    asked_for = found(library, principal.org.id, container_id)
    front = _front(library, asked_for)
    keys = library.keys.load(principal.org.id)
    with library.catalog.writing(principal.org.id) as db:
        row = _row(db, principal.org.id, asked_for.id)
        if versions is not None and row.version not in versions:
            raise PreconditionFailed(f"the rules have version {row.version}, not the one that was asked for")
        rules, dynamic = ask(row)
        if dynamic and not row.dynamic:
            raise Conflict(
                "the rules cannot change, and cannot be made to", hint="dynamic goes from true to false only"
            )
        if not front.core.signers and any(rule.name == "require_signature" for rule in rules):
            raise BadInput("drm.require_signature would let nobody in: the container is not signed")
        tables = OrgTables(db, principal.org.id)
        signable = _signable(tables, front, keys.signing) if row.dynamic else None
        if signable is None:
            rules = _narrow(rules, _carried(tables, front), beside=beside)
        return _write(library, db, principal, row, rules, row.dynamic if dynamic is None else dynamic, signable)


def _write(
    library: Library,
    db: Connection,
    principal: Principal,
    row: Row,
    rules: tuple[Rule, ...],
    dynamic: bool,
    signable: _Signable | None,
) -> Row:
    packed = canonical.pack(rules_value(rules))
    if (packed, dynamic) == (row.rules, row.dynamic):
        return row
    extra: dict[str, Any] = {"names": [rule.name for rule in rules], "rules": sha256(packed)}
    if dynamic != row.dynamic:
        extra["frozen"] = True
    if signable is not None and packed != row.rules:
        extra["ver"] = _sign(library, OrgTables(db, row.org_id), signable, rules)
    row = containers.change(db, row, rules=packed, drm=shown(rules), dynamic=dynamic, version=row.version + 1)
    record(library, db, principal, "drm", row=row, extra=extra)
    return row


def _narrow(rules: tuple[Rule, ...], own: tuple[Rule, ...], *, beside: bool) -> tuple[Rule, ...]:
    if not beside:
        return narrowed(own, rules)
    names = {rule.name for rule in rules}
    return tuple(sorted([*rules, *(rule for rule in own if rule.name not in names)], key=lambda rule: rule.name))


def _row(db: Connection, org_id: str, container_id: str) -> Row:
    row = containers.get(db, org_id, container_id)
    if row is None or row.status == DELETED:
        raise NoSuchThing("there is no such container")
    return row


# --- what the container carries -----------------------------------------------------------------------------


def _front(library: Library, row: Row) -> Front:
    source = library.store.open(row.blob)
    try:
        return read_front(source)
    finally:
        source.close()


def _newest(tables: OrgTables, front: Front) -> SignedEnvelope | None:
    """Return the newest policy that is held or in the file; None where rules cannot change."""
    if front.policy is None or not isinstance(front.core.rules, DynamicRules):
        return None
    held = [parse_policy(body) for body in held_for(tables, front.core) if body is not None]
    return max([*held, parse_policy(front.policy)], key=lambda one: one.envelope.version)


def _carried(tables: OrgTables, front: Front) -> tuple[Rule, ...]:
    """Return the rules that hold without this service, as far as they can be read without a key."""
    if isinstance(front.core.rules, StaticRules):
        return front.core.rules.rules
    newest = _newest(tables, front)
    return () if newest is None else newest.envelope.rules or ()


def _signable(tables: OrgTables, front: Front, key: SigningKey) -> _Signable | None:
    """Return what the next version of the policy is made from; None where the organisation's key may not sign it."""
    place, newest = front.core.rules, _newest(tables, front)
    if newest is None or not isinstance(place, DynamicRules) or signer_name(key.public) not in place.signers:
        return None
    check_authentic(newest, front.core)
    return _Signable(newest, key, place)


def _sign(library: Library, tables: OrgTables, signable: _Signable, rules: tuple[Rule, ...]) -> int:
    """Sign the next version and keep it as the newest; return its number."""
    before = signable.newest.envelope
    now = max(library.now(), before.issued)
    envelope = next_envelope(signable.newest, rules or None, now=now, expires=now + VALID_FOR)
    made = sign_envelope(envelope, [signable.key])
    signer = signer_name(signable.key.public)
    tables.keep_envelope(signer, before.policy_id, pack_policy(made))
    tables.raise_mark(MarkKey("policy", signer, before.policy_id), Mark(envelope.version, made.hash))
    return envelope.version


# --- what is sent -------------------------------------------------------------------------------------------


def _object(document: bytes) -> Object:
    if len(document) > BYTES:
        raise BadInput(f"rules have at most {BYTES:,} bytes")
    try:
        value = parse_json(document)
    except BadInput as error:
        raise BadInput(str(error).replace("the manifest", "drm"), hint=error.hint) from None
    if not isinstance(value, Object):
        raise BadInput("drm is not an object of rules")
    check_plain(value, "drm")
    return value


def _read(asked: dict[str, Any], row: Row) -> Asked:
    """Return rules from JSON as a manifest's `drm` has them. Raises BadInput, which names the field."""
    dynamic = asked.get("dynamic")
    rules = {name: value for name, value in asked.items() if name != "dynamic"} or {"recipients": [row.owner]}
    try:
        if dynamic is not None and not isinstance(dynamic, bool):
            raise BadInput("drm.dynamic is not true or false")
        manifest = json.dumps({"drm": rules}, ensure_ascii=False).encode()
        pairs = read_manifest(manifest, owner=row.owner).rules or []
    except BadInput as error:
        raise BadInput(str(error).removeprefix("the manifest's "), hint=error.hint) from None
    return tuple(Rule(name, value) for name, value in pairs), dynamic


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return found
