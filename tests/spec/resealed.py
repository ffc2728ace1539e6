"""A container sealed again by somebody with its key, with other bytes inside, built from the reference alone.

The law of this file: everything around the change is made to fit it, so that only the change can be refused.
"""

from __future__ import annotations

from collections.abc import Callable

from spec import reference as r

Edit = Callable[[bytes], bytes]


def same(plain: bytes) -> bytes:
    """Change nothing."""
    return plain


def resealed(container: bytes, keys: list[r.Key], data: Edit = same, index: Edit = same, trailer: Edit = same) -> bytes:
    """Return the container with its plaintexts and its trailer map edited, and every key, root and MAC right.

    It must be unsigned. The index is edited after it has been given the leaves of the edited DATA, which it can
    take if the number of blocks is the same.
    """
    front, prk = r.unlock(container, keys, None, True)
    payload, was = r.locate(container, front)
    one, two = r.segments(container, front, payload, was.chunks)
    before = b"".join(r.leaf(r.DATA, n, r.block_at(container, one, n)) for n in range(one.blocks))
    first, one = _sealed(container, front, prk, one, data)
    second, two = _sealed(
        container, front, prk, two, lambda plain: index(plain.replace(before, b"".join(one.leaves) or before))
    )
    roots = [_root(container, one, first), _root(container, two, second)]
    text = {"chunks": [one.chunks, two.chunks], "len": len(first + second), "roots": roots}
    packed = trailer(r.pack(text))
    mac = r.HMAC(r.expand(prk, b"tera/v1 trailer-mac", 32), b"tera/v1/trailer\0" + front.h_bind + packed)
    body = r.be(len(packed), 4) + packed + mac + r.pack([])
    head = r.be(r.TRAILER, 1) + bytes(3) + r.be(len(body), 4)
    return container[: front.end] + first + second + head + body + r.tail_of(len(first + second), len(head + body))


def _sealed(container: bytes, front: r.Front, prk: bytes, g: r.Segment, edit: Edit) -> tuple[bytes, r.Segment]:
    key, base_nonce = r.open_segment(container, g, front, prk)
    plain = edit(b"".join(r.open_block((key, base_nonce), n, r.block_at(container, g, n)[8:]) for n in range(g.blocks)))
    chunks = [plain[at : at + 16_384] for at in range(0, len(plain) + 1, 16_384)]
    sealed = [key.encrypt(r.be(base_nonce ^ c, 12), chunk, None) for c, chunk in enumerate(chunks)]
    bodies = [b"".join(sealed[at : at + 64]) for at in range(0, len(sealed), 64)]
    last = len(bodies) - 1
    blocks = [r.be(r.BLOCK, 1) + r.be(n == last, 1) + bytes(2) + r.be(len(b), 4) + b for n, b in enumerate(bodies)]
    leaves = [r.leaf(g.kind, n, block) for n, block in enumerate(blocks)]
    made = r.Segment(g.kind, g.start, len(chunks), sum(map(len, bodies)), leaves)
    return container[g.start : g.start + 64] + b"".join(blocks), made


def _root(container: bytes, g: r.Segment, made: bytes) -> bytes:
    return r.B3(b"\x01" + r.be(g.kind, 1) + made[8:64] + r.be(g.chunks, 8) + b"".join(g.leaves))
