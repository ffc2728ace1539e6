"""What was asked for is not there, or the outside world fails."""

from __future__ import annotations

from tera.errors.families import NotFound, Unavailable


class NoSuchEntry(NotFound):
    code = "no_such_entry"


class NoSuchBlob(NotFound):
    """A blob that is not in the store."""

    code = "no_such_blob"


class NoSuchThing(NotFound):
    """A container, an organisation, a key or a viewer that is not there, or is another organisation's."""

    code = "no_such_thing"


class NoSuchEvent(NotFound):
    code = "no_such_event"


# --- Unavailable


class InputUnavailable(Unavailable):
    code = "input_unavailable"


class InputChanged(Unavailable):
    code = "input_changed"
    default_hint = "try again when nothing writes to it, or seal a snapshot"


class OutputExists(Unavailable):
    code = "output_exists"
    default_hint = "-f overwrites"


class OutputUnavailable(Unavailable):
    code = "output_unavailable"


class UnsafeTarget(Unavailable):
    """The target folder cannot hold a name as it is, or a link stands in the way."""

    code = "unsafe_target"


class InterruptedRewrap(Unavailable):
    code = "interrupted_rewrap"
    default_hint = "`tera recover` restores it"


class AuthorityUnavailable(Unavailable):
    code = "authority_unavailable"


class LogUnavailable(Unavailable):
    """The database of an audit log cannot be read or written."""

    code = "log_unavailable"


class ClockBehind(Unavailable):
    """Something authentic was issued after the time that this machine's clock shows."""

    code = "clock_behind"
    default_hint = "set this machine's clock"


class StateUnavailable(Unavailable):
    """Counts, marks and leases cannot be read or written; nothing is opened without them."""

    code = "state_unavailable"


class StoreUnavailable(Unavailable):
    """The folder or object store of a library cannot be read or written."""

    code = "store_unavailable"


class CatalogUnavailable(Unavailable):
    """The database of a library cannot be read or written."""

    code = "catalog_unavailable"


class KeysUnavailable(Unavailable):
    """The key store of a library cannot be read or written."""

    code = "keys_unavailable"


class ServerUnavailable(Unavailable):
    """A library service does not answer, or not in a way that can be understood."""

    code = "server_unavailable"
