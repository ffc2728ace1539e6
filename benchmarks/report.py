"""What a run says: the machine, the tables and the bars as Markdown, and all samples as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar
from benchmarks.contestants import PROBE, ask
from benchmarks.measure import Sample
from benchmarks.speed import Setting, Table

MIB = 1 << 20
LIBRARIES = ("cryptography", "pqcrypto", "msgpack", "zstandard", "blake3", "click")


def machine(setting: Setting) -> list[str]:
    """CPU, memory, kernel and versions; never a host name or a path."""
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    kernel = ".".join(platform.release().split(".")[:2])  # a build's suffix can name where it was made
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    python = ask(setting.python, "-c", "import platform; print(platform.python_version())")
    found = [(name, ask(setting.python, "-c", PROBE.format(name, name))) for name in LIBRARIES]
    libraries = ", ".join(f"{name} {version}" for name, version in found if version) or "no library of tera's"
    return [
        f"{cpu}, {os.cpu_count()} cores, {memory / (1 << 30):.0f} GiB, Linux {kernel}",
        f"Python {python}, {libraries}",
        ", ".join(f"{peer.name} {peer.version}" for peer in setting.peers),
    ]


def times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def peak(samples: list[Sample]) -> str:
    """The largest process and, where that is another figure, the sum over the pipeline."""
    floor = max(one.floor for one in samples)
    largest, total = max(one.peak for one in samples), max(one.total for one in samples)
    below = largest <= floor * 1.05
    shown = f"< {floor * 1.05 / MIB:.0f}" if below else f"{largest / MIB:.0f}"
    return shown if total == largest else f"{shown} ({'< ' if below else ''}{total / MIB:.0f})"


def speed_table(setting: Setting, table: Table) -> list[str]:
    unit = "GB/s" if not table.count else "files/s"
    side = f"{unit} | of `cat` | CPU s | peak MiB"
    lines = [
        f"### {table.title}",
        "",
        f"| | encode {side} | decode {side} | size |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in (peer.name for peer in setting.peers):
        if name in table.results.failures:
            lines.append(f"| {name} | failed: {table.results.failures[name]} |" + " |" * 8)
        elif name in table.results.samples:
            lines.append(speed_line(name, table, setting.rounds))
    return [*lines, *(f"| {name} | absent |" + " |" * 8 for name in setting.absent), ""]


def speed_line(name: str, table: Table, rounds: int) -> str:
    cells = []
    for label in ("encode", "decode"):
        samples = table.results.of(name, label)
        seconds = statistics.median(one.wall for one in samples)
        rate = f"{table.count / seconds:,.0f}" if table.count else f"{table.size / seconds / 1e9:.2f}"
        spent = f"{statistics.median(one.cpu for one in samples):.2f}"
        cells += [rate, times(table.results.ratio(name, "cat", label)), spent, peak(samples)]
    made = table.results.of(name, "encode")
    mark = " ¹" if len(made) < rounds else ""
    return f"| {name}{mark} | " + " | ".join(cells) + f" | {100 * made[0].size / table.size:.1f} % |"


def cut_short(setting: Setting, table: Table) -> bool:
    """Whether some peer was too slow to be measured in every round."""
    if table.name == "overhead":
        return False
    return any(len(steps["encode"]) < setting.rounds for steps in table.results.samples.values())


def overhead_table(setting: Setting, table: Table) -> list[str]:
    lines = [f"### {table.title}", "", "| | bytes | overhead |", "|---|---:|---:|"]
    for name, steps in table.results.samples.items():
        over = steps["encode"][0].size - table.size
        lines.append(f"| {name} | {over:,} | {100 * over / table.size:.4f} % |")
    lines += [f"| {name} | failed: {words} | |" for name, words in table.results.failures.items()]
    return [*lines, *(f"| {name} | absent | |" for name in setting.absent), ""]


def figure(value: float) -> str:
    """Three significant digits, and never an exponent."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def bars_table(bars: Sequence[Bar]) -> list[str]:
    lines = ["### Bars", "", "| work | measured | bar | |", "|---|---:|---:|---|"]
    for bar in bars:
        sign = "≥" if bar.least else "≤"
        measured = "not measured" if bar.measured is None else f"{figure(bar.measured)} {bar.unit}"
        verdict = {True: "pass", False: "**falls short**", None: ""}[bar.met]
        words = "; ".join(filter(None, (verdict, bar.note)))
        lines.append(f"| {bar.work} | {measured} | {sign} {bar.limit:g} {bar.unit} | {words} |")
    return [*lines, ""]


def markdown(setting: Setting, tables: Sequence[Table], bars: Sequence[Bar], remarks: Sequence[str]) -> str:
    head = [f"{line}  " for line in machine(setting)]
    head += [
        "",
        f"Medians of {setting.rounds} interleaved rounds after a warm-up; whole processes with their start.",
        "Ratios are taken within a round. GB is 10⁹ bytes. Peak: the highest of all rounds, of the largest",
        "process and, in parentheses, of the sum over a pipeline.",
    ]
    if any(cut_short(setting, table) for table in tables):
        head.append(f"¹ Measured once: its warm-up took over {setting.patience:.0f} s.")
    lines = [*head, ""]
    for table in tables:
        lines += overhead_table(setting, table) if table.name == "overhead" else speed_table(setting, table)
    if tables:
        lines += [f"- {peer.name}: {peer.about}" for peer in setting.peers]
        lines += [""]
    if bars:
        lines += bars_table(bars)
    return "\n".join([*lines, *(f"- {remark}" for remark in remarks)]).rstrip() + "\n"


def as_json(setting: Setting, tables: Sequence[Table], bars: Sequence[Bar], remarks: Sequence[str]) -> str:
    whole: dict[str, Any] = {
        "machine": machine(setting),
        "rounds": setting.rounds,
        "seed": setting.seed,
        "absent": list(setting.absent),
        "tables": [asdict(table) for table in tables],
        "bars": [{**asdict(bar), "met": bar.met} for bar in bars],
        "remarks": list(remarks),
    }
    return json.dumps(whole, indent=1) + "\n"
