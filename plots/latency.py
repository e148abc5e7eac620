"""Latency distribution: how many queries wait longer than a given time, out into the tail."""

from __future__ import annotations

from matplotlib.axes import Axes

from plots import style
from plots.load import (
    engine,
    is_highest,
    is_point,
    newest_load,
    newest_server,
    objective,
    percentile_ms,
    seats,
    slo_of,
)
from plots.picture import Absent, Picture
from plots.records import Machine, Record

PERCENTILES = {"p50": 0.5, "p95": 0.05, "p99": 0.01, "p99.9": 0.001}
MOST_RATES = 6


def _beyond(record: Record) -> list[tuple[float, float]]:
    """Of each upper bound in ms, the share of queries that took longer."""
    counts = sorted(
        (float(bound), int(count)) for bound, count in record.members("histogram").items()
    )
    total = sum(count for _, count in counts)
    curve, passed = [], 0
    for bound, count in counts:
        passed += count
        if total > passed:
            curve.append((bound * 1e-6, 1 - passed / total))
    return curve


def _line(axes: Axes, record: Record, look: style.Look, label: str) -> None:
    """The measured distribution, and its percentiles with their intervals."""
    curve = _beyond(record)
    axes.plot(
        [x for x, _ in curve],
        [y for _, y in curve],
        color=look.colour,
        linestyle=look.line,
        zorder=2,
    )
    for name, share in PERCENTILES.items():
        p = percentile_ms(record, name)
        if p:
            axes.errorbar(
                p.median,
                share,
                xerr=[[max(0.0, p.median - p.lo)], [max(0.0, p.hi - p.median)]],
                color=look.colour,
                marker=look.marker,
                linestyle="none",
                elinewidth=1.2,
                zorder=3,
                markerfacecolor=style.PAPER if record.noisy else look.colour,
            )
    axes.plot([], [], color=look.colour, linestyle=look.line, marker=look.marker, label=label)


def _best_setting(records: list[Record]) -> tuple[str, str] | None:
    """Engine and layout with the highest rate at the objective; without a search, the first that
    served."""
    searched = [r for r in records if is_highest(r) and r.text("antagonist") in ("", "none")]
    best = max(searched, key=lambda r: (r.interval("highest") or (0,))[0], default=None)
    best = best or next((r for r in records if is_point(r)), None)
    return (engine(best), seats(best)) if best else None


def _is_alone(record: Record) -> bool:
    """One query at a time, with nothing beside it."""
    return record.text("scenario") == "single-stream" and record.text("antagonist") in ("", "none")


def _under_load(records: list[Record], setting: tuple[str, str]) -> list[tuple[str, Record]]:
    """One query at a time, then rising rates, evenly chosen where there are many."""
    alone = [r for r in records if _is_alone(r) and engine(r) == setting[0]][:1]
    points = [r for r in records if is_point(r) and (engine(r), seats(r)) == setting]
    points.sort(key=lambda r: r.number("offered") or 0)
    step = max(1, -(-len(points) // MOST_RATES))
    rates = [(f"{r.number('offered') or 0:,.0f} queries/s", r) for r in points[::-1][::step]]
    return [("one query at a time", r) for r in alone] + rates[::-1]


def _chosen(records: list[Record]) -> list[tuple[str, Record]]:
    """What serves most at several rates; where nothing serves, each way to answer one query."""
    records = [r for r in records if r.members("histogram")]
    setting = _best_setting(records)
    if setting:
        return _under_load(records, setting)
    return [(f"{engine(r)}, {seats(r)}", r) for r in records if _is_alone(r)]


def _objective(axes: Axes, slo: str) -> None:
    """The time as a line, and on it the share that may take longer as a square."""
    limit = objective(slo)
    if limit is None:
        return
    style.limit_line(axes, limit.ns * 1e-6, slo, upright=True)
    if limit.percentile in PERCENTILES:
        axes.plot(
            limit.ns * 1e-6,
            PERCENTILES[limit.percentile],
            marker="s",
            markersize=11,
            markerfacecolor="none",
            color=style.INK,
            zorder=5,
        )


def _frame(axes: Axes, records: list[Record], slo: str) -> None:
    """The tail has as much room as the middle; its shares are named by their percentiles."""
    axes.set(xscale="log", yscale="log", ylim=(5e-4, 1.1))
    axes.set(xlabel="latency, ms (log scale)", ylabel="share of queries that take longer")
    names = ["all", "half (p50)", "5 % (p95)", "1 % (p99)", "0.1 % (p99.9)"]
    axes.set_yticks([1, *PERCENTILES.values()], names)
    axes.minorticks_off()
    seen = [x for r in records for x, share in _beyond(r) if share > 5e-4]
    seen += [p.hi * 1e-6 for r in records for p in r.intervals("latency").values()]
    limit = objective(slo)
    seen += [limit.ns * 1e-6] if limit else []
    style.log_axis(axes.xaxis, min(seen) * 0.9, max(seen) * 1.1)


def _draw(machine: Machine, preset: str) -> Picture | None:
    found = newest_server(machine, preset) or newest_load(machine, preset)
    chosen = _chosen(found[1]) if found else []
    if found is None or not chosen:
        return None
    run, records = found
    figure, panels = style.canvas(1, 1, (8.2, 5.6))
    looks = style.looks_of(label for label, _ in chosen)
    for label, record in chosen:
        _line(panels[0], record, looks[label], label)
    _objective(panels[0], slo_of(records))
    _frame(panels[0], [record for _, record in chosen], slo_of(records))
    server = chosen[-1][1]
    said = f"{engine(server)}, {seats(server)}, what serves most"
    title = f"How long queries take: {preset} on {machine.name}"
    note = (
        f"{said if is_point(server) else 'One query at a time'}. A line that passes left of the"
        " square holds the objective. Lines: histogram;\nmarkers: percentiles with 95 % intervals,"
        " hollow where noisy. A percentile that a run is too short for is left out."
    )
    style.finish(figure, title, style.caption(note, [(machine.name, run)]), panels)
    alt = f"Share of queries of {preset} beyond each latency, {len(chosen)} lines."
    return Picture(f"latency-{preset}", title, alt, figure)


def draw(machine: Machine) -> list[Picture]:
    """One picture for each model that served."""
    drawn = [p for preset in machine.values("preset", ("load",)) if (p := _draw(machine, preset))]
    if not drawn:
        raise Absent("latency: no latencies under load with a histogram; `ektm load` records them")
    return drawn
