"""A rule, a block, or an age forbids."""

from __future__ import annotations

from tera.errors.families import Denied


class Blocked(Denied):
    code = "blocked"
    exit = 14


class RuleDenied(Denied):
    """A rule denies; `rule` is its name, `entry.` before it where it is one for single files."""

    code = "rule_denied"

    def __init__(self, message: str, *, rule: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


class UnsupportedRule(Denied):
    code = "unsupported_rule"


class PolicyRollback(Denied):
    """An authentic policy, older than the container or the reader's memory allows."""

    code = "policy_rollback"
    default_hint = "fetch the container, or its policy, again"


class PolicyExpired(Denied):
    code = "policy_expired"
    default_hint = "fetch the container, or its policy, again; its owner renews it with `tera policy update`"


class BlocklistRollback(Denied):
    code = "blocklist_rollback"
    default_hint = "fetch the block list again"


class StaleBlocklist(Denied):
    code = "stale_blocklist"
    default_hint = "fetch the block list again"


class MissingBlocklist(Denied):
    """A block list that the configuration asks for is not there."""

    code = "missing_blocklist"
    default_hint = "fetch the block list"


class StaleRequest(Denied):
    code = "stale_request"
    default_hint = "set this machine's clock"


class UnknownSession(Denied):
    """There is no such session of this viewer with this container, or it is over."""

    code = "unknown_session"
    default_hint = "begin a new one: it counts as an open"


class LeaseExpired(Denied):
    code = "lease_expired"
    default_hint = "connect to the authority: it may give another one"


class Forbidden(Denied):
    """The key may not do this."""

    code = "forbidden"


class QuotaExceeded(Denied):
    code = "quota_exceeded"


class TooManyTries(Denied):
    """Too many wrong tries, or requests, in too short a time; `after` is in seconds."""

    code = "too_many_tries"

    def __init__(self, message: str, *, after: int = 60, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.after = after


class Locked(Denied):
    """Too many wrong passwords: this viewer opens nothing of it before somebody unlocks it."""

    code = "locked"
    default_hint = "the container's owner gives new tries"


class Conflict(Denied):
    """It cannot be done beside what is there, or beside what is under way."""

    code = "conflict"


class PreconditionFailed(Denied):
    """What was to be changed is not what the caller saw."""

    code = "precondition_failed"
