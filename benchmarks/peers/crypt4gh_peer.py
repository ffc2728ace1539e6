"""Drive crypt4gh: `keygen DIR`, `encrypt DIR SRC DST`, `decrypt DIR SRC DST`; an X25519 key.

Buffered files are needed: the library takes one short `readinto` for the end of the input.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(verb: str, keys: Path, *files: str) -> None:
    load = importlib.import_module("crypt4gh.keys")
    secret, public = str(keys / "crypt4gh.sec"), str(keys / "crypt4gh.pub")
    if verb == "keygen":
        load.c4gh.generate(secret, public, passphrase=b"", comment=b"")
        return
    engine = importlib.import_module("crypt4gh.lib")
    private = load.get_private_key(secret, lambda: "")
    with open(files[0], "rb") as source, open(files[1], "wb") as target:
        if verb == "encrypt":
            engine.encrypt([(0, private, load.get_public_key(public))], source, target)
        else:
            engine.decrypt([(0, private, None)], source, target)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
