"""What the decision in the report rests on: every configuration that was searched for its highest
rate.

`ektm choose` reads the same lines in the same way (harness/choose/): what is a configuration, how
several runs of one are pooled, which lines are left out. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from plots.load import is_highest, objective
from plots.picture import formats_in_short
from plots.records import Interval, Machine, Record, Run

QUALITY = ("tau", "auc_change", "log_loss_change", "off_most")


@dataclass
class Search:
    """One line: the outcome of one search."""

    machine: str
    run: Run
    record: Record


@dataclass
class Evidence:
    """As the page gets it: plain data."""

    configurations: list[dict[str, Any]] = field(default_factory=list)
    slos: list[str] = field(default_factory=list)
    workloads: list[dict[str, str]] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def slo_text(text: str) -> str:
    """One spelling of an objective: p99=0.01s is p99=10ms."""
    found = objective(text)
    if found is None:
        return ""
    for unit, ns in (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0)):
        if found.ns >= ns:
            return f"p{float(found.percentile[1:]):.6g}={found.ns / ns:.4g}{unit}"
    return ""


def label(record: Record) -> str:
    """All that tells one configuration of a machine from another."""
    words = [record.text("backend")]
    if record.text("isa") != record.text("backend"):
        words.append(record.text("isa"))
    words += [formats_in_short(record.text("formats")), record.text("layout")]
    split = f"{record.count('instances')}x{record.count('instance_threads')}"
    if record.text("layout") != split:
        words.append(split)
    if record.text("placement") != "compact":
        words.append(record.text("placement"))
    if batching := record.number("batching"):
        words.append(f"batching {batching * 1e-3:g} us")
    if record.text("pages") != "thp":
        words.append(f"pages {record.text('pages')}")
    if record.text("antagonist") != "none":
        words.append(f"beside {record.text('antagonist')}")
    return " ".join(word for word in words if word)


def _unusable(search: Search) -> str:
    """Why a search says nothing; empty: it does."""
    record = search.record
    highest = record.interval("highest")
    if record.invalid:
        return (
            f"{search.machine}: {record.place} is invalid:"
            f" {record.text('reason') or 'no reason is told'}"
        )
    if highest is None or not 0 < highest.median or not highest.lo <= highest.median <= highest.hi:
        return (
            f"{search.machine}: {record.place}: at no rate did {record.text('name')} hold"
            f" {record.text('slo')}"
        )
    if not (record.number("candidates_mean") or 0) > 0:
        return f"{search.machine}: {record.place}: does not tell how many candidates a query has"
    return ""


def _key(search: Search) -> tuple[str, ...]:
    """What runs of one configuration have in common."""
    r = search.record
    return (
        search.machine,
        slo_text(r.text("slo")),
        r.text("preset"),
        r.text("ids"),
        r.text("candidates"),
        label(r),
    )


def _median(values: list[float]) -> float:
    """Of ascending values."""
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle] + values[middle - 1]) / 2


def _mean(values: Iterable[float | None], count: int) -> float | None:
    """Summed in the order that choose sums in; None where one is unavailable."""
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value / count
    return total


def _pooled(searches: list[Search]) -> dict[str, Any]:
    """Several runs of one configuration: the median of medians, within the least and the greatest
    end."""
    searches = sorted(
        searches, key=lambda s: (s.record.interval("highest") or Interval(0, 0, 0)).median
    )
    ends = [h for s in searches if (h := s.record.interval("highest"))]
    last = max(searches, key=lambda s: s.run.time).record
    machine, slo, preset, ids, candidates, name = _key(searches[0])
    noisy = [s.record.text("reason") or "no reason is told" for s in searches if s.record.noisy]
    return {
        "machine": machine,
        "slo": slo,
        "preset": preset,
        "ids": ids,
        "candidates": candidates,
        "label": name,
        "antagonist": last.text("antagonist"),
        "f32": last.text("dtype") == "f32",
        "highest": Interval(
            _median([h.median for h in ends]), min(h.lo for h in ends), max(h.hi for h in ends)
        )._asdict(),
        "candidates_mean": _mean(
            (s.record.number("candidates_mean") for s in searches), len(searches)
        ),
        "joules": _mean((s.record.number("joules") for s in searches), len(searches)),
        "quality": {column: last.members(column) for column in QUALITY},
        "runs": len(searches),
        "noisy": "; ".join(dict.fromkeys(noisy)),
        "place": last.place,
        "commit": max(searches, key=lambda s: s.run.time).run.machine.text("commit"),
    }


def _slo_order(text: str) -> tuple[float, float]:
    found = objective(text)
    return (-float(found.percentile[1:]), found.ns) if found else (0.0, 0.0)


def gather(machines: list[Machine]) -> Evidence:
    """All that was searched on all machines."""
    evidence = Evidence(machines=[machine.name for machine in machines])
    groups: dict[tuple[str, ...], list[Search]] = {}
    for machine in machines:
        for run in sorted(machine.runs, key=lambda run: str(run.file)):
            for record in run.records:
                if (
                    record.kind != "load"
                    or record.text("scenario") != "server"
                    or record.text("finding") != "highest"
                ):
                    continue
                search = Search(machine.name, run, record)
                why = _unusable(search)
                if why:
                    evidence.left_out.append(why)
                elif is_highest(record) and slo_text(record.text("slo")):
                    groups.setdefault(_key(search), []).append(search)
    evidence.configurations = [_pooled(groups[key]) for key in sorted(groups)]
    evidence.slos = sorted({c["slo"] for c in evidence.configurations}, key=_slo_order)
    workloads = {(c["preset"], c["ids"], c["candidates"]): None for c in evidence.configurations}
    evidence.workloads = [dict(zip(("preset", "ids", "candidates"), w)) for w in workloads]
    return evidence


def as_data(evidence: Evidence) -> dict[str, Any]:
    """For the page."""
    return asdict(evidence)
