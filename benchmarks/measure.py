"""Timing law: whole processes, interleaved rounds, ratios within a round, then medians.

A round runs every entrant's steps once (A B C, A B C, …), so that drift of the machine hits all alike. A
ratio is taken between two runs of one round; only then the median is taken. Targets are removed before a
step, outside its time.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")


class Failed(Exception):
    """A measured program failed, or did not give back what it was given."""


@dataclass(frozen=True)
class Job:
    """Programs joined by pipes, as a shell would join them."""

    stages: tuple[tuple[str, ...], ...]
    stdout: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def after(self, *argv: str) -> Job:
        return replace(self, stages=(argv, *self.stages))

    def before(self, *argv: str) -> Job:
        return replace(self, stages=(*self.stages, argv))


@dataclass(frozen=True)
class Sample:
    """One run: seconds, and bytes resident at the peak (largest process; sum over a pipeline)."""

    wall: float
    cpu: float
    peak: int
    total: int
    floor: int
    size: int = 0


@dataclass(frozen=True)
class Step:
    label: str
    job: Job
    target: Path
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True)
class Entrant:
    name: str
    steps: tuple[Step, ...]
    check: Callable[[], None] | None = None


@dataclass
class Results:
    """samples[entrant][step label] in rounds' order, and why an entrant dropped out."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def of(self, name: str, label: str) -> list[Sample]:
        return self.samples.get(name, {}).get(label, [])

    def seconds(self, name: str, label: str) -> float | None:
        found = self.of(name, label)
        return statistics.median(one.wall for one in found) if found else None

    def ratio(self, name: str, other: str, label: str) -> float | None:
        """How many times as fast `name` is as `other`: the median of the rounds' quotients."""
        pairs = list(zip(self.of(name, label), self.of(other, label), strict=False))
        return statistics.median(theirs.wall / ours.wall for ours, theirs in pairs) if pairs else None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would slow Python down or reach for a network."""
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONTRACEMALLOC")
    kept = {k: v for k, v in os.environ.items() if k not in dropped and not k.startswith("AWS_")}
    return {**kept, "LC_ALL": "C.UTF-8", **extra}


def run(job: Job, work: Path, patience: float = 3600.0) -> Sample:
    """Run a job through the launcher; Failed carries the last line it wrote to stderr, without paths."""
    order, talk = work / "job.json", work / "stderr.txt"
    out = str(job.stdout) if job.stdout else None
    order.write_text(json.dumps({"stages": job.stages, "stdin": None, "stdout": out, "stderr": str(talk)}))
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), str(order)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=work,
        env=clean_environment(job.env),
        start_new_session=True,
    )
    try:
        report, trouble = child.communicate(timeout=patience)
    except BaseException as cause:
        os.killpg(child.pid, signal.SIGKILL)  # the whole session: the launcher and what it started
        child.wait()
        if isinstance(cause, subprocess.TimeoutExpired):
            raise Failed(f"no end after {patience:.0f} s") from None
        raise
    if child.returncode:
        raise Failed((trouble.strip().splitlines() or ["the launcher failed"])[-1])
    figures = json.loads(report)
    codes = figures.pop("codes")
    if any(codes):
        said = talk.read_text(errors="replace").strip().splitlines()
        words = said[-1].replace(str(work), "…") if said else ""
        raise Failed(f"exit {'|'.join(map(str, codes))}: {words[:160]}")
    return Sample(**figures)


def touch_pages(work: Path, size: int) -> None:
    """Write and remove a file of `size` bytes.

    In a memory file system of a virtual machine, a page that the host has to find first costs several times
    as much to write as one that was free a moment ago: without this, whoever comes first pays for the rest.
    """
    scratch, piece = work / "pages.bin", bytes(1 << 20)
    try:
        with scratch.open("wb", buffering=0) as file:
            for _ in range(-(-size // len(piece))):
                file.write(piece)
    finally:
        remove(scratch)


def wait_for_quiet(patience: float = 45.0) -> None:
    """Wait until nothing else has worked for a second, at most `patience` seconds.

    A program that uses every core loses more to a neighbour than one that uses a single core.
    """
    began, quiet = time.monotonic(), 0
    while quiet < 2 and time.monotonic() - began < patience:
        before = _processor_time()
        time.sleep(0.5)
        quiet = quiet + 1 if _processor_time() - before < 0.03 else 0


def _processor_time() -> float:
    """Seconds that all cores have worked since the machine started; 0 where the system does not tell."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:
        return 0.0
    user, nice, system, _idle, _wait, irq, soft, *_ = map(int, first.split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def one_round(entrant: Entrant, work: Path, label: str, pages: int) -> dict[str, Sample]:
    measured: dict[str, Sample] = {}
    try:
        for step in entrant.steps:
            remove(step.target)
            if step.prepare:
                step.prepare()
            touch_pages(work, pages)
            wait_for_quiet()
            sample = run(step.job, work)
            size = step.target.stat().st_size if step.target.is_file() else 0
            measured[step.label] = replace(sample, size=size)
            say(f"  {label}: {entrant.name} {step.label} {sample.wall:.3f} s")
        if entrant.check and label == "warm-up":
            entrant.check()
    finally:
        for step in entrant.steps:
            remove(step.target)
    return measured


def compete(
    entrants: Sequence[Entrant], work: Path, rounds: int, patience: float = 0.0, *, warm: bool = True, pages: int = 0
) -> Results:
    """A warm-up round, whose output is checked, then the measured rounds, each begun by another entrant.

    patience: an entrant whose warm-up took longer, in seconds, is measured once only; 0 means never.
    pages: bytes to write and remove before each step, see `touch_pages`.
    """
    results = Results()
    limits = {entrant.name: rounds for entrant in entrants}
    for number in range(0 if warm else 1, rounds + 1):
        label = f"round {number}/{rounds}" if number else "warm-up"
        first = number % max(1, len(entrants))
        for entrant in (*entrants[first:], *entrants[:first]):
            if entrant.name in results.failures or number > limits[entrant.name]:
                continue
            try:
                measured = one_round(entrant, work, label, pages)
            except (Failed, OSError) as cause:
                results.failures[entrant.name] = str(cause)
                results.samples.pop(entrant.name, None)
                say(f"  {label}: {entrant.name} FAILED: {cause}")
                continue
            if not number:
                took = sum(sample.wall for sample in measured.values())
                limits[entrant.name] = 1 if patience and took > patience else rounds
                continue
            steps = results.samples.setdefault(entrant.name, {})
            for name, sample in measured.items():
                steps.setdefault(name, []).append(sample)
    return results
