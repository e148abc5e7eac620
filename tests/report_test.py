"""The report in a headless Chromium: it renders, decides as `ektm choose` does, and can be used on
a phone and by keyboard. Usage: report_test.py EKTM. Skipped where there is no Chromium."""

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
TAB = 9
A4 = 718  # pixels between the margins of a sheet
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import Browser, find  # noqa: E402

from plots import prices, records, report  # noqa: E402

# What is typed into the page, by the field's name, and the same for `ektm choose`. Prices are by
# the machine's place.
QUESTIONS: list[dict[str, Any]] = [
    {"slo": "p99=10ms", "rate": 20000, "headroom": 30},
    {"slo": "p99=5ms", "rate": 20000, "headroom": 30},
    {"slo": "p99=10ms", "rate": 20000, "headroom": 30, "prices": {"fixture-b": 0.25}},
    {"slo": "p99=10ms", "rate": 20000, "headroom": 30, "prices": {"fixture-c": 0.05}},
    {"slo": "p99=10ms", "rate": 700, "headroom": 0},
    {"slo": "p99=10ms", "rate": 123457, "headroom": 12.5},
    {"slo": "p99=10ms", "rate": 1, "headroom": 0},
    {"slo": "p99=10ms", "rate": 20000, "headroom": 30, "antagonist": True},
    {"slo": "p99=10ms", "rate": 20000, "headroom": 30, "quality": {"tau": 0.995}},
    {"slo": "p99=5ms", "rate": 5000, "headroom": 30, "quality": {"off": 0.001, "auc": -0.00001}},
]

ektm = ""


def render(results: list[str], priced: Path | None) -> Path:
    """A report in a file that goes with the process."""
    page = report.render(records.read(results), prices.read(priced) if priced else {})
    path = Path(tempfile.mkdtemp(prefix="ektm-report-")) / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def choose(question: dict[str, Any]) -> dict[str, Any]:
    """What `ektm choose` decides."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        asked = prices.read(FIXTURES / "prices.csv")
        file.write("machine,price_per_hour,currency,note\n")
        for machine, price in asked.items():
            per_hour = question.get("prices", {}).get(machine, price.per_hour)
            file.write(f'{machine},{per_hour!r},{price.currency},"{price.note}"\n')
        file.flush()
        command = [ektm, "choose", str(FIXTURES), "--json", "--prices", file.name]
        command += [f"--{name}={question[name]}" for name in ("slo", "rate", "headroom")]
        if "quality" in question:
            bounds = ",".join(f"{name}={bound}" for name, bound in question["quality"].items())
            command.append(f"--min-quality={bounds}")
        if question.get("antagonist"):
            command.append("--antagonist")
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    decision: dict[str, Any] = json.loads(done.stdout)
    return decision


class Page(unittest.TestCase):
    """One browser for all."""

    browser: Browser
    path: Path

    @classmethod
    def setUpClass(cls) -> None:
        program = find()
        assert program is not None
        cls.browser = Browser(program)
        cls.addClassCleanup(cls.browser.close)
        cls.path = render([str(FIXTURES)], FIXTURES / "prices.csv")

    def open(self, path: Path | None = None, fragment: str = "", width: int = 1200) -> Browser:
        """The page as one sees it first."""
        self.browser.resize(width, 900, phone=width < 500)
        self.browser.prefer("light")
        self.browser.open(path or self.path, fragment)
        return self.browser

    def type(self, question: dict[str, Any]) -> None:
        """Fills the form in as a user does, from its start."""
        machines = list(prices.read(FIXTURES / "prices.csv"))
        fields: dict[str, Any] = {name: question[name] for name in ("slo", "rate", "headroom")}
        for machine, price in question.get("prices", {}).items():
            fields[f"price-{machines.index(machine)}"] = price
        for name, bound in question.get("quality", {}).items():
            fields[f"quality-{name}"] = bound
        self.browser.evaluate("document.getElementById('reset').click()")
        for name, value in fields.items():
            self.browser.evaluate(
                f"(() => {{ const field = document.getElementById('{name}');"
                f" field.value = {json.dumps(value)};"
                " field.dispatchEvent(new Event('input', { bubbles: true })); })()"
            )
        if question.get("antagonist"):
            self.browser.evaluate("document.getElementById('antagonist').click()")

    def shown(self) -> list[list[float]]:
        """The ranking's exact numbers, row by row: rank, machines, cost an hour, ..."""
        rows: list[list[float]] = self.browser.evaluate(
            "[...document.querySelectorAll('#ranking-body tr')].map((row) =>"
            " [...row.querySelectorAll('data')].map((cell) => Number(cell.value)))"
        )
        return rows


