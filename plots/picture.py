"""What a picture is to those who save it, inline it or miss it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from matplotlib.figure import Figure

from plots.records import Record

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


def formats_in_short(formats: str) -> str:
    """Mixed formats as --dtype takes them: what most layers have, then those that differ."""
    if "=" not in formats:
        return formats
    layers = formats.split(",")
    usual = Counter(layer.partition("=")[2] for layer in layers).most_common(1)[0][0]
    return ",".join([usual, *(layer for layer in layers if layer.partition("=")[2] != usual)])
