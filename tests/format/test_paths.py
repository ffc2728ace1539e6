"""Paths: every rule of the text, for one path and for all of an index at once."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadPath, TeraError
from tera.format.paths import Tree, check_path, check_tree, parse_column
from tests.format.hostile import bytes_near, refused

BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def good(path: str) -> bool:
    """The rules of the text, one after the other."""
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        return False
    parts = raw.split(b"/")
    return (
        1 <= len(raw) <= 1_024
        and len(parts) <= 64
        and all(1 <= len(part) <= 255 for part in parts)
        and b"." not in parts
        and b".." not in parts
        and not any(ord(c) <= 0x1F or 0x7F <= ord(c) <= 0x9F or c == "\\" or ord(c) in BIDI for c in path)
    )


def good_tree(paths: list[str], files: list[bool]) -> bool:
    """No path twice, none below a file."""
    if len(set(paths)) < len(paths):
        return False
    return not any(
        file and other.startswith(path + "/") for path, file in zip(paths, files, strict=True) for other in paths
    )


def column(*paths: str | bytes) -> bytes:
    return b"".join((path.encode() if isinstance(path, str) else path) + b"\0" for path in paths)


# Many of these are no paths; the alphabet has every character on which a rule turns.
texts = st.text(st.sampled_from("ab./\\\0\x01\x1f\x7f\x9f\xa0é\u061c\u200e\u202a\u2069\u206a\U0001f600"), max_size=8)
parts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
paths = st.lists(parts, min_size=1, max_size=4).map("/".join) | texts


# --- one path ---------------------------------------------------------------------------------------


@given(paths)
def test_a_path_is_good_or_refused(path: str) -> None:
    if good(path):
        assert check_path(path) == path.encode()
    else:
        refused("bad_path", check_path, path)


def test_each_character_is_taken_or_refused_wherever_it_stands() -> None:
    forbidden = 0
    for code in (*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFFF0, 0x10010), 0x10FFFF):
        if chr(code) in "/.":
            continue
        for path in (chr(code), "a" + chr(code), chr(code) + "a", f"a/b{chr(code)}c/d"):
            if good(path):
                assert check_path(path) == path.encode()
            else:
                refused("bad_path", check_path, path)
        forbidden += not good(chr(code))
    assert forbidden == 0x20 + 0x21 + 1 + len(BIDI) + 0x800  # the last ones are halves of surrogate pairs


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "//",
        ".",
        "..",
        "./a",
        "a/.",
        "a/./b",
        "../a",
        "a/..",
        "a/../b",
        "a\\b",
        "\\",
        "a\n",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    assert not good(path)
    refused("bad_path", check_path, path)
    refused("bad_path", parse_column, column(path), 1)
    refused("bad_path", parse_column, column("a", path, "b"), 3)


@pytest.mark.parametrize(
    "path", ["...", ".a", "a.", "..a", "a..", "-", "~", "CON", "C:", "a b", " ", "a:b", "*", "é", "\u00a0"]
)
def test_a_path_that_some_systems_cannot_hold_is_the_extractors_question(path: str) -> None:
    assert check_path(path) == path.encode()
    assert parse_column(column(path), 1) == [path]


def test_names_are_not_normalised() -> None:
    composed, apart = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    assert check_path(composed) != check_path(apart)
    check_tree(parse_column(column(composed, apart, "E", "e"), 4), [True] * 4)


BOUNDS = {
    "a part of 255 bytes": ("x" * 255, "x" * 256),
    "a part of 255 bytes of two-byte letters": ("é" * 127 + "x", "é" * 128),
    "a part of 255 bytes inside": ("a/" + "x" * 255 + "/b", "a/" + "x" * 256 + "/b"),
    "64 parts": ("/".join("x" * 64), "/".join("x" * 65)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_path_at_its_limit_is_taken_and_one_beyond_is_refused(name: str) -> None:
    most, more = BOUNDS[name]
    assert check_path(most) == most.encode()
    assert parse_column(column("a", most, "b"), 3) == ["a", most, "b"]
    refused("bad_path", check_path, more)
    refused("bad_path", parse_column, column("a", more, "b"), 3)


def test_byte_1_025_of_a_path_is_refused() -> None:
    for letter in ("x", "é"):
        most = "/".join(["x" * 200] * 5) + "/" + letter * (19 // len(letter.encode()))
        most += "z" * (1_024 - len(most.encode()))
        assert len(most.encode()) == 1_024
        assert check_path(most) == most.encode()
        assert parse_column(column(most), 1) == [most]
        refused("bad_path", check_path, most + "z")
        refused("bad_path", parse_column, column(most + "z"), 1)


def test_half_a_character_is_refused() -> None:
    refused("bad_path", check_path, "a\ud800")
    for raw in (b"\xff", b"a/\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x80"):
        refused("bad_path", parse_column, column("a", raw), 2)


def test_a_refusal_is_one_short_line() -> None:
    for path in ("a" * 100_000, "a/" * 50_000 + "b", "é" * 5_000, "a\n" * 50_000, "\ud800" * 5_000):
        with pytest.raises(BadPath) as caught:
            check_path(path)
        assert len(str(caught.value)) < 600
        assert "\n" not in str(caught.value)


# --- all paths of an index --------------------------------------------------------------------------


@given(st.lists(paths, max_size=6))
def test_all_at_once_is_the_same_as_one_by_one(found: list[str]) -> None:
    found = [path for path in found if "\0" not in path]
    if all(map(good, found)):
        assert parse_column(column(*found), len(found)) == found
    else:
        refused("bad_path", parse_column, column(*found), len(found))


@given(st.data())
def test_a_column_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    raw = data.draw(bytes_near(column("a", "b/é", "b/..c", "x" * 255)))
    count = data.draw(st.sampled_from([4, raw.count(b"\0")]))
    try:
        found = parse_column(raw, count)
    except TeraError as error:
        assert error.code in ("bad_index", "bad_path")
    else:
        assert len(found) == count
        assert all(map(good, found))
        assert column(*found) == raw


@pytest.mark.parametrize(
    ("raw", "count"),
    [(b"", 1), (b"a\0", 0), (b"a\0", 2), (b"a\0b\0", 1), (b"a\0b", 1), (b"\0a", 1), (b"a", 0), (b"a", 1), (b"a\0b", 2)],
)
def test_another_number_of_paths_is_a_bad_index(raw: bytes, count: int) -> None:
    refused("bad_index", parse_column, raw, count)


def test_no_paths_are_no_bytes() -> None:
    assert parse_column(b"", 0) == []


# --- the tree ---------------------------------------------------------------------------------------

trees = st.lists(
    st.tuples(st.lists(st.sampled_from(["a", "b", "a.b", "aa"]), min_size=1, max_size=4).map("/".join), st.booleans()),
    max_size=6,
)


@given(trees)
def test_a_tree_is_good_or_refused(found: list[tuple[str, bool]]) -> None:
    paths, files = [path for path, _ in found], [file for _, file in found]
    if good_tree(paths, files):
        check_tree(paths, files)
    else:
        refused("bad_path", check_tree, paths, files)


@given(trees)
def test_a_stream_refuses_the_first_path_that_makes_the_tree_bad(found: list[tuple[str, bool]]) -> None:
    tree = Tree()
    for number, (path, file) in enumerate(found, 1):
        if not good_tree([one for one, _ in found[:number]], [one for _, one in found[:number]]):
            refused("bad_path", tree.add, path, is_file=file)
            return
        tree.add(path, is_file=file)


@pytest.mark.parametrize(
    "found",
    [
        [("a", True), ("a", True)],
        [("a", False), ("a", False)],
        [("a", True), ("a", False)],
        [("a", True), ("a/b", True)],
        [("a/b", True), ("a", True)],
        [("a", True), ("a/b", False)],
        [("a", True), ("a/b/c/d", True)],
        [("x/y/z", True), ("p", False), ("x/y", True)],
        [("x/y/z", True), ("x/y/w", True), ("x", True)],
    ],
)
def test_twice_the_same_path_or_one_below_a_file_is_refused(found: list[tuple[str, bool]]) -> None:
    refused("bad_path", check_tree, [path for path, _ in found], [file for _, file in found])


def test_what_only_looks_like_below_passes() -> None:
    for paths in (["a", "a.b", "a-b/c", "ab/c", "b/a"], ["a/b", "a/c"], ["d/a", "d"], []):
        check_tree(paths, [path != "d" for path in paths])


def test_many_paths_take_no_time_that_grows_with_their_square() -> None:
    deep = "/".join("d" * 63)
    many = [f"{deep}/{number:06}" for number in range(20_000)] + [f"x{number}" for number in range(20_000)]
    start = time.process_time()
    check_tree(parse_column(column(*many), len(many)), [True] * len(many))
    assert time.process_time() - start < 2
