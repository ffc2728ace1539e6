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
    """What became of bringing a version to authorities; `results` is that, as JSON can hold it."""

    def __init__(self, file: str, version: int) -> None:
        self.results: list[dict[str, Any]] = []
        self._file = file
        self._version = version
        self._errors: list[tuple[str, TeraError]] = []
        self._unknown: list[str] = []
        self._asked = False

    def tell(self, named: Sequence[bytes], known: Mapping[bytes, HttpAuthority], prefix: bytes) -> None:
        """Bring it to each that is named and known, whatever becomes of the others."""
        self._asked = True
        for fingerprint in named:
            name = fingerprint.hex()
            result: dict[str, Any] = {"authority": name, "version": None, "error": None}
            self.results.append(result)
            if fingerprint not in known:
                result["error"] = "not_configured"
                self._unknown.append(name[:16])
                continue
            try:
                result["version"] = known[fingerprint].update(prefix)
                if result["version"] > self._version:
                    raise PolicyRollback(
                        f"it has version {result['version']:,} of the policy already",
                        hint="change the newest copy; if that is lost, --lost goes on from this one",
                    )
            except TeraError as error:
                result["error"] = error.code
                self._errors.append((name[:16], error))

    def say(self) -> None:
        """Say who has it."""
        for result in self.results:
            if result["error"] is None:
                tell(f"tera: the authority {result['authority'][:16]} has version {result['version']:,}")
        if self._asked and not self.results:
            say("note", "the container names no authority: there is nobody to bring it to")

    def check(self) -> None:
        """Raise when one that is known has it not, or none is known; say which others have it not."""
        again = f"`tera policy push {self._file}` tries again"
        for name in self._unknown:
            say("warning", f"the authority {name} is not configured: it decides by the version that it has")
        for name, error in self._errors[1:]:
            say("warning", f"the authority {name}: {error}")
        if self._errors:
            name, error = self._errors[0]
            hint = again if isinstance(error, AuthorityUnavailable) else error.hint
            raise type(error)(f"the authority {name}: {error}", hint=hint)
        if self._unknown and len(self._unknown) == len(self.results):
            raise AuthorityUnavailable(
                "no authority of the container is configured",
                hint=f"name its address in the configuration: [[authorities]] with key and url; then {again}",
            )
