"""Tables of the report: the figures behind the pictures, for those who want to look one up."""

from __future__ import annotations

from dataclasses import dataclass, field

from plots.load import engine, seats, slo_of
from plots.picture import formats_text
from plots.records import Interval, Machine, Record

OTHERS = (
    "reference",
    "compiler",
    "libxsmm",
    "onednn",
    "openblas",
    "peers",
    "pytorch",
    "onnxruntime",
)


@dataclass
class Table:
    """Cells are texts; those of columns after the first `texts` are numbers and stand to the
    right."""

    title: str
    header: list[str]
    texts: int
    rows: list[list[str]] = field(default_factory=list)


def number(value: float | None, digits: int = 3) -> str:
    """With so many digits that count; nothing where there is none."""
    if value is None:
        return "–"
    if abs(value) >= 10 ** (digits - 1) or value == 0:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def spread(interval: Interval | None) -> str:
    """A median and its 95 % interval."""
    if interval is None:
        return "–"
    return f"{number(interval.median)} ({number(interval.lo)}–{number(interval.hi)})"


def percent(share: float | None) -> str:
    """A share."""
    return "–" if share is None else f"{share * 100:.0f} %"


def _mark(record: Record) -> str:
    return " ~" if record.noisy else ""


def _per_row(record: Record) -> Interval | None:
    """In microseconds."""
    ns = record.interval("ns")
    return ns.scaled(1e-3 / record.batch) if ns and record.batch else None


def _versus(record: Record) -> str:
    ratio, verdict = record.interval("x_peer"), record.text("versus_peer")
    if ratio is None or not record.text("peer"):
        return "–"
    said = "alike" if verdict == "no difference shown" else verdict
    return f"{number(ratio.median)} {record.text('peer')}, {said}"


def layers(machine: Machine) -> Table | None:
    """The best of the hand-tuned kernels for each layer, batch and format, of the newest run."""
    found = machine.newest(
        lambda r: r.kind == "kernel" and r.text("backend") not in OTHERS and r.threads == 1
    )
    if found is None:
        return None
    best: dict[tuple[str, str, int, str], Record] = {}
    for r in found[1]:
        key = (r.text("preset"), r.text("layer"), r.batch, r.text("dtype"))
        own, held = r.interval("ns"), best[key].interval("ns") if key in best else None
        if own and (held is None or own.median < held.median):
            best[key] = r
    table = Table(
        "Layers: the best hand-tuned kernel, one thread",
        [
            "model",
            "layer",
            "format",
            "kernel",
            "rows",
            "µs a row",
            "of the roof",
            "bound",
            "× compiler",
            "× best peer",
        ],
        4,
    )
    for (preset, layer, batch, dtype), r in best.items():
        table.rows.append(
            [
                preset,
                layer,
                dtype,
                r.text("name") + _mark(r),
                number(batch),
                spread(_per_row(r)),
                percent(r.number("roofline")),
                r.text("bound") or "–",
                spread(r.interval("x_compiler")),
                _versus(r),
            ]
        )
    return table


def models(machine: Machine) -> Table | None:
    """Whole passes of the newest run of each command."""
    rows: list[Record] = []
    for command in ("bench", "frameworks"):
        found = machine.newest(lambda r: r.kind == "model", command)
        rows += found[1] if found else []
    if not rows:
        return None
    table = Table(
        "The whole model",
        [
            "model",
            "kernels",
            "formats",
            "order",
            "threads",
            "rows",
            "µs a row",
            "rows/s",
            "of the roof",
            "× compiler",
            "× best peer",
        ],
        4,
    )
    for r in rows:
        table.rows.append(
            [
                r.text("preset"),
                r.text("name").removeprefix("model_") + _mark(r),
                formats_text(r),
                r.text("order"),
                f"{r.threads} {r.text('placement')}",
                number(r.batch),
                spread(_per_row(r)),
                number(r.number("rows_per_s"), 4),
                percent(r.number("roofline")),
                spread(r.interval("x_compiler")),
                _versus(r),
            ]
        )
    return table


def _latency(record: Record, percentile: str) -> str:
    found = record.intervals("latency").get(percentile)
    return spread(found.scaled(1e-6)) if found else "–"


def loads(machine: Machine) -> Table | None:
    """Every valid point under load."""
    found = machine.newest(lambda r: r.kind == "load")
    if found is None:
        return None
    slo = slo_of(found[1])
    table = Table(
        "Under load",
        [
            "scenario",
            "kernels and formats",
            "instances × threads",
            "beside",
            f"holds {slo}" if slo else "holds",
            "offered /s",
            "completed /s",
            "rows/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "p99.9 ms",
            "shed",
        ],
        5,
    )
    for r in found[1]:
        scenario = (
            r.text("scenario") + (", highest" if r.text("finding") == "highest" else "") + _mark(r)
        )
        highest = r.interval("highest")
        offered = spread(highest) if highest else number(r.number("offered"), 4)
        table.rows.append(
            [
                scenario,
                engine(r),
                seats(r),
                r.text("antagonist"),
                r.text("holds") or "–",
                offered,
                number(r.number("completed"), 4),
                number(r.number("rows_per_s"), 4),
                *(_latency(r, p) for p in ("p50", "p95", "p99", "p99.9")),
                number(r.number("shed")),
            ]
        )
    return table


def formats(machine: Machine) -> Table | None:
    """What narrow formats gain and cost, the fastest of each at its largest batch on one thread."""
    found = machine.newest(
        lambda r: r.kind == "model"
        and r.interval("x_f32") is not None
        and bool(r.members("off_most"))
    )
    if found is None:
        return None
    table = Table(
        "Number formats of the whole model: gain and cost",
        [
            "model",
            "kernels",
            "formats",
            "threads",
            "rows",
            "× f32",
            "largest difference",
            "least tau",
            "worst AUC change",
        ],
        3,
    )
    for r in found[1]:
        worst = {
            column: [v for v in r.members(column).values() if isinstance(v, (int, float))]
            for column in ("off_most", "tau", "auc_change")
        }
        table.rows.append(
            [
                r.text("preset"),
                r.text("name").removeprefix("model_") + _mark(r),
                r.text("formats") or r.text("dtype"),
                number(r.threads),
                number(r.batch),
                spread(r.interval("x_f32")),
                number(max(worst["off_most"], default=None)),
                number(min(worst["tau"], default=None), 4),
                number(min(worst["auc_change"], default=None)),
            ]
        )
    return table


def ceilings(machine: Machine) -> Table | None:
    """The best of all ways, of each thing that the machine was probed for."""
    found = machine.newest(lambda r: r.kind == "ceiling" and not r.text("preset"))
    if found is None:
        return None
    best: dict[tuple[str, int], Record] = {}
    for r in found[1]:
        key = (r.text("ceiling"), r.threads)
        unit = _unit(r)
        if key not in best or (r.number(unit) or 0) > (best[key].number(unit) or 0):
            best[key] = r
    table = Table("Ceilings", ["ceiling", "threads", "Gop/s or GB/s"], 1)
    for (name, threads), r in best.items():
        table.rows.append([name + _mark(r), number(threads), number(r.number(_unit(r)), 4)])
    return table


def _unit(record: Record) -> str:
    return "gflops" if record.text("op") in ("fma", "dot") else "gbytes"


def of_machine(machine: Machine) -> list[Table]:
    """All that its records fill."""
    drawn = (loads(machine), models(machine), formats(machine), layers(machine), ceilings(machine))
    return [table for table in drawn if table]
