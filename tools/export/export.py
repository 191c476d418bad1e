#!/usr/bin/env python3
"""Exports a Hugging Face vision checkpoint to ONNX, with its model card.

    tools/export/export.py facebook/dinov2-base
    ocelli models pull dinov2-base

See README.md beside this file.
"""

import argparse
import hashlib
import inspect
import os
import pathlib
import re
import sys

MAX_BYTES = 2_000_000_000  # Of one protobuf file, which a model is.
CLIP_VOCABULARY = 49408
FILTERS = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers.

# What each kind of checkpoint gives: its output, the pooling of the card, and
# the family, by config.json's model_type.
KINDS = {
    "vit": ("last_hidden_state", "first-token", "vit"),
    "dinov2": ("last_hidden_state", "first-token", "dinov2"),
    "clip": ("image_embeds", "none", "clip"),
    "efficientnet": ("last_hidden_state", "spatial-mean", "efficientnet"),
    "blip-2": ("last_hidden_state", "first-token", "blip2"),
}


class Unsupported(Exception):
    """Something that a card can't say."""


def square_side(size, what):
    """The side of {"height": n, "width": n} or n."""
    if isinstance(size, int):
        return size
    if not size or size.get("height") != size.get("width"):
        raise Unsupported(f"{what} {size} is no square")
    return size["height"]


def input_of(processor):
    """The card's [input] from preprocessor_config.json, as a dictionary."""
    resample = processor.get("resample", 2)
    if not processor.get("do_resize", True) or resample not in FILTERS:
        raise Unsupported(f"resample {resample}: only bilinear and bicubic")
    keys = {"resize": FILTERS[resample]}
    size = processor.get("size")
    crops = processor.get("do_center_crop", False)
    if isinstance(size, dict) and "shortest_edge" in size:
        if not crops:
            raise Unsupported("a shortest edge without a centre crop")
        keys["side"] = square_side(processor["crop_size"], "crop_size")
        keys["short_side"] = size["shortest_edge"]
    else:
        keys["side"] = square_side(size, "size")
        crop = square_side(processor["crop_size"], "crop_size") if crops else None
        if crop not in (None, keys["side"]):
            raise Unsupported("a crop from a stretched picture")

    factor = processor.get("rescale_factor", 1 / 255)
    if not processor.get("do_rescale", True):
        factor = 1.0
    offset = 1.0 if processor.get("rescale_offset") else 0.0
    mean, std = [0.0] * 3, [1.0] * 3
    if processor.get("do_normalize", True):
        mean = list(processor["image_mean"])
        std = list(processor["image_std"])
    # EfficientNet's processor divides a second time.
    if "EfficientNet" in processor.get("image_processor_type", "") and (
        processor.get("include_top", True)
    ):
        std = [value * value for value in std]
    # (pixel * factor - offset - mean) / std = (pixel - mean') * scale.
    keys["mean"] = [(value + offset) / factor for value in mean]
    keys["scale"] = [factor / value for value in std]
    return keys


def numbers(values):
    return "[" + ", ".join(f"{value:.9g}" for value in values) + "]"


def quoted(text):
    return '"' + re.sub(r'[\x00-\x1f"\\]', " ", text) + '"'


def image_card(name, kind, checkpoint, licence, file, keys, dimension, text=None):
    output, pooling, family = KINDS[kind]
    lines = head(name, "image-embedding", family, checkpoint, licence, file)
    lines += [f'outputs = ["{output}"]', f'pooling = "{pooling}"']
    if text:
        lines.append(f"text = {quoted(text)}")
    lines += [
        "",
        "[input]",
        'name = "pixel_values"',
        'layout = "NCHW"',
        'order = "RGB"',
        f"width = {keys['side']}",
        f"height = {keys['side']}",
        f"mean = {numbers(keys['mean'])}",
        f"scale = {numbers(keys['scale'])}",
        f'resize = "{keys["resize"]}"',
    ]
    if "short_side" in keys:
        lines += ['fit = "crop"', f"short_side = {keys['short_side']}"]
    lines += ["", "[parameters]", f"dimension = {dimension}", ""]
    return "\n".join(lines)


