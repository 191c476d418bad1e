// The reference side of families_test.cc: npm @huggingface/transformers runs
// each family's graph behind its own image processor, configured as the
// preprocessor_config.json of its checkpoint.
//
//   node reference.mjs MODULES FOLDER PHOTO VOCABULARY
//
// cuts the photo into PNGs of several shapes in FOLDER, runs FOLDER/NAME.onnx
// on them and prints {family: {picture: {own: [...], pillow: [...]}}}, the raw
// output of each. "own": as transformers.js resizes in Node, which is by single
// pixels however much it shrinks, and half a pixel off where it enlarges.
// "pillow": the same processors with Pillow's resize, as they have it in
// Python, behind which the checkpoints were trained.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const [modules, folder, photo, vocabulary] = process.argv.slice(2);
const require = createRequire(path.join(modules, 'package.json'));
const transformers = require('@huggingface/transformers');
const ort = require('onnxruntime-node');
const sharp = require('sharp');
sharp.concurrency(1);

const BILINEAR = 2;
const BICUBIC = 3;
const HALF = [0.5, 0.5, 0.5];
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711];
const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_STD = [0.229, 0.224, 0.225];
// As in google/efficientnet-b7: its processor takes the squares.
const EFFICIENTNET_STD = [0.47853944, 0.4732864, 0.47434163];
const square = (side) => ({ width: side, height: side });

const processor = (kind, resample, size, crop, mean, std) =>
  new transformers[kind]({
    do_resize: true,
    resample,
    size,
    do_center_crop: crop !== null,
    crop_size: crop,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  });

const families = {
  vit: processor('ViTImageProcessor', BILINEAR, square(224), null, HALF, HALF),
  clip: processor('CLIPImageProcessor', BICUBIC, { shortest_edge: 224 },
    square(224), CLIP_MEAN, CLIP_STD),
  dinov2: processor('BitImageProcessor', BICUBIC, { shortest_edge: 256 },
    square(224), IMAGENET_MEAN, IMAGENET_STD),
  // What AutoImageProcessor takes for a class that it has not, such as BLIP's.
  blip2: processor('ImageProcessor', BICUBIC, square(224), null, CLIP_MEAN,
    CLIP_STD),
  efficientnet: processor('EfficientNetImageProcessor', BICUBIC, square(600),
    null, IMAGENET_MEAN, EFFICIENTNET_STD),
  vgg16: processor('CLIPImageProcessor', BILINEAR, { shortest_edge: 256 },
    square(224), IMAGENET_MEAN, IMAGENET_STD),
};

async function writePictures() {
  const { width, height } = await sharp(photo).metadata();
  const cut = (share_x, share_y) => {
    const region = {
      width: Math.round(width * share_x),
      height: Math.round(height * share_y),
    };
    region.left = Math.round((width - region.width) / 3);
    region.top = Math.round((height - region.height) / 3);
    return sharp(photo).extract(region);
  };
  const pictures = {
    whole: sharp(photo),
    portrait: cut(0.5, 1),
    panorama: cut(1, 0.35),
    tiny: sharp(photo).resize(20, 20, { fit: 'fill' }),
    grey: cut(0.7, 0.8).greyscale().toColourspace('b-w'),
    alpha: cut(0.8, 0.7).ensureAlpha(1),
  };
  // Large, with detail that no model will see.
  const rows = 4;
  pictures.mosaic = sharp({
    create: { width: rows * width, height: rows * height, channels: 3,
      background: 'white' },
  }).composite(Array.from({ length: rows * rows }, (_, i) => ({
    input: photo,
    left: (i % rows) * width,
    top: Math.floor(i / rows) * height,
  })));
  for (const [name, picture] of Object.entries(pictures)) {
    await picture.png({ compressionLevel: 1 }).toFile(path.join(folder, name + '.png'));
  }
  return Object.keys(pictures);
}

const { RawImage } = transformers;
const ownResize = RawImage.prototype.resize;

