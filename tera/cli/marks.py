"""What this machine remembers of versions, for those who write the next one.

The law of this file: a state that is not there is not made by looking; that nothing can be remembered is said, and
undoes nothing that was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tera.cli.config import Asking
from tera.cli.talk import say
from tera.errors import StateUnavailable

if TYPE_CHECKING:
    from tera.policy.marks import Mark, MarkKey
    from tera.state.reader import ReaderState


def remembered(asking: Asking) -> ReaderState | None:
    """Return the state, if there is one."""
    state = asking.state()
    return state if state.path.exists() else None


def remember(asking: Asking, marks: Mapping[MarkKey, Mark]) -> None:
    """Write what was made here, so that an older copy is not taken for the newest one."""
    try:
        asking.state().raise_marks(marks)
    except StateUnavailable as error:
        say("warning", f"an older copy of it will not be noticed here: {error}")
