"""The whole model in PyTorch, as a worker that `ektm frameworks` talks to, and its export to ONNX.

    pytorch.py --folder F --mode eager|torchscript --threads N
    pytorch.py --folder F --mode export
    pytorch.py --folder F --mode train --threads N

The folder holds weights.safetensors, ids.i32, bags.i32 and dense.f32 (see harness/frameworks.c). The
worker says hello, then answers lines: "batch N" (ready), "predict FILE" (done), "time CALLS UNTIMED" (ns X): so many calls
after UNTIMED ns of others, since it was stopped while others computed.

To train, the folder holds label.i32, too, and weights base.*: a call is then a step of Adam and of row-wise
Adagrad. In place of "predict" there is "losses N": so many steps, and the loss before each (loss X ..).
"""

import argparse
import itertools
import json
import os
import sys
import time

import numpy
import torch
import torch.nn.functional as F


def read_weights(path):
    """The tensors of a safetensors file, mapped, and its metadata."""
    data = numpy.memmap(path, dtype=numpy.uint8, mode="c")
    length = int(data[:8].view("<u8")[0])
    header = json.loads(bytes(data[8 : 8 + length]))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            sys.exit(f"pytorch.py: {path}: {name} is {entry['dtype']}; only F32 is read")
        begin, end = entry["data_offsets"]
        bytes_of = data[8 + length + begin : 8 + length + end]
        tensors[name] = bytes_of.view("<f4").reshape(entry["shape"])
    return tensors, metadata


def count(tensors, pattern):
    number = 0
    while pattern.format(number) in tensors:
        number += 1
    return number


class Rows:
    """Every row's ids, as rows of the stacked table, and its dense features."""

    def __init__(self, folder, fields, first):
        ids = numpy.fromfile(os.path.join(folder, "ids.i32"), dtype=numpy.int32)
        bags = numpy.fromfile(os.path.join(folder, "bags.i32"), dtype=numpy.int32)
        self.count = (len(bags) - 1) // fields
        lengths = numpy.diff(bags)
        field = numpy.tile(numpy.arange(fields), self.count)
        self.ids = ids[bags[0] : bags[-1]].astype(numpy.int64) + numpy.repeat(first[field], lengths)
        self.bags = (bags - bags[0]).astype(numpy.int64)
        self.fields = fields
        self.one_hot = bool((lengths == 1).all())
        dense = numpy.fromfile(os.path.join(folder, "dense.f32"), dtype=numpy.float32)
        self.dense = torch.from_numpy(dense.reshape(self.count, -1))

    def batch(self, begin, size):
        """What the model is called with: one id a field, or flat bags with their offsets."""
        bags = self.bags[begin * self.fields : (begin + size) * self.fields + 1]
        ids = torch.from_numpy(self.ids[bags[0] : bags[-1]].copy())
        dense = self.dense[begin : begin + size].contiguous()
        if self.one_hot:
            return ids.view(size, self.fields), dense
        return ids, torch.from_numpy(bags[:-1] - bags[0]), dense

    def padded(self, zero):
        """[rows, fields, longest bag]: short bags end in the row `zero` of the table."""
        lengths = numpy.diff(self.bags)
        longest = max(int(lengths.max()), 1)
        out = numpy.full((len(lengths), longest), zero, dtype=numpy.int64)
        out[numpy.arange(longest) < lengths[:, None]] = self.ids
        return out.reshape(self.count, self.fields, longest)


