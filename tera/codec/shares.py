"""The shares of a key that authorities hold: asked for, or taken from a lease.

The law of this file: only an authority of the configuration is asked, and for each stanza of one opening once; what
it answers is believed for what it has signed. A lease serves the stanza and the viewer that it was given for, until
it ends. One that cannot be used is no reason to stay closed while the authority answers, but for a clock that was
set back. Spec: spec/release.md, "What the caller does", "Leases".
"""

from __future__ import annotations

from tera.codec.config import Config
from tera.crypto import kem
from tera.crypto.random import Random
from tera.errors import AuthorityUnavailable, ClockBehind, LeaseExpired, RuleDenied, StateUnavailable, TeraError
from tera.format.access import Stanza
from tera.format.front import Front
from tera.policy.context import Context
from tera.release.answer import Answer, open_answer
from tera.release.lease import Lease, keep_lease, open_lease
from tera.release.request import build_request, parse_request
from tera.state.reader import check_clock


class Shares:
    """What one opening has been given; `receipts` are the answers, `leased` those of them that came from a lease."""

    def __init__(self, config: Config, random: Random) -> None:
        self.receipts: tuple[Answer, ...] = ()
        self.leased: tuple[Answer, ...] = ()
        self._config = config
        self._random = random
        self._held: dict[tuple[bytes, bytes], bytes] = {}

    def get(self, front: Front, stanza: Stanza, context: Context, *, leases: bool) -> bytes:
        """Return the share in a stanza of an authority; `leases` says whether the rules hold `offline_for`.

        Raises AuthorityUnavailable, the error that a denial names, RuleDenied for obligations that were not
        declared, and what `open_answer` and `open_lease` do.
        """
        key = front.bind, stanza.ct
        if key not in self._held:
            self._held[key] = self._get(front, stanza, context, leases=leases)
        return self._held[key]

    def forget(self) -> None:
        """Drop the shares, when the key has been made of them."""
        self._held.clear()

    def _get(self, front: Front, stanza: Stanza, context: Context, *, leases: bool) -> bytes:
        useless: TeraError | None = None
        if leases and (lease := self._lease(front, stanza, context)):
            try:
                return self._from_lease(lease, context)
            except (ClockBehind, RuleDenied, StateUnavailable):
                raise
            except TeraError as error:
                useless = error
        try:
            return self._ask(front, stanza, context, leases=leases)
        except AuthorityUnavailable:
            if useless is None:
                raise
        raise useless

    def _ask(self, front: Front, stanza: Stanza, context: Context, *, leases: bool) -> bytes:
        authority, config = stanza.params[0], self._config
        releaser = config.authorities.get(authority)
        if releaser is None:
            raise AuthorityUnavailable(
                f"the authority {authority.hex()[:16]} holds a share of the key, and is not configured",
                hint="name its address in the configuration: [[authorities]] with key and url",
            )
        seed = self._random(kem.XWING.seed_length)
        key = kem.XWING.private_key(seed)
        message = build_request(
            prefix=front.prefix,
            stanza=stanza,
            action=context.action,
            public=key.public,
            now=int(config.clock()),
            random=self._random,
            viewer=context.viewer,
            obligations=sorted(context.fulfilled),
            lease=leases and config.lease,
            viewer_key=config.viewer_key,
            device_key=config.device_key,
        )
        reply = releaser.release(message)
        answer, share = open_answer(reply, parse_request(message), key)
        if leases and config.lease and answer.lease is not None:
            assert config.state is not None and config.device_key is not None  # `Config` has seen to it
            lease = keep_lease(message, reply, seed, config.device_key, self._random)
            config.state.keep_lease(front.bind, authority, lease, answer.lease)
        return self._take(answer, share, context)

    def _lease(self, front: Front, stanza: Stanza, context: Context) -> Lease | None:
        """Return the lease that was given for this stanza and viewer, if there is one and it can be read."""
        state = self._config.state
        if state is None or self._config.device_key is None:
            return None
        lease = state.lease(front.bind, stanza.params[0])
        if lease is None:
            return None
        try:
            asked = lease.parsed
        except TeraError:
            return None
        # A rewrap splits the key anew, and leaves H_bind as it is: an old share is worth nothing then.
        same = (asked.bind, asked.stanza.ct, asked.viewer) == (front.bind, stanza.ct, context.viewer)
        return lease if same else None

    def _from_lease(self, lease: Lease, context: Context) -> bytes:
        config = self._config
        assert config.state is not None and config.device_key is not None
        seen = config.state.seen()  # before the clock: what another process records now is not in the future
        now = int(config.clock())
        check_clock(now, seen, skew=0)
        try:
            answer, share = open_lease(lease, config.device_key, now)
        except LeaseExpired:
            config.state.drop_leases(now)
            raise
        self.leased += (answer,)
        return self._take(answer, share, context)

    def _take(self, answer: Answer, share: bytes, context: Context) -> bytes:
        self.receipts += (answer,)
        missing = answer.obligations.keys() - context.fulfilled
        if missing:
            raise RuleDenied(f"the authority obliges to {min(missing)}, which was not declared", rule="obligations")
        return share
