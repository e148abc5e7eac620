"""The report: one HTML file that needs nothing beside it, with the decision at its top."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib import pyplot

from plots import comparison, doubts, evidence, gallery, style, tables
from plots.picture import Picture
from plots.prices import Price
from plots.records import Machine

HERE = Path(__file__).parent


@dataclass
class Drawing:
    """A picture as the page has it."""

    title: str
    svg: Markup


def _prefixed(svg: str, prefix: str) -> str:
    """Names within a drawing are made its own: a page holds many, and names are the page's."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    return re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)


def inline(picture: Picture, prefix: str) -> Drawing:
    """As SVG within HTML: no header, no size of its own, ink and paper in the page's colours."""
    buffer = io.StringIO()
    picture.figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(picture.figure)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace(style.INK, "currentColor").replace(style.PAPER, "var(--paper)")
    svg = _prefixed(svg, prefix)
    svg = re.sub(
        r'^<svg [^>]*?viewBox="([^"]+)"[^>]*>',
        lambda match: (
            f'<svg viewBox="{match[1]}" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
            f'aria-label="{Markup.escape(picture.alt)}">'
        ),
        svg,
        count=1,
        flags=re.DOTALL,
    )
    return Drawing(picture.title, Markup(svg))


def _drawings(shown: gallery.Gallery) -> list[Drawing]:
    return [
        inline(picture, re.sub(r"[^A-Za-z0-9-]", "-", f"{shown.machine or 'all'}-{picture.name}"))
        for picture in shown.pictures
    ]


def _as_json(data: Any) -> Markup:
    """Within a script element, where only `</` could end it and `<!--` change its meaning."""
    return Markup(json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"))


def _default_rate(known: evidence.Evidence) -> float:
    """A round number that some ten of the best machines serve: the asker's own is not known."""
    best = max((c["highest"]["median"] for c in known.configurations), default=1.0)
    ticks = style.log_ticks(best * 3, best * 30)
    return min(ticks, key=lambda tick: abs(tick - best * 10))


def _data(known: evidence.Evidence, prices: dict[str, Price]) -> dict[str, Any]:
    """What the page's script decides from."""
    return {
        "evidence": evidence.as_data(known),
        "prices": {machine: asdict(price) for machine, price in prices.items()},
        "rate": _default_rate(known),
    }


def _sections(machines: list[Machine]) -> list[dict[str, Any]]:
    """Of each machine: pictures, tables, doubts."""
    sections = []
    for machine in machines:
        shown = gallery.of_machine(machine)
        sections.append(
            {
                "name": machine.name,
                "anchor": re.sub(r"[^A-Za-z0-9-]", "-", machine.name),
                "cpu": machine.runs[0].machine.text("cpu"),
                "drawings": _drawings(shown),
                "absent": shown.absent,
                "tables": tables.of_machine(machine),
                "conditions": doubts.of_conditions(machine),
                "doubts": doubts.of_machine(machine),
            }
        )
    return sections


def _price_doubts(known: evidence.Evidence, prices: dict[str, Price]) -> list[str]:
    """Prices are evidence, too."""
    names = set(known.machines)
    searched = {c["machine"] for c in known.configurations}
    said = [f"{machine}: has a price and no results" for machine in prices if machine not in names]
    said += [
        f"{name}: has no price; it stands at 1 an hour until one is typed in"
        for name in sorted(searched - prices.keys())
    ]
    said += [
        f"{machine}: the note of its price names no day: {price.note}"
        for machine, price in prices.items()
        if machine in names and not re.search(r"\d{4}-\d{2}-\d{2}", price.note)
    ]
    return said


def render(machines: list[Machine], prices: dict[str, Price]) -> str:
    """The whole page."""
    known = evidence.gather(machines)
    together = gallery.of_all(machines, prices)
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        data=_as_json(_data(known, prices)),
        css=Markup((HERE / "report.css").read_text(encoding="utf-8")),
        scripts=[
            Markup((HERE / name).read_text(encoding="utf-8")) for name in ("decision.js", "page.js")
        ],
        known=known,
        prices=prices,
        machines=[machine.name for machine in machines],
        comparisons=comparison.of_machines(machines, known),
        drawings=_drawings(together),
        absent=together.absent,
        sections=_sections(machines),
        general_doubts=_price_doubts(known, prices) + known.left_out,
    )
