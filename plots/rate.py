"""Rate against a percentile of latency: where a machine's knee lies, and what it holds at the
objective."""

from __future__ import annotations

from matplotlib.axes import Axes

from plots import style
from plots.load import (
    engine,
    is_highest,
    is_point,
    newest_server,
    objective,
    percentile_ms,
    seats,
    slo_of,
)
from plots.picture import Absent, Picture
from plots.records import Machine, Record


def _curves(
    axes: Axes, records: list[Record], percentile: str, looks: dict[str, style.Look]
) -> None:
    """A line for each layout."""
    for layout, look in looks.items():
        chosen = sorted(
            (
                r
                for r in records
                if is_point(r) and seats(r) == layout and percentile_ms(r, percentile)
            ),
            key=lambda r: r.number("offered") or 0,
        )
        if chosen:
            style.points(
                axes,
                [r.number("offered") or 0 for r in chosen],
                [p for r in chosen if (p := percentile_ms(r, percentile))],
                [r.noisy for r in chosen],
                look,
                layout,
            )


def _found(axes: Axes, records: list[Record], limit: float, looks: dict[str, style.Look]) -> None:
    """Each search's outcome on the objective's line, with its interval; beside other work, too."""
    for r in records:
        highest = r.interval("highest")
        if not is_highest(r) or highest is None or seats(r) not in looks:
            continue
        beside = r.text("antagonist") not in ("", "none")
        colour = looks[seats(r)].colour
        axes.errorbar(
            highest.median,
            limit,
            xerr=[[highest.median - highest.lo], [highest.hi - highest.median]],
            marker="|",
            markersize=16,
            markeredgewidth=2.4,
            color=colour,
            capsize=4,
            elinewidth=1.4,
            zorder=5,
        )
        text = f"{highest.median:,.0f}/s" + (f"\nbeside\n{r.text('antagonist')}" if beside else "")
        axes.annotate(
            text,
            (highest.median, limit),
            xytext=(0, -14 if beside else 10),
            textcoords="offset points",
            ha="center",
            va="top" if beside else "bottom",
            fontsize=7.5,
            color=style.INK,
            bbox={
                "boxstyle": "square,pad=0.1",
                "facecolor": style.PAPER,
                "edgecolor": "none",
                "alpha": 0.8,
            },
            zorder=6,
        )


def _draw(machine: Machine, preset: str) -> Picture | None:
    found = newest_server(machine, preset)
    if found is None:
        return None
    run, records = found
    records = [r for r in records if is_point(r) or is_highest(r)]
    slo = slo_of(records)
    limit = objective(slo)
    if limit is None:
        return None
    seen = [p for r in records if (p := percentile_ms(r, limit.percentile))]
    engines = list(dict.fromkeys(engine(r) for r in records))
    looks = style.looks_of(seats(r) for r in records)
    columns = min(3, len(engines))
    rows = -(-len(engines) // columns)
    figure, panels = style.canvas(
        rows, columns, (4.6 * columns if columns < 3 else 10.4, 1.5 + 3.3 * rows), sharey=True
    )
    for axes, name in zip(panels, engines):
        here = [r for r in records if engine(r) == name]
        _curves(axes, here, limit.percentile, looks)
        axes.axhline(
            limit.ns * 1e-6,
            color=style.INK,
            linewidth=1.3,
            linestyle=(0, (6, 2)),
            zorder=4,
            label=f"SLO, {slo}",
        )
        _found(axes, here, limit.ns * 1e-6, looks)
        axes.set(yscale="log", title=name, xlim=(0, None))
        style.log_axis(
            axes.yaxis,
            min(limit.ns * 0.3e-6, *(p.lo * 0.8 for p in seen)),
            max(limit.ns * 4e-6, *(p.hi * 1.25 for p in seen)),
        )
        axes.set_xlabel("queries a second, offered")
    for axes in panels[len(engines) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel(f"{limit.percentile} of latency, ms (log scale)")
    title = f"How many queries a second hold {slo}: {preset} on {machine.name}"
    first = records[0]
    note = (
        "Open loop, Poisson arrivals, latency from the scheduled arrival; candidates of a query:"
        f" {first.text('candidates')}. Lines: instances × threads.\nUpright strokes: the highest"
        " rate that holds the objective, with its 95 % interval. Bars: 95 % intervals; hollow:"
        " noisy; invalid ones are left out."
    )
    style.finish(figure, title, style.caption(machine.name, [run], note), panels, columns=4)
    best = max(
        (h.median for r in records if is_highest(r) and (h := r.interval("highest"))), default=0.0
    )
    alt = (
        f"{limit.percentile} against offered rate; the most that holds {slo} is {best:,.0f} queries"
        " a second."
    )
    return Picture(f"rate-{preset}", title, alt, figure)


def draw(machine: Machine) -> list[Picture]:
    """One picture for each model that served."""
    drawn = [p for preset in machine.values("preset", ("load",)) if (p := _draw(machine, preset))]
    if not drawn:
        raise Absent(
            "rate: no server was measured under load against an objective; `ektm load --slo"
            " p99=10ms` does that"
        )
    return drawn
