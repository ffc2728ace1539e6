"""What is done every minute, by whoever serves or by cron: a list of jobs that may be done at any time, and twice.

The law of this file: one process at a time does them; a job that fails keeps no other one from being done, and is tried
again the next time. A job is a function of a library that returns how much it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tera.catalog import answers, orgs
from tera.catalog.log import OrgLog
from tera.errors import TeraError
from tera.library import once
from tera.library.library import Library


@dataclass(frozen=True, slots=True)
class Done:
    """How much each job did, or the error that it ended with. `busy`: another process was at it; nothing was done."""

    jobs: dict[str, int] = field(default_factory=dict)
    errors: dict[str, TeraError] = field(default_factory=dict)
    busy: bool = False


def run(library: Library) -> Done:
    """Do what is due. Raises CatalogUnavailable."""
    done = Done()
    with library.catalog.alone("due") as mine:
        if not mine:
            return Done(busy=True)
        for name, job in JOBS.items():
            try:
                done.jobs[name] = job(library)
            except TeraError as error:
                done.errors[name] = error
    return done


def sign_logs(library: Library) -> int:
    """Sign the logs that have grown, so that their last checkpoint is of all that they hold."""
    with library.catalog.reading() as db:
        everyone = [one.id for one in orgs.all_orgs(db)]
        grown = [org_id for org_id in everyone if _has_grown(OrgLog(db, org_id))]
    failed: TeraError | None = None
    for org_id in grown:
        try:
            library.authority(org_id).checkpoint(every=0)
        except TeraError as error:  # a log that was changed keeps no other one from being signed
            failed = error
    if failed is not None:
        raise failed
    return len(grown)


def forget_answers(library: Library) -> int:
    """Forget what was answered under an Idempotency-Key, after its time."""
    with library.catalog.writing() as db:
        answers.expire(db, library.now() - once.KEEP)
    return 0


def _has_grown(log: OrgLog) -> bool:
    last = log.last_checkpoint()
    return log.size() > (0 if last is None else last.size)


JOBS: Final[dict[str, Callable[[Library], int]]] = {
    "signed logs": sign_logs,
    "forgotten answers": forget_answers,
}
