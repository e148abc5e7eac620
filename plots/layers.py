"""Speed of each layer against the reference, the compiler and peers.

The compiler's loops at the same instruction set are 1: a kernel to the right of the line is worth
its hand-written lines by that factor. Ratios are those of the records, taken side by side in the
same seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes

from plots import style
from plots.picture import Absent, Picture, rows_text
from plots.records import Interval, Machine, Record

SHOWN_BATCHES = 3
LEFT = 0.3
TICKS = (0.5, 1, 2, 3, 4, 6, 10, 20, 50)


def _chosen_batches(records: list[Record]) -> list[int]:
    """The smallest, the largest and one between: a row alone, in a crowd, and as usual."""
    batches = sorted({r.batch for r in records if r.text("backend") != "reference"})
    if len(batches) <= SHOWN_BATCHES:
        return batches
    return [batches[0], batches[len(batches) // 2], batches[-1]]


def _ratio(record: Record, references: dict[str, Interval]) -> Interval | None:
    """Times as fast as the compiler's loops. The reference was timed once for each layer, so its
    ratio follows from the compiler's to it."""
    if record.text("backend") == "reference":
        against = references.get(record.text("layer"))
        return against.inverse(1.0) if against else None
    return record.interval("x_compiler")


def _references(records: list[Record]) -> dict[str, Interval]:
    """How many times as fast as the reference each layer's compiled loops are, at the best ISA."""
    best: dict[str, Interval] = {}
    for r in records:
        ratio = r.interval("x_reference")
        if r.text("backend") != "compiler" or ratio is None:
            continue
        layer = r.text("layer")
        if layer not in best or ratio.median > best[layer].median:
            best[layer] = ratio
    return best


def _best_of_each(
    records: list[Record], references: dict[str, Interval]
) -> dict[tuple[str, str], Record]:
    """Of each layer and series one record: there may be kernels of one backend for several ISAs."""
    best: dict[tuple[str, str], Record] = {}
    for r in records:
        key = (r.text("layer"), style.look_of(r)[0])
        ratio = _ratio(r, references)
        held = _ratio(best[key], references) if key in best else None
        if ratio and (held is None or ratio.median > held.median):
            best[key] = r
    return best


def _mark(axes: Axes, line: float, ratio: Interval, noisy: bool, look: style.Look) -> None:
    """One kernel. The reference is so far to the left that it is written at the edge instead."""
    if ratio.median < LEFT:
        axes.annotate(
            f"◂ {look.marker} {ratio.median:.2g}",
            (LEFT, line),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=7.5,
            va="center",
            color=style.INK,
        )
        return
    axes.errorbar(
        ratio.median,
        line,
        xerr=[[max(0.0, ratio.median - ratio.lo)], [max(0.0, ratio.hi - ratio.median)]],
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        elinewidth=1,
        zorder=3,
        markersize=5,
        markerfacecolor=style.PAPER if noisy else look.colour,
    )


def _panel(
    axes: Axes, layers: list[str], records: list[Record], references: dict[str, Interval]
) -> None:
    """One batch: a line for each layer, a marker for each backend, apart where they would hide
    each other."""
    best = _best_of_each(records, references)
    names = [name for name in style.LOOKS if any(key[1] == name for key in best)]
    for (layer, name), record in best.items():
        ratio = _ratio(record, references)
        if ratio and name in names:
            offset = (
                0.34
                if ratio.median < LEFT
                else (names.index(name) / max(len(names) - 1, 1) - 0.5) * 0.7
            )
            _mark(axes, layers.index(layer) + offset, ratio, record.noisy, style.LOOKS[name])
    for name in names:
        axes.plot(
            [],
            [],
            linestyle="none",
            marker=style.LOOKS[name].marker,
            color=style.LOOKS[name].colour,
            label=name,
        )


def _frame(axes: Axes, layers: list[str], most: float) -> None:
    """A row for each layer, the compiler's loops as an upright line."""
    axes.axvline(1, color=style.INK, linewidth=1, zorder=1)
    axes.set_yticks(range(len(layers)), layers)
    axes.set_ylim(len(layers) - 0.45, -0.55)
    axes.grid(False, axis="y")
    for edge in range(1, len(layers)):
        axes.axhline(edge - 0.5, color=style.FAINT, linewidth=0.5, alpha=0.5, zorder=0)
    axes.set(xscale="log", xlabel="times as fast as the compiler's loops")
    style.log_axis(axes.xaxis, LEFT, most, [tick for tick in TICKS if tick < most])


def _is_kernel(preset: str, dtype: str) -> Callable[[Record], bool]:
    return (
        lambda r: r.kind == "kernel"
        and r.text("preset") == preset
        and r.text("dtype") == dtype
        and r.threads == 1
    )


def _draw(machine: Machine, preset: str, dtype: str) -> Picture | None:
    is_kernel = _is_kernel(preset, dtype)
    found = machine.newest(lambda r: is_kernel(r) and r.interval("x_compiler") is not None)
    if found is None:
        return None
    run = found[0]
    records = run.having(is_kernel)
    batches = _chosen_batches(records)
    layers = list(dict.fromkeys(r.text("layer") for r in records))
    references = _references(records)
    most = max(ratio.hi for r in records if (ratio := _ratio(r, references)))
    size = (9.4, 1.5 + 0.62 * len(layers))
    figure, panels = style.canvas(1, len(batches), size, sharex=True, sharey=True)
    for axes, batch in zip(panels, batches):
        here = [r for r in records if r.batch == batch or r.text("backend") == "reference"]
        _frame(axes, layers, most * 1.15)
        _panel(axes, layers, here, references)
        axes.set_title(f"batches of {rows_text(batch)}")
    title = f"What hand-tuned kernels are worth, layer by layer: {preset}, {dtype}"
    note = (
        "One thread, warm; 1 is the same layer in plain C, vectorised by the compiler at the same"
        " instruction set. Further right is faster.\nBars: 95 % intervals, mostly narrower than the"
        " marker. Hollow: noisy. ◂ + at the edge: the scalar reference, timed at one batch."
    )
    sources = [(machine.name, run)]
    style.finish(figure, title, style.caption(note, sources), panels, columns=7)
    alt = f"Speed of {len(layers)} layers of {preset} by backend, relative to compiled loops."
    return Picture(f"layers-{preset}-{dtype}", title, alt, figure)


def draw(machine: Machine) -> list[Picture]:
    """One picture for each model and number format that kernels were timed in."""
    pictures = [
        _draw(machine, preset, dtype)
        for preset in machine.values("preset", ("kernel",))
        for dtype in machine.values("dtype", ("kernel",))
    ]
    drawn = [picture for picture in pictures if picture]
    if not drawn:
        raise Absent("layers: no kernels timed beside the compiler's; `ektm bench` does that")
    return drawn
