"""Holds the inner loop of NEON's product to what its file states: multiply-adds, loads and other
instructions of one pass. Usage: neon_loop.py OBJDUMP OBJECT. Prints the counts; exits 1 where no loop
of the object has them."""

import re
import subprocess
import sys

STATED = {"fmla": 64, "loads": 16}  # kernels/neon/product.h
OTHERS_MOST = 6


def instructions(objdump, path):
    """(address, mnemonic, operands) of everything in the object."""
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", path], check=True,
                          capture_output=True, text=True).stdout
    for line in text.splitlines():
        found = re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)", line)
        if found:
            yield int(found[1], 16), found[2], found[3]


def is_branch(mnemonic):
    return mnemonic.startswith("b.") or mnemonic in ("b", "cbz", "cbnz", "tbz", "tbnz")


def inner_loops(code):
    """Bodies, branch included, of loops with no other branch inside."""
    place = {address: i for i, (address, _, _) in enumerate(code)}
    for i, (_, mnemonic, operands) in enumerate(code):
        target = re.search(r"([0-9a-f]+) <", operands) if is_branch(mnemonic) else None
        first = place.get(int(target[1], 16), i) if target else i
        body = [m for _, m, _ in code[first:i + 1]]
        if first < i and not any(is_branch(m) for m in body[:-1]):
            yield body


def count(body):
    fmla = sum(m.startswith("fmla") for m in body)
    loads = sum(2 if m == "ldp" else m in ("ldr", "ldur") for m in body)
    pairs = sum(m == "ldp" for m in body)
    return {"fmla": fmla, "loads": loads, "others": len(body) - fmla - loads + pairs}


def main():
    counts = [count(b) for b in inner_loops(list(instructions(sys.argv[1], sys.argv[2])))]
    widest = [c for c in counts if all(c[k] == n for k, n in STATED.items())]
    least = min(widest, key=lambda c: c["others"], default=None)
    if least is None or least["others"] > OTHERS_MOST:
        print(f"{sys.argv[2]}: no inner loop of {STATED} and at most {OTHERS_MOST} others; "
              f"there are {counts}", file=sys.stderr)
        sys.exit(1)
    print(f"{sys.argv[2]}: {least['fmla']} multiply-adds, {least['loads']} loads and "
          f"{least['others']} other instructions in a pass of the inner loop")


main()
