"""How every picture looks: one look for each series, readable in print and by the colour-blind.

A series is told apart three times, by colour (Okabe and Ito's palette), marker and line, so that
any one of them may be lost. Ink has one colour of its own, which the report replaces by that of
its text: pictures then follow it into a dark page.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.axis import Axis  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

from plots.records import Interval, Record, Run  # noqa: E402

LETTERS_AN_INCH = 18
INK = "#1c1c1d"
FAINT = "#8a8a8b"
PAPER = "#fefefe"

BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
RED, PURPLE, SKY = "#d55e00", "#cc79a7", "#56b4e9"


@dataclass(frozen=True)
class Look:
    """Of one series."""

    colour: str
    marker: str
    line: str


# Ours are solid and first to be seen; peers are dashed; what one gets for nothing is dotted.
LOOKS = {
    "avx512": Look(BLUE, "o", "-"),
    "neon": Look(BLUE, "o", "-"),
    "avx2": Look(SKY, "s", "-"),
    "libxsmm": Look(RED, "^", "--"),
    "onednn": Look(PURPLE, "v", "--"),
    "openblas": Look(ORANGE, "D", "--"),
    "onnxruntime": Look(GREEN, "P", "-."),
    "pytorch": Look(FAINT, "X", "-."),
    "torchscript": Look(FAINT, "*", "-."),
    "peers": Look(INK, "h", "--"),
    "compiler": Look(INK, "x", ":"),
    "reference": Look(FAINT, "+", ":"),
}

# For series that are not backends: batches, levels, layouts. Ordered, so they also go from dark to
# light.
SEQUENCE = (
    Look(BLUE, "o", "-"),
    Look(RED, "s", "--"),
    Look(GREEN, "^", "-."),
    Look(PURPLE, "D", ":"),
    Look(ORANGE, "v", "-"),
    Look(SKY, "P", "--"),
    Look(INK, "X", "-."),
    Look(FAINT, "*", ":"),
    Look(BLUE, "<", "--"),
    Look(RED, ">", ":"),
    Look(GREEN, "h", "-"),
)


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """A look for each name, in their order; names beyond the last look begin again."""
    return dict(zip(dict.fromkeys(names), itertools.cycle(SEQUENCE)))


RULES = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.5,
    "errorbar.capsize": 2.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "ektm",
}


def look_of(record: Record) -> tuple[str, Look]:
    """A record's series by its backend; frameworks have two ways to run, which the name tells."""
    name = "torchscript" if record.text("name").endswith("_torchscript") else record.text("backend")
    return name, LOOKS.get(name, SEQUENCE[hash_of(name) % len(SEQUENCE)])


def hash_of(name: str) -> int:
    """The same in every process, unlike Python's own."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(name))


matplotlib.rcParams.update(RULES)


def canvas(
    rows: int, columns: int, size: tuple[float, float], **options: object
) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, row by row. Size is in inches."""
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, **options)
    return figure, [axis for line in axes for axis in line]


def points(
    axes: Axes,
    xs: Sequence[float],
    ys: Sequence[Interval],
    noisy: Sequence[bool],
    look: Look,
    label: str,
    line: bool = True,
) -> None:
    """A series with its intervals. Noisy points are hollow."""
    if line:
        axes.plot(xs, [y.median for y in ys], color=look.colour, linestyle=look.line, zorder=2)
    for hollow in (False, True):
        chosen = [i for i, doubtful in enumerate(noisy) if bool(doubtful) == hollow]
        if not chosen:
            continue
        below = [max(0.0, ys[i].median - ys[i].lo) for i in chosen]
        above = [max(0.0, ys[i].hi - ys[i].median) for i in chosen]
        axes.errorbar(
            [xs[i] for i in chosen],
            [ys[i].median for i in chosen],
            yerr=[below, above],
            color=look.colour,
            marker=look.marker,
            linestyle="none",
            elinewidth=1,
            capsize=2,
            markerfacecolor=PAPER if hollow else look.colour,
            zorder=3,
        )
    axes.plot(
        [],
        [],
        color=look.colour,
        marker=look.marker,
        linestyle=look.line if line else "none",
        label=label,
    )


