"""Thread scaling: what each further core brings, and where the machine's own borders lie."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes

from plots import style
from plots.picture import Absent, Picture, rows_text
from plots.records import Interval, Machine, Record, Run


def borders(topology: dict[str, int], placement: str) -> list[tuple[float, str]]:
    """Thread counts at which threads begin to sit in another part of the machine, with the reason.

    Compact threads fill one L3, NUMA node and package before the next; spread ones are in all of
    them from the start. Both come to second hardware threads only when every core has one.
    """
    cores = topology.get("cores", 0)
    found: list[tuple[float, str]] = []
    if placement == "compact":
        for part, name in (("packages", "package"), ("numa_nodes", "NUMA node"), ("l3s", "L3")):
            parts = topology.get(part, 1)
            step = cores // parts if parts else 0
            found += [(step * n + 0.5, name) for n in range(1, parts) if step]
    if topology.get("processors", 0) > cores > 0:
        found.append((cores + 0.5, "second hardware threads"))
    named: dict[float, str] = {}
    for place, name in found:
        named.setdefault(place, f"next {name}" if name != "second hardware threads" else name)
    return sorted(named.items())


def _mark(axes: Axes, run: Run, placement: str, most: int) -> None:
    """Borders as upright lines, each kind named once, below the curves."""
    told: set[str] = set()
    for place, name in borders(run.machine.members("topology"), placement):
        if place >= most:
            continue
        axes.axvline(place, color=style.FAINT, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
        if name not in told:
            axes.text(
                place,
                0.02,
                name,
                transform=axes.get_xaxis_transform(),
                rotation=90,
                fontsize=7.5,
                ha="right",
                va="bottom",
            )
        told.add(name)


def _panel(
    axes: Axes, run: Run, placement: str, series: list[tuple[str, list[Record]]], most: int
) -> None:
    """A line for each batch or layer. Both axes double in steps, so that the ideal is straight."""
    ideal = {"color": style.FAINT, "linewidth": 4, "alpha": 0.35, "zorder": 1, "label": "ideal"}
    axes.plot([1, most], [1, most], **ideal)
    looks = style.looks_of(label for label, _ in series)
    for label, records in series:
        ordered = sorted(records, key=lambda r: r.threads)
        speedups = [s for r in ordered if (s := r.interval("speedup"))]
        noisy = [False, *(r.noisy for r in ordered)]
        xs = [1, *(r.threads for r in ordered)]
        style.points(axes, xs, [_ONE, *speedups], noisy, looks[label], label)
    _mark(axes, run, placement, most)
    axes.set(xscale="log", yscale="log", xlabel="threads (log scale)")
    doublings = [2**power for power in range(most.bit_length())]
    style.log_axis(axes.xaxis, 0.9, most * 1.1, doublings)
    quarters = [step / 4 for step in range(4, 4 * most + 1)]
    style.log_axis(axes.yaxis, 0.8, most * 1.25, doublings if most > 4 else quarters)
    axes.legend(loc="upper left", fontsize=7.5, handlelength=2.6)


def _group(records: list[Record], key: Callable[[Record], str]) -> list[tuple[str, list[Record]]]:
    groups: dict[str, list[Record]] = {}
    for r in records:
        groups.setdefault(key(r), []).append(r)
    return list(groups.items())


_ONE = Interval(1.0, 1.0, 1.0)


def _model_series(records: list[Record]) -> list[tuple[str, list[Record]]]:
    """A batch that all threads share, by its rows; and a batch of its own for each thread."""
    shared = sorted((r for r in records if r.count("base_rows") == r.batch), key=lambda r: r.batch)
    own = [r for r in records if r.count("base_rows") != r.batch]
    return [
        *_group(shared, lambda r: f"model, {rows_text(r.batch)} shared"),
        *_group(own, lambda r: f"model, {rows_text(r.count('base_rows'))} each"),
    ]


def _panels(records: list[Record]) -> list[tuple[str, str, list[tuple[str, list[Record]]]]]:
    """Title, placement and series of each panel: the model and its layers, by placement."""
    panels = []
    for placement in dict.fromkeys(r.text("placement") for r in records):
        here = [r for r in records if r.text("placement") == placement]
        model = _model_series([r for r in here if r.kind == "model"])
        layers = _group([r for r in here if r.kind == "kernel"], lambda r: r.text("layer"))
        for title, series in (("the whole model", model), ("its layers", layers)):
            if series:
                panels.append((f"{title}, {placement}", placement, series))
    return panels


def _draw(machine: Machine, preset: str) -> Picture | None:
    found = machine.newest(
        lambda r: r.kind in ("model", "kernel")
        and r.text("preset") == preset
        and r.threads > 1
        and r.text("dtype") == "f32"
        and r.interval("speedup") is not None
    )
    if found is None:
        return None
    run, records = found
    most = max(r.threads for r in records)
    panels = _panels(records)
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes_list = style.canvas(rows, columns, (4.7 * columns, 1.4 + 3.4 * rows))
    for place, (title, placement, series) in enumerate(panels):
        _panel(axes_list[place], run, placement, series, most)
        axes_list[place].set_title(title)
        if place % columns == 0:
            axes_list[place].set_ylabel("times the rows/s of one thread (log scale)")
    for axes in axes_list[len(panels) :]:
        axes.set_visible(False)
    lost = [r for r in run.records if r.invalid and r.threads > 1 and r.kind in ("model", "kernel")]
    title = f"What further threads bring: {preset}"
    note = (
        "Speed-up over one thread with the same batch, or with the share of one. Upright lines:"
        " threads enter another part of the machine.\n"
        f"Bars: 95 % intervals; hollow: noisy; {len(lost)} invalid left out."
    )
    style.finish(figure, title, style.caption(note, [(machine.name, run)]))
    alt = f"Speed-up of {preset} and its layers on up to {most} threads."
    return Picture(f"threads-{preset}", title, alt, figure)


def draw(machine: Machine) -> list[Picture]:
    """One picture for each model."""
    drawn = [
        p
        for preset in machine.values("preset", ("model", "kernel"))
        if (p := _draw(machine, preset))
    ]
    if not drawn:
        raise Absent(
            "threads: no valid speed-up on several threads; `ektm bench` measures it where there"
            " are cores"
        )
    return drawn
