"""Pictures and what they read: records, prices, evidence. Needs no browser and no `ektm`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "report"
RECORDED = f"amd-epyc-2c={ROOT}/results/amd-epyc-2c/2026-11-25-651f0cb1aa76.jsonl"
sys.path.insert(0, str(ROOT))

from matplotlib import pyplot  # noqa: E402

from plots import (
    cost,
    evidence,
    gallery,
    load,
    prices,
    records,
    report,
    style,
    threads,
)  # noqa: E402

MACHINE = {"kind": "machine", "run": "r", "name": "m", "time": "2026-01-01T00:00:00Z", "cpu": "c"}


def written(folder: Path, *lines: str, name: str = "run.jsonl") -> Path:
    """A file of results with these lines."""
    path = folder / name
    path.write_text("".join(lines), encoding="utf-8")
    return path


def line(**columns: Any) -> str:
    """One record."""
    return json.dumps(columns) + "\n"


class InFolder(unittest.TestCase):
    """With a folder that goes with the test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ektm-plots-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "box"
        self.folder.mkdir()

    def fails(self, path: Path, *words: str) -> None:
        """Reading it is refused in a sentence with these words."""
        with self.assertRaises(records.BadRecords) as caught:
            records.read([str(path)])
        for word in words:
            self.assertIn(word, str(caught.exception))


class Records(InFolder):
    """Lines become runs of machines, or a sentence."""

    def test_a_machine_is_its_folder_or_a_given_name(self) -> None:
        path = written(self.folder, line(**MACHINE))
        self.assertEqual([m.name for m in records.read([str(path)])], ["box"])
        self.assertEqual([m.name for m in records.read([str(self.folder)])], ["box"])
        self.assertEqual([m.name for m in records.read([f"other={path}"])], ["other"])

    def test_a_killed_run_loses_its_last_line_only(self) -> None:
        kernel = line(kind="kernel", run="r", verdict="valid")
        path = written(self.folder, line(**MACHINE), kernel, kernel[:20])
        self.assertEqual(len(records.read([str(path)])[0].runs[0].records), 1)

    def test_bad_lines_are_named(self) -> None:
        self.fails(written(self.folder, line(**MACHINE), "{nonsense}\n"), "run.jsonl:2: not JSON")
        self.fails(written(self.folder, "[1]\n"), "run.jsonl:1: not a record")
        self.fails(written(self.folder, line(kind="kernel", run="r")), ":1: run 'r' has no machine")
        self.fails(self.folder / "absent.jsonl", "absent.jsonl: cannot be read")
        (self.folder / "run.jsonl").unlink()
        self.fails(self.folder, "no recorded runs")

    def test_unavailable_is_no_number(self) -> None:
        record = records.Record(
            {"a": "unavailable", "b": {"median": 1, "lo": "unavailable", "hi": 2}}
        )
        self.assertIsNone(record.number("a"))
        self.assertIsNone(record.interval("b"))
        self.assertEqual(record.text("a"), "")

    def test_newest_run_first_and_invalid_left_out(self) -> None:
        older = line(**MACHINE) + line(kind="kernel", run="r", verdict="valid", name="older")
        machine = {**MACHINE, "run": "s", "time": "2026-02-01T00:00:00Z"}
        newer = line(**machine) + line(kind="kernel", run="s", verdict="invalid", name="newer")
        path = written(self.folder, older, newer)
        found = records.read([str(path)])[0]
        self.assertEqual(found.runs[0].time, "2026-02-01T00:00:00Z")
        shown = found.newest(lambda r: r.kind == "kernel")
        assert shown is not None
        self.assertEqual([r.text("name") for r in shown[1]], ["older"])

    def test_every_recorded_file_is_read(self) -> None:
        self.assertEqual([m.name for m in records.read([str(RECORDED)])], ["amd-epyc-2c"])


