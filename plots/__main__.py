"""`python3 -m plots pictures` and `python3 -m plots report`: what `make plots` and `make report`
run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from plots import gallery, prices, records, report, style


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="plots", description="Draws recorded runs and writes the report."
    )
    parser.add_argument(
        "what", choices=("pictures", "report"), help="SVG and PNG files, or one HTML file"
    )
    parser.add_argument(
        "results",
        nargs="*",
        default=["results"],
        help="folders or files of records, or NAME=FILE (results)",
    )
    parser.add_argument(
        "--prices", type=Path, help="CSV file: machine, price_per_hour, currency, note"
    )
    parser.add_argument("--out", type=Path, help="where to write (build/plots, build/report.html)")
    return parser.parse_args()


def _pictures(machines: list[records.Machine], priced: dict[str, prices.Price], out: Path) -> None:
    """Files on stdout, what is missing on stderr."""
    for shown in [*map(gallery.of_machine, machines), gallery.of_all(machines, priced)]:
        for picture in shown.pictures:
            path = out / shown.machine / picture.name
            style.save(picture.figure, path)
            print(f"{path}.svg {path}.png")
        for why in shown.absent:
            print(f"left out for {shown.machine or 'all machines'}: {why}", file=sys.stderr)


def main() -> int:
    """Exit status 0: done; 2: the caller's mistake, in one sentence."""
    arguments = _arguments()
    try:
        machines = records.read(arguments.results)
        priced = prices.read(arguments.prices) if arguments.prices else {}
        prices.of_one_currency(arguments.prices, priced, (m.name for m in machines))
        if arguments.what == "pictures":
            _pictures(machines, priced, arguments.out or Path("build/plots"))
        else:
            path = arguments.out or Path("build/report.html")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(report.render(machines, priced), encoding="utf-8")
            print(path)
    except records.BadRecords as mistake:
        print(f"plots: {mistake}", file=sys.stderr)
        return 2
    except OSError as failure:
        print(f"plots: {failure.filename}: {failure.strerror}", file=sys.stderr)
        return 2
    return 0


sys.exit(main())