def text_card(name, checkpoint, licence, file, dimension):
    lines = head(name, "text-embedding", "clip", checkpoint, licence, file)
    lines += ['outputs = ["text_embeds"]', 'needs = ["clip-bpe"]']
    lines += ["", "[parameters]", f"dimension = {dimension}", ""]
    return "\n".join(lines)


def head(name, task, family, checkpoint, licence, file):
    content = pathlib.Path(file).read_bytes()
    return [
        f"name = {quoted(name)}",
        f'task = "{task}"',
        f'family = "{family}"',
        f"description = {quoted(checkpoint + ', exported by tools/export')}",
        f"licence = {quoted(licence)}",
        f"source = {quoted('file:' + str(pathlib.Path(file).resolve()))}",
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
        f"size = {len(content)}",
        'format = "onnx"',
    ]


def models_folder():
    """Where ocelli keeps its models."""
    if os.environ.get("OCELLI_DATA"):
        return pathlib.Path(os.environ["OCELLI_DATA"]) / "models"
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return pathlib.Path(data) / "ocelli" / "models"


def card_name(checkpoint):
    """A name for a card: a-z, 0-9, '-' and '.'."""
    name = re.sub(r"[^a-z0-9.-]+", "-", checkpoint.split("/")[-1].lower())
    return name.strip("-.")[:64]


def import_libraries():
    """torch and transformers, or an error that says what to install."""
    try:
        import onnx
        import torch
        import transformers
    except ImportError as error:
        sys.exit(
            f"export.py: {error.name} is missing; in a virtual environment: "
            "pip install torch transformers onnx onnxruntime"
        )
    return torch, transformers, onnx


def towers(torch, transformers, checkpoint, revision, config):
    """(suffix, module, example, input names, output name) of each graph."""

    class Output(torch.nn.Module):
        """One output of a model, by name."""

        def __init__(self, model, name):
            super().__init__()
            self.model, self.name = model, name

        def forward(self, value):
            return getattr(self.model(value), self.name)

    class QFormer(torch.nn.Module):
        """BLIP-2's vision tower, and the queries that look at it."""

        def __init__(self, model):
            super().__init__()
            self.vision, self.qformer = model.vision_model, model.qformer
            self.queries = model.query_tokens

        def forward(self, pixel_values):
            seen = self.vision(pixel_values).last_hidden_state
            queries = self.queries.expand(seen.shape[0], -1, -1)
            return self.qformer(
                query_embeds=queries, encoder_hidden_states=seen
            ).last_hidden_state

    load = dict(revision=revision, torch_dtype=torch.float32)
    kind = config.model_type
    vision = getattr(config, "vision_config", config)
    picture = torch.randn(2, 3, vision.image_size, vision.image_size)
    output = KINDS[kind][0]
    if kind == "clip":
        model = transformers.CLIPVisionModelWithProjection
        yield "", Output(model.from_pretrained(checkpoint, **load), output), picture
        if config.text_config.vocab_size == CLIP_VOCABULARY:
            model = transformers.CLIPTextModelWithProjection
            ids = torch.full((2, 77), CLIP_VOCABULARY - 1)
            ids[:, 0] = CLIP_VOCABULARY - 2
            ids[:, 1:3] = torch.tensor([[320, 1125], [320, 2368]])
            text = Output(model.from_pretrained(checkpoint, **load), "text_embeds")
            yield "-text", text, ids
    elif kind == "blip-2":
        model = transformers.Blip2Model.from_pretrained(checkpoint, **load)
        yield "", QFormer(model), picture
    else:
        model = transformers.AutoModel.from_pretrained(checkpoint, **load)
        yield "", Output(model, output), picture


