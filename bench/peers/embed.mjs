// What one would write with npm onnxruntime-node and sharp: the next pictures
// are decoded and resized while the model runs. Prints pictures a second.
//
//   node embed.mjs NODE_MODULES MODEL.onnx PHOTOS
//
// The model takes [N, 224, 224, 3], (pixel - 127) / 128, as EfficientNet-Lite0
// does after `ocelli models pull`.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [modules, model, photos] = process.argv.slice(2);
const require = createRequire(path.resolve(modules, 'x.js'));
const ort = require('onnxruntime-node');
const sharp = require('sharp');

const SIDE = 224, BATCH = 8, SIZE = SIDE * SIDE * 3;
const files = fs.readdirSync(photos).filter((f) => /\.jpe?g$/i.test(f)).sort()
  .slice(0, 200).map((f) => path.join(photos, f));
sharp.concurrency(1);

async function prepare(file, out, offset) {
  const pixels = await sharp(file).resize(SIDE, SIDE, { fit: 'cover' })
    .removeAlpha().toColourspace('srgb').raw().toBuffer();
  for (let i = 0; i < SIZE; ++i) out[offset + i] = (pixels[i] - 127) / 128;
}

async function batchAt(first) {
  const some = files.slice(first, first + BATCH);
  const values = new Float32Array(some.length * SIZE);
  await Promise.all(some.map((f, i) => prepare(f, values, i * SIZE)));
  return new ort.Tensor('float32', values, [some.length, SIDE, SIDE, 3]);
}

const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: 2, interOpNumThreads: 1, logSeverityLevel: 3,
});
const rates = [];
for (let round = -1; round < 5; ++round) {
  const start = performance.now();
  let next = batchAt(0);
  for (let i = 0; i < files.length; i += BATCH) {
    const input = await next;
    if (i + BATCH < files.length) next = batchAt(i + BATCH);
    await session.run({ [session.inputNames[0]]: input }, ['embedding']);
  }
  if (round >= 0) rates.push(files.length / (performance.now() - start) * 1e3);
}
rates.sort((a, b) => a - b);
console.log(JSON.stringify({ per_s: rates[rates.length >> 1] }));
