"""Drive pyrage: `keygen DIR`, `encrypt DIR SRC DST`, `decrypt DIR SRC DST`; an X25519 key.

pyrage's `encrypt_io` streams in Rust but calls back into Python for each read and write; `encrypt_file` does
not, so this is the faster of its two doors.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(verb: str, keys: Path, *files: str) -> None:
    pyrage = importlib.import_module("pyrage")
    stored = keys / "pyrage.key"
    if verb == "keygen":
        stored.write_text(str(pyrage.x25519.Identity.generate()))
        return
    identity = pyrage.x25519.Identity.from_str(stored.read_text())
    source, target = files
    if verb == "encrypt":
        pyrage.encrypt_file(source, target, [identity.to_public()])
    else:
        pyrage.decrypt_file(source, target, [identity])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