def export(torch, onnx, module, example, output, file, int8):
    """Writes one file, and returns the size of its embedding."""
    name = "pixel_values" if example.ndim == 4 else "input_ids"
    options = dict(
        input_names=[name],
        output_names=[output],
        dynamic_axes={name: {0: "batch"}, output: {0: "batch"}},
        opset_version=17,
    )
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    module.eval()
    with torch.no_grad():
        expected = module(example)
        torch.onnx.export(module, (example,), str(file), **options)
    if int8:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(str(file), str(file), weight_type=QuantType.QInt8)
    model = onnx.load(str(file))  # With weights that were put beside it.
    if model.ByteSize() > MAX_BYTES:
        sys.exit(f"export.py: {file} is larger than 2 GB; try --int8")
    file.write_bytes(model.SerializeToString())
    compare(file, name, example, expected, int8)
    return expected.shape[1] if expected.ndim != 3 else expected.shape[2]


def compare(file, name, example, expected, int8):
    """Runs the file, and stops where it answers otherwise."""
    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is missing: the file was not tried", file=sys.stderr)
        return
    session = onnxruntime.InferenceSession(str(file))
    answer = session.run(None, {name: example.numpy()})[0]
    a, b = expected.numpy().ravel(), answer.ravel()
    cosine = float(a @ b / ((a @ a) ** 0.5 * (b @ b) ** 0.5))
    print(f"{file.name}: cosine with PyTorch {cosine:.6f}", file=sys.stderr)
    if not cosine > (0.95 if int8 else 0.9999):
        sys.exit(f"export.py: {file} does not answer as PyTorch does")


def licence_of(checkpoint):
    """What the checkpoint's page states."""
    try:
        from huggingface_hub import model_info

        return model_info(checkpoint).card_data.license or "unknown"
    except Exception:  # Offline, a folder, no page: many ways, one answer.
        return "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", help="facebook/dinov2-base, or a folder")
    parser.add_argument("--revision", help="commit or tag of it")
    parser.add_argument("--name", help="of the card; else the checkpoint's")
    parser.add_argument("--licence", help="SPDX; else what its page states")
    parser.add_argument("--models", type=pathlib.Path, default=models_folder())
    parser.add_argument("--int8", action="store_true", help="weights of 8 bits")
    flags = parser.parse_args()

    torch, transformers, onnx = import_libraries()
    load = dict(revision=flags.revision)
    config = transformers.AutoConfig.from_pretrained(flags.checkpoint, **load)
    if config.model_type not in KINDS:
        sys.exit(
            f"export.py: {config.model_type} is not one of " + ", ".join(KINDS)
        )
    processor = transformers.AutoImageProcessor.from_pretrained(
        flags.checkpoint, **load
    )
    try:
        keys = input_of(processor.to_dict())
    except Unsupported as error:
        sys.exit(f"export.py: {flags.checkpoint}: {error}")

    base = flags.name or card_name(flags.checkpoint)
    licence = flags.licence or licence_of(flags.checkpoint)
    for folder in ("cards", "exported"):
        (flags.models / folder).mkdir(parents=True, exist_ok=True)
    cards = {}
    for suffix, module, example in towers(
        torch, transformers, flags.checkpoint, flags.revision, config
    ):
        name = base + suffix
        file = flags.models / "exported" / (name + ".onnx")
        output = "text_embeds" if suffix else KINDS[config.model_type][0]
        dimension = export(torch, onnx, module, example, output, file, flags.int8)
        cards[name] = (file, dimension)
    for name, (file, dimension) in cards.items():
        if name.endswith("-text") and name != base:
            card = text_card(name, flags.checkpoint, licence, file, dimension)
        else:
            text = base + "-text" if base + "-text" in cards else None
            card = image_card(name, config.model_type, flags.checkpoint, licence,
                              file, keys, dimension, text)
        (flags.models / "cards" / (name + ".toml")).write_text(card)
    print("now: ocelli models pull " + " ".join(cards))


if __name__ == "__main__":
    main()
