"""A cursor is good for the list that it was made of, in every process, and forged by nobody."""

from __future__ import annotations

import base64

import pytest

from tera.errors import BadInput
from tera.library.cursors import cursor_key, read_cursor, write_cursor
from tera.library.library import Library


@pytest.mark.parametrize("place", [0, 2**62, "", "ünïcode", "a" * 300])
def test_a_place_comes_back(place: int | str) -> None:
    assert read_cursor(bytes(32), "events", write_cursor(bytes(32), "events", place)) == place


def test_a_cursor_of_another_list_or_another_installation_is_refused() -> None:
    cursor = write_cursor(bytes(32), "events", 5)
    for key, of in ((bytes(32), "tags"), (b"\1" * 32, "events")):
        with pytest.raises(BadInput, match="cursor"):
            read_cursor(key, of, cursor)


@pytest.mark.parametrize("change", ["", "!", "AAAA", "é", "A" * 2_000, "A"])
def test_what_is_no_cursor_is_refused(change: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        read_cursor(bytes(32), "events", change)


def test_no_byte_of_a_cursor_can_be_changed() -> None:
    data = bytearray(base64.urlsafe_b64decode(write_cursor(bytes(32), "events", 12) + "=="))
    for at in range(len(data)):
        data[at] ^= 1
        with pytest.raises(BadInput, match="cursor"):
            read_cursor(bytes(32), "events", base64.urlsafe_b64encode(data).decode().rstrip("="))
        data[at] ^= 1


def test_every_process_has_the_same_key(library: Library) -> None:
    key = cursor_key(library)
    assert len(key) == 32 and key != bytes(32)
    assert cursor_key(library) == key
