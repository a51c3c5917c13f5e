"""Pictures: lines over an axis, and bars beside a yardstick, as plain and reproducible SVG."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 800
_HEIGHT: Final = 360
_LEFT: Final = 70
_RIGHT: Final = 250
_TOP: Final = 40
_BOTTOM: Final = 50
_COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")

Points = Sequence[tuple[float, float]]


def chart(
    title: str,
    across: str,
    up: str,
    lines: Mapping[str, Points],
    *,
    log_across: bool = False,
    log_up: bool = False,
    wall: tuple[str, float] | None = None,
) -> str:
    """One chart with a line for each name; `wall` is drawn across it, dashed."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points] + ([wall[1]] if wall else [])
    place_x, marks_x = _axis(xs, log_across, _LEFT, _WIDTH - _RIGHT)
    place_y, marks_y = _axis(ys, log_up, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
            ' font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 20, title, size=14),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, across, anchor="middle"),
        _text(_LEFT - 60, _TOP - 8, up),
    ]
    for mark in marks_x:
        at = place_x(mark)
        parts.append(_line(at, _TOP, at, _HEIGHT - _BOTTOM, "#e0e0e0"))
        parts.append(_text(at, _HEIGHT - _BOTTOM + 16, _name(mark), anchor="middle"))
    for mark in marks_y:
        at = place_y(mark)
        parts.append(_line(_LEFT, at, _WIDTH - _RIGHT, at, "#e0e0e0"))
        parts.append(_text(_LEFT - 6, at + 4, _name(mark), anchor="end"))
    if wall:
        at = place_y(wall[1])
        parts.append(_line(_LEFT, at, _WIDTH - _RIGHT, at, "#000000", dashed=True))
        parts.append(_text(_LEFT + 6, at + 14, wall[0]))
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        row = _TOP + 12 + 18 * number
        parts.append(_line(_WIDTH - _RIGHT + 8, row, _WIDTH - _RIGHT + 28, row, colour))
        parts.append(_text(_WIDTH - _RIGHT + 34, row + 4, name))
    return "\n".join([*parts, "</svg>", ""])


def bars(title: str, unit: str, values: Mapping[str, float], goals: Mapping[str, float]) -> str:
    """A bar for each name, with what `unit` is drawn as a line at 1 and each goal as a mark."""
    height = _TOP + 26 * len(values) + 40
    most = max(1.0, *values.values(), *goals.values())
    left, right = 2 * _LEFT + 130, _WIDTH - 70

    def place(value: float) -> float:
        return left + value / most * (right - left)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
            ' font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(10, 20, title, size=14),
    ]
    for row, (name, value) in enumerate(values.items()):
        top = _TOP + 26 * row
        parts.append(_text(left - 8, top + 14, name, anchor="end"))
        parts.append(
            f'<rect x="{left}" y="{top}" width="{place(value) - left:.1f}" height="18"'
            f' fill="{_COLOURS[0]}"/>'
        )
        parts.append(_text(place(value) + 6, top + 14, f"{value:.2f}"))
        if name in goals:
            at = place(goals[name])
            parts.append(_line(at, top - 3, at, top + 21, _COLOURS[1]))
    parts.append(_line(place(1), _TOP - 6, place(1), height - 34, "#000000", dashed=True))
    parts.append(_text(place(1), height - 20, f"1 = {unit}", anchor="middle"))
    parts.append(_text(10, height - 4, "red: the most that it may be (design goal)"))
    return "\n".join([*parts, "</svg>", ""])


def _axis(
    values: Sequence[float], log: bool, first: float, last: float
) -> tuple[Callable[[float], float], list[float]]:
    """Where a value is drawn, and the values that are marked."""
    if log:
        low = math.floor(math.log10(max(min(values), 1e-3)))
        high = max(low + 1, math.ceil(math.log10(max(1e-3, *values))))

        def place(value: float) -> float:
            share = (math.log10(max(value, 10.0**low)) - low) / (high - low)
            return first + share * (last - first)

        return place, [10.0**power for power in range(low, high + 1)]
    most = max(1e-9, *values)
    step = _step(most)
    top = step * math.ceil(most / step)

    def even(value: float) -> float:
        return first + value / top * (last - first)

    return even, [step * number for number in range(round(top / step) + 1)]


def _step(most: float) -> float:
    """A round step that gives four to ten marks."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (0.1, 0.2, 0.25, 0.5, 1, 2) if most / (step * power) <= 8)


def _name(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"{dash}/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(text)}</text>"
    )