class Prices(InFolder):
    """The file that `ektm choose` reads."""

    def refused(self, text: str, *words: str) -> None:
        with self.assertRaises(records.BadRecords) as caught:
            prices.read(written(self.folder, text, name="p.csv"))
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_columns_in_any_order_and_quoted_notes(self) -> None:
        text = '# prices\n\nnote,currency,machine,price_per_hour\n"a, b",EUR,m,0.5\n'
        read = prices.read(written(self.folder, text, name="p.csv"))
        self.assertEqual(read, {"m": prices.Price(0.5, "EUR", "a, b")})

    def test_bad_ones_are_named(self) -> None:
        head = "machine,price_per_hour,currency,note\n"
        self.refused("machine,price\n", "p.csv: the first line must name")
        self.refused(head + "m,free,EUR,n\n", "p.csv:2: price_per_hour is 'free'")
        self.refused(head + "m,0,EUR,n\n", "p.csv:2: price_per_hour is '0'")
        self.refused(head + "m,1,EUR\n", "p.csv:2: 3 cells")
        self.refused(head + "m,1,EUR,n\nm,2,EUR,n\n", "p.csv:3: a second price of m")
        self.refused(head + "m,1_0,EUR,n\n", "p.csv:2: price_per_hour is '1_0'")
        self.refused(head + "m,inf,EUR,n\n", "p.csv:2: price_per_hour is 'inf'")
        self.refused(head + "m,1,euro,n\n", "p.csv:2: currency is 'euro'")
        self.refused(head + ",1,EUR,n\n", "p.csv:2: no machine")
        self.refused(head + 'm,1,EUR,"n\n', "p.csv:2: ")

    def test_currencies_are_not_mixed(self) -> None:
        priced = {"a": prices.Price(1, "EUR", "n"), "b": prices.Price(1, "USD", "n")}
        prices.of_one_currency(self.folder, priced, ["a"])
        with self.assertRaises(records.BadRecords) as caught:
            prices.of_one_currency(self.folder, priced, ["a", "b"])
        self.assertIn("prices in EUR and USD", str(caught.exception))


class Evidence(unittest.TestCase):
    """What the report decides from."""

    def setUp(self) -> None:
        self.evidence = evidence.gather(records.read([str(FIXTURES)]))

    def test_objectives_have_one_spelling(self) -> None:
        for text in ("p99=10ms", "p99=0.01s", "p99.0=10000us"):
            self.assertEqual(evidence.slo_text(text), "p99=10ms")
        self.assertEqual(self.evidence.slos, ["p99=5ms", "p99=10ms"])

    def test_runs_of_one_configuration_are_pooled(self) -> None:
        pooled = [c for c in self.evidence.configurations if c["runs"] == 2]
        self.assertTrue(pooled)
        for c in pooled:
            highest = c["highest"]
            self.assertLess(highest["lo"], highest["median"])
            self.assertIn("hypervisor", c["noisy"])

    def test_invalid_searches_are_told_and_left_out(self) -> None:
        machine = records.read([str(FIXTURES / "fixture-a")])[0]
        search = next(r for run in machine.runs for r in run.records if load.is_highest(r))
        search.line.update(verdict="invalid", reason="too short")
        left = evidence.gather([machine]).left_out
        self.assertEqual(len(left), 1)
        self.assertIn("is invalid: too short", left[0])


class Arithmetic(unittest.TestCase):
    """What pictures compute."""

    def test_borders_of_threads(self) -> None:
        topology = {"packages": 2, "numa_nodes": 2, "l3s": 4, "cores": 16, "processors": 32}
        compact = threads.borders(topology, "compact")
        self.assertEqual([place for place, _ in compact], [4.5, 8.5, 12.5, 16.5])
        self.assertEqual(dict(compact)[8.5], "next package")
        self.assertEqual(dict(compact)[16.5], "second hardware threads")
        self.assertEqual([place for place, _ in threads.borders(topology, "spread")], [16.5])

    def test_front_has_what_nothing_beats(self) -> None:
        def choice(price: float, latency: float) -> cost.Choice:
            return cost.Choice("m", records.Record({}), price, records.Interval(latency, 0, 99))

        choices = [choice(3, 1), choice(1, 9), choice(2, 9.5), choice(2, 4), choice(4, 1)]
        self.assertEqual(
            [(c.cost, c.latency.median) for c in cost.front(choices)], [(1, 9), (2, 4), (3, 1)]
        )

    def test_cost_of_a_million(self) -> None:
        self.assertAlmostEqual(cost.cost_per_million(3.6, 1000), 1.0)

    def test_ticks_are_round(self) -> None:
        self.assertEqual(style.log_ticks(0.9, 60), [1, 2, 5, 10, 20, 50])
        self.assertEqual(style.log_ticks(0.9, 4), [1, 1.5, 2, 3, 4])
        self.assertEqual(style.log_ticks(0.01, 100), [0.01, 0.1, 1, 10, 100])

    def test_intervals_turn_around(self) -> None:
        self.assertEqual(records.Interval(2, 1, 4).inverse(8), records.Interval(4, 2, 8))


