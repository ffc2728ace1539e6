"""What a program does with a library service through the client: everything that is in it comes back as it was."""

from __future__ import annotations

import io
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tera
from tera.client import Library
from tera.client.library import Library as Direct
from tera.client.multipart import Form, gather
from tera.errors import (
    BadCredentials,
    BadInput,
    Blocked,
    Forbidden,
    InputChanged,
    InputUnavailable,
    NoSuchEntry,
    NoSuchThing,
    OutputExists,
    PreconditionFailed,
    RuleDenied,
    WrongPassphrase,
)
from tera.library.library import Library as Served
from tests.client.libraries import served
from tests.library.places import Clock, clock, empty_catalog, library
from tests.service.houses import ANN, BOB, House

__all__ = ["clock", "empty_catalog", "library"]

NOISE = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def house(library: Served, clock: Clock) -> Iterator[House]:
    clock.now = time.time()  # a signed request is of now
    with House(library) as found:
        yield found


@pytest.fixture
def url(house: House) -> Iterator[str]:
    with served(house.app) as found:
        yield found


@pytest.fixture
def mine(house: House, url: str) -> Library:
    return Library(url, house.ann)


def sealed(path: Path, key: tera.PrivateKey, content: bytes = NOISE, **options: object) -> Path:
    tera.encode([("noise.bin", content), ("b.txt", b"b")], path, recipients=[key.public], compress=False, **options)
    return path


KEY = tera.generate_key()


# --- sealed by the service ------------------------------------------------------------------------------


def test_files_come_back_as_they_were(mine: Library, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "noise.bin").write_bytes(NOISE)
    (folder / "deep" / "ünï.txt").write_text("tief")
    (tmp_path / 'a "quoted" name;x=y.txt').write_bytes(b"quoted")
    stored = mine.encode(
        [folder, tmp_path / 'a "quoted" name;x=y.txt', ("memory", b"held"), ("drops", iter([b"dr", b"", b"ops"]))],
        {"container_name": "Q3", "tags": ["b", "a"], "drm": {"opens": 9}},
    )
    assert (stored.name, stored.tags, stored.status, stored.blocked) == ("Q3", ("a", "b"), "ACTIVE", False)
    assert stored.rules["opens"] == 9
    listing = mine.listing(stored)
    assert {one["name"]: one["size"] for one in listing["files"]} == {
        "in/noise.bin": len(NOISE),
        "in/deep/ünï.txt": 4,
        'a "quoted" name;x=y.txt': 6,
        "memory": 4,
        "drops": 5,
    }
    for name, content in (("in/noise.bin", NOISE), ('a "quoted" name;x=y.txt', b"quoted"), ("drops", b"drops")):
        found = io.BytesIO()
        assert mine.decode(stored, name, found).count == len(content)
        assert found.getvalue() == content


def test_a_range_of_a_file_is_those_bytes_and_no_more(mine: Library) -> None:
    stored = mine.encode([("n", NOISE)])
    for start, stop in ((0, 1), (1_048_570, 1_048_590), (len(NOISE) - 3, len(NOISE) + 9), (len(NOISE) - 1, None)):
        found = io.BytesIO()
        fetched = mine.decode(stored, "n", found, start=start, stop=stop)
        assert found.getvalue() == NOISE[start:stop]
        assert (fetched.count, fetched.size) == (len(found.getvalue()), len(NOISE))


