"""Nothing secret reaches a log: a session of every route, and of strangers, in which everything is marked.

No token, password, key or content is logged at any level, and no name, tag or address above DEBUG: by the service, the
database's driver, or the server; in this process, where everything that anybody logs is looked at, and of a process of
`tera serve`, of which everything that it prints is.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tera.library.installation import Installation
from tera.library.library import Library
from tests.service.calls import good_calls
from tests.service.houses import House
from tests.service.processes import first_key, serving

OWNER, VIEWER, STRANGER = "owner-mark@example.org", "viewer-mark@example.org", "stranger-mark@example.net"
ADDRESS = "198.51.100.234"
PASSWORD, CONTENT, NAME = "password-mark", "content-mark", "name-mark"
WORDS = [OWNER, VIEWER, STRANGER, ADDRESS, *(f"{one}-mark" for one in "file key name note owner path query".split())]
WORDS += [f"{one}-mark" for one in "reason stranger tag viewer".split()]
FILE = "file-mark/Ä.txt"
KEY = "ab" * 32
_LIBRARIES = ("httpx", "httpcore", "hypothesis")
"""Who asks here, and is no part of the service."""


def forms(text: str) -> set[str]:
    """Return how a text may stand in a log."""
    raw = text.encode()
    coded = base64.b64encode(raw).decode().rstrip("=")
    return {text, quote(text), quote(text, safe=""), raw.hex(), coded, repr(text)[1:-1], json.dumps(text)[1:-1]}


class Session:
    """Everything that is done to a house, and everything that is secret in it."""

    def __init__(self, house: House) -> None:
        self.house = house
        keys = house.library.keys.load(house.org.id)
        self.secrets = [house.ann, house.ann.split("_")[2], PASSWORD, CONTENT]
        self.secrets += [one.key.seed.hex() for one in keys.opening] + [keys.signing.seed.hex()]

    def run(self) -> None:
        """Do what an organisation does, and what strangers do."""
        for call in good_calls(self.house, files=((FILE, CONTENT.encode() * 100),)):
            answer = call.by(self.house, self.house.ann)
            if call.id in ("create_api_key", "enrol_viewer"):
                self.learn(answer.json())
        self.learn(self.house.ask("PUT", f"/viewers/{VIEWER}", json={}).json())
        self._things()
        self._strangers()

    def learn(self, shown: dict[str, Any]) -> None:
        self.secrets += [shown[name] for name in ("token", "api_secret") if name in shown]

    def _things(self) -> None:
        """Marks in every place where one fits."""
        ask, coded = self.house.ask, base64.b64encode(PASSWORD.encode()).decode()
        made = self.house.encode(
            {FILE: CONTENT.encode()},
            container_name=NAME,
            tags=["tag-mark"],
            note="note-mark",
            password=PASSWORD,
            drm={"recipients": [OWNER, VIEWER], "opens": 3},
        )
        here = f"/containers/{made}"
        for password in (coded, base64.b64encode(PASSWORD.encode() + b"x").decode(), PASSWORD):
            ask("GET", f"{here}/decode/{quote(FILE)}", headers={"Tera-Password": password})
        ask("GET", f"{here}/decode/{quote(FILE)}", params={"viewer": VIEWER, "password": PASSWORD})
        ask("GET", f"{here}/decode/path-mark")
        ask("PATCH", here, json={"name": NAME + "2", "tags": ["tag-mark2"]})
        ask("PUT", f"{here}/block", params={"reason": "reason-mark"})
        ask("GET", f"{here}/download")
        ask("GET", "/containers", params={"tag": "query-mark", "name": NAME, "cursor": "query-mark"})
        ask("GET", "/events", params={"viewer": VIEWER, "kind": "query-mark"})
        ask("POST", "/api_keys", json={"name": NAME, "scopes": [PASSWORD], "owner": STRANGER})
        ask("POST", "/api_keys", json={PASSWORD: NAME}, headers={"Idempotency-Key": "key-mark"})
        ask("POST", "/containers", content=CONTENT.encode(), headers={"Tera-Name": NAME, "Tera-Tags": "tag-mark"})
        ask("PUT", f"{here}/drm", content=b'{"recipients": ["' + STRANGER.encode() + b'"], "password-mark": }')
        ask("POST", "/containers/encode", content=b"--b\r\n" + CONTENT.encode(),
            headers={"Content-Type": "multipart/form-data; boundary=b"})  # fmt: skip
        ask("DELETE", here)

    def _strangers(self) -> None:
        org = self.house.org.id
        wrong = self.house.ann[:-3] + "aaa"
        self.secrets.append(wrong)
        basic = base64.b64encode(f"{self.house.key.id}:{self.house.ann.split('_')[2]}".encode()).decode()
        self.secrets.append(basic)
        for value in (f"Bearer {wrong}", f"Basic {basic}", f"Basic {basic}!", f"Token {self.house.ann}", PASSWORD):
            headers = {"Authorization": value, "X-Forwarded-For": ADDRESS, "User-Agent": NAME, "Cookie": PASSWORD}
            self.house.client.request("GET", f"/orgs/{org}/me?token={self.house.ann}", headers=headers)
        for path in (f"/path-mark/{self.house.ann}", f"/orgs/path-mark/viewers/{STRANGER}", "/containers/path-mark"):
            self.house.client.request("GET", path, headers={"Authorization": f"Bearer {self.house.ann}"})
        self.house.client.request("POST", f"/orgs/{org}/stats?query-mark={PASSWORD}", content=CONTENT.encode())


def check(text: str, secrets: list[str], *, words: bool) -> None:
    """Fail where a secret stands in a text, or, where they matter, a word."""
    told = secrets + WORDS if words else secrets
    lower = text.lower()
    for one in told:
        for form in forms(one):
            assert form.lower() not in lower, f"{one!r} is in a log, as {form!r}"


# --- in this process ------------------------------------------------------------------------------------


class Everything(logging.Handler):
    """Keeps what anybody says, whole: the message with what is in it, and the errors with theirs."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.said: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_LIBRARIES):
            text = logging.Formatter("%(name)s %(message)s").format(record)
            self.said.append((record.levelno, text + repr(getattr(record, "fields", ""))))


