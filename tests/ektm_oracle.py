#!/usr/bin/env python3
"""EKTM inference once more, from EKTM.md alone: an oracle for `ektm predict`.

Shares nothing with the C sources: reads weights and rows itself, computes in double precision with
Python's own arithmetic, and makes models and rows of any sizes to try.

  ektm_oracle.py model OUT [sizes]      a weights file with random numbers
  ektm_oracle.py rows MODEL OUT         a file of random rows for that model
  ektm_oracle.py predict MODEL ROWS     predictions as CSV on standard output, 17 digits
  ektm_oracle.py compare MODEL ROWS PREDICTIONS
                                        whether predictions are within the bounds that follow from
                                        the model's number formats

A file's tensors may be BF16, or I8 with NAME.scale (and NAME.offset) beside it: row r stands for
offset[r] + scale[r] q. The metadata's `formats` say what a layer rounds its inputs to, as
reference/quantize.h writes it down. Two programs that sum in another order may round an input to
different neighbours; how far that takes them apart is estimated beside each number, by errors that
add up as independent ones do (Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019).
"""

import argparse
import json
import math
import random
import struct
import sys

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
    data, weights, integers = raw[8 + length :], {}, []
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        part = data[begin:end]
        if entry["dtype"] == "I8":
            weights[name] = (entry["shape"], list(struct.unpack(f"<{len(part)}b", part)))
            integers.append(name)
            continue
        if entry["dtype"] == "BF16":
            part = b"".join(b"\0\0" + part[i : i + 2] for i in range(0, len(part), 2))
        weights[name] = (entry["shape"], list(struct.unpack(f"<{len(part) // 4}f", part)))
    for name in integers:
        (rows, columns), q = weights[name]
        _, scale = weights[name + ".scale"]
        _, offset = weights.get(name + ".offset", (None, [0.0] * rows))
        weights[name] = (
            [rows, columns],
            [offset[i // columns] + scale[i // columns] * n for i, n in enumerate(q)],
        )
    return weights, metadata


class Model:
    def __init__(self, path):
        self.weights, metadata = read_weights(path)
        self.router = metadata.get("router", "sample")
        self.tau = float(metadata.get("tau", "1"))
        self.pooling = metadata.get("pooling", "sum")
        self.formats = dict(
            word.split("=") if "=" in word else ("", word)
            for word in metadata.get("formats", "f32").split(",")
        )
        self.fields = self.count("embedding")
        self.bottoms = self.count("bottom")
        self.tasks = self.count("tower") - 1
        self.dense = self.matrix("dense.weight").columns if "dense.weight" in self.weights else 0

    def count(self, layer):
        n = 0
        while f"{layer}.{n}.weight" in self.weights:
            n += 1
        return n

    def format(self, layer, op="dense"):
        for name in (layer, op, ""):
            if name in self.formats:
                return self.formats[name]
        return "f32"

    def matrix(self, name):
        return Matrix(*self.weights[name])

    def vector(self, name):
        return self.weights[name][1]


class Matrix:
    def __init__(self, shape, numbers):
        self.rows, self.columns = shape
        self.row = [numbers[i * self.columns : (i + 1) * self.columns] for i in range(self.rows)]


# ---- numbers and their errors --------------------------------------------------------------------

U = 2.0**-24  # a rounding of an f32 number
FUNCTION_ERROR = 1e-7  # of exp, division and what is around them
SURELY = 6  # times an estimated error: farther apart are no two right programs


def bf16(value):
    """To nearest, ties to even."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    return struct.unpack("<f", struct.pack("<I", (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000))[0]


class Vector:
    """Numbers, and for each the size of the error that another program's may have."""

    def __init__(self, value, error):
        self.value, self.error = value, error

    def __add__(self, other):
        return Vector(self.value + other.value, self.error + other.error)

    def map(self, function, slope, error=0.0):
        return Vector([function(v) for v in self.value], [e * slope + error for e in self.error])


def round_bf16(x):
    """Rounding is monotonic: what lies between two numbers comes to lie between theirs."""
    value = [bf16(v) for v in x.value]
    error = [
        max(bf16(v + SURELY * e) - r, r - bf16(v - SURELY * e)) / SURELY
        for v, e, r in zip(x.value, x.error, value)
    ]
    return Vector(value, error)


def round_i8(x):
    low, high, off = min(x.value), max(x.value), max(x.error)
    step = (high - low) / 255
    if high - low <= 4 * off:
        return Vector(x.value, [4 * off + (high - low)] * len(x.value))
    value, error = [], []
    for v, e in zip(x.value, x.error):
        place = (v - low) / step
        shift = SURELY * (e + 2 * off) / step + 4 * U * place
        q = round(place)
        turn = max(round(place + shift) - q, q - round(place - shift))
        value.append(low + step * q)
        error.append(off + turn * step / SURELY + U * (abs(low) + step * q))
    return Vector(value, error)


ROUND = {"f32": lambda x: x, "bf16": round_bf16, "i8": round_i8}


# ---- layers --------------------------------------------------------------------------------------


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def together(*errors):
    return math.sqrt(math.fsum(e * e for e in errors))


def product(rows, x, kind):
    """The rows times x, rounded to the format."""
    rounded = ROUND[kind](x)
    low = abs(min(x.value)) if kind == "i8" else 0.0  # is added and taken away again
    value, error = [], []
    for row in rows:
        value.append(dot(row, rounded.value))
        terms = [w * (abs(v) + 2 * low) for w, v in zip(row, rounded.value)]
        sums = U * math.sqrt(len(row)) * together(*terms)
        error.append(together(sums, *(w * e for w, e in zip(row, rounded.error))))
    return Vector(value, error)


def add(x, y):
    value = [a + b for a, b in zip(x.value, y.value)]
    return Vector(value, [together(a, b, U * v) for a, b, v in zip(x.error, y.error, value)])


def affine(model, name, kind, *parts):
    """Each of the parts, which lie side by side in the weights, is rounded for itself."""
    weight, bias = model.matrix(name + ".weight"), model.vector(name + ".bias")
    assert sum(len(x.value) for x in parts) == weight.columns
    total, begin = Vector(bias, [0.0] * len(bias)), 0
    for x in parts:
        end = begin + len(x.value)
        total = add(total, product([row[begin:end] for row in weight.row], x, kind))
        begin = end
    return total


def relu(x):
    return x.map(lambda v: max(v, 0.0), 1)


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def sigmoid(x):
    return x.map(logistic, 0.25, FUNCTION_ERROR)


def cosine(a, b):
    """The turn of a vector by as much as its error, of both, is no less than the cosine's change."""
    norms = [math.sqrt(dot(x.value, x.value)) for x in (a, b)]
    errors = [math.sqrt(dot(x.error, x.error)) for x in (a, b)]
    if min(norms) == 0:
        return 0.0, 0.0 if max(errors) == 0 else 1.0
    turn = together(FUNCTION_ERROR, *(e / n for e, n in zip(errors, norms)))
    return dot(a.value, b.value) / (norms[0] * norms[1]), turn


def softmax(x):
    """x: pairs of a number and its error."""
    top = max(v for v, _ in x)
    e = [math.exp(v - top) for v, _ in x]
    change = math.expm1(min(2 * max(error for _, error in x), 50)) + FUNCTION_ERROR
    return [(v / math.fsum(e), min(v / math.fsum(e) * change, 1.0)) for v in e]


def embed(model, field, ids):
    table = model.tables[field]
    if not ids:
        return Vector([0.0] * table.columns, [0.0] * table.columns)
    columns = list(zip(*(table.row[i] for i in ids)))
    share = 1 / len(ids) if model.pooling == "mean" else 1.0
    error = [U * share * together(0.5, *c) for c in columns]
    return Vector([math.fsum(c) * share for c in columns], error)


def route(model, f):
    """f: the T+1 towers. Returns F_1 .. F_T."""
    vectors = f[1:]
    if model.router == "task":
        vectors = [Vector(row, [0.0] * len(row)) for row in model.matrix("router.task").row]
    routed = []
    for own in vectors:
        cosines = [cosine(own, other) for other in vectors]
        share = softmax([(c / model.tau, e / model.tau) for c, e in cosines])
        total, error = list(f[0].value), list(f[0].error)
        for (s, change), other in zip(share, f[1:]):
            total = [t + s * v for t, v in zip(total, other.value)]
            error = [
                together(t, s * e, change * v, U * v)
                for t, e, v in zip(error, other.error, other.value)
            ]
        routed.append(Vector(total, error).map(lambda v: v / (model.tasks + 1), 1 / (model.tasks + 1)))
    return routed


def gated(f, g, m):
    """f + g m"""
    return Vector(
        [a + b * c for a, b, c in zip(f.value, g.value, m.value)],
        [
            together(e, d * c, b * h, U * a, U * b * c)
            for a, b, c, e, d, h in zip(f.value, g.value, m.value, f.error, g.error, m.error)
        ],
    )


def head(model, task, x):
    hidden = relu(affine(model, f"head.{task}.0", model.format("head", "head"), x))
    return sigmoid(affine(model, f"head.{task}.1", "f32", hidden))


def infer(model, bags, dense):
    """One row: pCTR, the pCVR_i and the pCTCVR_i."""
    x = Vector([], [])
    for field, ids in enumerate(bags):
        x += embed(model, field, ids)
    if model.dense:
        x += affine(model, "dense", model.format("projection"), Vector(dense, [U * abs(v) for v in dense]))
    h = x
    for layer in range(model.bottoms):
        h = relu(affine(model, f"bottom.{layer}", model.format(f"bottom.{layer}"), h))
    f = [relu(affine(model, f"tower.{t}", model.format("tower"), h)) for t in range(model.tasks + 1)]
    ctr, p = head(model, 0, f[0]), Vector([], [])
    for i, routed in enumerate(route(model, f), 1):
        m = relu(affine(model, f"transmitter.{i}", model.format("transmitter", "transmitter"), routed))
        gate = sigmoid(affine(model, f"enhanced.{i}", model.format("enhanced", "enhanced"), f[i], m))
        p += head(model, i, gated(f[i], gate, m))
    (first,), (error,) = ctr.value, ctr.error
    both = Vector(
        [first * v for v in p.value], [together(first * e, error * v) for v, e in zip(p.value, p.error)]
    )
    return ctr + p + both


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


def predictions(arguments):
    model = Model(arguments.model)
    model.tables = [model.matrix(f"embedding.{f}.weight") for f in range(model.fields)]
    tasks = range(1, model.tasks + 1)
    yield ["pctr"] + [f"pcvr{i}" for i in tasks] + [f"pctcvr{i}" for i in tasks]
    for bags, dense in read_rows(arguments.rows, model):
        yield infer(model, bags, dense)


def predict(arguments):
    names, *rows = predictions(arguments)
    print(",".join(names))
    for row in rows:
        print(",".join(f"{p:.17g}" for p in row.value))


def compare(arguments):
    names, *rows = predictions(arguments)
    with open(arguments.predictions) as file:
        head, *lines = file.read().splitlines()
    if head != ",".join(names) or len(lines) != len(rows):
        sys.exit(f"{arguments.predictions}: other columns or rows")
    bounds, far = [], 0.0
    for number, (row, line) in enumerate(zip(rows, lines), 1):
        for name, p, error, q in zip(names, row.value, row.error, line.split(",")):
            bounds.append(SURELY * error)
            far = max(far, abs(float(q) - p))
            if not abs(float(q) - p) <= bounds[-1]:
                sys.exit(f"row {number}: {name}: {q} is not {p:.9g} within {bounds[-1]:.2g}")
    print(f"median {sorted(bounds)[len(bounds) // 2]:.3g} most {max(bounds):.3g} far {far:.3g}")


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
    if a.huge:
        for name, _, numbers in tensors:
            if name == "embedding.0.weight":
                numbers[:2] = [3e38, -3e38]
            if name == "tower.1.weight":
                numbers[0] = 3.4e38
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
    one.add_argument("--huge", action="store_true", help="some numbers near the largest in f32")
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
    one = commands.add_parser("compare")
    one.add_argument("model")
    one.add_argument("rows")
    one.add_argument("predictions")
    one.set_defaults(run=compare)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
