"""Gather ceiling: how fast rows come in from random places, by row size, pages and level."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots import style
from plots.picture import Absent, Picture, threads_text
from plots.records import Interval, Machine, Record

LEVELS = ("L1", "L2", "L3", "memory")
PAGES = {"4k": "4 KiB pages", "thp": "transparent huge pages", "huge": "reserved huge pages"}


def _row_bytes(record: Record) -> int:
    """The ceiling's own label says it: 'gather 256 B L3 thp'."""
    words = record.text("ceiling").split()
    return int(words[1]) if len(words) > 2 and words[1].isdigit() and words[2] == "B" else 0


def _rate(record: Record) -> Interval | None:
    """GB/s of rows that are read and handed on, from the time and the bytes of a call."""
    ns, size = record.interval("ns"), record.number("bytes")
    return ns.inverse(size) if ns and size else None


def _best(records: list[Record]) -> list[Record]:
    """The fastest way to gather rows of each size."""
    best: dict[int, Record] = {}
    for r in records:
        size = _row_bytes(r)
        if size not in best or (_rate(r) or (0,))[0] > (_rate(best[size]) or (0,))[0]:
            best[size] = r
    return [best[size] for size in sorted(best)]


def _panel(axes: Axes, records: list[Record], pages: str) -> None:
    """One kind of pages: a line for each level. L1 and L2 hold so few pages that these do not
    matter."""
    for level, look in zip(LEVELS, style.SEQUENCE):
        chosen = _best(
            [r for r in records if r.text("level") == level and r.text("pages") == pages]
        )
        if chosen:
            style.points(
                axes,
                [_row_bytes(r) for r in chosen],
                [rate for r in chosen if (rate := _rate(r))],
                [r.noisy for r in chosen],
                look,
                f"rows in {level}",
            )


def _is_gather(record: Record) -> bool:
    """A ceiling of its own, not one that was taken beside a layer."""
    return (
        record.kind == "ceiling"
        and record.text("op") == "gather"
        and not record.text("preset")
        and record.text("dtype") == "f32"
        and _row_bytes(record) > 0
        and _rate(record) is not None
    )


def _figure(records: list[Record]) -> tuple[Figure, list[Axes]]:
    """A line of panels for each kind of pages, a column for one thread and for the most."""
    sizes = sorted({_row_bytes(r) for r in records})
    threads = sorted({r.threads for r in records})
    counts = list(dict.fromkeys((threads[0], threads[-1])))
    pages = [kind for kind in PAGES if any(r.text("pages") == kind for r in records)]
    size = (9.4, 1.3 + 2.4 * len(pages))
    figure, panels = style.canvas(len(pages), len(counts), size, sharex=True, sharey="col")
    for place, axes in enumerate(panels):
        count, kind = counts[place % len(counts)], pages[place // len(counts)]
        _panel(axes, [r for r in records if r.threads == count], kind)
        axes.set(xscale="log", title=f"{threads_text(count)}, {PAGES[kind]}")
        style.log_axis(axes.xaxis, sizes[0] / 1.15, sizes[-1] * 1.15, sizes)
        if place >= len(panels) - len(counts):
            axes.set_xlabel("bytes of a row (log scale)")
        if place % len(counts) == 0:
            axes.set_ylabel("GB/s, read and written")
    for axes in panels:
        axes.set_ylim(bottom=0)
    return figure, panels


def draw(machine: Machine) -> list[Picture]:
    """One picture: panels for the kinds of pages, at one thread and at the most."""
    found = machine.newest(_is_gather)
    if found is None:
        raise Absent("gather: no gather ceilings; `ektm bench` probes them")
    run, records = found
    figure, panels = _figure(records)
    title = "How fast random rows can be fetched: the ceiling of embeddings"
    note = (
        "Rows at random places of tables that fit each level; the fastest of all ways to gather."
        " Higher is faster. Bars: 95 % intervals; hollow: noisy."
    )
    style.finish(figure, title, style.caption(note, [(machine.name, run)]), panels[::-1])
    alt = "Rate of gathering rows from each cache level and memory, by size, pages and threads."
    return [Picture("gather", title, alt, figure)]
