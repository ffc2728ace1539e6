"""Corpora made from a seed: incompressible noise, text, and many small files.

Text is what every machine that runs this has: the sources of Python's own standard library. Its files are
dealt into two halves, and each pass writes both, each shuffled anew. A file therefore never follows its last
copy by less than half of the whole: megabytes, beyond the 2 MiB window of `zstd -3` and tera's 1 MiB frames.
So the repetition that fills up a large corpus is not what the compressor finds.
"""

from __future__ import annotations

import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

PIECE = 1 << 20
SMALL = 2048
FOLDER = 200  # small files in one folder
WINDOW = 2 << 20


def noise(path: Path, size: int, seed: int) -> None:
    """Write `size` bytes that no compressor can shorten."""
    source = random.Random(seed)
    with path.open("wb") as target:
        for start in range(0, size, PIECE):
            target.write(source.randbytes(min(PIECE, size - start)))


def library_sources() -> list[bytes]:
    root = Path(sysconfig.get_path("stdlib"))
    found = sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)
    texts = [path.read_bytes() for path in found if "dist-packages" not in path.parts]
    kept = [text for text in texts if text and len(text) <= WINDOW // 4]
    if sum(map(len, kept)) < 3 * WINDOW:
        raise SystemExit("the Python standard library's sources are not installed here: no text corpus")
    return kept


def prose(seed: int) -> Iterator[bytes]:
    """Source files without end, no file soon after its last copy."""
    shuffler = random.Random(seed)
    texts = library_sources()
    shuffler.shuffle(texts)
    halves: tuple[list[bytes], list[bytes]] = ([], [])
    for part in sorted(texts, key=len, reverse=True):
        min(halves, key=lambda half: sum(map(len, half))).append(part)
    while True:
        for half in halves:
            shuffler.shuffle(half)
            yield from half


def text(path: Path, size: int, seed: int) -> None:
    left = size
    with path.open("wb") as target:
        for part in prose(seed):
            left -= target.write(part[:left])
            if not left:
                return


def small_files(root: Path, count: int, seed: int) -> int:
    """Write `count` files of 2 KiB, every other one text; the bytes written."""
    shuffler = random.Random(seed)
    texts = [part for part in library_sources() if len(part) >= SMALL]
    root.mkdir()
    for number in range(count):
        folder = root / f"{number // FOLDER:04d}"
        if number % FOLDER == 0:
            folder.mkdir()
        if number % 2:
            data = shuffler.randbytes(SMALL)
        else:
            whole = shuffler.choice(texts)
            start = shuffler.randrange(len(whole) - SMALL + 1)
            data = whole[start : start + SMALL]
        (folder / f"{number:06d}.{'bin' if number % 2 else 'txt'}").write_bytes(data)
    return count * SMALL


def same_tree(ours: Path, theirs: Path) -> bool:
    """Whether two folders hold the same files with the same bytes."""
    names = sorted(path.relative_to(ours) for path in ours.rglob("*") if path.is_file())
    others = sorted(path.relative_to(theirs) for path in theirs.rglob("*") if path.is_file())
    return names == others and all((ours / name).read_bytes() == (theirs / name).read_bytes() for name in names)


def same_file(ours: Path, theirs: Path) -> bool:
    if ours.stat().st_size != theirs.stat().st_size:
        return False
    with ours.open("rb") as one, theirs.open("rb") as other:
        while piece := one.read(PIECE):
            if piece != other.read(PIECE):
                return False
    return True
