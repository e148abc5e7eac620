"""Rate against a percentile of latency: where a machine's knee lies, and what it holds at the
objective."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots import style
from plots.load import (
    Objective,
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


def _found(
    axes: Axes, records: list[Record], limit: float, slo: str, looks: dict[str, style.Look]
) -> None:
    """Each search's outcome on the objective's line, with its interval; beside other work, too."""
    for r in records:
        highest = r.interval("highest")
        if not is_highest(r) or highest is None or r.text("slo") != slo:
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
            label=None if seats(r) in axes.get_legend_handles_labels()[1] else seats(r),
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


def _knees(axes: Axes, records: list[Record], slo: str, looks: dict[str, style.Look]) -> None:
    """Where latency begins to climb, as a triangle on the axis of rates."""
    for r in records:
        knee = r.number("knee")
        if knee and r.text("slo") == slo and r.text("antagonist") in ("", "none"):
            foot = axes.get_xaxis_transform()
            colour = looks[seats(r)].colour
            axes.plot(
                knee, 0, marker="^", markersize=9, color=colour, transform=foot, clip_on=False
            )


def _none_holds(axes: Axes, slo: str) -> None:
    """Says so where a panel would stay empty, or its lines never come below the objective."""
    axes.text(
        0.5,
        0.08,
        f"no rate was found that holds {slo}",
        transform=axes.transAxes,
        ha="center",
        fontsize=8.5,
        color=style.INK,
    )


def _figure(records: list[Record], slo: str, limit: Objective) -> tuple[Figure, list[Axes]]:
    """A panel for each backend and format, all on the same scale of latency."""
    seen = [p for r in records if (p := percentile_ms(r, limit.percentile))]
    engines = list(dict.fromkeys(engine(r) for r in records))
    looks = style.looks_of(seats(r) for r in records)
    columns = min(3, len(engines))
    rows = -(-len(engines) // columns)
    size = (10.4 if columns == 3 else 4.9 * max(columns, 1.5), 1.5 + 3.3 * rows)
    figure, panels = style.canvas(rows, columns, size, sharey=True)
    ms = limit.ns * 1e-6
    for place, (axes, name) in enumerate(zip(panels, engines)):
        here = [r for r in records if engine(r) == name]
        _curves(axes, here, limit.percentile, looks)
        style.limit_line(axes, ms, slo)
        _found(axes, here, ms, slo, looks)
        _knees(axes, here, slo, looks)
        if not any(is_highest(r) and r.text("slo") == slo for r in here):
            _none_holds(axes, slo)
        axes.set(yscale="log", title=name, xlim=(0, None), xlabel="queries a second, offered")
        least, most = min(p.lo for p in seen), max(p.hi for p in seen)
        style.log_axis(axes.yaxis, min(ms * 0.3, least * 0.8), max(ms * 4, most * 1.25))
        if place % columns == 0:
            axes.set_ylabel(f"{limit.percentile} of latency, ms (log scale)")
    for axes in panels[len(engines) :]:
        axes.set_visible(False)
    return figure, panels


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
    figure, panels = _figure(records, slo, limit)
    title = f"How many queries a second hold {slo}: {preset} on {machine.name}"
    note = (
        "Open loop, Poisson arrivals, latency from the scheduled arrival; candidates of a query:"
        f" {records[0].text('candidates')}. Lines: instances × threads.\nUpright strokes: the"
        " highest rate that holds the objective, with its 95 % interval; triangles: knees,"
        " beyond which waiting is longer than computing. Bars: 95 % intervals; hollow: noisy;"
        " invalid ones are left out."
    )
    style.finish(figure, title, style.caption(note, [(machine.name, run)]), panels)
    rates = (h.median for r in records if is_highest(r) and (h := r.interval("highest")))
    alt = (
        f"{limit.percentile} against offered rate; at most {max(rates, default=0):,.0f} queries a"
        f" second hold {slo}."
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
