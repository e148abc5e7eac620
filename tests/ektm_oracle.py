#!/usr/bin/env python3
"""EKTM inference once more, from EKTM.md alone: an oracle for `ektm predict`.

Shares nothing with the C sources: reads weights and rows itself, computes in double precision with
Python's own arithmetic, and makes models and rows of any sizes to try.

  ektm_oracle.py model OUT [sizes]      a weights file with random numbers
  ektm_oracle.py rows MODEL OUT         a file of random rows for that model
  ektm_oracle.py predict MODEL ROWS     predictions as CSV on standard output, 17 digits
"""

import argparse
import json
import math
import random
import struct

# ---- weights file --------------------------------------------------------------------------------


def bf16_bytes(value):
    """The upper half of the 32-bit number: rounds towards zero."""
    return struct.pack("<f", value)[2:]


def write_weights(path, tensors, metadata, bf16):
    """tensors: [(name, shape, flat list of numbers)]; bf16: names to store as BF16."""
    header, body = {"__metadata__": metadata}, bytearray()
    for name, shape, numbers in tensors:
        begin = len(body)
        if bf16(name):
            body += b"".join(bf16_bytes(x) for x in numbers)
        else:
            body += struct.pack(f"<{len(numbers)}f", *numbers)
        header[name] = {
            "dtype": "BF16" if bf16(name) else "F32",
            "shape": shape,
            "data_offsets": [begin, len(body)],
        }
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def read_weights(path):
    """Returns ({name: (shape, flat list)}, metadata)."""
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    data, weights = raw[8 + length :], {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        part = data[begin:end]
        if entry["dtype"] == "BF16":
            part = b"".join(b"\0\0" + part[i : i + 2] for i in range(0, len(part), 2))
        weights[name] = (entry["shape"], list(struct.unpack(f"<{len(part) // 4}f", part)))
    return weights, metadata


class Model:
    def __init__(self, path):
        self.weights, metadata = read_weights(path)
        self.router = metadata.get("router", "sample")
        self.tau = float(metadata.get("tau", "1"))
        self.pooling = metadata.get("pooling", "sum")
        self.fields = self.count("embedding")
        self.bottoms = self.count("bottom")
        self.tasks = self.count("tower") - 1
        self.dense = self.matrix("dense.weight").columns if "dense.weight" in self.weights else 0

    def count(self, layer):
        n = 0
        while f"{layer}.{n}.weight" in self.weights:
            n += 1
        return n

    def matrix(self, name):
        return Matrix(*self.weights[name])

    def vector(self, name):
        return self.weights[name][1]


class Matrix:
    def __init__(self, shape, numbers):
        self.rows, self.columns = shape
        self.row = [numbers[i * self.columns : (i + 1) * self.columns] for i in range(self.rows)]


# ---- layers --------------------------------------------------------------------------------------


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def affine(model, name, x):
    weight, bias = model.matrix(name + ".weight"), model.vector(name + ".bias")
    assert len(x) == weight.columns
    return [dot(row, x) + b for row, b in zip(weight.row, bias)]


def relu(x):
    return [max(v, 0.0) for v in x]


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def cosine(a, b):
    norms = math.sqrt(dot(a, a)) * math.sqrt(dot(b, b))
    return dot(a, b) / norms if norms > 0 else 0.0


def softmax(x):
    top = max(x)
    e = [math.exp(v - top) for v in x]
    return [v / math.fsum(e) for v in e]


def embed(model, field, ids):
    table = model.tables[field]
    total = [math.fsum(column) for column in zip(*(table.row[i] for i in ids))]
    if not ids:
        return [0.0] * table.columns
    return [v / len(ids) for v in total] if model.pooling == "mean" else total


def route(model, f):
    """f: the T+1 towers. Returns F_1 .. F_T."""
    if model.router == "task":
        vectors = model.matrix("router.task").row
    else:
        vectors = f[1:]
    routed = []
    for own in vectors:
        share = softmax([cosine(own, other) / model.tau for other in vectors])
        routed.append(
            [
                (f0 + math.fsum(s * v for s, v in zip(share, others))) / (model.tasks + 1)
                for f0, *others in zip(*f)
            ]
        )
    return routed


def head(model, task, x):
    return sigmoid(affine(model, f"head.{task}.1", relu(affine(model, f"head.{task}.0", x)))[0])


def infer(model, bags, dense):
    """One row: pCTR and the list of pCVR_i."""
    x = [v for field, ids in enumerate(bags) for v in embed(model, field, ids)]
    if model.dense:
        x += affine(model, "dense", dense)
    h = x
    for layer in range(model.bottoms):
        h = relu(affine(model, f"bottom.{layer}", h))
    f = [relu(affine(model, f"tower.{t}", h)) for t in range(model.tasks + 1)]
    cvr = []
    for i, routed in enumerate(route(model, f), 1):
        m = relu(affine(model, f"transmitter.{i}", routed))
        gate = [sigmoid(v) for v in affine(model, f"enhanced.{i}", f[i] + m)]
        cvr.append(head(model, i, [a + g * b for a, g, b in zip(f[i], gate, m)]))
    return head(model, 0, f[0]), cvr


# ---- rows ----------------------------------------------------------------------------------------


def read_rows(path, model):
    with open(path, newline="") as file:
        lines = file.read().splitlines()
    names = lines[0].split(",")
    for line in lines[1:]:
        cell = dict(zip(names, line.split(",")))
        bags = [
            [int(i) for i in cell[f"f{f}"].split("|")] if cell[f"f{f}"] else []
            for f in range(model.fields)
        ]
        yield bags, [float(cell[f"d{d}"]) for d in range(model.dense)]


def predict(arguments):
    model = Model(arguments.model)
    model.tables = [model.matrix(f"embedding.{f}.weight") for f in range(model.fields)]
    tasks = range(1, model.tasks + 1)
    print(",".join(["pctr"] + [f"pcvr{i}" for i in tasks] + [f"pctcvr{i}" for i in tasks]))
    for bags, dense in read_rows(arguments.rows, model):
        ctr, cvr = infer(model, bags, dense)
        print(",".join(f"{p:.17g}" for p in [ctr] + cvr + [ctr * p for p in cvr]))


# ---- something to try ----------------------------------------------------------------------------


def make_model(arguments):
    a, rng = arguments, random.Random(arguments.seed)
    tensors = []

    def add(name, *shape):
        limit = math.sqrt(6 / shape[1]) if len(shape) == 2 else 0.1
        if name.startswith("embedding"):
            limit = 0.5
        numbers = [rng.uniform(-limit, limit) for _ in range(math.prod(shape))]
        tensors.append((name, list(shape), numbers))

    def linear(name, outputs, inputs):
        add(name + ".weight", outputs, inputs)
        add(name + ".bias", outputs)

    d = a.rep
    for f in range(a.fields):
        add(f"embedding.{f}.weight", rng.randint(1, 60), a.width)
    if a.dense:
        linear("dense", a.width, a.dense)
    width = (a.fields + (a.dense > 0)) * a.width
    for layer, size in enumerate(int(s) for s in a.bottom.split(",")):
        linear(f"bottom.{layer}", size, width)
        width = size
    for t in range(a.tasks + 1):
        linear(f"tower.{t}", d, width)
        linear(f"head.{t}.0", a.hidden, d)
        linear(f"head.{t}.1", 1, a.hidden)
    for i in range(1, a.tasks + 1):
        linear(f"transmitter.{i}", d, d)
        linear(f"enhanced.{i}", d, 2 * d)
        linear(f"base.{i}", 1, d)
    if a.router == "task":
        add("router.task", a.tasks, d)
    rng.shuffle(tensors)
    metadata = {"router": a.router, "tau": repr(a.tau), "pooling": a.pooling, "format": "pt"}
    if a.bare:
        metadata = {}
    write_weights(a.out, tensors, metadata, lambda name: a.bf16 and len(name) % 3 > 0)


def make_rows(arguments):
    model, rng = Model(arguments.model), random.Random(arguments.seed)
    sizes = [model.weights[f"embedding.{f}.weight"][0][0] for f in range(model.fields)]
    names = [f"f{f}" for f in range(model.fields)] + [f"d{d}" for d in range(model.dense)]
    if arguments.labels:
        names += ["click"] + [f"conv{i}" for i in range(1, model.tasks + 1)]
        rng.shuffle(names)
    with open(arguments.out, "w", newline="\n") as file:
        print(",".join(names), file=file)
        for _ in range(arguments.count):
            cell = {}
            for f, size in enumerate(sizes):
                ids = [rng.randrange(size) for _ in range(rng.randint(0, arguments.bag))]
                cell[f"f{f}"] = "|".join(str(i) for i in ids)
            for d in range(model.dense):
                cell[f"d{d}"] = f"{rng.gauss(0, 1):.6g}"
            print(",".join(cell.get(n, rng.choice(["0", "1", ""])) for n in names), file=file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("model")
    one.add_argument("out")
    for name, default in [
        ("fields", 7), ("width", 24), ("dense", 5), ("tasks", 3), ("rep", 40), ("hidden", 9),
        ("seed", 1),
    ]:
        one.add_argument("--" + name, type=int, default=default)
    one.add_argument("--bottom", default="48,33")
    one.add_argument("--router", choices=["sample", "task"], default="sample")
    one.add_argument("--pooling", choices=["sum", "mean"], default="sum")
    one.add_argument("--tau", type=float, default=1.0)
    one.add_argument("--bf16", action="store_true", help="some tensors in BF16")
    one.add_argument("--bare", action="store_true", help="without metadata")
    one.set_defaults(run=make_model)
    one = commands.add_parser("rows")
    one.add_argument("model")
    one.add_argument("out")
    one.add_argument("--count", type=int, default=37)
    one.add_argument("--bag", type=int, default=5, help="most ids in a bag")
    one.add_argument("--labels", action="store_true", help="with labels, columns in any order")
    one.add_argument("--seed", type=int, default=2)
    one.set_defaults(run=make_rows)
    one = commands.add_parser("predict")
    one.add_argument("model")
    one.add_argument("rows")
    one.set_defaults(run=predict)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
