"""Which version of a dynamic policy counts at an authority: the newest that it holds or is shown.

The law of this file: an authority never goes back. Envelopes are held for a signer and a policy's id, so that
another signer's version, however high, is in nobody's way; and one is held only after it has been verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tera.authority.ports import Transaction, View
from tera.errors import Malformed, StateUnavailable
from tera.format.core import Core, DynamicRules
from tera.format.signatures import pack_signatures
from tera.policy.envelope import Envelope, SignedEnvelope, parse_policy, verify_policy
from tera.policy.marks import Mark, MarkKey


@dataclass(frozen=True, slots=True)
class Policy:
    """A verified envelope; `news` is what is to be kept of it, by signer, and `marks` are new."""

    envelope: Envelope
    signers: tuple[bytes, ...]
    marks: dict[MarkKey, Mark]
    news: dict[bytes, bytes]

    def keep(self, writing: Transaction) -> None:
        """Write what is new."""
        for key, mark in self.marks.items():
            writing.raise_mark(key, mark)
        for signer, body in self.news.items():
            writing.keep_envelope(signer, self.envelope.policy_id, body)


def held_for(view: View, core: Core) -> tuple[bytes | None, ...]:
    """Return the body that is held for each signer that CORE names; nothing where rules cannot change."""
    place = core.rules
    if not isinstance(place, DynamicRules):
        return ()
    return tuple(view.envelope(signer, place.policy_id) for signer in place.signers)


def choose(view: View, core: Core, own: SignedEnvelope, held: Sequence[bytes | None], now: int) -> Policy:
    """Step 8: of `own`, which was shown, and those that are `held`, verify the one with the highest version.

    Where both have it, what is held counts. Raises what `verify_policy` does, StateUnavailable.
    """
    place = core.rules
    assert isinstance(place, DynamicRules)
    known = [None if body is None else _parse_held(body) for body in held]
    newest = max([*filter(None, known), own], key=lambda one: one.envelope.version)
    verified = verify_policy(newest, core, now, view)
    behind = {
        signer
        for signer, one in zip(place.signers, known, strict=True)
        if signer in verified.signers and (one is None or one.envelope.version < newest.envelope.version)
    }
    return Policy(verified.envelope, verified.signers, verified.marks, dict.fromkeys(sorted(behind), _pack(newest)))


def _pack(signed: SignedEnvelope) -> bytes:
    listed = pack_signatures(signed.signatures)
    return b"".join(len(part).to_bytes(4, "big") + part for part in (signed.packed, listed))


def _parse_held(body: bytes) -> SignedEnvelope:
    try:
        return parse_policy(body)
    except Malformed as error:
        raise StateUnavailable(f"a policy in the authority's state was changed: {error}") from None
