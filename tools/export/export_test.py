"""Tests of export.py without torch: what it reads and what it writes.

    export_test.py OCELLI
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
import export  # noqa: E402

OCELLI = sys.argv.pop(1)
CLIP = {
    "image_processor_type": "CLIPImageProcessor",
    "do_resize": True,
    "resample": 3,
    "size": {"shortest_edge": 224},
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.25, 0.5, 0.2],
}
VIT = {"size": {"height": 224, "width": 224}, "resample": 2,
       "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


class Input(unittest.TestCase):
    def test_a_centre_crop(self):
        keys = export.input_of(CLIP)
        self.assertEqual(keys["resize"], "bicubic")
        self.assertEqual((keys["side"], keys["short_side"]), (224, 224))
        self.assertAlmostEqual(keys["mean"][0], 127.5)
        self.assertAlmostEqual(keys["scale"][1], 2 / 255)

    def test_a_stretched_picture(self):
        keys = export.input_of(VIT)
        self.assertEqual(keys["resize"], "bilinear")
        self.assertNotIn("short_side", keys)

    def test_efficientnet_divides_twice(self):
        twice = {**VIT, "image_processor_type": "EfficientNetImageProcessor"}
        self.assertAlmostEqual(export.input_of(twice)["scale"][0], 4 / 255)
        once = {**twice, "include_top": False}
        self.assertAlmostEqual(export.input_of(once)["scale"][0], 2 / 255)
        moved = {**once, "rescale_offset": True, "rescale_factor": 1 / 127.5}
        self.assertAlmostEqual(export.input_of(moved)["mean"][0], 1.5 * 127.5)

    def test_pixels_as_they_are(self):
        keys = export.input_of({**VIT, "do_normalize": False})
        self.assertEqual(keys["mean"], [0, 0, 0])
        self.assertAlmostEqual(keys["scale"][0], 1 / 255)

    def test_what_a_card_cannot_say_is_refused(self):
        for change in (
            {"resample": 1},
            {"do_resize": False},
            {"do_center_crop": False},
            {"crop_size": {"height": 224, "width": 200}},
        ):
            with self.assertRaises(export.Unsupported, msg=change):
                export.input_of({**CLIP, **change})
        with self.assertRaises(export.Unsupported):
            export.input_of({**CLIP, "size": 256})


class Cards(unittest.TestCase):
    def test_the_program_reads_them(self):
        with tempfile.TemporaryDirectory() as folder:
            models = pathlib.Path(folder) / "models"
            (models / "cards").mkdir(parents=True)
            file = models / "x.onnx"
            file.write_bytes(b"a graph")
            keys = export.input_of(CLIP)
            for kind in export.KINDS:
                card = export.image_card("x-" + kind, kind, 'some/"one"', "MIT",
                                         file, keys, 512, "x-text")
                (models / "cards" / f"{kind}.toml").write_text(card)
            text = export.text_card("x-text", "some/one", "MIT", file, 512)
            (models / "cards" / "text.toml").write_text(text)
            listed = subprocess.run(
                [OCELLI, "--data", folder, "--json", "models", "list"],
                check=True, capture_output=True, text=True).stdout
            cards = [json.loads(line) for line in listed.splitlines()]
            names = {card["name"] for card in cards}
            for kind in export.KINDS:
                self.assertIn("x-" + kind, names)
            self.assertIn("x-text", names)

    def test_names(self):
        self.assertEqual(export.card_name("openai/CLIP_ViT-B.16"), "clip-vit-b.16")
        self.assertEqual(export.card_name("./-x-"), "x")


class Program(unittest.TestCase):
    def test_a_missing_library_is_named(self):
        # Without site-packages there is no torch anywhere.
        run = subprocess.run(
            [sys.executable, "-I", "-S", str(HERE / "export.py"), "some/one"],
            capture_output=True, text=True, env={**os.environ, "HOME": "/nowhere"})
        self.assertEqual(run.returncode, 1)
        self.assertIn("is missing", run.stderr)
        self.assertIn("pip install torch transformers", run.stderr)
        self.assertNotIn("Traceback", run.stderr)


if __name__ == "__main__":
    unittest.main()
