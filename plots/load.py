"""What records of kind `load` say: configurations of the server, their objective and their
percentiles."""

from __future__ import annotations

import re
from typing import NamedTuple

from plots.picture import formats_text
from plots.records import Interval, Machine, Record, Run

_UNITS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}


class Objective(NamedTuple):
    """Of latency: a percentile, and the time that it must stay below."""

    percentile: str
    ns: float


def objective(text: str) -> Objective | None:
    """'p99=10ms'."""
    match = re.fullmatch(r"(p[0-9.]+)=([0-9.eE+-]+)(ns|us|µs|ms|s)", text)
    return Objective(match[1], float(match[2]) * _UNITS[match[3]]) if match else None


def time_text(ns: float) -> str:
    """A time in the unit in which it is short."""
    for unit in ("s", "ms", "µs"):
        if ns >= _UNITS[unit]:
            return f"{ns / _UNITS[unit]:.3g} {unit}"
    return f"{ns:.3g} ns"


def seats(record: Record) -> str:
    """How a machine's threads are split."""
    split = f"{record.count('instances')}×{record.count('instance_threads')}"
    layout = record.text("layout")
    return (
        split if not layout or layout[0].isdigit() else f"{split} ({_LAYOUTS.get(layout, layout)})"
    )


_LAYOUTS = {
    "all": "all cores in one",
    "package": "one a package",
    "numa": "one a NUMA node",
    "l3": "one an L3",
    "core": "one a core",
}


def engine(record: Record) -> str:
    """Whose kernels in which formats, and whether waiting queries are collected."""
    batching = record.number("batching")
    collected = f", collected for {time_text(batching)}" if batching else ""
    return f"{record.text('backend')} {formats_text(record)}{collected}"


def is_point(record: Record) -> bool:
    """One rate that was offered to a machine with nothing beside it."""
    return (
        record.kind == "load"
        and record.text("scenario") == "server"
        and record.text("finding") == "point"
        and record.text("antagonist") in ("", "none")
        and record.number("offered") is not None
    )


def is_highest(record: Record) -> bool:
    """The outcome of a search for the highest rate."""
    return (
        record.kind == "load"
        and record.text("scenario") == "server"
        and record.text("finding") == "highest"
        and record.interval("highest") is not None
    )


def newest_server(machine: Machine, preset: str) -> tuple[Run, list[Record]] | None:
    """The newest run in which that model served at several rates, else one that only searched, and
    all its valid lines of kind load."""
    found = machine.newest(lambda r: is_point(r) and r.text("preset") == preset)
    found = found or machine.newest(lambda r: is_highest(r) and r.text("preset") == preset)
    if found is None:
        return None
    return found[0], found[0].having(lambda r: r.kind == "load" and r.text("preset") == preset)


def newest_load(machine: Machine, preset: str) -> tuple[Run, list[Record]] | None:
    """The newest run under any load at all, where no server was measured."""
    return machine.newest(lambda r: r.kind == "load" and r.text("preset") == preset)


def slo_of(records: list[Record]) -> str:
    """The objective that most of the records were measured against."""
    texts = [r.text("slo") for r in records if objective(r.text("slo"))]
    return max(dict.fromkeys(texts), key=texts.count, default="")


def percentile_ms(record: Record, percentile: str) -> Interval | None:
    """A percentile of latency, in ms."""
    found = record.intervals("latency").get(percentile)
    return found.scaled(1e-6) if found else None
