// The whole model in ONNX Runtime, as a worker that `ektm frameworks` talks to.
//
//     onnxruntime.js FOLDER THREADS
//
// The folder holds what `pytorch.py --mode export` wrote, and dense.f32. The worker says hello, then
// answers lines: "batch N" (ready), "predict FILE" (done), "time CALLS UNTIMED" (ns X): so many calls
// after UNTIMED ns of others, since it was stopped while others computed.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const ort = require('onnxruntime-node');

// A file of numbers, read in pieces: a table may be larger than one read allows.
function readNumbers(file, Type) {
  const bytes = fs.statSync(file).size, piece = 1 << 30;
  const buffer = new ArrayBuffer(bytes), descriptor = fs.openSync(file, 'r');
  for (let at = 0; at < bytes;) {
    at += fs.readSync(descriptor, new Uint8Array(buffer, at, Math.min(piece, bytes - at)));
  }
  fs.closeSync(descriptor);
  return new Type(buffer);
}

async function main() {
  const [folder, threads] = process.argv.slice(2);
  const of = (name) => path.join(folder, name);
  const model = JSON.parse(fs.readFileSync(of('model.json'), 'utf8'));
  const session = await ort.InferenceSession.create(of('model.onnx'), {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const table = new ort.Tensor('float32', readNumbers(of('table.f32'), Float32Array), model.table);
  const ids = readNumbers(of('padded.i64'), BigInt64Array);
  const dense = readNumbers(of('dense.f32'), Float32Array);
  const idsOfRow = model.ids.reduce((product, n) => product * n, 1);
  const takes = new Set(session.inputNames);

  const batchOf = (first, size) => {
    const feeds = {
      table,
      ids: new ort.Tensor('int64', ids.slice(first * idsOfRow, (first + size) * idsOfRow),
        [size, ...model.ids]),
      dense: new ort.Tensor('float32', dense.slice(first * model.dense, (first + size) * model.dense),
        [size, model.dense]),
    };
    for (const name of Object.keys(feeds)) if (!takes.has(name)) delete feeds[name];
    return feeds;
  };

  const version = require('onnxruntime-node/package.json').version;
  console.log(`hello ${version} CPUExecutionProvider`);
  let batches = [], at = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [word, rest, untimed] = line.trim().split(' ');
    if (word === 'batch') {
      const size = Number(rest);
      batches = [];
      for (let first = 0; first + size <= model.rows; first += size) batches.push(batchOf(first, size));
      at = 0;
      for (let i = 0; i < 3; i++) await session.run(batches[0]);
      console.log('ready');
    } else if (word === 'predict') {
      const p = (await session.run(batches[0])).p.data;
      fs.writeFileSync(rest, new Uint8Array(p.buffer, p.byteOffset, p.byteLength));
      console.log('done');
    } else if (word === 'time') {
      const calls = Number(rest);
      const next = async () => {
        await session.run(batches[at]);
        at = at + 1 < batches.length ? at + 1 : 0;
      };
      const woken = process.hrtime.bigint();
      while (process.hrtime.bigint() - woken < BigInt(untimed)) await next();
      const begin = process.hrtime.bigint();
      for (let i = 0; i < calls; i++) await next();
      console.log(`ns ${process.hrtime.bigint() - begin}`);
    }
  }
}

main().catch((error) => {
  console.error(`onnxruntime.js: ${error.message}`);
  process.exit(1);
});
