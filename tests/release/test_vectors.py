"""Every vector of the release protocol through tera, and through the reader that was written from the text alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from spec import reference_release
from spec.reference import Refused
from spec.vectors.release import generate
from spec.vectors.release.maker import FOLDER, Text, joined, load, load_parts
from tera.codec.recipients import PrivateKey
from tera.crypto import kem
from tera.crypto.hashes import sha256
from tera.crypto.signing import SigningKey
from tera.errors import TeraError
from tera.format.schedule import KeySchedule, stanza_info
from tera.release.answer import open_answer, release_info
from tera.release.lease import Lease, open_lease
from tera.release.report import parse_report
from tera.release.request import Request, parse_request
from tera.wire import canonical
from tests.release.text import TEXT, section

PARTS = load_parts()
H = bytes.fromhex
Found = tuple[str, Any]
FILES = {"requests": 180, "answers": 130, "leases": 25, "reports": 55}


def bytes_of(pieces: list[str]) -> bytes:
    return joined(pieces, PARTS)


def verdict(call: Callable[[], Any]) -> Found:
    """Return `success` and what is returned, or the code and the rule that denied."""
    try:
        return "success", call()
    except (TeraError, Refused) as error:
        return error.code, getattr(error, "rule", None)


# --- by tera ------------------------------------------------------------------------------------------


def checked(message: bytes, authority: bytes) -> Request:
    request = parse_request(message)
    request.check(authority)
    return request


def request_by_tera(text: Text, case: Text) -> Any:
    found = checked(bytes_of(case["message"]), H(text["authority"]))
    return found.hash.hex(), found.bind.hex()


def answer_by_tera(text: Text, case: Text) -> Any:
    key = kem.XWING.private_key(H(text["seed"]))
    return open_answer(bytes_of(case["message"]), parse_request(bytes_of(text["request"])), key)[1].hex()


def lease_by_tera(text: Text, case: Text) -> Any:
    kept = [bytes_of(text["request"]), bytes_of(case["answer"]), H(case["salt"]), H(case["stored"])]
    return open_lease(Lease(*kept), SigningKey(H(case["device"])), case["now"])[1].hex()


def report_by_tera(text: Text, case: Text) -> Any:
    found = parse_report(bytes_of(case["message"]), H(text["authority"]))
    return found.device.hex(), found.first, len(found.events)


# --- by the reference ---------------------------------------------------------------------------------


def request_by_text(text: Text, case: Text) -> Any:
    found = reference_release.read_request(bytes_of(case["message"]), H(text["authority"]))
    return found.hash.hex(), found.h_bind.hex()


def answer_by_text(text: Text, case: Text) -> Any:
    message, request = bytes_of(case["message"]), bytes_of(text["request"])
    return reference_release.read_answer(message, request, H(text["seed"]))[1].hex()


def lease_by_text(text: Text, case: Text) -> Any:
    request, answer, device = bytes_of(text["request"]), bytes_of(case["answer"]), H(case["device"])
    return reference_release.read_lease(request, answer, H(case["salt"]), H(case["stored"]), device, case["now"]).hex()


def report_by_text(text: Text, case: Text) -> Any:
    found = reference_release.read_report(bytes_of(case["message"]), H(text["authority"]))
    return found["dev"].hex(), found["first"], len(found["events"])


DOORS: dict[str, tuple[Callable[[Text, Text], Any], Callable[[Text, Text], Any], tuple[str, ...]]] = {
    "requests": (request_by_tera, request_by_text, ("H(request)", "H_bind")),
    "answers": (answer_by_tera, answer_by_text, ("share",)),
    "leases": (lease_by_tera, lease_by_text, ("share",)),
    "reports": (report_by_tera, report_by_text, ("dev", "first", "events")),
}


def expected(case: Text, keys: tuple[str, ...]) -> Found:
    if case["expect"] != "success":
        return case["expect"], case.get("rule")
    values = tuple(case[key] for key in keys)
    return "success", values if len(values) > 1 else values[0]


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("by", ["tera", "text"])
def test_every_vector_gets_its_verdict(name: str, by: str) -> None:
    text, (tera, reference, keys) = load(name), DOORS[name]
    door = {"tera": tera, "text": reference}[by]
    found = {case["name"]: verdict(lambda: door(text, case)) for case in text["cases"]}  # noqa: B023
    assert found == {case["name"]: expected(case, keys) for case in text["cases"]}


@pytest.mark.parametrize("name", FILES)
def test_there_are_vectors_and_most_are_refusals(name: str) -> None:
    cases = load(name)["cases"]
    assert len(cases) >= FILES[name]
    assert len({case["name"] for case in cases}) == len(cases)
    good = [case for case in cases if case["expect"] == "success"]
    assert 2 < len(good) < len(cases) / 3


# --- whole exchanges ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", load("exchanges")["cases"], ids=lambda case: case["name"])
def test_an_exchange_has_the_values_that_are_stated(case: Text) -> None:
    authority = SigningKey(H(case["authority's signing seed"]))
    request = checked(bytes_of(case["request"]), H(case["aud"]))
    keys = KeySchedule(H(case["FK"]), H(case["H_core"]))
    assert (keys.commitment.hex(), keys.bind.hex()) == (case["KC"], case["H_bind"])
    assert (request.bind.hex(), request.hash.hex()) == (case["H_bind"], case["H(request)"])
    assert request.prefix.h_core.hex() == case["H_core"]
    assert [one.hex() for one in request.signers] == case["signers"]
    assert authority.public in bytes_of(case["answer"])
    type, params, ct = request.stanza.type, request.stanza.params, request.stanza.ct
    info = stanza_info(request.bind, type, canonical.pack(params))
    assert (canonical.pack(params).hex(), info.hex()) == (case["params"], case["stanza's info"])
    held = kem.by_name(case["stanza's KEM"])
    sealed_to = PrivateKey(held.type, H(case["authority's KEM seed"]))
    assert case["key_id"] == params[1].hex() == sealed_to.public.fingerprint[:8].hex()
    assert held.open(sealed_to.seed, ct, info).hex() == case["share"]
    assert release_info(request.bind, request.hash).hex() == case["share's info"]
    key = kem.XWING.private_key(H(case["request's seed"]))
    assert key.public == request.public
    code, found = verdict(lambda: open_answer(bytes_of(case["answer"]), request, key))
    assert code == case["expect"]
    assert code != "success" or found[1].hex() == case["share"]


@pytest.mark.parametrize("case", load("exchanges")["cases"], ids=lambda case: case["name"])
def test_the_reference_goes_through_an_exchange(case: Text) -> None:
    message = bytes_of(case["request"])
    request = reference_release.read_request(message, H(case["aud"]))
    assert (request.h_bind.hex(), request.hash.hex()) == (case["H_bind"], case["H(request)"])
    assert [one.hex() for one in request.signers] == case["signers"]
    assert reference_release.open_stanza(request, H(case["authority's KEM seed"])).hex() == case["share"]
    with pytest.raises(Refused, match="open"):
        reference_release.open_stanza(request, bytes(32))
    seed = H(case["request's seed"])
    code, found = verdict(lambda: reference_release.read_answer(bytes_of(case["answer"]), message, seed))
    assert code == case["expect"]
    assert code != "success" or found[1].hex() == case["share"]


# --- the files ----------------------------------------------------------------------------------------


def test_the_vectors_and_the_example_come_out_again() -> None:
    made = generate.made()
    assert [path.name for path in made][-2:] == ["parts.json", "release.md"]
    assert [path.name for path, text in made.items() if path.read_text("utf-8") != text] == []
    assert set(FOLDER.glob("*.json")) == {path for path in made if path.suffix == ".json"}


def test_what_one_library_makes_is_not_made_anew() -> None:
    """Nothing in `parts.json` is unused, and each kept part is there under the name of what it was made from."""
    used = {one[1:] for name in (*FILES, "exchanges") for one in re.findall(r'"(@[^"]+)"', str(text_of(name)))}
    assert used == PARTS.keys()
    assert all(re.fullmatch("(signature|ct) [0-9a-f]{16}|(public|kem) [0-9a-f]{8}", name) for name in PARTS)


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text("utf-8")


def test_the_readme_lists_every_file() -> None:
    listed = re.findall(r"^\| `(\w+\.json)` \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in FOLDER.glob("*.json"))


def test_every_code_of_the_text_has_a_vector() -> None:
    stated = set(re.findall(r"^\| `([a-z_]+)` \|", section("Errors"), re.MULTILINE))
    denials = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", TEXT.split("| the caller's error |")[1].split("\n\n")[0]))
    seen = {case["expect"] for name in FILES for case in load(name)["cases"]}
    # What no message shows: who is known, and the outside world.
    assert stated - seen == {"unknown_viewer", "state_unavailable"}
    assert seen - stated - denials == {
        *("success", "not_tera", "unsupported_version", "truncated", "bad_section", "bad_core", "unknown_feature"),
        "bad_policy",
    }


def test_every_key_of_the_text_has_a_vector() -> None:
    for heading, file in (("Request", "requests"), ("Answer", "answers"), ("Reports", "reports")):
        keys = re.findall(r"^\| `([a-z]+)` \| ", section(heading).partition("the caller's error")[0], re.MULTILINE)
        names = [case["name"] for case in load(file)["cases"] if case["expect"] not in ("success",)]
        assert len(keys) >= 5
        for key in keys:
            assert any(re.match(rf"(wrong {key} \d|{key}: )", name) for name in names), (heading, key)


def test_parts_are_named_by_what_they_hold() -> None:
    for name, part in PARTS.items():
        if name.startswith("public "):
            assert sha256(b"tera/v1/fpr\0\x01\x01" + part).hex().startswith(name.removeprefix("public "))
