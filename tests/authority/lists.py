"""Block lists in files, for tests of authorities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tera.policy.blockfile import Kind, blocked_id, build_blocklist
from tests.authority.asking import NOW, name, signing

KEY = signing(20)
ISSUER = name(KEY)


def block(path: Path, *found: tuple[Kind, bytes], key: Any = KEY, **changes: Any) -> None:
    """Write a list that names these."""
    options = {"list_id": b"l" * 16, "version": 1, "issued": NOW - 100, "expires": NOW + 100_000, **changes}
    path.write_bytes(build_blocklist((blocked_id(*one) for one in found), key, **options))
