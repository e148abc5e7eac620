"""What a picture is to those who save it, inline it or miss it."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from plots.records import Machine, Record

FRAMEWORKS = ("pytorch", "onnxruntime")


@dataclass
class Picture:
    """A drawn figure. Its alt text says in words what is to be seen."""

    name: str
    title: str
    alt: str
    figure: Figure


class Absent(Exception):
    """A picture that cannot be drawn: which records it lacks, and what makes them."""


def rows_text(rows: int) -> str:
    """One row, many rows."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


def threads_text(threads: int) -> str:
    """One thread, many threads."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def formats_text(record: Record) -> str:
    """A model's number formats, short: the one that all layers have, or that they are mixed."""
    formats = record.text("formats") or record.text("dtype")
    return "mixed formats" if "=" in formats else formats


def presets_of(machine: Machine, kinds: tuple[str, ...]) -> list[str]:
    """Models that were measured there, as files name them."""
    return machine.values("preset", kinds)
