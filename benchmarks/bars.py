"""The bars that tera is held to, each measured beside what it is compared with.

The limits are stated for the full sizes; a quick run measures the same things smaller and says at what size.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import corpora
from benchmarks.contestants import HERE, Peer
from benchmarks.measure import Entrant, Failed, Job, Results, Sample, Step, compete, remove, run, say
from benchmarks.speed import OVERHEAD_SIZE, Setting, Table, file_entrant, human

MIB = 1 << 20
READS = 200
SAME = 1.1  # "the same" peak at both sizes: within a tenth


@dataclass(frozen=True)
class Bar:
    """measured is None where there was nothing to measure; `note` says why, or what was compared."""

    work: str
    measured: float | None
    limit: float
    unit: str
    least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.least else self.measured <= self.limit


def speed_bars(setting: Setting, table: Table) -> list[Bar]:
    """Noise: against cat, age and the fastest of the rest."""
    bars = []
    for label, against_age in (("encode", 1.4), ("decode", 1.6)):
        work = f"{label} {human(table.size)} of noise"
        results = table.results
        to_cat, to_age = (results.ratio("tera", other, label) for other in ("cat", "age"))
        bars.append(Bar(f"{work}, rate against `cat`", to_cat, 0.8, "×", True))
        bars.append(Bar(f"{work}, against `age -{label[0]}`", to_age, against_age, "×", True))
        others = [peer.name for peer in setting.peers if peer.name not in ("tera", "cat", "age")]
        ratios = [(results.ratio("tera", name, label), name) for name in others]
        nearest, name = min(((ratio, name) for ratio, name in ratios if ratio is not None), default=(None, ""))
        note = f"the fastest other: {name}" if name else ""
        bars.append(Bar(f"{work}, against every other peer", nearest, 1.0, "×", True, note))
    return bars


def text_bars(setting: Setting, table: Table) -> list[Bar]:
    ratio = table.results.ratio("tera", "zstd", "encode")
    return [Bar(f"encode {human(table.size)} of text, rate against one thread of `zstd -3`", ratio, 1.6, "×", True)]


def files_bars(setting: Setting, table: Table) -> list[Bar]:
    ratio = table.results.ratio("age", "tera", "encode")
    return [Bar(f"encode {setting.files:,} files of 2 KiB, time against `tar c \\| age -r`", ratio, 2.5, "×")]


def overhead_bars(setting: Setting, table: Table) -> list[Bar]:
    found = table.results.of("tera", "encode")
    over = 100 * (found[0].size - OVERHEAD_SIZE) / OVERHEAD_SIZE if found else None
    return [Bar("size overhead at 100 MB, unpadded, one recipient", over, 0.12, "%")]


def needed(setting: Setting) -> Peer:
    peer = setting.peer("tera")
    if peer is None:
        raise Failed("tera is absent")
    return peer


def first_failure(results: Results) -> None:
    for name, words in results.failures.items():
        raise Failed(f"{name}: {words}")


def memory(setting: Setting) -> list[Bar]:
    """The highest peak of up to three runs: a bound on memory is about the worst run, not the middle one."""
    small, large = setting.size // 4, setting.size * 2
    peaks: dict[str, list[float]] = {"encode": [], "decode": []}
    for size in (small, large):
        source, work = setting.work / "noise.bin", setting.work
        setting.need(2 * size)
        entrant = file_entrant(needed(setting), source, work)
        sealing, opening = entrant.steps
        rounds = min(3, setting.rounds)
        say(f"memory: writing {human(size)}")
        try:
            corpora.noise(source, size, setting.seed)
            results = compete([Entrant("tera", (sealing,))], work, rounds, warm=False)
            first_failure(results)
            peaks["encode"].append(max(one.total for one in results.of("tera", "encode")) / MIB)
            run(sealing.job, work)
            remove(source)  # so that three copies of the large size need not fit
            results = compete([Entrant("tera", (opening,))], work, rounds, warm=False)
            first_failure(results)
            peaks["decode"].append(max(one.total for one in results.of("tera", "decode")) / MIB)
        finally:
            remove(source)
            remove(sealing.target)
    bars = []
    for label, (low, high) in peaks.items():
        bars += [Bar(f"peak memory of {label}, {human(small)}", low, 96, "MiB")]
        bars += [Bar(f"peak memory of {label}, {human(large)}", high, 96, "MiB")]
        bars += [Bar(f"peak memory of {label}, {human(large)} against {human(small)}", high / low, SAME, "×")]
    return bars


def ask_library(setting: Setting, *words: str) -> tuple[dict[str, Any], Sample]:
    answer = setting.work / "answer.json"
    argv = (setting.python, "-P", str(HERE / "library.py"), *words)
    try:
        sample = run(Job((argv,), answer, needed(setting).env), setting.work)
        parsed: dict[str, Any] = json.loads(answer.read_text())
        return parsed, sample
    finally:
        remove(answer)


@contextmanager
def sealed(setting: Setting, size: int) -> Iterator[Path]:
    """A container of noise; its source is removed at once."""
    source, target = setting.work / "noise.bin", setting.work / "held.tera"
    setting.need(2 * size)
    try:
        corpora.noise(source, size, setting.seed)
        run(needed(setting).seal_file(source, target), setting.work)
        remove(source)
        yield target
    finally:
        remove(source)
        remove(target)


def opening(setting: Setting) -> list[Bar]:
    firsts, reads = [], []
    with sealed(setting, setting.size) as target:
        for _ in range(setting.rounds + 1):
            answer, _ = ask_library(setting, "open", str(target), str(setting.keys / "key.txt"), str(READS))
            firsts.append(1000 * answer["open"])
            reads += [1000 * one for one in answer["reads"]]
    what = f"{human(setting.size)} of noise"
    worst = sorted(reads)[int(len(reads) * 0.99)]
    note = f"99 of 100 within {worst:.2f} ms"
    return [
        Bar(f"open a container of {what}", statistics.median(firsts[1:]), 10, "ms"),
        Bar("then 64 KiB at a random place, median", statistics.median(reads), 1, "ms", note=note),
    ]


def million(setting: Setting) -> list[Bar]:
    target = setting.work / "many.tera"
    seconds, peaks, walls = [], [], []
    try:
        made, _ = ask_library(setting, "make", str(target), str(setting.keys / "pub.txt"), str(setting.entries))
        for _ in range(setting.rounds):
            answer, sample = ask_library(setting, "list", str(target), str(setting.keys / "key.txt"))
            if answer["count"] != setting.entries:
                raise Failed(f"{answer['count']} names came back")
            seconds.append(answer["list"])
            walls.append(sample.wall)
            peaks.append(sample.peak / MIB)
    finally:
        remove(target)
    note = f"whole process {statistics.median(walls):.2f} s; made in {made['make']:.1f} s"
    what = f"open a container of {setting.entries:,} entries and list the names"
    return [
        Bar(what, statistics.median(seconds), 2, "s", note=note),
        Bar(f"{what}: peak memory", max(peaks), 1024, "MiB"),
    ]


def small_work(setting: Setting, label: str, target: Path, argv: tuple[str, ...], copied: Path | None) -> float:
    """Median seconds of a whole process over a container, copied anew each time if `copied` is given."""
    tera = needed(setting)

    def refresh() -> None:
        if copied:
            run(Job((("cp", str(copied), str(target)),)), setting.work)

    scratch = target if copied else setting.work / "none"
    step = Step(label, Job(((setting.python, "-m", "tera", *argv),), env=tera.env), scratch, refresh)
    results = compete([Entrant("tera", (step,))], setting.work, setting.rounds)
    first_failure(results)
    return statistics.median(one.wall for one in results.of("tera", label))


def rewrap(setting: Setting) -> list[Bar]:
    size = setting.size // 4
    target = setting.work / "again.tera"
    new = (setting.keys / "newpub.txt").read_text().strip() if setting.peer("tera") else ""
    with sealed(setting, size) as held:
        argv = ("rewrap", "--in-place", str(target), "-i", str(setting.keys / "key.txt"), "-r", new)
        seconds = small_work(setting, "rewrap", target, argv, held)
    return [Bar(f"`rewrap` a container of {human(size)} in place, whole process", seconds, 0.4, "s")]


def inspect(setting: Setting) -> list[Bar]:
    size = setting.size // 4
    with sealed(setting, size) as held:
        seconds = small_work(setting, "inspect", held, ("inspect", str(held)), None)
    return [Bar(f"`tera inspect` of {human(size)}, whole process", 1000 * seconds, 200, "ms")]


OF_TABLES: dict[str, Callable[[Setting, Table], list[Bar]]] = {
    "noise": speed_bars,
    "text": text_bars,
    "files": files_bars,
    "overhead": overhead_bars,
}
OF_THEIR_OWN: dict[str, Callable[[Setting], list[Bar]]] = {
    "memory": memory,
    "open": opening,
    "million": million,
    "rewrap": rewrap,
    "inspect": inspect,
}
