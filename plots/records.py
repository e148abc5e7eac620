"""Reads recorded runs: the only place in Python that knows how JSON lines become records.

results/README.md lists the columns. What a machine did not offer is "unavailable" there and None
here, so that nobody downstream can take it for a number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

UNAVAILABLE = "unavailable"


class BadRecords(Exception):
    """One sentence: which file and line, what was found, what is allowed."""


class Interval(NamedTuple):
    """A median with its 95 % interval."""

    median: float
    lo: float
    hi: float

    def scaled(self, factor: float) -> Interval:
        """In another unit."""
        return Interval(self.median * factor, self.lo * factor, self.hi * factor)

    def inverse(self, factor: float) -> Interval:
        """factor over this one: a rate from a time, say; the ends change places."""
        return Interval(factor / self.median, factor / self.hi, factor / self.lo)


def as_interval(value: Any) -> Interval | None:
    """The interval that a column holds, if it holds one."""
    if not isinstance(value, dict) or not {"median", "lo", "hi"} <= value.keys():
        return None
    ends = [value["median"], value["lo"], value["hi"]]
    if not all(isinstance(end, (int, float)) for end in ends):
        return None
    return Interval(*(float(end) for end in ends))


class Record:
    """One line. Columns are asked for by the type that results/README.md gives them."""

    def __init__(self, line: dict[str, Any], place: str = "") -> None:
        self.line = line
        self.place = place  # file and line number

    def text(self, column: str) -> str:
        """A text; empty where there is none."""
        value = self.line.get(column, "")
        return value if isinstance(value, str) and value != UNAVAILABLE else ""

    def number(self, column: str) -> float | None:
        """A number or a count."""
        value = self.line.get(column)
        return float(value) if isinstance(value, (int, float)) else None

    def count(self, column: str) -> int:
        """A count; 0 where there is none."""
        return int(self.number(column) or 0)

    def interval(self, column: str) -> Interval | None:
        """A median with its interval."""
        return as_interval(self.line.get(column))

    def intervals(self, column: str) -> dict[str, Interval]:
        """Those members of an object of intervals that are available."""
        value = self.line.get(column)
        found = (
            {key: as_interval(member) for key, member in value.items()}
            if isinstance(value, dict)
            else {}
        )
        return {key: member for key, member in found.items() if member is not None}

    def members(self, column: str) -> dict[str, Any]:
        """An object of counts, numbers or texts."""
        value = self.line.get(column)
        return value if isinstance(value, dict) else {}

    def texts(self, column: str) -> list[str]:
        """An array of texts."""
        value = self.line.get(column)
        return [str(member) for member in value] if isinstance(value, list) else []

    @property
    def kind(self) -> str:
        return self.text("kind")

    @property
    def batch(self) -> int:
        """Rows of one call."""
        return int(self.members("dims").get("BATCH", 0))

    @property
    def threads(self) -> int:
        return self.count("threads")

    @property
    def noisy(self) -> bool:
        return self.text("verdict") == "noisy"

    @property
    def invalid(self) -> bool:
        return self.text("verdict") == "invalid"


@dataclass
class Run:
    """The lines of one command: its machine line, and what it measured."""

    machine: Record
    file: Path
    records: list[Record] = field(default_factory=list)

    @property
    def time(self) -> str:
        """Start, ISO 8601: sorts as text."""
        return self.machine.text("time")

    @property
    def command(self) -> str:
        """As a user would type it; older runs did not write down what they were asked."""
        return " ".join(["ektm", self.subcommand, *self.machine.texts("arguments")])

    @property
    def subcommand(self) -> str:
        """A machine line does not name its command, but its records tell: a bench times kernels
        or models, and may end under load."""
        kinds = {record.kind for record in self.records}
        if "load" in kinds and not kinds & {"kernel", "model"}:
            return "load"
        frameworks = {"pytorch", "onnxruntime"}
        return (
            "frameworks"
            if any(record.text("backend") in frameworks for record in self.records)
            else "bench"
        )

    def having(self, wanted: Callable[[Record], bool]) -> list[Record]:
        """Records that may be shown: invalid ones may not."""
        return [record for record in self.records if not record.invalid and wanted(record)]


@dataclass
class Machine:
    """What was recorded on one machine, newest run first."""

    name: str
    runs: list[Run] = field(default_factory=list)

    def newest(
        self, wanted: Callable[[Record], bool], subcommand: str = ""
    ) -> tuple[Run, list[Record]] | None:
        """The newest run with records that are wanted, and these. Runs of frameworks time some of
        ours, too, to compare with: a subcommand, where given, keeps such runs apart."""
        for run in self.runs:
            if subcommand not in ("", run.subcommand):
                continue
            found = run.having(wanted)
            if found:
                return run, found
        return None

    def values(self, column: str, kinds: Iterable[str]) -> list[str]:
        """Every text that a column has in records of these kinds, in the order of the files."""
        wanted = set(kinds)
        seen: dict[str, None] = {}
        for run in self.runs:
            for record in run.records:
                if record.kind in wanted and record.text(column):
                    seen[record.text(column)] = None
        return list(seen)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """A file's objects with their line numbers. A killed run may leave its last line unfinished."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecords(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            if not text.endswith("\n") and number == text.count("\n") + 1:
                return
            raise BadRecords(
                f"{path}:{number}: not JSON ({error.msg}); each line is one object"
            ) from error
        if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
            raise BadRecords(f"{path}:{number}: not a record; each line is an object with a kind")
        yield number, value


def read_file(path: Path) -> list[Run]:
    """The runs of one file, in its order."""
    runs: dict[str, Run] = {}
    for number, line in _lines(path):
        record = Record(line, f"{path}:{number}")
        name = record.text("run")
        if record.kind == "machine":
            runs.setdefault(name, Run(record, path))
        elif name in runs:
            runs[name].records.append(record)
        else:
            raise BadRecords(f"{path}:{number}: run '{name}' has no machine line before it")
    return list(runs.values())


def _files(argument: str) -> Iterator[tuple[str, Path]]:
    """Machine names and files of an argument: a folder, a file, or NAME=file or folder."""
    name, equals, rest = argument.partition("=")
    if Path(argument).exists():
        equals = ""
    path = Path(rest if equals else argument)
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise BadRecords(f"{path}: no recorded runs (*.jsonl) in it; `make bench` makes one")
    for file in files:
        yield name if equals else file.resolve().parent.name, file


def read(arguments: Iterable[str]) -> list[Machine]:
    """Every machine of the given folders and files. A machine is named by the folder of its files:
    CPUs of one name may sit in instances of different sizes and prices."""
    machines: dict[str, Machine] = {}
    for argument in arguments:
        for name, file in _files(argument):
            machines.setdefault(name, Machine(name)).runs.extend(read_file(file))
    for machine in machines.values():
        machine.runs.sort(key=lambda run: run.time, reverse=True)
    return [machines[name] for name in sorted(machines) if machines[name].runs]
