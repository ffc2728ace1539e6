"""Bringing a container's policy to the authorities that it names.

The law of this file: every authority is told, whatever becomes of the others; who was not is named, and is an error
at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tera.cli.talk import say, tell
from tera.errors import AuthorityUnavailable, PolicyRollback, TeraError

if TYPE_CHECKING:
    from tera.client.authority import HttpAuthority


class Told:
    """What became of bringing a version to authorities."""

    def __init__(self, file: str, version: int) -> None:
        self._file = file
        self._version = version
        self._error: TeraError | None = None
        self._asked = False
        self.results: list[dict[str, Any]] = []

    def tell(self, named: Sequence[bytes], known: Mapping[bytes, HttpAuthority], prefix: bytes) -> None:
        """Bring it to each that is named and known, whatever becomes of the others."""
        self._asked = True
        for name in named:
            result: dict[str, Any] = {"authority": name.hex(), "version": None, "error": None}
            self.results.append(result)
            if name not in known:
                result["error"] = "not configured"
                continue
            try:
                result["version"] = known[name].update(prefix)
                if result["version"] > self._version:
                    raise PolicyRollback(
                        f"the authority {name.hex()[:16]} has version {result['version']:,} of the policy already",
                        hint="change the newest copy; if that is lost, --lost goes on from this one",
                    )
            except TeraError as error:
                result["error"] = error.code
                self._error = self._error or error
                say("warning", f"the authority {name.hex()[:16]}: {error}")

    def say(self) -> None:
        """Say who has it."""
        for result in self.results:
            if result["error"] is None:
                tell(f"tera: the authority {result['authority'][:16]} has version {result['version']:,}")
        if self._asked and not self.results:
            say("note", "the container names no authority: there is nobody to bring it to")

    def check(self) -> None:
        """Raise when one that is known has it not, or none is known."""
        again = f"`tera policy push {self._file}` tries again"
        unknown = [result["authority"] for result in self.results if result["error"] == "not configured"]
        for name in unknown:
            say("warning", f"the authority {name[:16]} is not configured: it decides by the version that it has")
        if isinstance(self._error, AuthorityUnavailable):
            raise AuthorityUnavailable(
                "an authority was not reached: it decides by the version that it has", hint=again
            )
        if self._error is not None:
            raise self._error
        if unknown and len(unknown) == len(self.results):
            raise AuthorityUnavailable(
                "no authority of the container is configured",
                hint=f"name its address in the configuration: [[authorities]] with key and url; then {again}",
            )
