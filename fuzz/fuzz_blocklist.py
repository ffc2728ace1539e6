"""A block list that is taken is the encoding of what it says, and answers or refuses as the text's plain reader does.

After the first byte, 0 is a file as it is; with 1 the header is signed; with 2 the table fits the pages as well, and
with 3 the size is made to fit the number of ids.
"""

from __future__ import annotations

from fuzz import oracle
from fuzz.samples import SIGNER, SIGNER_NAME
from spec import reference_policy
from spec.reference import B3
from tera.format.signatures import CONTEXT
from tera.policy.blockfile import HEADER
from tera.policy.blocklist import BlockList
from tera.policy.marks import Mark, MarkKey

NOW = 1_000
LIST = bytes(16)
SEEN = Mark(2, bytes(32))
SIGNED = 96 + 1_984
MOST = 40_000
"""Bytes of a file: more is the same again."""


def one_input(data: bytes) -> None:
    how, body = data[:1], data[1 : 1 + MOST]
    if how in (b"\1", b"\2", b"\3"):
        body = fitted(body, how[0])
    marks = {MarkKey("blocklist", SIGNER_NAME, LIST): SEEN}
    found = oracle.tera(
        BlockList.open,
        lambda offset, length: body[offset : offset + length],
        len(body),
        trusted=[SIGNER_NAME],
        now=NOW,
        marks=marks,
    )
    plain_marks = {(SIGNER_NAME, LIST): (SEEN.version, SEEN.digest)}
    other = oracle.reference(reference_policy.read_blocklist, body, [SIGNER_NAME], NOW, plain_marks)
    if not isinstance(found, oracle.Taken):
        assert not isinstance(other, oracle.Taken) and other.code == found.code, (found, other)
        return
    assert isinstance(other, oracle.Taken), (found, other)
    head = found.value.head
    assert head.pack() == body[:SIGNED] and head.size == len(body)
    stored = [body[at : at + 32] for at in range(HEADER + head.table_length, len(body), 32)]
    for id in (bytes(32), b"\xff" * 32, *stored[:4], *stored[124:132], *stored[-2:], *map(_next, stored[:4])):
        answer = oracle.tera(found.value.has, id)
        plain = oracle.reference(other.value.has_id, id)
        if isinstance(answer, oracle.Taken):
            assert isinstance(plain, oracle.Taken) and answer.value == plain.value
        else:
            assert not isinstance(plain, oracle.Taken) and answer.code == plain.code, (answer, plain)


def _next(id: bytes) -> bytes:
    return (int.from_bytes(id, "big") + 1).to_bytes(33, "big")[1:]


def fitted(body: bytes, how: int) -> bytes:
    """Return the file with some of what is derived made to fit."""
    body = body.ljust(HEADER, b"\0")
    if how == 3:
        count = (len(body) - HEADER) * 128 // (64 + 4_096)
        while HEADER + 64 * -(-count // 128) + 32 * count > len(body):
            count -= 1
        body = body[:56] + count.to_bytes(8, "big") + body[64 : HEADER + 64 * -(-count // 128) + 32 * count]
    pages = -(-int.from_bytes(body[56:64], "big") // 128)
    start = HEADER + 64 * pages
    if how >= 2 and start <= len(body):
        cut = [body[at : at + 4_096] for at in range(start, start + 4_096 * pages, 4_096)]
        rows = [page[:32].ljust(32, b"\0") for page in cut] + [B3(b"tera/v1/blocklist-page\0" + page) for page in cut]
        body = body[:HEADER] + b"".join(rows) + body[start:]
    table = B3(b"tera/v1/blocklist-table\0" + body[HEADER:start])
    head = body[:64] + table + SIGNER.public
    return head + SIGNER.sign(b"tera/v1/blocklist\0" + head, CONTEXT) + body[HEADER:]
