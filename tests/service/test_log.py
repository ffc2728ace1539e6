"""What an organisation can prove of its log over HTTP, to who believes nothing but its keys."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tera.audit.checkpoint import open_checkpoint
from tera.audit.notekeys import parse_verifier
from tera.audit.proof import open_proof
from tera.audit.tree import verify_consistency
from tera.audit.verify import verify_log
from tera.catalog.log import OrgLog
from tera.errors import BadLogProof
from tera.library.proofs import erase
from tests.library.places import Clock
from tests.service.houses import ANN, BOB, EVE, House


def opened(answer: dict[str, Any]) -> Any:
    """Return the checkpoint of an answer, verified with the keys that it names."""
    known = [parse_verifier(text) for text in answer["keys"]]
    return open_checkpoint(answer["checkpoint"].encode(), known, answer["origin"])


def test_the_head_is_signed_by_the_organisation(house: House) -> None:
    house.encode()
    answer = house.get("/log/checkpoint").json()
    found = opened(answer)
    assert (found.origin, found.size) == (f"tera/{house.org.id}", 2)
    assert (answer["size"], base64.b64decode(answer["root"])) == (2, found.root)
    authority = house.library.authority(house.org.id)
    assert answer["keys"] == [str(one) for one in authority.verifiers]


def test_the_head_is_signed_once_a_second(house: House, clock: Clock) -> None:
    first = house.get("/log/checkpoint").json()
    house.encode()
    assert house.get("/log/checkpoint").json() == first
    clock.now += 1
    assert house.get("/log/checkpoint").json()["size"] == 2


def test_that_the_log_only_grew_is_proved(house: House, clock: Clock) -> None:
    for _ in range(3):
        house.encode()
    old = opened(house.get("/log/checkpoint").json())
    for _ in range(4):
        house.encode()
    clock.now += 1
    answer = house.get(f"/log/consistency?from={old.size}").json()
    new, hashes = opened(answer), [base64.b64decode(one) for one in answer["hashes"]]
    assert (answer["from"], new.size) == (4, 8)
    verify_consistency(old.size, new.size, hashes, old.root, new.root)
    with pytest.raises(BadLogProof):
        verify_consistency(old.size, new.size, hashes, bytes(32), new.root)
    assert house.get("/log/consistency?from=0").json()["hashes"] == []


@pytest.mark.parametrize("query", ["", "from=-1", "from=x", "from=99", f"from={2**63}", f"from={10**40}"])
def test_what_is_no_size_of_the_log_is_refused(house: House, query: str) -> None:
    answer = house.get(f"/log/consistency?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def proved(house: House, answer: dict[str, Any]) -> Any:
    known = [parse_verifier(text) for text in answer["keys"]]
    return open_proof(answer["proof"].encode(), known, f"tera/{house.org.id}")


def test_an_attempt_is_proved(house: House) -> None:
    container = house.encode(drm={"recipients": [BOB]})
    clerk = house.token("clerk@example.org", "decode", acts_for=frozenset({EVE}))
    house.get(f"/containers/{container}/decode/a.txt")
    house.get(f"/containers/{container}/decode/a.txt?viewer={EVE}", clerk)
    first, last = house.get(f"/containers/{container}/attempts?detail=true").json()
    answer = house.get(f"/containers/{container}/attempts/proof").json()
    found = proved(house, answer)
    assert (found.index, found.event.kind, found.event.viewer) == (last["index"], "denied", EVE)
    answer = house.get(f"/containers/{container}/attempts/proof?index={first['index']}").json()
    found = proved(house, answer)
    assert (found.event.kind, found.event.viewer) == ("open", ANN)
    assert (answer["index"], base64.b64decode(answer["leaf"])[2:18]) == (first["index"], salt(house, first["index"]))


def salt(house: House, index: int) -> bytes:
    with house.library.catalog.reading() as db:
        return next(iter(OrgLog(db, house.org.id).records(index, index + 1))).salt


@pytest.mark.parametrize("query", ["index=0", "index=1", "index=99", f"index={2**70}"])
def test_what_is_no_attempt_on_it_is_not_proved(house: House, query: str) -> None:
    container, other = house.encode(), house.encode()
    house.get(f"/containers/{other}/decode/a.txt")
    assert house.get(f"/containers/{container}/attempts/proof").status_code == 404
    assert house.get(f"/containers/{container}/attempts/proof?{query}").status_code == 404
    assert house.get(f"/containers/{container}/attempts/proof?index=-1").status_code == 400
    assert house.get(f"/containers/{container}/attempts/proof?index=x").status_code == 400


def test_after_events_are_erased_proofs_still_hold(house: House, clock: Clock) -> None:
    container = house.encode()
    house.get(f"/containers/{container}/decode/a.txt")
    kept = house.get(f"/containers/{container}/attempts/proof").json()
    old = opened(house.get("/log/checkpoint").json())
    clock.now += 1_000
    house.get(f"/containers/{container}/decode/a.txt")
    assert erase(house.library, house.principal, int(clock.now * 1_000) - 1) == 3
    assert proved(house, kept).event.viewer == ANN
    assert proved(house, house.get(f"/containers/{container}/attempts/proof").json()).event.kind == "open"
    assert house.get(f"/containers/{container}/attempts/proof?index={kept['index']}").status_code == 404
    clock.now += 1
    answer = house.get(f"/log/consistency?from={old.size}").json()
    new, hashes = opened(answer), [base64.b64decode(one) for one in answer["hashes"]]
    verify_consistency(old.size, new.size, hashes, old.root, new.root)
    known = [parse_verifier(text) for text in answer["keys"]]
    with house.library.catalog.reading() as db:
        log = OrgLog(db, house.org.id)
        whole = verify_log(log, known, answer["origin"])
        assert (whole.erased, whole.size) == (3, log.size())
        left = [(one.data, one.salt, one.keys[2:]) for one in log.records(0, 3)]
    assert left == [(b"", b"", (None, None, None, None))] * 3


def test_what_is_erased_was_vouched_for(house: House, clock: Clock) -> None:
    for _ in range(3):
        house.encode()
    clock.now += 1
    assert erase(house.library, house.principal, int(clock.now * 1_000)) == 4
    with house.library.catalog.reading() as db:
        signed = OrgLog(db, house.org.id).last_checkpoint()
    assert signed is not None and signed.size == 4


def test_only_who_administers_erases(house: House) -> None:
    from tera.errors import Forbidden
    from tera.library.library import Principal

    reader = Principal(house.key.__class__(**{**_values(house.key), "scopes": frozenset({"read", "write"})}), house.org)
    with pytest.raises(Forbidden):
        erase(house.library, reader, 2**40)


def _values(key: Any) -> dict[str, Any]:
    return {name: getattr(key, name) for name in key.__dataclass_fields__}