class Model(torch.nn.Module):
    """EKTM's forward pass. Products of all tasks are one batched product each."""

    def __init__(self, tensors, metadata):
        super().__init__()
        tensor = lambda name: torch.from_numpy(numpy.ascontiguousarray(tensors[name]))
        tasks = count(tensors, "tower.{}.weight") - 1
        self.tau = float(metadata.get("tau", "1"))
        if metadata.get("pooling", "sum") != "sum":
            sys.exit("pytorch.py: only sum pooling is implemented")
        self.project = [tensor("dense.weight"), tensor("dense.bias")] if "dense.weight" in tensors else None
        bottoms = count(tensors, "bottom.{}.weight")
        self.bottom = [(tensor(f"bottom.{l}.weight"), tensor(f"bottom.{l}.bias")) for l in range(bottoms)]
        stack = lambda name, over: torch.stack([tensor(name.format(i)) for i in over])
        every, cvr = range(tasks + 1), range(1, tasks + 1)
        self.width = tensors["tower.0.weight"].shape[0]
        self.tasks = tasks
        self.tower = torch.cat([tensor(f"tower.{t}.weight") for t in every])
        self.tower_bias = torch.cat([tensor(f"tower.{t}.bias") for t in every])
        self.task = tensor("router.task") if "router.task" in tensors else None
        transposed = lambda name, over: stack(name, over).transpose(1, 2).contiguous()
        self.a, self.a_bias = transposed("transmitter.{}.weight", cvr), stack("transmitter.{}.bias", cvr).unsqueeze(1)
        self.g, self.g_bias = transposed("enhanced.{}.weight", cvr), stack("enhanced.{}.bias", cvr).unsqueeze(1)
        self.u, self.u_bias = transposed("head.{}.0.weight", every), stack("head.{}.0.bias", every).unsqueeze(1)
        self.w, self.v = transposed("head.{}.1.weight", every), stack("head.{}.1.bias", every).unsqueeze(1)

    def similar(self, f):
        """Softmax of cosines between tasks: [.., T, T]."""
        f = f * torch.rsqrt(torch.clamp((f * f).sum(-1, keepdim=True), min=1e-37))
        return torch.softmax(torch.matmul(f, f.transpose(-1, -2)) / self.tau, -1)

    def logits(self, x, dense):
        """Those of all heads, [rows, T + 1], and the CVR towers, [T, rows, d]."""
        if self.project is not None:
            x = torch.cat([x, F.linear(dense, *self.project)], 1)
        for weight, bias in self.bottom:
            x = F.relu(F.linear(x, weight, bias))
        f = F.relu(F.linear(x, self.tower, self.tower_bias)).view(-1, self.tasks + 1, self.width)
        of_cvr = f[:, 1:]
        shares = self.similar(of_cvr if self.task is None else self.task)
        routed = (f[:, :1] + torch.matmul(shares, of_cvr)) / (self.tasks + 1)
        by_task = f.transpose(0, 1)
        f_cvr = by_task[1:]
        m = F.relu(torch.baddbmm(self.a_bias, routed.transpose(0, 1), self.a))
        gate = torch.sigmoid(torch.baddbmm(self.g_bias, torch.cat([f_cvr, m], 2), self.g))
        heads = torch.cat([by_task[:1], f_cvr + gate * m])
        hidden = F.relu(torch.baddbmm(self.u_bias, heads, self.u))
        return torch.baddbmm(self.v, hidden, self.w).squeeze(2).transpose(0, 1), f_cvr

    def after_embedding(self, x, dense):
        return torch.sigmoid(self.logits(x, dense)[0])


class OneHot(Model):
    def __init__(self, table, tensors, metadata):
        super().__init__(tensors, metadata)
        self.table = table

    def forward(self, ids, dense):
        return self.after_embedding(F.embedding(ids, self.table).flatten(1), dense)


class Bags(Model):
    def __init__(self, table, fields, tensors, metadata):
        super().__init__(tensors, metadata)
        self.table, self.row = table, fields * table.shape[1]

    def forward(self, ids, offsets, dense):
        x = F.embedding_bag(ids, self.table, offsets, mode="sum")
        return self.after_embedding(x.view(-1, self.row), dense)


class Exported(Model):
    """The table is an input: it is too large for a file of ONNX. Bags are padded."""

    def forward(self, table, ids, dense):
        return self.after_embedding(F.embedding(ids, table).sum(2).flatten(1), dense)


class ExportedOneHot(Model):
    def forward(self, table, ids, dense):
        return self.after_embedding(F.embedding(ids, table).flatten(1), dense)


