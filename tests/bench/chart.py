"""The picture: the ratios against their goals, and below the seconds of the sides of each scenario."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from bench.goals import Line

_WIDTH, _MARGIN, _LEFT, _BAR = 1000, 24, 440, 380
_HEAD, _ROW, _SMALL_ROW, _THICK = 76, 28, 22, 14
_MOST = 2.0  # the longest bar, in goals
_GOAL = _LEFT + _BAR / _MOST
_RATIOS = (
    "A bar that ends before the line meets its goal, and a shorter one is better. Bars end at twice the goal.",
    "The line of a grey bar, which has no goal, is 1.00: as long as the other side, or as one function.",
)
_STYLE = """\
  .page { fill: #ffffff; stroke: #d0d7de }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .small { font-size: 12px; fill: #59636e }
  .track { fill: #eaeef2 }
  .met { fill: #1a7f37 }
  .missed { fill: #bc4c00 }
  .other { fill: #6e7781 }
  .ours { fill: #0969da }
  .goal { stroke: #1f2328; stroke-width: 2 }
"""
_DARK = """\
    .page { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .track { fill: #262c36 }
    .met { fill: #3fb950 }
    .missed { fill: #f0883e }
    .other { fill: #8b949e }
    .ours { fill: #4493f8 }
    .goal { stroke: #f0f6fc }
"""


@dataclass(frozen=True)
class Side:
    """The wall seconds of one side. `scenario`: its title, empty if it is that of the side above."""

    scenario: str
    name: str
    seconds: float
    ours: bool


def svg(lines: Sequence[Line], sides: Sequence[Side], *, dark: bool = False) -> str:
    """The picture, light or dark as the viewer prefers. `dark`: always dark, to look at it."""
    first = _HEAD + 24 + _ROW * len(lines)
    height = first + _HEAD + _SMALL_ROW * len(sides) + _MARGIN
    style = _STYLE + (_DARK if dark else f"  @media (prefers-color-scheme: dark) {{\n{_DARK}  }}\n")
    parts = (
        _head(0, "Measured ratios and their goals", *_RATIOS),
        *(_ratio(line, _HEAD + 16 + _ROW * number) for number, line in enumerate(lines)),
        _head(first, "Seconds", "As this machine measured them; medians of wall time. A shorter bar is better."),
        *(_seconds(side, sides, first + _HEAD + _SMALL_ROW * number) for number, side in enumerate(sides)),
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        f' role="img" aria-label="Measured ratios and their goals">\n<style>\n{style}</style>\n'
        f'<rect class="page" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>\n'
        f"{''.join(parts)}</svg>\n"
    )


def _head(y: int, title: str, *explained: str) -> str:
    small = "".join(_text(_MARGIN, y + 58 + 18 * number, text, "small") for number, text in enumerate(explained))
    return _text(_MARGIN, y + 36, title, "title") + small


def _ratio(line: Line, y: int) -> str:
    kind = "other" if line.goal is None else ("met" if line.met else "missed")
    share = min(line.measured.median / (line.goal or 1.0), _MOST) / _MOST
    goal = "" if line.goal is None else f" (≤ {line.text(line.goal)})"
    return (
        _text(_MARGIN, y + 12, line.title.replace("`", ""))
        + _bar("track", y, 1.0)
        + _bar(kind, y, share)
        + f'<line class="goal" x1="{_GOAL:g}" y1="{y - 4}" x2="{_GOAL:g}" y2="{y + _THICK + 4}"/>\n'
        + _text(_LEFT + _BAR + 14, y + 12, f"{line.text(line.measured.median)}{goal}")
    )


def _seconds(side: Side, sides: Sequence[Side], y: int) -> str:
    share = side.seconds / max(each.seconds for each in sides)
    return (
        _text(_MARGIN, y + 12, side.scenario.replace("`", ""))
        + _text(_MARGIN + 260, y + 12, side.name)
        + _bar("ours" if side.ours else "other", y, share)
        + _text(_LEFT + _BAR + 14, y + 12, f"{side.seconds:.1f} s")
    )


def _bar(kind: str, y: int, share: float) -> str:
    return f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{_BAR * share:.1f}" height="{_THICK}" rx="3"/>\n'


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{attribute}>{html.escape(text)}</text>\n' if text else ""
