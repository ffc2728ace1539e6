"""The chart: encode and decode rates of each peer as a share of `cat`, as SVG for light and dark pages."""

from __future__ import annotations

import html
import statistics
from dataclasses import dataclass

from benchmarks.speed import Setting, Table

WIDTH, LEFT, RIGHT, TOP = 760, 152, 130, 78
BAR, GAP, GROUP = 13, 2, 44
STYLE = """
  text { font-family: -apple-system, "Segoe UI", Arial, sans-serif; font-size: 13px; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .value { font-size: 11.5px; font-variant-numeric: tabular-nums }
  .ours { font-weight: 700 }
  .line { stroke: #d1d9e0 } .whole { stroke: #818b98; stroke-dasharray: 3 3 }
  .encode { fill: #0969da } .decode { fill: #54aeff } .cat { fill: #afb8c1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .line { stroke: #3d444d } .whole { stroke: #9198a1 }
    .encode { fill: #4493f8 } .decode { fill: #9ecbff } .cat { fill: #656c76 }
  }"""


@dataclass(frozen=True)
class Row:
    """One peer: shares of cat's rate and rates in GB/s, encode and decode; empty when absent."""

    name: str
    shares: tuple[float, ...]
    rates: tuple[float, ...]


def rows(setting: Setting, table: Table) -> list[Row]:
    made = []
    for name in table.results.samples:
        pairs = [(label, table.results.ratio(name, "cat", label)) for label in ("encode", "decode")]
        spent = [statistics.median(one.wall for one in table.results.of(name, label)) for label, _ in pairs]
        shares = tuple(share for _, share in pairs if share is not None)
        made.append(Row(name, shares, tuple(table.size / seconds / 1e9 for seconds in spent)))
    first = [row for row in made if row.name == "cat"] + [row for row in made if row.name == "tera"]
    rest = sorted((row for row in made if row not in first), key=lambda row: -sum(row.shares))
    return [*first, *rest, *(Row(name, (), ()) for name in setting.absent if name != "zstd")]


def scale(found: list[Row]) -> float:
    """Pixels for a share of 1; the axis ends at the next quarter above the largest share."""
    largest = max((share for row in found for share in row.shares), default=1.0)
    end = max(1.0, -(-largest // 0.25) * 0.25)
    return (WIDTH - LEFT - RIGHT) / end


def bar(row: Row, number: int, top: float, unit: float) -> list[str]:
    label = ("encode", "decode")[number]
    y = top + number * (BAR + GAP)
    width = max(1.0, row.shares[number] * unit)
    share, speed = f"{row.shares[number]:.2f}", f"{row.rates[number]:.2f} GB/s"
    kind = "cat" if row.name == "cat" else label
    return [
        f'<rect class="{kind}" x="{LEFT}" y="{y:.1f}" width="{width:.1f}" height="{BAR}" rx="2"/>',
        f'<text class="value" x="{LEFT + width + 6:.1f}" y="{y + BAR - 2.5:.1f}">{share}'
        f'<tspan class="quiet">&#160;· {speed}</tspan></text>',
    ]


def draw(setting: Setting, table: Table) -> str:
    found = rows(setting, table)
    unit, foot = scale(found), TOP + len(found) * GROUP
    height = foot + 30
    body = [
        f'<text class="title" x="16" y="26">{html.escape(table.title)}</text>',
        '<text class="quiet" x="16" y="46">rate of the whole process as a share of cat SRC &gt; DST</text>',
        f'<rect class="encode" x="{WIDTH - 170}" y="36" width="12" height="12" rx="2"/>',
        f'<text class="quiet" x="{WIDTH - 153}" y="46">encode</text>',
        f'<rect class="decode" x="{WIDTH - 92}" y="36" width="12" height="12" rx="2"/>',
        f'<text class="quiet" x="{WIDTH - 75}" y="46">decode</text>',
    ]
    steps = round((WIDTH - LEFT - RIGHT) / unit / 0.25)
    for step in range(steps + 1):
        x, share = LEFT + step * 0.25 * unit, step * 0.25
        kind = "whole" if share == 1 else "line"
        body.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 14}" y2="{foot}"/>')
        body.append(f'<text class="quiet" text-anchor="middle" x="{x:.1f}" y="{foot + 17}">{share:g}</text>')
    for number, row in enumerate(found):
        top = TOP + number * GROUP
        kind = ' class="ours"' if row.name == "tera" else ""
        body.append(f'<text{kind} text-anchor="end" x="{LEFT - 10}" y="{top + 19}">{html.escape(row.name)}</text>')
        if not row.shares:
            body.append(f'<text class="quiet" x="{LEFT + 6}" y="{top + 19}">absent</text>')
        for side in range(len(row.shares)):
            body += bar(row, side, top, unit)
    figures = ((row.name, " and ".join(f"{share:.2f}" for share in row.shares)) for row in found)
    words = html.escape("; ".join(f"{name} {shares or 'absent'}" for name, shares in figures))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
    head += f' width="{WIDTH}" height="{height}" aria-label="Rates as a share of cat: {words}">'
    return "\n".join([head, f"<style>{STYLE}\n</style>", *body, "</svg>"]) + "\n"