class Training:
    """Steps of training: EKTM.md, T1 to T5 with alpha = 0.1, beta = gamma = 1; Adam with L2 on what is
    dense, row-wise Adagrad on the rows of the table that a batch names."""

    def __init__(self, folder, table, fields, tensors, metadata, rates):
        self.model, self.fields = Model(tensors, metadata), fields
        tensor = lambda name: torch.from_numpy(numpy.ascontiguousarray(tensors[name]))
        tasks = range(1, self.model.tasks + 1)
        self.r = torch.stack([tensor(f"base.{i}.weight") for i in tasks]).transpose(1, 2).contiguous()
        self.r0 = torch.stack([tensor(f"base.{i}.bias") for i in tasks]).unsqueeze(1)
        of_model = [self.model.tower, self.model.tower_bias, self.model.a, self.model.a_bias, self.model.g,
                    self.model.g_bias, self.model.u, self.model.u_bias, self.model.w, self.model.v]
        of_model += [t for pair in self.model.bottom for t in pair] + list(self.model.project or [])
        dense = [t.requires_grad_() for t in of_model + [self.r, self.r0]]
        self.table = torch.from_numpy(table.copy()).requires_grad_()
        self.sums = torch.zeros(len(table))
        self.table_rate = rates[1]
        self.adam = torch.optim.Adam(dense, lr=rates[0], weight_decay=rates[2], foreach=True)
        label = numpy.fromfile(os.path.join(folder, "label.i32"), dtype=numpy.int32)
        self.label = torch.from_numpy(label.reshape(-1, self.model.tasks + 1))

    def embed(self, inputs):
        if len(inputs) == 2:
            return F.embedding(inputs[0], self.table, sparse=True).flatten(1)
        x = F.embedding_bag(inputs[0], self.table, inputs[1], mode="sum", sparse=True)
        return x.view(-1, self.fields * self.table.shape[1])

    def loss(self, inputs, label):
        logits, f = self.model.logits(self.embed(inputs), inputs[-1])
        base = torch.baddbmm(self.r0, f, self.r).squeeze(2).transpose(0, 1)
        counts = (label[:, 1:] >= 0) & (label[:, :1] == 1)
        y = label.clamp(min=0).to(logits.dtype)
        bce = lambda x, target: F.binary_cross_entropy_with_logits(x, target, reduction="none")
        p, q = torch.sigmoid(logits[:, 1:]), torch.sigmoid(base).detach()
        of_cvr = y[:, 1:]
        hard = 1 + (of_cvr - q).abs()
        help = of_cvr * F.relu(q - p) + (1 - of_cvr) * F.relu(p - q)
        each = hard * bce(logits[:, 1:], of_cvr) + bce(base, of_cvr) + 0.1 * help
        scale = 1 / counts.sum(0).clamp(min=1)
        return bce(logits[:, 0], y[:, 0]).mean() + (each * counts * scale).sum()

    def step(self, inputs, label):
        loss = self.loss(inputs, label)
        self.adam.zero_grad(set_to_none=True)
        self.table.grad = None
        loss.backward()
        self.adam.step()
        with torch.no_grad():
            grad = self.table.grad.coalesce()
            row, g = grad.indices()[0], grad.values()
            sums = self.sums[row] + (g * g).mean(1)
            self.sums[row] = sums
            self.table[row] -= self.table_rate * g / (sums.sqrt() + 1e-8).unsqueeze(1)
        return loss


def train(training, rows):
    print(f"hello {torch.__version__} training", flush=True)
    rounds = None
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "batch":
            size = int(rest)
            batches = [(rows.batch(b, size), training.label[b : b + size])
                       for b in range(0, rows.count - size + 1, size)]
            rounds = itertools.cycle(batches)
            print("ready", flush=True)
        elif word == "losses":
            losses = [training.step(*next(rounds)).item() for _ in range(int(rest))]
            print("loss", *losses, flush=True)
        elif word == "time":
            calls, untimed = map(int, rest.split())
            woken = time.perf_counter_ns()
            while time.perf_counter_ns() - woken < untimed:
                training.step(*next(rounds))
            begin = time.perf_counter_ns()
            for _ in range(calls):
                training.step(*next(rounds))
            print("ns", time.perf_counter_ns() - begin, flush=True)


