"""A framework for tests: speaks as harness/frameworks/pytorch.py does, and predicts with `ektm predict`.

FAKE says what it is like: agrees, wrong, dies, nonsense or quits (in the middle of its work).
"""

import array
import os
import struct
import subprocess
import sys
import time

kind = os.environ["FAKE"]
folder = sys.argv[sys.argv.index("--folder") + 1]
mode = sys.argv[sys.argv.index("--mode") + 1]


def numbers(name, code):
    with open(os.path.join(folder, name), "rb") as data:
        return array.array(code, data.read())


def predict(rows):
    ids, bags, dense = numbers("ids.i32", "i"), numbers("bags.i32", "i"), numbers("dense.f32", "f")
    fields, features = 4, 3  # preset tiny
    head = [f"f{f}" for f in range(fields)] + [f"d{d}" for d in range(features)]
    lines = [",".join(head)]
    for row in range(rows):
        bag = [bags[row * fields + f : row * fields + f + 2] for f in range(fields)]
        cells = ["|".join(map(str, ids[begin:end])) for begin, end in bag]
        cells += [repr(x) for x in dense[row * features : (row + 1) * features]]
        lines.append(",".join(cells))
    command = [os.environ["EKTM"], "predict", "--model", os.path.join(folder, "weights.safetensors"),
               "--input", "-"]
    out = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    table = [[float(x) for x in line.split(",")] for line in out.stdout.split()[1:]]
    return [p for line in table for p in line[:3]]  # pctr, pcvr1, pcvr2


if mode == "export" or kind == "dies":
    sys.exit(1)
print("good morning" if kind == "nonsense" else f"hello 1.0 {mode}", flush=True)
rows = 0
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "batch":
        rows = int(rest)
        print("ready", flush=True)
    elif word == "predict":
        p = predict(rows)
        if kind == "wrong":
            p[-1] += 1e-3
        with open(rest, "wb") as out:
            out.write(struct.pack(f"<{len(p)}f", *p))
        print("done", flush=True)
    elif word == "time":
        if kind == "quits":
            sys.exit(1)
        begin = time.perf_counter_ns()
        time.sleep(1e-4 * int(rest.split()[0]))
        print("ns", time.perf_counter_ns() - begin, flush=True)
