"""The configuration file: whom this reader trusts and may ask, and where it remembers. TOML, read on request.

    viewer = "ann@example.org"             signers = ["boss.pub"]        relied on by require_signature
    viewer_key = "ann-sign.txt"            state = "reader.db"
    device_key = "laptop-sign.txt"         lease = true
    place = {country = "DE", subdivisions = ["BY"], city = "Munich"}     macs = ["00:1a:2b:3c:4d:5e"]

    [[authorities]]                        [[blocklists]]
    key = "authority.pub"                  file = "blocked.terb"
    url = "https://keys.example.org"       issuers = ["owner.pub"]
    token_file = "token.txt"               stale = "refuse"              or "allow"
                                           list = "0123..."              its id, so that no other passes for it

    [server]                               the library that `tera push`, `pull` and `open` speak to
    url = "https://library.example.org"    token_file = "library-token.txt"

The law of this file: what is not known in it is an error that names it, since a misspelt block list blocks nothing.
Paths are relative to the file, and never to where somebody happens to be. Nothing of it comes from a container.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tera.cli.inputs import read_file
from tera.cli.keys import KEY_FILE
from tera.errors import BadInput, BadKey

if TYPE_CHECKING:
    from tera.client.authority import HttpAuthority
    from tera.codec.config import BlockListSource, Config
    from tera.crypto.signing import SigningKey
    from tera.policy.context import Action, Context
    from tera.state.readerdb import SqliteReaderState

_LIMIT: Final = 1 << 20
_TOKEN: Final = 4_096
_FILE: Final = "_file"
"""Under this name the settings hold the path that they were read from; a file's own key of that name is refused."""
_KEYS: Final = frozenset(
    "authorities blocklists device_key lease macs place server signers state viewer viewer_key".split()
)
_AUTHORITY: Final = frozenset({"key", "url", "token_file"})
_BLOCKLIST: Final = frozenset({"file", "issuers", "list", "stale"})
_SERVER: Final = frozenset({"url", "token_file"})
_PLACE: Final = frozenset({"continent", "country", "subdivisions", "city"})


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, from where, and with which configuration: what the options say, read when a container is opened."""

    file: str | None = None
    viewer: str | None = None
    ip: str | None = None
    place: str | None = None
    fulfil: tuple[str, ...] = ()
    lease: bool = False
    _read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the configuration file says; read once. Raises BadInput, InputUnavailable."""
        if not self._read:
            self._read.update(_load(self.file))
        return self._read

    def context(self, action: Action) -> Context:
        """Return the case to decide on. Raises BadInput for an address, a place or a device that is none."""
        from tera.policy.context import Context

        settings = self.settings
        asked = self.viewer or self.ip or self.place or self.fulfil  # then it may be an option that is wrong
        with _naming({_FILE: ""} if asked else settings):
            return Context(
                action=action,
                viewer=self.viewer or _text(settings, "viewer"),
                ip=self.ip,
                place=_place(self.place, settings.get("place")),
                macs=frozenset(_texts(settings, "macs")),
                fulfilled=frozenset(self.fulfil),
            )

    def config(self) -> Config:
        """Return what is trusted. Raises BadInput, BadKey, InputUnavailable; the state is opened when it is needed."""
        from tera.codec.config import Config

        settings = self.settings
        with _naming(settings):
            return Config(
                authorities=self.authorities(),
                blocklists=[_blocklist(one, settings) for one in _tables(settings, "blocklists", _BLOCKLIST)],
                signers=frozenset(_fingerprints(settings, settings, "signers")),
                state=self.state(),
                viewer_key=_signing_key(settings, "viewer_key"),
                device_key=_signing_key(settings, "device_key"),
                lease=self.lease or _flag(settings, "lease"),
            )

    def authorities(self) -> Mapping[bytes, HttpAuthority]:
        """Return where the authorities that are known can be reached. Raises as `config` does."""
        with _naming(self.settings):
            return _authorities(_tables(self.settings, "authorities", _AUTHORITY), self.settings)

    def server(self) -> tuple[str | None, str | None]:
        """Return the library service's URL, and the path of the file of its token. Raises BadInput."""
        settings = self.settings
        with _naming(settings):
            table = settings.get("server", {})
            if not isinstance(table, dict):
                raise BadInput("server is not a table: [server]")
            _check_known(table, _SERVER, "[server]")
            file = _text(table, "token_file")
            return _text(table, "url"), None if file is None else _at(settings, file)

    def state(self) -> SqliteReaderState:
        """Return the reader's state, which is made when something has to be remembered."""
        from tera.state.readerdb import SqliteReaderState

        settings = self.settings
        with _naming(settings):
            named = _text(settings, "state")
        return SqliteReaderState(state_folder() / "reader.db" if named is None else _at(settings, named))