def stacked_table(tensors, fields):
    """All tables as one, without a copy where the file holds them one after the other."""
    tables = [tensors[f"embedding.{f}.weight"] for f in range(fields)]
    begin, end = tables[0].__array_interface__["data"][0], 0
    for table in tables:
        address = table.__array_interface__["data"][0]
        if end and address != end:
            return numpy.concatenate(tables)
        end = address + table.nbytes
    rows = sum(len(table) for table in tables)
    return numpy.lib.stride_tricks.as_strided(tables[0], (rows, tables[0].shape[1]))


def export(folder, rows, table, tensors, metadata):
    """model.onnx, the table with a row of zeros behind it, and the ids as the model takes them."""
    width = table.shape[1]
    with open(os.path.join(folder, "table.f32"), "wb") as out:
        table.tofile(out)
        numpy.zeros(width, dtype=numpy.float32).tofile(out)
    ids = rows.ids.reshape(rows.count, -1) if rows.one_hot else rows.padded(len(table))
    ids.tofile(os.path.join(folder, "padded.i64"))
    model = (ExportedOneHot if rows.one_hot else Exported)(tensors, metadata).eval()
    few = (torch.zeros(len(table) + 1, width), torch.from_numpy(ids[:2].copy()), rows.dense[:2])
    axes = {"table": {0: "rows"}, "ids": {0: "batch"}, "dense": {0: "batch"}, "p": {0: "batch"}}
    torch.onnx.export(model, few, os.path.join(folder, "model.onnx"), opset_version=13,
                      input_names=["table", "ids", "dense"], output_names=["p"], dynamic_axes=axes)
    with open(os.path.join(folder, "model.json"), "w") as out:
        json.dump({"rows": rows.count, "ids": list(ids.shape[1:]), "dense": rows.dense.shape[1],
                   "table": [len(table) + 1, width]}, out)


def serve(model, rows, name):
    print(f"hello {torch.__version__} {name}", flush=True)
    batches, rounds = [], None
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "batch":
            size = int(rest)
            batches = [rows.batch(b, size) for b in range(0, rows.count - size + 1, size)]
            rounds = itertools.cycle(batches)
            for _ in range(3):  # TorchScript optimises in its first calls
                model(*batches[0])
            print("ready", flush=True)
        elif word == "predict":
            model(*batches[0]).contiguous().numpy().astype(numpy.float32).tofile(rest)
            print("done", flush=True)
        elif word == "time":
            calls, untimed = map(int, rest.split())
            woken = time.perf_counter_ns()
            while time.perf_counter_ns() - woken < untimed:
                model(*next(rounds))
            begin = time.perf_counter_ns()
            for _ in range(calls):
                model(*next(rounds))
            print("ns", time.perf_counter_ns() - begin, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--mode", required=True, choices=["eager", "torchscript", "export", "train"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rates", type=float, nargs=3, metavar=("ADAM", "ADAGRAD", "L2"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_num_interop_threads(1)
    tensors, metadata = read_weights(os.path.join(arguments.folder, "weights.safetensors"))
    fields = count(tensors, "embedding.{}.weight")
    sizes = [len(tensors[f"embedding.{f}.weight"]) for f in range(fields)]
    rows = Rows(arguments.folder, fields, numpy.cumsum([0] + sizes[:-1]))
    table = stacked_table(tensors, fields)
    if arguments.mode == "train":
        train(Training(arguments.folder, table, fields, tensors, metadata, arguments.rates), rows)
        return
    with torch.inference_mode(arguments.mode == "eager"), torch.no_grad():
        if arguments.mode == "export":
            export(arguments.folder, rows, table, tensors, metadata)
            return
        kept = torch.from_numpy(table)
        model = OneHot(kept, tensors, metadata) if rows.one_hot else Bags(kept, fields, tensors, metadata)
        model.eval()
        if arguments.mode == "torchscript":
            model = torch.jit.freeze(torch.jit.trace(model, rows.batch(0, min(rows.count, 4))))
            model = torch.jit.optimize_for_inference(model)
        serve(model, rows, "eager" if arguments.mode == "eager" else "frozen TorchScript")


if __name__ == "__main__":
    main()