@pytest.fixture
def everything() -> Iterator[Everything]:
    names = ["", "tera.service", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "asyncio", "uvicorn"]
    loggers = [logging.getLogger(name) for name in names]
    levels = [one.level for one in loggers]
    found = Everything()
    for one in loggers:
        one.setLevel(logging.DEBUG)
    loggers[0].addHandler(found)
    yield found
    loggers[0].removeHandler(found)
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


def test_nothing_secret_is_logged_at_any_level_and_no_name_above_debug(
    everything: Everything, library: Library, capfd: pytest.CaptureFixture[str]
) -> None:
    with House(library, email=OWNER) as house:
        session = Session(house)
        session.run()
    assert len(everything.said) > 1_000
    assert any("tera.service request" in text for _, text in everything.said)
    assert any("sqlalchemy" in text for _, text in everything.said)
    check("\n".join({text for _, text in everything.said}), session.secrets, words=False)
    check("\n".join({text for level, text in everything.said if level > logging.DEBUG}), session.secrets, words=True)
    out, err = capfd.readouterr()
    check(out + err, session.secrets, words=True)


# --- of a process ---------------------------------------------------------------------------------------


class Http:
    """Asks a server at an address."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._client.request(method, path, **more)

    def close(self) -> None:
        self._client.close()


def test_what_a_service_prints_holds_nothing_of_what_it_was_sent(tmp_path: Path) -> None:
    data, env = tmp_path / "data", {"TERA_MASTER_KEY": KEY}
    first = first_key(data, env=env)
    with serving(data, "--no-periodic", "--behind-proxy", "127.0.0.0/8", env=env) as service:
        library = Installation(data).library(bytes.fromhex(KEY))
        house = House(library, email=OWNER)
        house.client.close()
        house.client = Http(service.url)  # type: ignore[assignment]
        with house:
            session = Session(house)
            session.run()
        library.catalog.close()
        service.tell()
        assert service.ended() == 0
    assert len(service.lines()) > 60
    check(service.said, [*session.secrets, first["token"], first["api_secret"], KEY], words=True)
    assert house.org.id not in service.said
    assert house.key.id not in service.said