const PILLOW = `
import sys
from PIL import Image
w, h, width, height, resample = map(int, sys.argv[1:])
image = Image.frombytes("RGB", (w, h), sys.stdin.buffer.read())
sys.stdout.buffer.write(image.resize((width, height), resample).tobytes())`;

async function pillowResize(width, height, { resample = BILINEAR } = {}) {
  width = Math.floor(width);
  height = Math.floor(height);
  // Debian's own Python: its Pillow is a Debian package too.
  const pixels = execFileSync('/usr/bin/python3', ['-c', PILLOW, this.width,
    this.height, width, height, resample].map(String),
    { input: this.rgb().data, maxBuffer: 1 << 26 });
  return new RawImage(new Uint8ClampedArray(pixels), width, height, 3);
}

async function run(session, process, file) {
  const image = await RawImage.read(file);
  const { pixel_values } = await process(image);
  const output = await session.run({
    [session.inputNames[0]]: new ort.Tensor('float32', pixel_values.data,
      pixel_values.dims),
  });
  return Array.from(output[session.outputNames[0]].data);
}

const pictures = await writePictures();
const answers = {};
for (const [family, process] of Object.entries(families)) {
  const session = await ort.InferenceSession.create(
    path.join(folder, family + '.onnx'), { intraOpNumThreads: 1 });
  answers[family] = {};
  for (const picture of pictures) {
    const file = path.join(folder, picture + '.png');
    RawImage.prototype.resize = ownResize;
    const own = await run(session, process, file);
    RawImage.prototype.resize = pillowResize;
    const pillow = await run(session, process, file);
    answers[family][picture] = { own, pillow };
  }
}

// The tokenizer of the published CLIP checkpoints: their tokenizer.json, with
// the vocabulary read from the list of merges.
function clipTokenizer() {
  const merges = readFileSync(vocabulary, 'utf8').split('\n')
    .slice(1, 49408 - 512 - 2 + 1);
  const seen = (byte) => (byte >= 33 && byte <= 126) ||
    (byte >= 161 && byte <= 172) || byte >= 174;
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const letters = [...bytes.filter(seen),
    ...bytes.filter((byte) => !seen(byte)).map((_, i) => 256 + i)]
    .map((point) => String.fromCodePoint(point));
  const tokens = [...letters, ...letters.map((letter) => letter + '</w>'),
    ...merges.map((merge) => merge.replace(' ', '')),
    '<|startoftext|>', '<|endoftext|>'];
  const special = (id) => ({ id, content: tokens[id], special: true,
    normalized: true, single_word: false, lstrip: false, rstrip: false });
  const words = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|" +
    '[^\\s\\p{L}\\p{N}]+';
  return new transformers.CLIPTokenizer({
    version: '1.0',
    added_tokens: [special(49406), special(49407)],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Lowercase' }] },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [
      { type: 'Split', pattern: { Regex: words }, behavior: 'Removed',
        invert: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }] },
    post_processor: { type: 'RobertaProcessing', trim_offsets: false,
      add_prefix_space: false, sep: [tokens[49407], 49407],
      cls: [tokens[49406], 49406] },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', unk_token: tokens[49407], fuse_unk: false,
      continuing_subword_prefix: '', end_of_word_suffix: '</w>', merges,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) },
  }, { tokenizer_class: 'CLIPTokenizer', model_max_length: 77,
    unk_token: tokens[49407], bos_token: tokens[49406],
    eos_token: tokens[49407], pad_token: tokens[49407] });
}

const tokenizer = clipTokenizer();
const texts = await ort.InferenceSession.create(
  path.join(folder, 'clip-text.onnx'), { intraOpNumThreads: 1 });
answers.texts = {};
for (const text of ['a photo of a cat', 'two dogs, playing in the SNOW!', '',
  'Côte d’Ivoire', '一只猫坐在垫子上', '🐈 on a mat']) {
  const { input_ids } = tokenizer(text,
    { padding: 'max_length', truncation: true, max_length: 77 });
  const output = await texts.run({
    input_ids: new ort.Tensor('int64', input_ids.data, [1, 77]) });
  answers.texts[text] = Array.from(output.text_embeds.data);
}
console.log(JSON.stringify(answers));
