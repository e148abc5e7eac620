"""Time per row against batch: what the whole model costs in requests of each size."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots import style
from plots.picture import FRAMEWORKS, Absent, Picture, formats_text, threads_text
from plots.records import Interval, Machine, Record, Run


def _wanted(preset: str) -> Callable[[Record], bool]:
    """Whole passes that compete: not those that only show what another order costs."""
    return lambda r: (
        r.kind == "model"
        and r.text("preset") == preset
        and not r.text("name").endswith("_layers")
        and r.interval("ns") is not None
    )


def _per_row(record: Record) -> Interval:
    """In microseconds."""
    ns = record.interval("ns")
    assert ns is not None
    return ns.scaled(1e-3 / record.batch)


def _least(records: list[Record]) -> list[Record]:
    """The fastest at each batch, by batch: one series may hold several ISAs and placements."""
    best: dict[int, Record] = {}
    for r in records:
        if r.batch not in best or _per_row(r).median < _per_row(best[r.batch]).median:
            best[r.batch] = r
    return [best[batch] for batch in sorted(best)]


def _series(records: list[Record]) -> dict[tuple[str, str], list[Record]]:
    """By backend and formats. Of narrow formats only the fastest backend is shown: the figure is
    about what formats are worth there, not who computes them."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for r in records:
        groups.setdefault((style.look_of(r)[0], formats_text(r)), []).append(r)
    shown = {key: _least(group) for key, group in groups.items() if key[1] == "f32"}
    for formats in sorted({key[1] for key in groups} - {"f32"}):
        rivals = [r for key, group in groups.items() if key[1] == formats for r in group]
        shown[("best", formats)] = _least(rivals)
    return shown


FORMAT_LOOKS = {
    "bf16": style.SEQUENCE[2],
    "i8": style.SEQUENCE[3],
    "mixed formats": style.SEQUENCE[6],
}


def _panel(axes: Axes, series: dict[tuple[str, str], list[Record]]) -> None:
    for name in [*style.LOOKS, "best"]:
        for (backend, formats), records in series.items():
            if backend != name:
                continue
            look = (
                FORMAT_LOOKS.get(formats, style.SEQUENCE[7])
                if backend == "best"
                else style.look_of(records[0])[1]
            )
            label = f"{formats}, the fastest" if backend == "best" else backend
            style.points(
                axes,
                [r.batch for r in records],
                [_per_row(r) for r in records],
                [r.noisy for r in records],
                look,
                label,
            )


def _roof(axes: Axes, records: list[Record]) -> None:
    """The least that the machine allows in f32, by the record that is nearest to it."""
    roofs: dict[int, float] = {}
    for r in records:
        share, ns = r.number("roofline"), r.interval("ns")
        if share and ns and formats_text(r) == "f32" and r.text("backend") not in FRAMEWORKS:
            roofs[r.batch] = min(
                roofs.get(r.batch, float("inf")), ns.median * share * 1e-3 / r.batch
            )
    if roofs:
        xs = sorted(roofs)
        axes.plot(
            xs,
            [roofs[x] for x in xs],
            color=style.FAINT,
            linewidth=4,
            alpha=0.4,
            solid_capstyle="round",
            zorder=1,
            label="roof (f32)",
        )


def _runs(machine: Machine, preset: str) -> list[Run]:
    """The newest run of our own backends, and the newest of frameworks."""
    found = (machine.newest(_wanted(preset), command) for command in ("bench", "frameworks"))
    return [run for run, _ in filter(None, found)]


def _competitors(runs: list[Run], preset: str) -> list[Record]:
    """Ours from our run, frameworks from theirs. The reference, timed once, does not compete."""
    return [
        r
        for run in runs
        for r in run.having(_wanted(preset))
        if (run is runs[0] or r.text("backend") in FRAMEWORKS) and r.text("backend") != "reference"
    ]


def _thread_counts(records: list[Record]) -> list[int]:
    """One thread and the most, where there are several batches to draw a line through."""
    counts = sorted({r.threads for r in records})
    batches = {n: {r.batch for r in records if r.threads == n} for n in counts}
    return [n for n in dict.fromkeys((counts[0], counts[-1])) if len(batches[n]) > 1]


def _figure(records: list[Record], counts: list[int]) -> tuple[Figure, list[Axes]]:
    """A panel for each thread count, all on the same scale of time."""
    size = (9.4 if len(counts) > 1 else 6.4, 5.0)
    figure, panels = style.canvas(1, len(counts), size, sharey=True)
    least, most = min(_per_row(r).lo for r in records), max(_per_row(r).hi for r in records)
    for axes, threads in zip(panels, counts):
        chosen = [r for r in records if r.threads == threads]
        _panel(axes, _series(chosen))
        _roof(axes, chosen)
        batches = sorted({r.batch for r in chosen})
        axes.set(xscale="log", yscale="log", title=threads_text(threads))
        axes.set_xlabel("rows of a batch (log scale)")
        style.log_axis(axes.xaxis, batches[0] / 1.3, batches[-1] * 1.3, batches)
        style.log_axis(axes.yaxis, least * 0.8, most * 1.2)
    panels[0].set_ylabel("µs a row (log scale), lower is faster")
    return figure, panels


def _draw(machine: Machine, preset: str) -> Picture | None:
    runs = _runs(machine, preset)
    records = _competitors(runs, preset)
    counts = _thread_counts(records) if records else []
    if not counts:
        return None
    figure, panels = _figure(records, counts)
    title = f"What a row costs in batches of each size: the whole model, {preset}"
    lost = len([r for run in runs for r in run.records if r.invalid and _wanted(preset)(r)])
    note = (
        "Median time of one pass over its rows, weights warm; bars: 95 % intervals; hollow: noisy;"
        f" {lost} invalid left out.\nRoof: what multiply-adds and reads of this machine allow."
    )
    sources = [(machine.name, run) for run in runs]
    style.finish(figure, title, style.caption(note, sources), panels, columns=6)
    fastest = min(records, key=lambda r: _per_row(r).median)
    alt = (
        f"Time a row of {preset} by batch and backend; least: {_per_row(fastest).median:.3g} µs"
        f" by {fastest.text('backend')} at {fastest.batch} rows, {threads_text(fastest.threads)}."
    )
    return Picture(f"batch-{preset}", title, alt, figure)


def draw(machine: Machine) -> list[Picture]:
    """One picture for each model."""
    drawn = [p for preset in machine.values("preset", ("model",)) if (p := _draw(machine, preset))]
    if not drawn:
        raise Absent("batch: no whole model timed at several batches; `ektm bench` does that")
    return drawn
