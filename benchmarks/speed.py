"""The corpora's contests: every peer seals and opens the same bytes, one after the other, round by round."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import corpora
from benchmarks.contestants import Peer
from benchmarks.measure import Entrant, Failed, Job, Results, Step, compete, remove, say

GIB = 1 << 30
OVERHEAD_SIZE = 100_000_000
MARGIN = GIB // 2  # memory to leave for the programs themselves


class Skipped(Exception):
    """There is no room for a row; the message says how much is missing."""


@dataclass(frozen=True)
class Setting:
    """What a run was asked for. Sizes in bytes; patience in seconds, see measure.compete."""

    work: Path
    keys: Path
    size: int
    files: int
    entries: int
    rounds: int
    seed: int
    patience: float
    python: str
    peers: Sequence[Peer]
    absent: Sequence[str]

    def peer(self, name: str) -> Peer | None:
        return next((peer for peer in self.peers if peer.name == name), None)

    def need(self, size: int) -> None:
        free = room(self.work)
        if free < size + MARGIN:
            raise Skipped(f"needs {(size + MARGIN) / GIB:.1f} GiB free, there are {free / GIB:.1f}")


@dataclass(frozen=True)
class Table:
    name: str
    title: str
    size: int
    results: Results
    count: int = 0  # of files, where there are many


def room(folder: Path) -> int:
    """Bytes that can be written: in a memory file system, no more than there is memory."""
    free = shutil.disk_usage(folder).free
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    above = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    if above and max(above, key=lambda one: len(one[0]))[1] not in ("tmpfs", "ramfs"):
        return free
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return min(free, int(line.split()[1]) * 1024)
    return free


def human(size: int) -> str:
    if size < GIB:
        return f"{size >> 20:,} MiB"
    return f"{size / GIB:.3g} GiB"


def compare_file(source: Path, opened: Path) -> None:
    found = [path for path in opened.rglob("*") if path.is_file()] if opened.is_dir() else [opened]
    if len(found) != 1 or not corpora.same_file(source, found[0]):
        raise Failed("what came back is not what went in")


def compare_tree(source: Path, opened: Path) -> None:
    below = opened / source.name
    if not corpora.same_tree(source, below if below.is_dir() else opened):
        raise Failed("what came back is not what went in")


def file_entrant(peer: Peer, source: Path, work: Path) -> Entrant:
    sealed, opened = work / f"{peer.name}.sealed", work / f"{peer.name}.opened"
    folder = peer.name == "tera"
    return Entrant(
        peer.name,
        (
            Step("encode", peer.seal_file(source, sealed), sealed),
            Step("decode", peer.open_file(sealed, opened), opened, opened.mkdir if folder else None),
        ),
        partial(compare_file, source, opened),
    )


def tree_entrant(peer: Peer, source: Path, work: Path) -> Entrant:
    sealed, opened = work / f"{peer.name}.sealed", work / f"{peer.name}.opened"
    return Entrant(
        peer.name,
        (
            Step("encode", peer.seal_tree(source, sealed), sealed),
            Step("decode", peer.open_tree(sealed, opened), opened, opened.mkdir),
        ),
        partial(compare_tree, source, opened),
    )


def noise(setting: Setting) -> Table:
    source = setting.work / "noise.bin"
    setting.need(3 * setting.size)
    say(f"noise: writing {human(setting.size)}")
    try:
        corpora.noise(source, setting.size, setting.seed)
        entrants = [file_entrant(peer, source, setting.work) for peer in setting.peers if peer.name != "zstd"]
        results = compete(entrants, setting.work, setting.rounds, setting.patience, pages=setting.size)
    finally:
        remove(source)
    return Table("noise", f"Incompressible, one file of {human(setting.size)}", setting.size, results)


def text(setting: Setting) -> Table:
    source, size = setting.work / "text.txt", setting.size // 4
    setting.need(3 * size)
    say(f"text: writing {human(size)}")
    try:
        corpora.text(source, size, setting.seed)
        entrants = [file_entrant(peer, source, setting.work) for peer in setting.peers]
        results = compete(entrants, setting.work, setting.rounds, setting.patience, pages=size)
    finally:
        remove(source)
    return Table("text", f"Text (Python sources), one file of {human(size)}", size, results)


def files(setting: Setting) -> Table:
    source = setting.work / "files"
    setting.need(setting.files * 4 * 4096)
    say(f"files: writing {setting.files:,} files")
    try:
        size = corpora.small_files(source, setting.files, setting.seed)
        entrants = [tree_entrant(peer, source, setting.work) for peer in setting.peers if peer.name != "zstd"]
        results = compete(entrants, setting.work, setting.rounds, setting.patience, pages=size)
    finally:
        remove(source)
    title = f"{setting.files:,} files of 2 KiB, half of them text; all but tera behind `tar`, also `cat`"
    return Table("files", title, size, results, setting.files)


def overhead(setting: Setting) -> Table:
    """Sizes only: one run each, tera without padding."""
    source = setting.work / "noise.bin"
    setting.need(2 * OVERHEAD_SIZE)
    entrants = []
    for peer in setting.peers:
        if peer.name in ("cat", "zstd"):
            continue
        sealed = setting.work / f"{peer.name}.sealed"
        job = peer.seal_file(source, sealed)
        if peer.name == "tera":
            job = Job(((*job.stages[0], "--pad", "none"),), env=job.env)
        entrants.append(Entrant(peer.name, (Step("encode", job, sealed),)))
    try:
        corpora.noise(source, OVERHEAD_SIZE, setting.seed)
        results = compete(entrants, setting.work, 1, warm=False)
    finally:
        remove(source)
    return Table("overhead", "Size overhead at 100 MB, one recipient, tera unpadded", OVERHEAD_SIZE, results)
