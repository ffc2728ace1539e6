"""The library service against its bars: bytes, the catalog, releases, and a soak.

    python -m benchmarks.service                                  # all on SQLite and a folder: 1 GiB, a million rows
    python -m benchmarks.service --only catalog,release --database postgresql://localhost/empty
    python -m benchmarks.service --only soak --seconds 600
    python -m benchmarks.service --quick                          # 64 MiB, 20,000 rows: does it run at all

The law of this file: a bar is a ratio within one round, or a time that the server's own work makes; of the rounds the
best and the median are shown, since other work on the machine only ever takes away.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
if str(ROOT) not in sys.path:  # it may be run by its path, too
    sys.path.insert(0, str(ROOT))

MIB = 1 << 20
PARTS = ("bytes", "catalog", "release", "soak")


@dataclass(frozen=True)
class Row:
    """A bar, and what each round has shown. `least` where more is better."""

    work: str
    bar: float
    seen: Sequence[float]
    unit: str = ""
    least: bool = False

    @property
    def best(self) -> float:
        return max(self.seen) if self.least else min(self.seen)

    @property
    def met(self) -> bool:
        return self.best >= self.bar if self.least else self.best <= self.bar

    def shown(self) -> str:
        bar = f"{'at least' if self.least else 'at most'} {self.bar:g} {self.unit}".strip()
        return f"| {self.work} | {bar} | {self.best:.3g} | {median(self.seen):.3g} | {'yes' if self.met else 'no'} |"


def bytes_rows(folder: Path, asked: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    from benchmarks.service_bytes import measure

    found = measure(folder, asked.size * MIB, asked.rounds)

    def over(ours: str, theirs: str) -> list[float]:
        return [one / other for one, other in zip(found[ours], found[theirs], strict=True)]

    def thousand(name: str) -> list[float]:
        return [one * 1_000 for one in found[name]]

    size = f"{asked.size} MiB"
    return [
        Row(f"encode {size} / writing it down", 0.7, over("encode", "raw"), least=True),
        Row("memory at its peak in encode", 96, [one / MIB for one in found["peak"]], "MiB"),
        Row("bytes written / bytes of the container", 1.01, found["written"]),
        Row("p99 of other requests meanwhile", 20, thousand("others"), "ms"),
        Row(f"decode {size} / a file's download", 0.6, over("decode", "plain"), least=True),
        Row("ranges of 1 MiB / a file's", 0.6, over("range", "plain_range"), least=True),
        Row("first byte of a range", 10, thousand("range_first"), "ms"),
    ], found


def catalog_rows(folder: Path, asked: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    from benchmarks.service_catalog import measure

    found = measure(folder, asked.rows, asked.rounds, asked.database)

    def middle(kind: str) -> list[float]:
        return [one.median * 1_000 for one in found[kind]]

    rows = [Row("one of many", 400, [one.rate for one in found["one"]], "/s", least=True)]
    rows += [Row(f"100 of {asked.rows:,}: {kind}", 10, middle(kind), "ms") for kind in ("page", "page by time")]
    rows += [Row("by digest", 3, middle("digest"), "ms")]
    rows += [Row(f"by tag: {kind}", 20, middle(kind), "ms") for kind in found if kind.startswith("tag ")]
    return rows, {
        kind: [{"rate": one.rate, "median": one.median, "p99": one.p99} for one in times]
        for kind, times in found.items()
    }


def release_rows(folder: Path, asked: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    from benchmarks.service_release import measure

    found = measure(folder, asked.rounds, asked.database)
    times = found["release"]
    return [
        Row("releases", 200, [one.rate for one in times], "/s", least=True),
        Row("p99 of a release", 60, [one.p99 * 1_000 for one in times], "ms"),
    ], {"flush": found["flush"], "rate": [one.rate for one in times], "p99": [one.p99 for one in times]}


def soak_rows(folder: Path, asked: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    from benchmarks.service_soak import measure

    found = measure(folder, asked.seconds, asked.database)
    wrong = sum(count for (_, status), count in found.statuses.items() if status >= 500)
    for failure in found.failures[:10]:
        print(failure, file=sys.stderr)
    return [
        Row(f"soak of {asked.seconds:g} s: answers of 500 and more", 0, [float(wrong)]),
        Row("soak: anything unexpected", 0, [float(len(found.failures))]),
        Row("soak: memory at the end / after a quarter", 1.1, [found.growth]),
    ], {
        "answers": {f"{what} {status}": count for (what, status), count in sorted(found.statuses.items())},
        "p99": {what: sorted(times)[int(0.99 * (len(times) - 1))] for what, times in found.seconds.items()},
        "memory": [round(one / MIB, 1) for _, one in found.memory],
        "events": found.events,
    }


MEASURES: dict[str, Callable[[Path, argparse.Namespace], tuple[list[Row], dict[str, Any]]]] = {
    "bytes": bytes_rows,
    "catalog": catalog_rows,
    "release": release_rows,
    "soak": soak_rows,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--database", help="an empty PostgreSQL database, for catalog, release and soak")
    parser.add_argument("--dir", help="where to work; the temporary folder")
    parser.add_argument("--size", type=int, default=1_024, metavar="MIB")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="of the soak; 600 is the bar's")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="keep every sample")
    parser.add_argument("--check", action="store_true", help="exit code 1 unless every bar is met")
    asked = parser.parse_args()
    if asked.quick:
        asked.size, asked.rows, asked.rounds, asked.seconds = 64, 20_000, 1, 5
    samples, met = {}, True
    print("| work | bar | best | median | met |\n|---|---|---|---|---|")
    for part in asked.only.split(","):
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(dir=asked.dir, prefix="tera-service-") as folder:
            rows, samples[part] = MEASURES[part](Path(folder), asked)
        for row in rows:
            print(row.shown(), flush=True)
            met = met and row.met
        print(f"{part}: the load was {load:.1f} before", file=sys.stderr)
    if asked.json:
        Path(asked.json).write_text(json.dumps(samples, indent=1))
    return 1 if asked.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
