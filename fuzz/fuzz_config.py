"""A configuration file gives what is trusted and who asks, or a TeraError; nothing else is raised, and nothing made.

It lies in a folder with the keys that its text may name. A text that leads out of the folder is left alone, since what
the machine of a fuzzer holds is no input.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from fuzz import oracle
from fuzz.samples import SIGNER
from fuzz.world import AUTHORITY, DEVICE, VIEWER
from tera.cli.config import Asking
from tera.codec import keyfile
from tera.codec.config import Config
from tera.policy.context import Context

FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
FILE = Path(FOLDER.name, "config.toml")
NAMED = {
    "authority.pub": AUTHORITY.public.text,
    "boss.pub": keyfile.dump_public(SIGNER),
    "viewer.key": keyfile.dump_secret(VIEWER),
    "device.key": keyfile.dump_secret(DEVICE),
    "token": "secret\n",
}
for name, text in NAMED.items():
    Path(FOLDER.name, name).write_text(text)


def one_input(data: bytes) -> None:
    if _leads_out(data):
        return
    FILE.write_bytes(data)
    asking = Asking(str(FILE))
    config = oracle.tera(asking.config)
    assert not isinstance(config, oracle.Taken) or isinstance(config.value, Config)
    context = oracle.tera(asking.context, "view")
    assert not isinstance(context, oracle.Taken) or isinstance(context.value, Context)
    assert sorted(os.listdir(FOLDER.name)) == sorted([*NAMED, "config.toml"])


def _leads_out(data: bytes) -> bool:
    try:
        return any(one.startswith("/") or ".." in one or one == "-" for one in _texts(tomllib.loads(data.decode())))
    except (ValueError, RecursionError):
        return False


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
