"""Times as people send them: RFC 3339, a day, or seconds since 1970.

The law of this file: what has no zone is UTC, what is no time of the years 1970 to 9999 is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from tera.errors import BadInput
from tera.format.limits import TIME_MAX

_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_MOMENT: Final = re.compile(f"{_DAY}(?:[Tt ]{_TIME}(?:[Zz]|[ +-][0-9]{{2}}:[0-9]{{2}})?)?")


def read_moment(text: str, what: str) -> int:
    """Return milliseconds since 1970 UTC; `what` names the field in the error. Raises BadInput."""
    expected = f"{what} is no time; expected 2031-01-01T00:00:00Z, 2031-01-01, or seconds since 1970"
    if _SECONDS.fullmatch(text):
        found = int(text) * 1_000
    elif _MOMENT.fullmatch(text):
        # A + that was not escaped in a query comes as a space.
        sent = re.sub(r" ([0-9]{2}:[0-9]{2})$", r"+\1", text) if len(text) > 16 else text
        try:
            moment = datetime.fromisoformat(sent.upper())
        except ValueError:
            raise BadInput(expected) from None
        zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        since = zoned - datetime(1970, 1, 1, tzinfo=UTC)
        found = (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000
    else:
        raise BadInput(expected)
    if not 0 <= found // 1_000 <= TIME_MAX:
        raise BadInput(f"{what} is not in the years 1970 to 9999")
    return found
