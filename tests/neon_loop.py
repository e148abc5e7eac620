"""Holds the inner loop of NEON's products to what their files state: multiply-adds, loads and other
instructions of one pass, by the number format and the instructions in the object's name. Usage: neon_loop.py OBJDUMP OBJECT. Prints the counts; exits 1 where no loop
of the object has them."""

import re
import subprocess
import sys

# kernels/neon/product.h, kernels/neon/narrow_product.h. A narrow kernel has besides what moves a
# register or two, which gcc does not always avoid.
STATED = {
    "f32_neon": ({"fmla": 64, "loads": 16}, 6),
    "bf16_neon": ({"fmla": 64, "loads": 16, "shll": 16}, 6),
    "bf16_neon_bfdot": ({"bfdot": 64, "loads": 16}, 8),
    "bf16_neon_bfmmla": ({"bfmmla": 32, "loads": 16}, 6),
    "i8_neon": ({"smull": 16, "smull2": 16, "sadalp": 32, "loads": 8}, 6),
    "i8_neon_dotprod": ({"sdot": 64, "loads": 16}, 8),
    "i8_neon_i8mm": ({"usmmla": 32, "loads": 16}, 6),
}


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


def count(body, stated):
    """How many of the stated instructions, and of others."""
    counts = {name: body.count(name) for name in stated}
    pairs = body.count("ldp")
    counts["loads"] = 2 * pairs + body.count("ldr") + body.count("ldur")
    return counts, len(body) + pairs - sum(counts.values())


def main():
    objdump, path = sys.argv[1:]
    kind = re.sub(r"^[a-z]+_|\.o$", "", path.split("/")[-1])
    stated, others_most = STATED[kind]
    counts = [count(b, stated) for b in inner_loops(list(instructions(objdump, path)))]
    others = min((o for c, o in counts if c == stated), default=None)
    if others is None or others > others_most:
        print(f"{path}: no inner loop of {stated} and at most {others_most} others; "
              f"there are {counts}", file=sys.stderr)
        sys.exit(1)
    what = ", ".join(f"{n} {name}" for name, n in stated.items())
    print(f"{path}: {what} and {others} other instructions in a pass of the inner loop")


main()
