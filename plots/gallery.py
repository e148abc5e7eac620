"""Every picture that records allow, and a sentence for each that they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from plots import batch, cost, gather, latency, layers, rate, roofline, threads
from plots.picture import Absent, Picture
from plots.prices import Price
from plots.records import Machine

OF_A_MACHINE = (rate, latency, batch, layers, roofline, threads, gather)


@dataclass
class Gallery:
    """Of one machine, or of all together (no name)."""

    machine: str
    pictures: list[Picture] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def add(self, draw: Callable[[], list[Picture]]) -> None:
        """Draws, or notes why not."""
        try:
            self.pictures += draw()
        except Absent as why:
            self.absent.append(str(why))


def of_machine(machine: Machine) -> Gallery:
    """All pictures of one machine, those that decide first."""
    gallery = Gallery(machine.name)
    for module in OF_A_MACHINE:
        gallery.add(partial(module.draw, machine))
    return gallery


def of_all(machines: list[Machine], prices: dict[str, Price]) -> Gallery:
    """Pictures that hold machines side by side."""
    gallery = Gallery("")
    gallery.add(lambda: cost.draw(machines, prices))
    return gallery
