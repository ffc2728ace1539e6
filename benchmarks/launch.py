"""Run one pipeline of programs and print what it cost, as JSON: `python -I -S launch.py JOB.json`.

This is a process of its own because a child's ru_maxrss starts at its parent's resident size (the kernel
carries it over exec, also through vfork). Started from the harness, `cat` would seem to need what the
harness holds; started from here, the least that can be reported is this script's own size: `floor`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def resident_peak() -> int:
    """Peak resident bytes of this process since exec; not ru_maxrss, which the harness would inflate."""
    with open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def spawn(job: dict[str, Any]) -> list[int]:
    """Start every stage, joined by pipes; the process ids in order."""
    stages: list[list[str]] = job["stages"]
    source = os.open(job["stdin"] or os.devnull, os.O_RDONLY)
    talk = os.open(job["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    pids = []
    for number, argv in enumerate(stages):
        if number + 1 < len(stages):
            following, sink = os.pipe()
        else:
            following = -1
            sink = os.open(job["stdout"] or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        dups = [(os.POSIX_SPAWN_DUP2, fd, to) for fd, to in ((source, 0), (sink, 1), (talk, 2))]
        pids.append(os.posix_spawnp(argv[0], argv, os.environ, file_actions=dups))
        os.close(source)
        os.close(sink)
        source = following
    os.close(talk)
    return pids


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as stored:
        job = json.load(stored)
    floor = resident_peak()
    start = time.perf_counter()
    ended = [os.wait4(pid, 0) for pid in spawn(job)]
    wall = time.perf_counter() - start
    peaks = [usage.ru_maxrss * 1024 for _, _, usage in ended]
    report = {
        "wall": wall,
        "cpu": sum(usage.ru_utime + usage.ru_stime for _, _, usage in ended),
        "peak": max(peaks),
        "total": sum(peaks),
        "floor": floor,
        "codes": [os.waitstatus_to_exitcode(status) for _, status, _ in ended],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
