"""Measure tera beside its peers, in one run on one machine, and print tables; see README.md.

Needs nothing but the standard library; peers that are not installed are named as absent. All files are made
below --dir, by default a memory file system, and removed at the end.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `python benchmarks/compare.py` works too

from benchmarks import bars, chart, contestants, report, speed
from benchmarks.measure import Failed, say

GIB = 1 << 30
TABLES: dict[str, Callable[[speed.Setting], speed.Table]] = {
    "noise": speed.noise,
    "text": speed.text,
    "files": speed.files,
    "overhead": speed.overhead,
}
ROWS = (*TABLES, *bars.OF_THEIR_OWN)


def size(words: str) -> int:
    found = re.fullmatch(r"(\d+)\s*([KMG]?)(?:iB|B)?", words.strip(), re.IGNORECASE)
    if not found:
        raise argparse.ArgumentTypeError(f"not a size: {words} (say 256M or 4G)")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2].upper()]


def names_of(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    def parse(words: str) -> list[str]:
        chosen = [word.strip() for word in words.split(",") if word.strip()]
        strange = [word for word in chosen if word not in known]
        if strange:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(strange)} (there are {', '.join(known)})")
        return [name for name in known if name in chosen]

    return parse


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare.py", description="Measure tera beside its peers.")
    roster = tuple(contestants.ROSTER)
    shared = Path("/dev/shm")
    parser.add_argument("--quick", action="store_true", help="256 MiB, 2,000 files, 20,000 entries, 3 rounds")
    parser.add_argument("--size", type=size, help="of the noise; text takes a quarter, memory twice (4G)")
    parser.add_argument("--files", type=int, help="number of small files (20,000)")
    parser.add_argument("--entries", type=int, help="entries of the large index (1,000,000)")
    parser.add_argument("--rounds", type=int, help="measured rounds (5)")
    parser.add_argument("--patience", type=float, default=60, help="seconds: a slower peer runs once (60)")
    parser.add_argument("--seed", type=int, default=1, help="of the corpora (1)")
    parser.add_argument("--only", type=names_of(ROWS), default=list(ROWS), help=f"some of {','.join(ROWS)}")
    parser.add_argument("--peers", type=names_of(roster), default=list(roster), help=f"some of {','.join(roster)}")
    parser.add_argument("--dir", type=Path, default=shared if shared.is_dir() else None, help="where to work")
    parser.add_argument("--python", default=sys.executable, help="runs tera and the Python peers")
    parser.add_argument("--markdown", type=Path, help="write the tables here as well")
    parser.add_argument("--svg", type=Path, help="write the chart of the noise row here")
    parser.add_argument("--json", type=Path, help="write every sample here")
    parser.add_argument("--check", action="store_true", help="exit 1 unless every bar is met")
    return parser.parse_args()


def setting_of(options: argparse.Namespace, work: Path) -> speed.Setting:
    def either(given: int | None, full: int, quick: int) -> int:
        return given if given is not None else quick if options.quick else full

    keys = work / "keys"
    keys.mkdir()
    peers, absent = contestants.assemble(keys, options.peers, options.python)
    for name in absent:
        say(f"absent: {name}")
    return speed.Setting(
        work=work,
        keys=keys,
        size=either(options.size, 4 * GIB, GIB // 4),
        files=either(options.files, 20_000, 2_000),
        entries=either(options.entries, 1_000_000, 20_000),
        rounds=either(options.rounds, 5, 3),
        seed=options.seed,
        patience=options.patience,
        python=options.python,
        peers=peers,
        absent=absent,
    )


Answers = tuple[list[speed.Table], list[bars.Bar], list[str]]


def measure(rows: list[str], setting: speed.Setting) -> Answers:
    """The tables, the bars, and a remark for each row that could not be measured."""
    tables, found, remarks = [], [], []
    for name in rows:
        say(name)
        try:
            if name in TABLES:
                table = TABLES[name](setting)
                tables.append(table)
                found += bars.OF_TABLES[name](setting, table)
            else:
                found += bars.OF_THEIR_OWN[name](setting)
        except (Failed, speed.Skipped) as cause:
            say(f"  {name}: {cause}")
            remarks.append(f"{name}: not measured: {cause}")
    return tables, found, remarks


def stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with tempfile.TemporaryDirectory(prefix="tera-bench-", dir=options.dir, ignore_cleanup_errors=True) as made:
        work = Path(made)
        try:
            setting = setting_of(options, work)
            tables, found, remarks = measure(options.only, setting)
            words = report.markdown(setting, tables, found, remarks)
            samples = report.as_json(setting, tables, found, remarks)
        finally:
            contestants.retire(work / "keys")
    print(words)
    if options.markdown:
        options.markdown.write_text(words)
    if options.json:
        options.json.write_text(samples)
    noise = [table for table in tables if table.name == "noise" and "cat" in table.results.samples]
    if options.svg and noise:
        options.svg.write_text(chart.draw(setting, noise[0]))
    return int(options.check and (bool(remarks) or any(bar.met is not True for bar in found)))


if __name__ == "__main__":
    sys.exit(main())