def plain(value: float, _position: object = None) -> str:
    """A number as one would say it: no powers of ten, no needless digits."""
    if value and abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"


def log_ticks(least: float, most: float) -> list[float]:
    """1, 2, 5, 10, ... between two numbers above 0; more in a narrow range, fewer in a wide one."""
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    steps: tuple[float, ...] = (1, 2, 5) if most / least < 2e3 else (1,)
    if most / least < 8:
        steps = (1, 1.5, 2, 3, 4, 5, 6, 8)
    ticks = (step * 10.0**decade for decade in decades for step in steps)
    return [tick for tick in ticks if least <= tick <= most]


def log_axis(axis: Axis, least: float, most: float, ticks: Sequence[float] | None = None) -> None:
    """A logarithmic axis with its limits; ticks are plain numbers, few and round."""
    (axis.axes.set_xlim if axis.axis_name == "x" else axis.axes.set_ylim)(least, most)
    axis.set_ticks(list(ticks if ticks is not None else log_ticks(least, most)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(plain))


def limit_line(axes: Axes, limit: float, slo: str, upright: bool = False) -> None:
    """The objective: one look in all pictures."""
    draw = axes.axvline if upright else axes.axhline
    draw(limit, color=INK, linewidth=1.3, linestyle=(0, (6, 2)), zorder=1, label=f"SLO, {slo}")


def caption(note: str, sources: Sequence[tuple[str, Run]]) -> str:
    """What a picture shows, where and when it was measured, and by which command. Sources: machines
    by name and their runs."""
    lines = [note]
    for machine, run in sources:
        cpu = run.machine.text("cpu")
        day = run.time.replace("T", " ").rstrip("Z")
        commit = run.machine.text("commit")
        lines.append(f"{machine} ({cpu}), {day} UTC, commit {commit}: {run.command}")
    return "\n".join(dict.fromkeys(lines))


def _wrapped(text: str, inches: float) -> str:
    """Lines that fit the width of a figure in the caption's small letters."""
    letters = int(inches * LETTERS_AN_INCH)
    lines = (textwrap.wrap(line, letters, break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join(line for wrapped in lines for line in wrapped)


def finish(
    figure: Figure, title: str, text: str, legend: Sequence[Axes] = (), columns: int = 5
) -> None:
    """Title above, one legend for all panels below it, caption below everything."""
    handles: dict[str, object] = {}
    for axes in legend:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    height = figure.get_figheight()
    text = _wrapped(text, figure.get_figwidth())
    columns = min(columns, max(len(handles), 1))
    aside = [
        figure.text(
            0.012, 1 - 0.06 / height, title, ha="left", va="top", fontsize=11.5, fontweight="bold"
        ),
        figure.text(
            0.012, 0.05 / height, text, ha="left", va="bottom", fontsize=7.2, linespacing=1.35
        ),
    ]
    if handles:
        aside.append(
            figure.legend(
                handles.values(),
                handles.keys(),
                loc="upper left",
                ncol=columns,
                handlelength=2.8,
                bbox_to_anchor=(0.004, 1 - 0.27 / height),
                columnspacing=1.6,
                borderaxespad=0.2,
            )
        )
    for artist in aside:
        artist.set_in_layout(False)
    top = 0.32 + 0.19 * -(-len(handles) // columns)
    bottom = 0.1 + 0.145 * (text.count("\n") + 1)
    figure.tight_layout(rect=(0, bottom / height, 1, 1 - top / height), h_pad=1.2, w_pad=1.2)


def save(figure: Figure, path: Path) -> None:
    """SVG and PNG, the same bytes each time they are drawn from the same records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"))
    pyplot.close(figure)
