"""What machines cost: a CSV file with the columns machine, price_per_hour, currency and note.

The same file that `ektm choose --prices` reads; results/prices.example.csv is one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from plots.records import BadRecords

COLUMNS = ("machine", "price_per_hour", "currency", "note")


@dataclass(frozen=True)
class Price:
    """Of one machine for an hour, and who says so."""

    per_hour: float
    currency: str
    note: str


def _price(where: str, row: dict[str, str]) -> Price:
    text = row["price_per_hour"]
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII)
    if not number or not 0 < float(text) <= 1e6:
        raise BadRecords(
            f"{where}: price_per_hour is '{text}'; a number above 0 and up to 1000000 is allowed"
        )
    if not re.fullmatch("[A-Z]{3}", row["currency"]):
        raise BadRecords(
            f"{where}: currency is '{row['currency']}'; three capital letters are allowed, such as"
            " EUR"
        )
    if not row["machine"] or not row["note"]:
        raise BadRecords(f"{where}: no machine or no note; each price has both")
    return Price(float(text), row["currency"], row["note"])


def _cells(path: Path, number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise BadRecords(f"{path}:{number}: {error}") from error


def of_one_currency(path: Path, prices: dict[str, Price], machines: Iterable[str]) -> None:
    """Prices that are compared must be."""
    found = {prices[name].currency for name in machines if name in prices}
    if len(found) > 1:
        raise BadRecords(
            f"{path}: prices in {' and '.join(sorted(found))}; those of one currency can be compared"
        )


def read(path: Path) -> dict[str, Price]:
    """Prices by machine."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecords(f"{path}: cannot be read: {error}") from error
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    rows = [_cells(path, number, line) for number, line in lines]
    if not rows or sorted(cell.strip() for cell in rows[0]) != sorted(COLUMNS):
        raise BadRecords(f"{path}: the first line must name the columns {', '.join(COLUMNS)}")
    header = [cell.strip() for cell in rows[0]]
    prices: dict[str, Price] = {}
    for (number, _), cells in zip(lines[1:], rows[1:]):
        if len(cells) != len(header):
            raise BadRecords(f"{path}:{number}: {len(cells)} cells; each line has {len(header)}")
        row = dict(zip(header, (cell.strip() for cell in cells)))
        if row["machine"] in prices:
            raise BadRecords(
                f"{path}:{number}: a second price of {row['machine']}; each machine has one"
            )
        prices[row["machine"]] = _price(f"{path}:{number}", row)
    return prices
