"""A column of paths is taken exactly when every path of it is, and a tree exactly when the reference takes it.

Four bytes say which paths are files, the rest is the column, cut at zero bytes.
"""

from __future__ import annotations

from fuzz import oracle
from spec import reference
from tera.errors import BadPath
from tera.format.paths import check_path, check_tree, parse_column


def one_input(data: bytes) -> None:
    kinds, column = int.from_bytes(data[:4], "big"), data[4:]
    if column and not column.endswith(b"\0"):
        column += b"\0"
    parts = column.split(b"\0")[:-1]
    found = oracle.tera(parse_column, column, len(parts))
    each = oracle.tera(lambda: [_check(part) for part in parts])
    oracle.same_verdict(found, each)
    if not isinstance(found, oracle.Taken):
        assert type(found) is BadPath, found
        oracle.same_verdict(found, oracle.reference(_refer, parts, [False] * len(parts)))
        return
    assert [path.encode() for path in found.value] == parts
    is_file = [bool(kinds >> at % 32 & 1) for at in range(len(parts))]
    tree = oracle.tera(check_tree, found.value, is_file)
    oracle.same_verdict(tree, oracle.reference(_refer, parts, is_file))


def _check(raw: bytes) -> bytes:
    return check_path(raw.decode(errors="surrogateescape"))


def _refer(parts: list[bytes], is_file: list[bool]) -> None:
    known: dict[bytes, int] = {}
    for part, file in zip(parts, is_file, strict=True):
        reference.check_path(part)
        reference.add_path(known, part, 0 if file else 1)