class Pictures(InFolder):
    """Drawn from recorded and from made-up runs."""

    def draw(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-B",
            "-m",
            "plots",
            "pictures",
            *arguments,
            "--out",
            str(self.folder / name),
        ]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def test_all_are_drawn_and_the_same_each_time(self) -> None:
        priced = ("--prices", str(FIXTURES / "prices.csv"))
        for name in ("one", "two"):
            done = self.draw(name, str(FIXTURES), str(RECORDED), *priced)
            self.assertEqual(done.returncode, 0, done.stderr)
        drawn = sorted(
            path.relative_to(self.folder / "one") for path in (self.folder / "one").rglob("*.*")
        )
        names = {path.stem.split("-")[0] for path in drawn}
        self.assertEqual(
            names, {"batch", "cost", "gather", "latency", "layers", "rate", "roofline", "threads"}
        )
        for path in drawn:
            self.assertEqual(
                (self.folder / "one" / path).read_bytes(), (self.folder / "two" / path).read_bytes()
            )
            if path.suffix == ".svg":
                self.assertTrue(path.with_suffix(".png") in drawn)
                self.check_words((self.folder / "one" / path).read_text(encoding="utf-8"))
        self.assertIn("left out for amd-epyc-2c: rate: no server was measured", done.stderr)
        self.assertIn("left out for fixture-a: layers: no kernels timed", done.stderr)

    def check_words(self, svg: str) -> None:
        """Each says what was measured where, when and how."""
        for word in ("UTC, commit", ": ektm ", "95 % interval" if "roof" not in svg else "noisy"):
            self.assertIn(word, svg)

    def test_prices_are_needed_for_costs(self) -> None:
        done = self.draw("none", str(FIXTURES))
        self.assertIn("left out for all machines: cost: no prices", done.stderr)

    def test_mistakes_get_a_sentence(self) -> None:
        done = self.draw("none", str(self.folder / "nowhere"))
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_invalid_points_are_not_drawn(self) -> None:
        machine = records.read([str(FIXTURES / "fixture-a")])[0]
        for picture in gallery.of_machine(machine).pictures:
            for axes in picture.figure.axes:
                for drawn in axes.lines:
                    heights = [y for y in drawn.get_ydata() if isinstance(y, (int, float))]
                    self.assertNotIn(777.0, heights, f"{picture.name} draws an invalid point")

    def test_noisy_points_are_hollow(self) -> None:
        figure, panels = style.canvas(1, 1, (2, 2))
        ys = [records.Interval(1, 1, 1), records.Interval(2, 2, 2)]
        style.points(panels[0], [1, 2], ys, [False, True], style.SEQUENCE[0], "label")
        dots = [drawn for drawn in panels[0].lines if drawn.get_marker() == "o"]
        faces = {tuple(drawn.get_xdata()): drawn.get_markerfacecolor() for drawn in dots}
        self.assertEqual(faces[(2,)], style.PAPER)
        self.assertNotEqual(faces[(1,)], style.PAPER)
        pyplot.close(figure)


class Report(unittest.TestCase):
    """The page as text; report_test.py opens it in a browser."""

    def test_names_cannot_break_out(self) -> None:
        machine = records.read([str(FIXTURES / "fixture-b")])[0]
        machine.name = "</script><b>x"
        machine.runs[0].machine.line["cpu"] = "<i>&"
        page = report.render([machine], {})
        self.assertNotIn("</script><b>", page)
        self.assertNotIn("<i>&", page)

    def test_nothing_is_fetched(self) -> None:
        page = report.render(records.read([str(RECORDED)]), {})
        for word in ('src="', "url(http", "@import", '<link rel="stylesheet'):
            self.assertNotIn(word, page)


if __name__ == "__main__":
    unittest.main()
