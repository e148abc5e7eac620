#!/usr/bin/env python3
"""Holds what `ektm evaluate --out` wrote against an implementation that shares no line with it, nor
the way to the number: areas by comparing every positive with every negative, in fractions.

usage: ranking_oracle.py ROWS PREDICTIONS MEASURES; exits 1 where one differs by more than 1e-9.
"""
import csv
import math
import sys
from collections import defaultdict
from fractions import Fraction

TOLERANCE = 1e-9
BINS = 20


def area(pairs):
    """The share of pairs (positive, negative) in which the positive one has the higher score."""
    positive = [score for score, label in pairs if label]
    negative = [score for score, label in pairs if not label]
    if not positive or not negative:
        return None
    won = sum(2 if p > n else 1 if p == n else 0 for p in positive for n in negative)
    return Fraction(won, 2 * len(positive) * len(negative))


def area_by_user(items):
    users = defaultdict(list)
    for score, label, user in items:
        if user != "":
            users[user].append((score, label))
    areas = [(area(pairs), len(pairs)) for pairs in users.values()]
    areas = [(a, weight) for a, weight in areas if a is not None]
    weight = sum(weight for _, weight in areas)
    return (sum(a * w for a, w in areas) / weight if areas else None), len(areas)


def log_loss(pairs):
    least = 2.0**-24
    terms = []
    for score, label in pairs:
        p = min(max(score, least), 1 - least)
        terms.append(-math.log(p if label else 1 - p))
    return math.fsum(terms) / len(terms) if terms else None


def calibration_error(pairs):
    """Bins of as many rows each; what is equal stays with the first of it."""
    ordered = sorted(pairs, key=lambda pair: pair[0])
    bins, begin, bin_number = [], 0, 1
    while begin < len(ordered):
        end = max(bin_number * len(ordered) // BINS, begin + 1)
        while end < len(ordered) and ordered[end][0] == ordered[end - 1][0]:
            end += 1
        bins.append(ordered[begin:end])
        begin, bin_number = end, bin_number + 1
    gaps = [abs(math.fsum(s for s, _ in b) - sum(l for _, l in b)) for b in bins]
    return math.fsum(gaps) / len(ordered) if ordered else None


def items_of(name, rows, predictions):
    """(score, label, user) of the rows that have a label for that prediction."""
    task = int(name[6:] or 0) if name.startswith("pctcvr") else int(name[4:] or 0)
    for row, prediction in zip(rows, predictions):
        click = row["click"]
        label = row.get(f"conv{task}", "") if task else click
        if task and click != "1":
            label = "0" if click == "0" and name.startswith("pctcvr") else ""
        if label != "":
            yield float(prediction[name]), int(label), row.get("user", "")


def measures_of(items):
    pairs = [(score, label) for score, label, _ in items]
    positives = sum(label for _, label in pairs)
    gauc, users = area_by_user(items)
    mean = math.fsum(score for score, _ in pairs) / len(pairs) if pairs else None
    return {"rows": len(pairs), "positives": positives, "users": users, "auc": area(pairs),
            "gauc": gauc, "log_loss": log_loss(pairs), "predicted": mean,
            "observed": positives / len(pairs) if pairs else None, "ece": calibration_error(pairs)}


def main():
    rows, predictions, told = (list(csv.DictReader(open(path))) for path in sys.argv[1:4])
    assert len(rows) == len(predictions) and len(told) == len(predictions[0])
    wrong = 0
    for line in told:
        expected = measures_of(list(items_of(line["prediction"], rows, predictions)))
        for name, value in expected.items():
            found = float(line[name]) if line[name] else None
            same = found is None if value is None else (
                found is not None and abs(found - float(value)) <= TOLERANCE)
            if not same:
                print(f"{line['prediction']} {name}: {line[name]}, not {value and float(value)}")
                wrong = 1
    return wrong


sys.exit(main())