def test_an_empty_file_is_empty(mine: Library, tmp_path: Path) -> None:
    stored = mine.encode([("empty", b"")])
    mine.decode(stored, "empty", tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_file_that_is_there_is_kept(mine: Library, tmp_path: Path) -> None:
    stored = mine.encode([("n", b"new")])
    (tmp_path / "n").write_bytes(b"old")
    with pytest.raises(OutputExists):
        mine.decode(stored, "n", tmp_path / "n")
    assert (tmp_path / "n").read_bytes() == b"old"
    mine.decode(stored, "n", tmp_path / "n", force=True)
    assert (tmp_path / "n").read_bytes() == b"new"


def test_a_password_opens_what_asks_for_one(mine: Library) -> None:
    stored = mine.encode([("n", b"secret")], {"drm": {"opens": 9}, "password": "correct horse"})
    with pytest.raises(WrongPassphrase):
        mine.listing(stored)
    assert mine.listing(stored, password="correct horse")["files"][0]["name"] == "n"


def test_links_in_a_folder_are_left_out_and_named_or_an_error(mine: Library, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputUnavailable):
        mine.encode([tmp_path / "in"])
    skipped: list[str] = []
    stored = mine.encode([tmp_path / "in", ("a", b"a")], on_skip=lambda path, why: skipped.append(path))
    assert skipped == [str(tmp_path / "in" / "link")]
    assert [one["name"] for one in mine.listing(stored)["files"]] == ["a"]


@pytest.mark.parametrize(
    ("after", "size"),
    [(1, 3_000_004), (1, 1_000), (1_000_000, 3_000_004), (1_000_000, 3_000_000), (1_000_000, 1_000)],
)
def test_a_file_that_changes_while_it_is_sent_is_no_container(
    mine: Library, tmp_path: Path, after: int, size: int
) -> None:
    """It grows, is cut, or is written to in place: before it is read, or in the middle."""
    path, told = tmp_path / "n", [0]
    path.write_bytes(NOISE)

    def change(count: int) -> None:
        told[0] += count
        if told[0] >= after:
            os.truncate(path, size)
            os.utime(path, ns=(1, told[0]))

    with pytest.raises(InputChanged):
        mine.encode([path], progress=change)
    assert list(mine.containers()) == []


@pytest.mark.parametrize("name", ["a%22b", "a%0Ab", "C:\\a", "\\\\host\\a", "a\nb", "a\x7fb", "", "\udc80"])
def test_a_name_that_a_form_cannot_carry_is_refused_here(name: str) -> None:
    with pytest.raises(BadInput):
        Form(b"{}", gather([(name, b"x")], None))


def test_any_other_name_arrives(mine: Library) -> None:
    names = ['"', "100%", "%25", "a;b", "a'b", "a=b", "ü", " a", "a" * 255]
    stored = mine.encode([(name, name.encode()) for name in names])
    assert [one["name"] for one in mine.listing(stored)["files"]] == names


def test_two_files_of_one_name_are_refused_before_anything_is_sent(mine: Library) -> None:
    with pytest.raises(BadInput, match="two of the inputs"):
        mine.encode([("a", b"1"), ("a", b"2")])


# --- sealed here ----------------------------------------------------------------------------------------


def test_a_container_that_was_sealed_here_comes_back_byte_for_byte(mine: Library, tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.tera", KEY)
    told: list[int] = []
    stored = mine.upload(path, name="üp", tags=["z", "y,x"], progress=told.append)
    assert (stored.name, stored.tags, stored.size) == ("üp", ("y,x", "z"), path.stat().st_size)
    assert stored.digest == tera.digest(path) and sum(told) == stored.size
    told.clear()
    mine.download(stored, tmp_path / "b.tera", progress=told.append)
    assert (tmp_path / "b.tera").read_bytes() == path.read_bytes()
    assert sum(told) == stored.size
    with open(path, "rb") as stream:
        assert mine.upload(stream).digest == stored.digest


def test_what_is_no_container_is_refused(mine: Library) -> None:
    with pytest.raises(tera.Malformed):
        mine.upload(io.BytesIO(b"no container"))
    assert list(mine.containers()) == []


def test_a_container_is_read_where_it_is(mine: Library, tmp_path: Path) -> None:
    content = NOISE * 8
    stored = mine.upload(sealed(tmp_path / "a.tera", KEY, content))
    told: list[int] = []
    with tera.open(mine.source(stored, progress=told.append), [KEY]) as container:
        assert container.read("b.txt") == b"b"
        assert sum(told) < 2_500_000
        assert container.read_range("noise.bin", 20_000_000, 20_000_100) == content[20_000_000:20_000_100]
        assert container.read("noise.bin") == content
    tera.decode(mine.source(stored), tmp_path / "out", [KEY])
    assert (tmp_path / "out" / "noise.bin").read_bytes() == content


def test_a_container_that_is_read_through_needs_few_requests(mine: Library, house: House, tmp_path: Path) -> None:
    stored = mine.upload(sealed(tmp_path / "a.tera", KEY, NOISE * 10))
    tera.decode(mine.source(stored), tmp_path / "out", [KEY])
    assert len(house.events("download")) <= 20  # of 30 blocks, and the ends


def test_the_service_releases_its_share(mine: Library, house: House, tmp_path: Path) -> None:
    key = mine.sealing_key()
    assert key.authority is not None
    stored = mine.upload(sealed(tmp_path / "a.tera", KEY, authorities=[key.authority], rules=[["opens", 1]]))
    config = tera.Config(authorities={key.authority.fingerprint: mine.releaser(stored)})
    with tera.open(tmp_path / "a.tera", [KEY], config=config) as container:
        assert container.read("b.txt") == b"b"
    with pytest.raises(RuleDenied) as caught:
        tera.open(tmp_path / "a.tera", [KEY], config=config)
    assert caught.value.rule == "opens"
    mine.block(stored)
    with pytest.raises(Blocked):
        tera.open(tmp_path / "a.tera", [KEY], config=config)
    assert list(mine.attempts(stored)) == [{"viewer_email": ANN, "attempt_count": 3}]
    assert [one["outcome"] for one in mine.attempts(stored, detail=True)] == ["opened", "denied", "denied"]


def test_a_delegating_key_asks_for_a_viewer(mine: Library, house: House, url: str, tmp_path: Path) -> None:
    key = mine.sealing_key()
    assert key.authority is not None
    rules = [["opens", 1], ["recipients", [BOB]]]
    stored = mine.upload(sealed(tmp_path / "a.tera", KEY, authorities=[key.authority], rules=rules))
    front_end = Library(url, house.token("web@example.org", "decode", acts_for=frozenset({BOB})))
    for viewer, refused in ((None, NoSuchThing), ("eve@example.net", Forbidden)):
        with pytest.raises(refused):
            releasing = front_end.releaser(stored, viewer=viewer)
            tera.open(
                tmp_path / "a.tera", [KEY], config=tera.Config(authorities={key.authority.fingerprint: releasing})
            )
    releasing = front_end.releaser(stored, viewer=BOB)
    config = tera.Config(authorities={key.authority.fingerprint: releasing})
    assert tera.open(tmp_path / "a.tera", [KEY], config=config).read("b.txt") == b"b"


# --- finding, changing ----------------------------------------------------------------------------------


def test_a_list_of_several_pages_is_complete(mine: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tera.client.listing.PAGE", 2)
    made = [mine.encode([("a", b"a")], {"container_name": f"n{at}", "tags": [f"t{at % 2}", "a&b"]}) for at in range(5)]
    assert [one.id for one in mine.containers()] == [one.id for one in made]
    assert [one.name for one in mine.containers(tag="t0")] == ["n0", "n2", "n4"]
    assert [one.name for one in mine.containers(name="n3", status="ACTIVE")] == ["n3"]
    assert len(list(mine.containers(tag="a&b"))) == 5
    assert list(mine.containers(tag="none")) == []


def test_a_container_is_found_by_each_of_its_names(mine: Library) -> None:
    stored = mine.encode([("a", b"a")])
    digits = stored.digest.removeprefix("tera:")
    for text in (stored.id, stored.id.upper(), stored.digest, digits, f"sha256:{stored.sha256}"):
        assert mine.find(text) == stored
    for text in ("", "a", digits[1:], "md5:" + digits):
        with pytest.raises(BadInput):
            mine.find(text)
    with pytest.raises(NoSuchThing):
        mine.find("0" * 64)


def test_a_block_closes_and_opens_again(mine: Library) -> None:
    stored = mine.encode([("a", b"a")])
    mine.block(stored, "a reason")
    mine.block(stored.id)
    assert mine.get(stored).blocked
    for closed in (lambda: mine.listing(stored), lambda: mine.download(stored, io.BytesIO())):
        with pytest.raises(Blocked):
            closed()
    mine.unblock(stored)
    assert mine.listing(stored)["files"]


def test_rules_change_for_the_version_that_was_seen(mine: Library) -> None:
    stored = mine.encode([("a", b"a")], {"drm": {"opens": 9, "dynamic": True}})
    seen = mine.rules(stored)
    assert seen.document["opens"] == 9
    mine.merge_rules(stored, {"opens": 5}, version=seen.version)
    assert mine.rules(stored).document["opens"] == 5
    with pytest.raises(PreconditionFailed):
        mine.set_rules(stored, {"opens": 4}, version=seen.version)
    mine.remove_rules(stored)
    assert mine.rules(stored).document["recipients"] == [ANN]


def test_tags_change_and_who_did_it_is_told(mine: Library) -> None:
    stored = mine.encode([("a", b"a")], {"tags": ["old"]})
    assert mine.set_tags(stored, ["new", "ö"]) == ("new", "ö") == mine.tags(stored)
    [change] = mine.tags_audit(stored)
    assert (change["old_tags"], change["new_tags"], change["user"]) == (["old"], ["new", "ö"], ANN)


def test_what_was_deleted_is_not_there(mine: Library) -> None:
    stored = mine.encode([("a", b"a")])
    mine.delete(stored)
    for gone in (mine.get, mine.delete, mine.listing, mine.block):
        with pytest.raises(NoSuchThing):
            gone(stored)


# --- what is refused ------------------------------------------------------------------------------------


def test_a_token_that_is_not_known_is_refused_and_not_shown(url: str) -> None:
    for token in (None, "tera_" + "0" * 20 + "_wrong"):
        with pytest.raises(BadCredentials) as caught:
            next(Library(url, token).containers())
        assert "wrong" not in f"{caught.value!r} {Library(url, token)!r}".replace("is wrong", "")


def test_another_organisation_is_not_there(house: House, url: str) -> None:
    with pytest.raises(NoSuchThing):
        next(Library(url, house.ann, org="org-other").containers())
    assert list(Library(url, house.ann, org=house.org.id).containers()) == []


def test_a_key_without_the_scope_is_refused(house: House, url: str) -> None:
    with pytest.raises(Forbidden, match="scope"):
        Library(url, house.token(ANN, "read")).encode([("a", NOISE)])


@pytest.mark.parametrize("container", ["..", ".", "a/b", "?x", "#", "%2e", "", "../../healthz"])
def test_an_id_leads_nowhere_else(mine: Library, container: str) -> None:
    with pytest.raises((tera.NotFound, tera.Unavailable)):
        mine.get(container)


def test_a_file_that_is_not_in_it_is_not_found(mine: Library) -> None:
    stored = mine.encode([("a", b"a")])
    for name in ("b", "../a", "a/", "./a"):
        with pytest.raises((NoSuchEntry, NoSuchThing, BadInput)):
            mine.decode(stored, name, io.BytesIO())


def test_the_same_manifest_may_be_bytes(mine: Library) -> None:
    text = json.dumps({"container_name": "N", "files": ["a"]}).encode()
    assert mine.encode([("a", b"a")], text).name == "N"
    with pytest.raises(BadInput):
        mine.encode([("a", b"a")], b"{")


def test_the_package_names_its_client() -> None:
    import tera.client

    assert tera.client.Library is Direct
    with pytest.raises(AttributeError):
        tera.client.Nothing  # noqa: B018