class Renders(Page):
    """It comes up whole, from nothing but its file."""

    def test_no_complaints_and_no_other_files(self) -> None:
        browser = self.open()
        self.assertEqual(browser.complaints(), [])
        self.assertEqual(browser.requests(), [self.path.resolve().as_uri()])

    def test_every_picture_has_words(self) -> None:
        browser = self.open()
        figures = browser.evaluate("document.querySelectorAll('figure').length")
        named = browser.evaluate("document.querySelectorAll('figure svg[aria-label]').length")
        self.assertGreater(figures, 3)
        self.assertEqual(figures, named)

    def test_names_are_given_once(self) -> None:
        twice = self.open().evaluate(
            "(() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);"
            " return ids.filter((id, i) => ids.indexOf(id) !== i); })()"
        )
        self.assertEqual(twice, [])

    def test_recorded_results_without_load(self) -> None:
        path = render([str(ROOT / "results" / "amd-epyc-2c")], None)
        browser = self.open(path)
        self.assertEqual(browser.complaints(), [])
        self.assertIn("Decision", browser.evaluate("document.body.innerText"))


class Decides(Page):
    """As `ektm choose` does, in all digits that it prints."""

    def same(self, ours: Any, theirs: Any, what: str) -> None:
        """Without bound is null in both."""
        if isinstance(ours, dict) and isinstance(theirs, dict):
            self.assertEqual(sorted(ours), sorted(theirs), what)
            for name in ours:
                self.same(ours[name], theirs[name], f"{what}, {name}")
        elif isinstance(ours, float) and isinstance(theirs, float):
            self.assertAlmostEqual(ours, theirs, delta=abs(theirs) * 1e-12, msg=what)
        else:
            self.assertEqual(ours, theirs, what)

    def compare(self, question: dict[str, Any]) -> None:
        """Ranking, costs and what would have to change."""
        theirs = choose(question)
        text = self.browser.evaluate("JSON.stringify(decide(data.evidence, question()))")
        ours = json.loads(text)
        names = [offer["machine"] for offer in ours["offers"]]
        self.assertEqual(names, [machine["machine"] for machine in theirs["machines"]])
        for offer, machine, shown in zip(ours["offers"], theirs["machines"], self.shown()):
            configuration = theirs["configurations"][machine["configuration"]]
            self.same(offer["rank"], machine["rank"], "rank")
            self.same(offer["configuration"]["label"], configuration["label"], "configuration")
            self.same(offer["configuration"]["highest"], configuration["highest"], "highest")
            for name, column in (
                ("machines", "machines"),
                ("perHour", "cost_per_hour"),
                ("perMillionQueries", "cost_per_million_queries"),
                ("perMillionCandidates", "cost_per_million_candidates"),
            ):
                self.same(offer["cost"][name], machine[column], f"{offer['machine']}: {column}")
            costs = [offer["cost"][name]["median"] for name in list(offer["cost"])]
            self.assertEqual(shown[:5], [offer["rank"], *costs], "what the table shows")
        self.compare_changes(ours["sensitivity"], theirs["sensitivity"])

    def compare_changes(self, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        """What would make the second the first."""
        self.same([ours["first"], ours["second"]], [theirs["first"], theirs["second"]], "places")
        self.same(ours["shown"], theirs["difference_shown"], "difference shown")
        self.same(ours["price"], theirs["price"], "price")
        self.same(ours["below"], theirs["rate"]["below"], "lower rates")
        self.same(ours["above"], theirs["rate"]["above"], "higher rates")
        firsts = [(other["slo"], other.get("first", {}).get("machine")) for other in ours["slos"]]
        self.same(firsts, [(other["slo"], other["first"]) for other in theirs["slo"]], "objectives")

    def test_as_choose_does(self) -> None:
        self.open()
        answers = set()
        for question in QUESTIONS:
            with self.subTest(question=question):
                self.type(question)
                self.compare(question)
                answers.add(self.browser.evaluate("document.getElementById('answer').innerText"))
        self.assertEqual(len(answers), len(QUESTIONS), "each question has an answer of its own")
        self.assertEqual(self.browser.complaints(), [])

    def test_a_bad_number_gets_a_sentence(self) -> None:
        self.open()
        self.type({"slo": "p99=10ms", "rate": "", "headroom": 30})
        answer = self.browser.evaluate("document.getElementById('answer').innerText")
        self.assertIn("Queries a second: a whole number", answer)

    def test_the_address_carries_the_question(self) -> None:
        self.open()
        self.type(QUESTIONS[2])
        answer = self.browser.evaluate("document.getElementById('answer').innerText")
        fragment = self.browser.evaluate("location.hash")
        self.browser.open(Path(self.path.parent / "report.html"), "?again" + fragment)
        again = self.browser.evaluate("document.getElementById('answer').innerText")
        self.assertEqual(answer, again)


class IsUsable(Page):
    """On a phone, by keyboard, in the dark and on paper."""

    def test_no_sideways_scroll_on_a_phone(self) -> None:
        browser = self.open(width=375)
        browser.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        self.assertLessEqual(browser.evaluate("document.documentElement.scrollWidth"), 375)
        small = browser.evaluate(
            "[...document.querySelectorAll('input, select, button, summary')].filter((e) =>"
            " e.type !== 'checkbox' && e.getBoundingClientRect().height < 40).length"
        )
        self.assertEqual(small, 0, "a finger needs 40 px")

    def test_keyboard_goes_through_in_order(self) -> None:
        browser = self.open()
        browser.evaluate("document.body.focus()")
        wanted = browser.evaluate(
            "[...document.querySelectorAll('a[href], button, input, select, summary, "
            '[tabindex="0"]\')].filter((e) => e.checkVisibility()).length'
        )
        places = []
        for _ in range(wanted):
            browser.press("Tab", TAB)
            places.append(
                browser.evaluate(
                    "[...document.querySelectorAll('*')].indexOf(document.activeElement)"
                )
            )
            if len(places) < 30:
                ring = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                self.assertNotEqual(ring, "none", "the focus is to be seen")
        self.assertEqual(places, sorted(set(places)), "each once, in the order of the page")

    def test_form_fields_have_labels(self) -> None:
        bare = self.open().evaluate(
            "[...document.querySelectorAll('input, select')].filter((e) => !e.labels.length).length"
        )
        self.assertEqual(bare, 0)

    def test_contrast_in_light_and_dark(self) -> None:
        browser = self.open()
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            for ink, paper in (
                ("--ink", "--paper"),
                ("--soft", "--panel"),
                ("--accent", "--paper"),
            ):
                with self.subTest(scheme=scheme, ink=ink, paper=paper):
                    self.assertGreaterEqual(self.contrast(ink, paper), 4.5)

    def contrast(self, ink: str, paper: str) -> float:
        """WCAG's ratio of two of the page's colours."""
        lights = []
        for name in (ink, paper):
            colour = self.browser.evaluate(
                f"getComputedStyle(document.documentElement).getPropertyValue('{name}').trim()"
            ).lstrip("#")
            channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
            linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
            lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
        ratio: float = (max(lights) + 0.05) / (min(lights) + 0.05)
        return ratio

    def test_paper_shows_what_is_folded(self) -> None:
        browser = self.open(width=A4)
        browser.evaluate("dispatchEvent(new Event('beforeprint'))")
        folded = browser.evaluate("document.querySelectorAll('details:not([open])').length")
        self.assertEqual(folded, 0)
        browser.prefer("light", media="print")
        self.assertLessEqual(
            browser.evaluate("document.documentElement.scrollWidth - innerWidth"), 0
        )


if __name__ == "__main__":
    ektm = sys.argv.pop(1)
    if find() is None:
        print("report: skipped: there is no Chromium; Debian's package chromium brings it")
        sys.exit(0)
    unittest.main(argv=sys.argv)
