"""Roofline: every kernel against what the machine allows.

A panel for each op, since one cloud of all kernels hides which of them is where. Across: how many
operations a kernel does for a byte that it must move. Up: how many it does in a second. No point
can lie above the roof, but for what a cache nearer than the probe's can add.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots import style
from plots.picture import Absent, Picture
from plots.records import Machine, Record, Run

OPS = ("dense", "transmitter", "enhanced", "head", "embedding", "router")
LEVELS = ("L1", "L2", "L3", "memory")
LEVEL_LINES = {"L1": "-", "L2": "--", "L3": "-.", "memory": ":"}


def _peak(run: Run, dtype: str) -> float | None:
    """Most operations a second on one thread, in units of 10^9."""
    ops = ("fma",) if dtype == "f32" else ("dot",)
    found = run.having(
        lambda r: r.kind == "ceiling"
        and r.text("op") in ops
        and r.text("dtype") == dtype
        and r.threads == 1
        and not r.text("preset")
    )
    rates = [rate for r in found if (rate := r.number("gflops"))]
    return max(rates, default=None)


def _streams(run: Run) -> dict[str, float]:
    """GB/s that one thread can read from each level."""
    best: dict[str, float] = {}
    for r in run.having(
        lambda r: r.kind == "ceiling"
        and r.text("op") == "stream"
        and r.threads == 1
        and not r.text("preset")
        and "read" in r.text("ceiling")
    ):
        level, rate = r.text("level"), r.number("gbytes")
        if level in LEVELS and rate:
            best[level] = max(rate, best.get(level, 0.0))
    return best


def _roof(
    axes: Axes, peak: float, streams: dict[str, float], left: float, right: float, named: bool
) -> None:
    """The roof, with its figures in the panel that has room for them."""
    axes.plot([left, right], [peak, peak], color=style.INK, linewidth=1.1, zorder=1)
    axes.text(
        right,
        peak * 1.15,
        f"{peak:.0f} Gop/s",
        ha="right",
        va="bottom",
        fontsize=7.5,
        color=style.INK,
    )
    for level, rate in streams.items():
        axes.plot(
            [left, min(right, peak / rate)],
            [left * rate, min(right * rate, peak)],
            color=style.FAINT,
            linestyle=LEVEL_LINES[level],
            linewidth=1.1,
            zorder=1,
            label=f"read {level}, {rate:.0f} GB/s" if named else None,
        )


def _intensity(record: Record) -> float | None:
    flops, size = record.number("flops"), record.number("bytes")
    return flops / size if flops and size else None


def _panel(axes: Axes, records: list[Record]) -> None:
    """All kernels of one op, a series for each backend; ours lie above the others."""
    series: dict[str, list[Record]] = {}
    for record in records:
        series.setdefault(style.look_of(record)[0], []).append(record)
    order = list(style.LOOKS)
    for name in sorted(series, key=lambda n: order.index(n) if n in order else len(order)):
        look = style.look_of(series[name][0])[1]
        depth = 4 - order.index(name) / len(order) if name in order else 3
        for noisy in (False, True):
            chosen = [r for r in series[name] if r.noisy == noisy]
            axes.plot(
                [_intensity(r) or 0 for r in chosen],
                [r.number("gflops") or 0 for r in chosen],
                linestyle="none",
                marker=look.marker,
                markersize=4.6,
                color=look.colour,
                markerfacecolor=style.PAPER if noisy else look.colour,
                zorder=depth,
                label=None if noisy else name,
            )


def _bounds(records: list[Record], peak: float) -> tuple[float, float, float]:
    """Left and right end of the intensities, and the lowest rate, each with some air."""
    xs = [x for r in records if (x := _intensity(r))]
    ys = [y for r in records if (y := r.number("gflops"))]
    return min(xs) * 0.6, max(*xs, 1.0) * 1.8, min(*ys, peak) * 0.6


def _tenfold(least: float, most: float) -> list[float]:
    """Powers of ten between them."""
    return [tick for tick in (0.01, 0.1, 1, 10, 100, 1000, 10000) if least < tick < most]


def _figure(
    records: list[Record], peak: float, streams: dict[str, float]
) -> tuple[Figure, list[Axes]]:
    """A panel for each op, all on the same axes."""
    ops = [op for op in OPS if any(r.text("op") == op for r in records)]
    columns = 3 if len(ops) > 4 else 2
    rows = -(-len(ops) // columns)
    figure, panels = style.canvas(rows, columns, (9.4, 1.4 + 2.4 * rows), sharex=True, sharey=True)
    left, right, low = _bounds(records, peak)
    for place, (axes, op) in enumerate(zip(panels, ops)):
        _roof(axes, peak, streams, left, right, named=place == 0)
        _panel(axes, [r for r in records if r.text("op") == op])
        axes.set(xscale="log", yscale="log", title=op)
        style.log_axis(axes.xaxis, left, right, _tenfold(left, right))
        style.log_axis(axes.yaxis, low, peak * 2.6, _tenfold(low, peak * 2.6))
        if place + columns >= len(ops):
            axes.set_xlabel("operations a byte")
            axes.tick_params(labelbottom=True)
        if place % columns == 0:
            axes.set_ylabel("Gop/s, one thread")
    for axes in panels[len(ops) :]:
        axes.set_visible(False)
    return figure, panels[: len(ops)]


def _draw(machine: Machine, preset: str, dtype: str) -> Picture | None:
    found = machine.newest(
        lambda r: r.kind == "kernel"
        and r.text("preset") == preset
        and r.text("dtype") == dtype
        and r.threads == 1
        and _intensity(r) is not None
        and r.number("gflops") is not None
    )
    if found is None:
        return None
    run, records = found
    ceilings = machine.newest(lambda r: r.kind == "ceiling" and not r.text("preset")) or found
    peak, streams = _peak(ceilings[0], dtype), _streams(ceilings[0])
    if peak is None or not streams:
        return None
    figure, panels = _figure(records, peak, streams)
    title = f"How near each kernel is to the roof: {preset}, {dtype}"
    note = (
        "Every kernel at every batch, medians; Gop: 10⁹ operations. The roof: multiply-adds (two"
        " operations each), and reads from each level.\nHollow: noisy. Bigger batches are further"
        " right: they use each byte of weights more often."
    )
    runs = [run] if ceilings[0] is run else [run, ceilings[0]]
    style.finish(
        figure, title, style.caption(note, [(machine.name, run) for run in runs]), panels, columns=6
    )
    alt = (
        f"{len(records)} kernels of {preset} in {dtype}; the peak is {peak:.0f} billion operations"
        " a second on one thread."
    )
    return Picture(f"roofline-{preset}-{dtype}", title, alt, figure)


def draw(machine: Machine) -> list[Picture]:
    """One picture for each model and number format that kernels were timed in."""
    pictures = [
        _draw(machine, preset, dtype)
        for preset in machine.values("preset", ("kernel",))
        for dtype in machine.values("dtype", ("kernel",))
    ]
    drawn = [picture for picture in pictures if picture]
    if not drawn:
        raise Absent("roofline: no kernels timed beside ceilings; `ektm bench` measures both")
    return drawn
