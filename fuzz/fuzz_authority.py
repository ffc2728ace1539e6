"""Whatever a caller asks, an authority gives its share only where the rules that it was sealed under allow it.

The caller has an enrolled key, a device and the whole container, and changes what it likes: fields of the request, its
front (swapped, cut, with another policy), the stanza, who signs, the message itself. Every answer is one event in the
log, and what is allowed and untouched is given. The first bytes choose the case, the rest are edits.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from fuzz import case, edits, oracle, world
from fuzz.edits import Edit
from fuzz.samples import fixed_random
from fuzz.world import DEVICE, NOW, STRANGER, VIEWER, Draw
from tera.audit.log import Query
from tera.codec.signers import signer_fingerprint
from tera.crypto import kem
from tera.errors import BadInput
from tera.format import access
from tera.release import answer as answers
from tera.release.request import FORM, Request, build_request, parse_request
from tera.wire import canonical

FIELDS, FRONT, SWAP, SIGNED, MESSAGE = range(5)
"""What an edit changes: its stage, modulo 5."""


@cache
def _key() -> kem.PrivateKey:
    return kem.XWING.private_key(bytes(32))


def one_input(data: bytes) -> None:
    choices = Draw(data)
    drawn = case.draw(choices, authority=True)
    changes = list(edits.parse(choices.rest))
    made = _message(drawn, changes)
    if made is None:
        return
    message, packed, keys = made
    authority, caller = drawn.asked()
    before = len(authority.events(Query()))
    found = oracle.tera(authority.release, message, caller)
    after = len(authority.events(Query()))
    if not isinstance(found, oracle.Taken):
        assert after == before, "what is no decision is on record"
        assert changes or drawn.viewer is None, (found, drawn)
        return
    assert after == before + 1, "a decision is not on record"
    request = parse_request(message)
    opened = oracle.tera(answers.open_answer, found.value, request, _key())
    asking = _asking(drawn, request)
    if isinstance(opened, oracle.Taken):
        assert request.packed == packed and set(request.signers) <= keys, "nobody has signed this request"
        if opened.value[1] == world.share_of(drawn.sealed):
            assert not asking.denied(macs=[world.MAC]), f"the share was given: {asking}"
        assert authority.release(message, caller) == found.value, "the same request has another answer"
    else:
        answers.check_answer(found.value, request)
        assert changes or drawn.denied(macs=()), (opened, drawn)


def _asking(drawn: case.Case, request: Request) -> case.Case:
    """Return the case with what the request says of itself, as far as that is the caller's to say."""
    return replace(
        drawn,
        action=request.action,
        device=request.device == signer_fingerprint(DEVICE.public) and request.device in request.signers,
        fulfilled=frozenset(request.obligations),
        viewer=world.ME if signer_fingerprint(VIEWER.public) in request.signers else None,
    )


def _message(drawn: case.Case, changes: list[Edit]) -> tuple[bytes, bytes, set[bytes]] | None:
    """Return the request after the edits, what was signed, and by whom; None for what msgpack cannot hold."""
    front = drawn.sealed.front
    packed, *_ = FORM.split(
        build_request(
            prefix=front.prefix,
            stanza=next(one for one in front.stanzas if one.type in access.AUTHORITY),
            action=drawn.action,
            public=_key().public,
            now=NOW,
            random=fixed_random("authority"),
            viewer=drawn.viewer,
            obligations=sorted(drawn.fulfilled),
            device_key=DEVICE if drawn.device else None,
        )
    )
    fields: Any = canonical.unpack(packed, what="a request", max_len=1 << 20)
    keys = {key.public: key for key in (VIEWER if drawn.viewer else None, DEVICE if drawn.device else None) if key}
    for edit in changes:
        stage = edit.stage % 5
        if stage == FIELDS:
            fields = edit.change(fields)
        elif stage == FRONT:
            _change_front(fields, edit)
        elif stage == SWAP:
            _swap(fields, edit, drawn)
        elif stage == SIGNED:
            chosen = (VIEWER, DEVICE, STRANGER)[edit.what % 3]
            if keys.pop(chosen.public, None) is None:
                keys[chosen.public] = chosen
    try:
        packed = canonical.pack(fields)
        message = FORM.join(packed, list(keys.values()))
    except (TypeError, ValueError, BadInput):
        return None
    for edit in changes:
        if edit.stage % 5 == MESSAGE:
            message = edit.poke(message)
    return message, packed, set(map(signer_fingerprint, keys))


def _change_front(fields: Any, edit: Edit) -> None:
    """Change bytes of preamble, CORE or POLICY."""
    if isinstance(fields, dict) and isinstance(front := fields.get("front"), bytes):
        parts = world.split(front) or [b""]
        at = edit.what % len(parts)
        parts[at] = edit.poke(parts[at])
        fields["front"] = b"".join(parts)


def _swap(fields: Any, edit: Edit, drawn: case.Case) -> None:
    """Take the front, the policy or the stanza of a container of the same author that lets everybody in."""
    if not isinstance(fields, dict):
        return
    forged = drawn.sealed.forged
    other = world.sealed((22,), "dynamic" if forged else "static", True, ("world", "other")[edit.how & 1])
    match edit.what % 3:
        case 0:
            fields["front"] = other.front.prefix
        case 1 if forged:
            fields["front"] = b"".join(world.split(drawn.sealed.front.prefix)[:2]) + forged[edit.at % len(forged)]
        case 2:
            stanza = next(one for one in other.front.stanzas if one.type in access.AUTHORITY)
            fields["stanza"] = [stanza.type, stanza.params, stanza.ct]
