"""What machines cost: a CSV file with the columns machine, price_per_hour, currency and note.

The same file that `ektm choose --prices` reads; results/prices.example.csv is one.
"""

from __future__ import annotations

import csv
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


def _price(path: Path, number: int, row: dict[str, str]) -> Price:
    try:
        per_hour = float(row["price_per_hour"])
    except ValueError:
        per_hour = 0.0
    if not 0 < per_hour <= 1e6:
        raise BadRecords(
            f"{path}:{number}: price_per_hour is '{row['price_per_hour']}'; a number above 0 is"
            " allowed"
        )
    return Price(per_hour, row["currency"], row["note"])


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
    rows = list(csv.reader(line for _, line in lines))
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
        prices[row["machine"]] = _price(path, number, row)
    return prices
