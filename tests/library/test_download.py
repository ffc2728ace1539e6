"""Stored bytes: what is blocked or deleted between two looks at it does not leave."""

from __future__ import annotations

import pytest

from tera.errors import Blocked, NoSuchBlob, NoSuchThing
from tera.library import block, identity, seal
from tera.library.download import find_stored, open_stored
from tera.library.library import Library, Principal


def test_what_comes_between_finding_and_opening_is_seen(library: Library) -> None:
    org, made = identity.create_org(library, "Acme", "ann@example.org")
    ann = Principal(made.key, org)
    row = seal.encode(library, ann, b'{"files": ["a"]}', [seal.Part("a", None, [b"x"])]).row
    found = find_stored(library, ann, row.id)
    open_stored(library, ann, found).close()
    block.block(library, ann, row.id)
    with pytest.raises(Blocked):
        open_stored(library, ann, found)
    block.delete(library, ann, row.id)
    with pytest.raises((NoSuchThing, NoSuchBlob)):
        open_stored(library, ann, found)
