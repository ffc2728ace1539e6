"""The log of an organisation: salted leaves that verify and are proven, erased events, and writers beside each other.

What every log promises is shown by `tests/audit`, which runs on these too, without salts.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack

import pytest
from sqlalchemy import delete, update

from tera.audit import tree
from tera.audit.log import Query, issue_checkpoint
from tera.audit.proof import open_proof, prove
from tera.audit.verify import Whole, verify_log
from tera.catalog.engine import Catalog
from tera.catalog.log import OrgLog
from tera.catalog.tables import log_event, log_node
from tera.errors import BadLog, BadLogProof, NoSuchEvent
from tests.audit.keys import KNOWN, ORIGIN, SIGNERS
from tests.audit.stores import event
from tests.cli.runs import environment


def fill(catalog: Catalog, org: str, count: int) -> None:
    with catalog.writing(org) as db:
        log = OrgLog(db, org)
        for at in range(log.size(), log.size() + count):
            log.append(event(at).pack())
        issue_checkpoint(log, ORIGIN, SIGNERS, 0, every=0)


def whole(catalog: Catalog, org: str) -> Whole:
    with catalog.reading() as db:
        return verify_log(OrgLog(db, org), KNOWN, ORIGIN)


def test_a_salted_log_verifies_and_proves_every_event(catalog: Catalog, org: str) -> None:
    fill(catalog, org, 21)
    assert whole(catalog, org).signed == 21
    with catalog.reading() as db:
        log = OrgLog(db, org)
        last = log.last_checkpoint()
        assert last is not None
        for at in range(21):
            found = open_proof(prove(log, at, last.note).dump(), KNOWN, ORIGIN)
            assert (found.event, found.index) == (event(at), at)
            assert log.event(at) == event(at).pack()


def test_the_hash_of_a_leaf_is_not_that_of_its_event_and_never_twice_the_same(catalog: Catalog, org: str) -> None:
    with catalog.writing(org) as db:
        log = OrgLog(db, org)
        for _ in range(3):
            log.append(event(0).pack())
        hashes = {tree.leaf_hash(event(0).pack()), *(log.node(0, at) for at in range(3))}
    assert len(hashes) == 4


def test_organisations_have_logs_of_their_own(catalog: Catalog, org: str) -> None:
    fill(catalog, org, 3)
    other = f"{org}-2"
    fill(catalog, other, 2)
    with catalog.reading() as db:
        assert (OrgLog(db, org).size(), OrgLog(db, other).size()) == (3, 2)
        assert len(OrgLog(db, other).find(Query())) == 2
        assert OrgLog(db, f"{org}-3").size() == 0


def test_erased_events_leave_every_proof_and_checkpoint_as_it_was(catalog: Catalog, org: str) -> None:
    fill(catalog, org, 10)
    before = whole(catalog, org)
    with catalog.writing(org) as db:
        log = OrgLog(db, org)
        assert log.erase(4_000) == 4
        assert log.erase(4_000) == 0
    fill(catalog, org, 3)
    after = whole(catalog, org)
    assert (before.erased, after.erased, after.size, after.signed) == (0, 4, 13, 13)
    with catalog.reading() as db:
        log = OrgLog(db, org)
        assert log.root(10) == before.root
        last = log.last_checkpoint()
        assert last is not None
        assert open_proof(prove(log, 5, last.note).dump(), KNOWN, ORIGIN).event == event(5)
        assert [one.index for one in log.find(Query(until=6_000))] == [4, 5]
        for ask in (log.event, log.leaf):
            with pytest.raises(NoSuchEvent, match="erased"):
                ask(0)
        rows = db.execute(log_event.select().where(log_event.c.org_id == org, log_event.c.idx < 4)).all()
        assert {(row.salt, row.data, row.viewer, row.id, row.bind) for row in rows} == {(None,) * 5}


@pytest.mark.parametrize("what", ["salt", "data", "kind", "hash", "gap", "erased with its hash"])
def test_what_somebody_changed_by_hand_is_named(catalog: Catalog, org: str, what: str) -> None:
    fill(catalog, org, 8)
    at = (log_event.c.org_id == org, log_event.c.idx == 5)
    node = (log_node.c.org_id == org, log_node.c.idx == 5)
    with catalog.writing(org) as db:
        match what:
            case "salt":
                db.execute(update(log_event).where(*at).values(salt=bytes(16)))
            case "data":
                db.execute(update(log_event).where(*at).values(data=event(6).pack()))
            case "kind":
                db.execute(update(log_event).where(*at).values(kind="other"))
            case "hash":
                db.execute(update(log_node).where(*node).values(hashes=bytes(64)))
            case "gap":
                db.execute(delete(log_event).where(*at))
            case _:
                db.execute(update(log_event).where(*at).values(data=None, salt=None))
                db.execute(update(log_node).where(*node).values(hashes=b""))
    with pytest.raises(BadLog, match="event 5 "):
        whole(catalog, org)


def test_a_proof_with_another_salt_is_refused(catalog: Catalog, org: str) -> None:
    fill(catalog, org, 4)
    with catalog.reading() as db:
        log = OrgLog(db, org)
        last = log.last_checkpoint()
        assert last is not None
        proof = prove(log, 2, last.note)
    for wrong in (event(2).pack(), proof.event[:2] + bytes(16) + proof.event[18:]):
        forged = type(proof)(wrong, proof.index, proof.hashes, proof.checkpoint)
        with pytest.raises(BadLogProof):
            open_proof(forged.dump(), KNOWN, ORIGIN)


APPEND = """
import sys
from tera.catalog.engine import Catalog
from tera.catalog.log import OrgLog
from tera.catalog.orgs import use
from tera.audit.events import Event

url, org, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
catalog = Catalog(url, timeout=60)
print("ready", flush=True)
sys.stdin.readline()
for at in range(count):
    with catalog.writing(org) as db:
        OrgLog(db, org).append(Event(at, "release").pack())
        use(db, org, size=3, containers=1)
"""


def test_eight_processes_append_to_one_log_without_a_broken_link(catalog: Catalog, org: str) -> None:
    from tera.catalog import orgs

    with catalog.writing() as db:
        orgs.add_org(db, orgs.Org(org, "Acme", "ann@a.example", 1))
    url = catalog.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with ExitStack() as held:
        writers = [
            held.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", APPEND, url, org, "12"],
                    env=environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(8)
        ]
        for one in writers:
            assert one.stdout is not None and one.stdout.readline() == "ready\n"
        for one in writers:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        assert [one.wait(60) for one in writers] == [0] * 8
    fill(catalog, org, 1)
    assert whole(catalog, org).size == 97
    with catalog.reading() as db:
        found = orgs.get_org(db, org)
    assert found is not None and (found.used_bytes, found.used_containers) == (288, 96)


def test_what_was_not_committed_is_in_no_log(catalog: Catalog, org: str) -> None:
    fill(catalog, org, 2)
    with pytest.raises(KeyboardInterrupt), catalog.writing(org) as db:
        OrgLog(db, org).append(event(2).pack())
        raise KeyboardInterrupt
    assert whole(catalog, org).size == 2