def state_folder() -> Path:
    """Return where state is kept that no configuration names: $TERA_STATE, or tera below the XDG state folder."""
    if os.environ.get("TERA_STATE"):
        return Path(os.environ["TERA_STATE"])
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home) / "tera"


def _load(named: str | None) -> dict[str, Any]:
    path = named if named is not None else os.environ.get("TERA_CONFIG")
    if path == "":
        raise BadInput("the configuration that is named has no name", hint="unset TERA_CONFIG, or leave out --config")
    if path is None:
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        path = os.path.join(home, "tera", "config.toml")
        if not os.path.lexists(path):
            return {_FILE: ""}
    try:
        found = tomllib.loads(read_file(path, _LIMIT, "a configuration").decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: it is not TOML: {error}") from None
    _check_known(found, _KEYS, path)
    return {**found, _FILE: path}


def _at(settings: Mapping[str, Any], named: str) -> str:
    """Return the path that the configuration means: never standard input, and never below the current folder."""
    return os.path.join(os.path.dirname(settings[_FILE]) or ".", named)


def _check_known(found: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for name in sorted(found.keys() - known):
        raise BadInput(f"{where}: {name!r} is no setting", hint="known: " + ", ".join(sorted(known)))


class _naming:
    """Puts the configuration's name before what is wrong with its values."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._file = settings[_FILE]

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BadInput | BadKey) and self._file and not str(error).startswith(self._file):
            raise type(error)(f"{self._file}: {error}", hint=error.hint) from None


def _text(settings: Mapping[str, Any], name: str) -> str | None:
    value = settings.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise BadInput(f"{name} is not a text")
    return value


def _flag(settings: Mapping[str, Any], name: str) -> bool:
    value = settings.get(name, False)
    if not isinstance(value, bool):
        raise BadInput(f"{name} is not true or false")
    return value


def _texts(settings: Mapping[str, Any], name: str) -> list[str]:
    value = settings.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise BadInput(f"{name} is not a list of texts")
    return value


def _fingerprints(table: Mapping[str, Any], settings: Mapping[str, Any], name: str) -> Iterator[bytes]:
    """Yield the fingerprints of signers that are given by file, by key or by themselves.

    `--signer` looks for a file of that name first, where the user is; here that could be anybody's.
    """
    from tera.codec import keyfile

    for one in _texts(table, name):
        if len(one) == 64 and not one.strip("0123456789abcdef"):
            yield bytes.fromhex(one)
        elif one.startswith("terasign1"):
            yield keyfile.parse_verifier(one).fingerprint
        else:
            path = _at(settings, one)
            for key in keyfile.load_verifiers(read_file(path, KEY_FILE, "a file of keys"), where=path):
                yield key.fingerprint


def _tables(settings: Mapping[str, Any], name: str, known: frozenset[str]) -> list[Mapping[str, Any]]:
    value = settings.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadInput(f"{name} is not a list of tables: [[{name}]]")
    for one in value:
        _check_known(one, known, f"[[{name}]]")
    return value


def _needed(table: Mapping[str, Any], name: str, where: str) -> str:
    value = _text(table, name)
    if value is None:
        raise BadInput(f"[[{where}]] lacks {name}")
    return value


def _authorities(tables: list[Mapping[str, Any]], settings: Mapping[str, Any]) -> dict[bytes, HttpAuthority]:
    if not tables:
        return {}
    from tera.client.authority import HttpAuthority
    from tera.codec.authorities import load_authority

    found: dict[bytes, HttpAuthority] = {}
    for table in tables:
        path = _at(settings, _needed(table, "key", "authorities"))
        fingerprint = load_authority(read_file(path, KEY_FILE, "an authority's keys"), where=path).fingerprint
        url, token = _needed(table, "url", "authorities"), None
        if "token_file" in table:
            file = _at(settings, _needed(table, "token_file", "authorities"))
            token = read_file(file, _TOKEN, "a token").decode("ascii", "replace").strip()
        if fingerprint in found:
            raise BadInput(f"[[authorities]] has {path} twice")
        found[fingerprint] = HttpAuthority(url, token=token)
    return found


def _blocklist(table: Mapping[str, Any], settings: Mapping[str, Any]) -> BlockListSource:
    from tera.codec.config import BlockListFile

    stale = table.get("stale", "refuse")
    if stale not in ("refuse", "allow"):
        raise BadInput('[[blocklists]]: stale is neither "refuse" nor "allow"')
    path = _at(settings, _needed(table, "file", "blocklists"))
    issuers = frozenset(_fingerprints(table, settings, "issuers"))
    if not issuers:
        raise BadInput("[[blocklists]] lacks issuers: a list counts because of who signed it")
    list_id = _text(table, "list")
    if list_id is not None and not re.fullmatch("[0-9a-f]{32}", list_id):
        raise BadInput("[[blocklists]]: list is not the id of one, 32 hexadecimal digits", hint="`tera blocklist show`")
    return BlockListFile(path, issuers, stale, None if list_id is None else bytes.fromhex(list_id))


def _signing_key(settings: Mapping[str, Any], name: str) -> SigningKey | None:
    path = _text(settings, name)
    if path is None:
        return None
    from tera.cli.keys import signing_keys

    keys = signing_keys([_at(settings, path)])
    if len(keys) != 1:
        raise BadInput(f"{name}: {path} holds {len(keys)} keys, one belongs there")
    return keys[0]


def _place(text: str | None, table: Any) -> Any:
    from tera.policy.places import Place

    if text is not None:
        parts = text.split("/")
        if not 1 <= len(parts) <= 3 or not parts[0]:
            raise BadInput("a place is COUNTRY, COUNTRY/SUBDIVISION or COUNTRY/SUBDIVISION/CITY")
        country, subdivision, city = (*parts, "", "")[:3]
        return _known(Place(country=country, subdivisions=(subdivision,), city=city))
    if table is None:
        return Place()
    if not isinstance(table, dict):
        raise BadInput("place is not a table")
    _check_known(table, _PLACE, "place")
    return _known(
        Place(
            continent=_text(table, "continent"),
            country=_text(table, "country"),
            subdivisions=tuple(_texts(table, "subdivisions")),
            city=_text(table, "city"),
        )
    )


def _known(place: Any) -> Any:
    """Return a place with its continent, where the tables of countries are installed. Raises BadInput for none.

    `Germany` is no code: a rule that blocks DE would let it in.
    """
    from tera.errors import InputUnavailable
    from tera.policy import countries
    from tera.policy.places import read_canonical

    country, city = place.country or "", place.city or ""
    found = [f"/{country}/{one}/{city}" for one in place.subdivisions or ("",)] + [f"{place.continent or ''}///"]
    for text in found:
        if text.strip("/"):
            read_canonical(text)
    if place.country and not place.continent:
        try:
            return replace(place, continent=countries.continent_of(place.country))
        except InputUnavailable:
            return place
    return place
