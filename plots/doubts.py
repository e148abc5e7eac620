"""Every doubt: what was noisy, invalid or skipped, and why, of every run."""

from __future__ import annotations

from dataclasses import dataclass, field

from plots.records import Machine, Record, Run


@dataclass
class Doubt:
    """All records of a run that have one verdict for one reason."""

    verdict: str
    reason: str
    what: list[str] = field(default_factory=list)


@dataclass
class Doubts:
    """Of one run, or of a machine as a whole (no command)."""

    command: str
    file: str
    counts: str
    doubts: list[Doubt]


VERDICTS = {
    "invalid": "invalid, left out of everything",
    "skipped": "skipped",
    "noisy": "noisy, believe it less",
}


def _what(record: Record) -> str:
    """Which figure it is about, so that it can be found."""
    words = [record.text("ceiling") if record.kind == "ceiling" else record.text("name")]
    if record.kind == "kernel":
        words.append(record.text("layer"))
    if record.batch:
        words.append(f"{record.batch} rows")
    if record.kind == "load":
        offered = record.number("offered")
        words += [
            record.text("scenario"),
            record.text("layout"),
            f"{offered:,.0f}/s" if offered else "",
        ]
    if record.threads:
        words.append(f"{record.threads} thread{'s' if record.threads != 1 else ''}")
    return " ".join(word for word in words if word)


def of_run(run: Run) -> Doubts:
    """Worst first; within a verdict in the order that they were written in."""
    groups: dict[tuple[str, str], Doubt] = {}
    for verdict, said in VERDICTS.items():
        for record in run.records:
            if record.text("verdict") == verdict:
                reason = record.text("reason") or "no reason is told"
                groups.setdefault((verdict, reason), Doubt(said, reason)).what.append(_what(record))
    total = [
        f"{sum(r.text('verdict') == verdict for r in run.records)} {verdict}"
        for verdict in VERDICTS
    ]
    counts = f"{len(run.records)} records: " + ", ".join(total)
    return Doubts(run.command, f"{run.file}, {run.time}", counts, list(groups.values()))


def of_machine(machine: Machine) -> list[Doubts]:
    """Of all its runs, newest first."""
    return [of_run(run) for run in machine.runs]


def of_conditions(machine: Machine) -> list[str]:
    """What about the machine itself should make one careful."""
    newest = machine.runs[0].machine
    said = []
    if newest.text("virtualised") not in ("no", ""):
        said.append(
            f"a virtual machine ({newest.text('virtualised')}): its caches are the hypervisor's"
            " word, its neighbours unknown"
        )
    if newest.number("quota"):
        said.append(f"its CPU quota is {newest.number('quota'):g} processors")
    commits = list(dict.fromkeys(run.machine.text("commit") for run in machine.runs))
    if len(commits) > 1:
        said.append(
            f"its runs are of {len(commits)} commits: {', '.join(commits)}; each picture names"
            " its own"
        )
    said += [
        f"the sources of commit {commit} had been changed"
        for commit in commits
        if commit.endswith("-dirty")
    ]
    return said
