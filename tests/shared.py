"""Where third-party test vectors lie: in `shared/vectors`, beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[1].parent / "shared" / "vectors"


def vectors(*parts: str) -> Path:
    """Return the path of one vector file; skip the test, naming the file, where it is absent."""
    path = _ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no third-party vectors: {'/'.join(parts)}")
    return path


def load(*parts: str) -> Any:
    """Return one vector file, parsed as JSON."""
    return json.loads(vectors(*parts).read_text("utf-8"))
