"""The text of the protocol, by its headings."""

from __future__ import annotations

from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "spec" / "release.md").read_text("utf-8")


def section(heading: str) -> str:
    """Return what stands under a heading."""
    return TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
