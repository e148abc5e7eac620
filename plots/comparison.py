"""Machines side by side: what they are, and what they reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from plots import evidence
from plots.load import is_highest
from plots.picture import formats_text, rows_text
from plots.records import Interval, Machine, Record
from plots.tables import OTHERS, number, percent, spread


@dataclass
class Line:
    """One fact of all machines."""

    name: str
    cells: list[str]


@dataclass
class Comparison:
    """A group of facts with its heading."""

    title: str
    lines: list[Line] = field(default_factory=list)


def _size(count: float | None) -> str:
    """Bytes, in the unit in which they are few."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count and count >= size:
            return f"{number(count / size)} {unit}"
    return "–"


def _counted(topology: dict[str, int]) -> str:
    names = (
        ("packages", "package"),
        ("numa_nodes", "NUMA node"),
        ("l3s", "L3"),
        ("cores", "core"),
        ("processors", "hardware thread"),
    )
    said = [
        f"{topology[key]} {name}{'s' if topology[key] != 1 else ''}"
        for key, name in names
        if key in topology
    ]
    return ", ".join(said) or "–"


def _caches(record: Record) -> str:
    found = record.members("caches")
    return (
        ", ".join(
            f"{level} {_size(found.get(level))}"
            for level in ("L1d", "L2", "L3")
            if found.get(level)
        )
        or "–"
    )


def _quota(record: Record) -> str:
    quota = record.number("quota")
    return f"{number(quota)} processors" if quota else "none readable"


FACTS: tuple[tuple[str, Callable[[Record], str]], ...] = (
    ("processor", lambda r: r.text("cpu")),
    ("layout that we may use", lambda r: _counted(r.members("topology"))),
    ("caches of a core", _caches),
    ("main memory", lambda r: _size(r.number("memory"))),
    ("pages", lambda r: r.text("pages")),
    ("virtual machine", lambda r: r.text("virtualised")),
    ("CPU quota", _quota),
    ("system", lambda r: r.text("system")),
    ("compiler", lambda r: r.text("compiler")),
    ("newest run, commit", lambda r: f"{r.text('time')}, {r.text('commit')}"),
)


def _facts(machines: list[Machine]) -> Comparison:
    return Comparison(
        "What they are",
        [Line(name, [fact(m.runs[0].machine) for m in machines]) for name, fact in FACTS],
    )


def _best(
    machine: Machine, unit: str, wanted: Callable[[Record], bool], subcommand: str = ""
) -> str:
    found = machine.newest(wanted, subcommand)
    if found is None:
        return "–"
    best = max(found[1], key=lambda r: r.number(unit) or 0)
    how = f" ({formats_text(best)}, {rows_text(best.batch)})" if best.kind == "model" else ""
    return number(best.number(unit), 4) + how + (" ~" if best.noisy else "")


def _ceiling(op: str, words: str, alone: bool) -> Callable[[Record], bool]:
    return lambda r: (
        r.kind == "ceiling"
        and r.text("op") == op
        and not r.text("preset")
        and words in r.text("ceiling")
        and (r.threads == 1) == alone
    )


def _ceilings(machines: list[Machine]) -> Comparison:
    """One thread, then the most: `newest` keeps all counts, and more threads have more of
    everything."""
    wanted = [
        ("multiply-adds in f32, Gop/s", "fma", "", "gflops"),
        ("read from L3, GB/s", "stream", "read L3", "gbytes"),
        ("read from memory, GB/s", "stream", "read memory", "gbytes"),
        ("random rows of 256 B from memory, GB/s", "gather", "gather 256 B memory", "gbytes"),
    ]
    comparison = Comparison("What they can do at best (~ noisy)")
    for name, op, words, unit in wanted:
        for alone, threads in ((True, "one thread"), (False, "all threads")):
            cells = [_best(m, unit, _ceiling(op, words, alone)) for m in machines]
            comparison.lines.append(Line(f"{name}, {threads}", cells))
    return comparison


def _is_ours(preset: str, alone: bool) -> Callable[[Record], bool]:
    return (
        lambda r: r.kind == "model"
        and r.text("preset") == preset
        and r.text("backend") not in OTHERS
        and (r.threads == 1) == alone
    )


def _speeds(machines: list[Machine]) -> Comparison:
    comparison = Comparison(
        "What the whole model reaches, rows/s, in its best format and batch (~ noisy)"
    )
    for preset in dict.fromkeys(p for m in machines for p in m.values("preset", ("model",))):
        for alone, threads in ((True, "one thread"), (False, "all threads")):
            cells = [_best(m, "rows_per_s", _is_ours(preset, alone), "bench") for m in machines]
            comparison.lines.append(Line(f"{preset}, {threads}", cells))
    return comparison


def _highest(machine: Machine, slo: str, preset: str, antagonist: bool) -> Interval | None:
    """The best configuration's rate in the newest run that was searched."""
    found = machine.newest(
        lambda r: is_highest(r)
        and evidence.slo_text(r.text("slo")) == slo
        and r.text("preset") == preset
        and (r.text("antagonist") not in ("", "none")) == antagonist
    )
    rates = [h for r in found[1] if (h := r.interval("highest"))] if found else []
    return max(rates, default=None)


def _lost(machine: Machine, slo: str, preset: str) -> str:
    """What neighbours take, of the very configurations that were measured with and without them."""
    pairs: dict[tuple[str, str], dict[bool, Interval]] = {}
    for run in machine.runs[::-1]:
        for r in run.having(
            lambda r: is_highest(r)
            and evidence.slo_text(r.text("slo")) == slo
            and r.text("preset") == preset
        ):
            beside = r.text("antagonist")
            h = r.interval("highest")
            bare = evidence.label(r).removesuffix(f" beside {beside}")
            if h:
                pairs.setdefault((bare, "" if beside in ("", "none") else beside), {})[
                    beside not in ("", "none")
                ] = h
    said = []
    for (bare, beside), found in pairs.items():
        alone = pairs.get((bare, ""), {}).get(False)
        if beside and alone:
            said.append(
                f"{percent(1 - found[True].median / alone.median)} beside {beside} ({bare})"
            )
    return "; ".join(said) or "–"


def _served(machines: list[Machine], known: evidence.Evidence) -> Comparison:
    comparison = Comparison("What they hold under load, queries/s")
    for preset in dict.fromkeys(c["preset"] for c in known.configurations):
        for slo in known.slos:
            comparison.lines.append(
                Line(
                    f"{preset} at {slo}",
                    [spread(_highest(m, slo, preset, False)) for m in machines],
                )
            )
            lost = [_lost(m, slo, preset) for m in machines]
            if any(cell != "–" for cell in lost):
                comparison.lines.append(Line(f"{preset} at {slo}: lost to neighbours", lost))
    return comparison


def of_machines(machines: list[Machine], known: evidence.Evidence) -> list[Comparison]:
    """Groups of facts; those that nobody has are left out."""
    groups = [_facts(machines), _served(machines, known), _speeds(machines), _ceilings(machines)]
    for group in groups:
        group.lines = [line for line in group.lines if any(cell != "–" for cell in line.cells)]
    return [group for group in groups if group.lines]
