"""Cost Pareto: what a million queries cost at each latency, and who is on the front.

A machine that is driven harder serves more for its price and lets queries wait longer. Each rate
that was offered is a choice of both; those that no other beats in both make the front.
"""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes

from plots import style
from plots.load import (
    Objective,
    engine,
    is_point,
    newest_server,
    objective,
    percentile_ms,
    seats,
    slo_of,
)
from plots.picture import Absent, Picture, formats_text
from plots.prices import Price
from plots.records import Interval, Machine, Record, Run


class Choice(NamedTuple):
    """One way to serve at one rate."""

    machine: str
    record: Record
    cost: float
    latency: Interval


def cost_per_million(price: float, rate: float) -> float:
    """Of queries, on a machine that serves `rate` of them a second all the time."""
    return price / (rate * 3600) * 1e6


def _choices(machine: str, records: list[Record], price: float, percentile: str) -> list[Choice]:
    """Overloaded rates are no choice: what is shed is not served."""
    found = []
    for r in records:
        rate, latency = r.number("offered"), percentile_ms(r, percentile)
        if is_point(r) and rate and latency and not r.count("shed"):
            found.append(Choice(machine, r, cost_per_million(price, rate), latency))
    return found


def front(choices: list[Choice]) -> list[Choice]:
    """Those that no other beats in both cost and latency, from the cheapest on."""
    best: list[Choice] = []
    for choice in sorted(choices, key=lambda c: (c.cost, c.latency.median)):
        if not best or choice.latency.median < best[-1].latency.median:
            best.append(choice)
    return best


def _draw_choices(axes: Axes, choices: list[Choice]) -> None:
    """Thin lines of one configuration each; colour and marker tell the machine."""
    looks = style.looks_of(c.machine for c in choices)
    curves: dict[tuple[str, str, str], list[Choice]] = {}
    for c in choices:
        curves.setdefault((c.machine, engine(c.record), seats(c.record)), []).append(c)
    for (machine, _, _), curve in curves.items():
        curve.sort(key=lambda c: c.cost)
        look = looks[machine]
        axes.plot(
            [c.cost for c in curve],
            [c.latency.median for c in curve],
            color=look.colour,
            linewidth=0.8,
            alpha=0.45,
            zorder=2,
        )
        for c in curve:
            axes.errorbar(
                c.cost,
                c.latency.median,
                yerr=[[c.latency.median - c.latency.lo], [c.latency.hi - c.latency.median]],
                color=look.colour,
                marker=look.marker,
                markersize=4,
                elinewidth=0.8,
                capsize=1.2,
                zorder=3,
                markerfacecolor=style.PAPER if c.record.noisy else look.colour,
            )
    for machine, look in looks.items():
        axes.plot([], [], color=look.colour, marker=look.marker, linestyle="none", label=machine)


def _draw_front(axes: Axes, best: list[Choice], limit: float, currency: str) -> None:
    """Steps: between two choices one has the dearer one's latency. Named are the
    cheapest that holds the objective, and the fastest."""
    axes.step(
        [c.cost for c in best],
        [c.latency.median for c in best],
        where="post",
        color=style.INK,
        linewidth=2,
        alpha=0.75,
        zorder=4,
        label="front: nothing is cheaper and faster",
    )
    holding = [c for c in best if c.latency.hi <= limit]
    for c in dict.fromkeys([*holding[:1], best[-1]]):
        name = f"{c.machine}, {formats_text(c.record)}\n{seats(c.record)}"
        axes.annotate(
            f"{name}\n{currency} {c.cost:.3g}",
            (c.cost, c.latency.median),
            xytext=(-8, -8),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=7.5,
        )


def _gather(
    machines: list[Machine], prices: dict[str, Price], preset: str
) -> tuple[list[Choice], list[tuple[str, Run]], str]:
    """All choices, their runs, and the objective."""
    served = [
        (m.name, found)
        for m in machines
        if m.name in prices and (found := newest_server(m, preset))
    ]
    slo = slo_of([r for _, (_, records) in served for r in records])
    limit = objective(slo)
    if limit is None:
        return [], [], ""
    choices = [
        c
        for name, (_, records) in served
        for c in _choices(name, records, prices[name].per_hour, limit.percentile)
    ]
    return choices, [(name, run) for name, (run, _) in served], slo


def _frame(axes: Axes, choices: list[Choice], limit: Objective, slo: str, currency: str) -> None:
    """Axes and objective."""
    style.limit_line(axes, limit.ns * 1e-6, slo)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=f"{currency} for a million queries (log scale), fully used",
        ylabel=f"{limit.percentile} of latency, ms (log scale)",
    )
    costs = [c.cost for c in choices]
    style.log_axis(axes.xaxis, min(costs) * 0.5, max(costs) * 1.2)
    least, most = min(c.latency.lo for c in choices), max(c.latency.hi for c in choices)
    style.log_axis(axes.yaxis, least * 0.5, max(most, limit.ns * 1e-6) * 1.3)


def _draw(machines: list[Machine], prices: dict[str, Price], preset: str) -> Picture | None:
    choices, sources, slo = _gather(machines, prices, preset)
    limit = objective(slo)
    if not choices or limit is None:
        return None
    currency = next(iter(prices.values())).currency
    figure, panels = style.canvas(1, 1, (8.6, 5.8))
    best = front(choices)
    _draw_choices(panels[0], choices)
    _draw_front(panels[0], best, limit.ns * 1e-6, currency)
    _frame(panels[0], choices, limit, slo, currency)
    title = f"What a million queries cost at each latency: {preset}"
    asked = ((name, prices[name]) for name, _ in sources)
    said = "; ".join(f"{name} {p.per_hour:g} {p.currency}/h ({p.note})" for name, p in asked)
    note = (
        "To the lower left is better. Each line is one configuration, driven harder from right to"
        " left; overloaded rates are left out.\nBars: 95 % intervals; hollow: noisy."
        f" Prices: {said}."
    )
    style.finish(figure, title, style.caption(note, sources), panels)
    alt = f"Cost of a million queries against {limit.percentile}; {len(best)} on the front."
    return Picture(f"cost-{preset}", title, alt, figure)


def draw(machines: list[Machine], prices: dict[str, Price]) -> list[Picture]:
    """One picture for each model, over all machines."""
    if not prices:
        raise Absent("cost: no prices; --prices names a file such as results/prices.example.csv")
    presets = dict.fromkeys(p for m in machines for p in m.values("preset", ("load",)))
    drawn = [p for preset in presets if (p := _draw(machines, prices, preset))]
    if not drawn:
        raise Absent("cost: no machine with a price was measured under load; `ektm load` does that")
    return drawn
