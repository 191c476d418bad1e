#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

// What the program knows about one model: models/NAME.toml.
struct ModelCard {
  std::string name;         // "blazeface-full"
  std::string task;         // "face-detection", "image-embedding", ...
  std::string family;       // Which code feeds and reads it: "blazeface", ...
  std::string description;  // One line for `ocelli models list`.

  // "npm:PACKAGE@VERSION!PATH[#FIRST-END]" (byte range of the file, END
  // excluded), "https://...", "file:PATH". Of a model of several files ("tfjs")
  // that of model.json: size and sha256 are those of model.json and its weight
  // shards one after the other, in the order in which it names them.
  std::string source;
  std::string archive_sha256;  // Of the npm tarball, 64 hex digits.
  std::string sha256;          // Of the model file itself, 64 hex digits.
  std::uint64_t size = 0;      // Of the model file, bytes; 0 if not known.
  std::string format;          // "tflite", "onnx", "tfjs"; "json": a
                               // JSON string, which is the text to install.
  std::string licence;         // SPDX identifier.
  bool non_commercial = false;

  // Empty but for its name where the task is not about pictures: of
  // "text-embedding" it is "input_ids".
  struct Input {
    std::string name;
    std::string layout;  // "NHWC" or "NCHW"
    std::string order;   // "RGB" or "BGR"
    int width = 0;       // Pixels; 0 where any size will do.
    int height = 0;
    // The tensor holds (pixel - mean) * scale, pixel from 0 to 255: red, green
    // and blue, whatever `order` is.
    std::array<float, 3> mean = {0, 0, 0};
    std::array<float, 3> scale = {1, 1, 1};
    // How a whole picture becomes width x height: with "stretch" as it is,
    // with "crop" scaled to `short_side` and then the middle of it, with
    // "half-crop" its middle, half as far from a square, stretched.
    std::string resize = "bilinear";  // Or "bicubic": Pillow's, antialiased.
    std::string fit = "stretch";
    int short_side = 0;  // Pixels, only for "crop".
  } input;
  std::vector<std::string> outputs;  // Names, in the order its family reads.
  // What of the output is the embedding: "none" [N, D], "first-token" and
  // "mean-tokens" of [N, T, D], "spatial-mean" of [N, C, H, W].
  std::string pooling = "none";
  std::string text;  // The card that embeds text into the same space, or "".
  std::vector<std::string> needs;  // Cards that are installed with this one.
  // Thresholds, anchor sizes and the like, as its family defines them.
  std::map<std::string, double> parameters;

  // Changes whenever the model's answers may: weights, import, input, outputs
  // or parameters, not words about it.
  Digest Fingerprint() const;
};

// kInvalidArgument says what is wrong with which key.
Result<ModelCard> ParseModelCard(std::string_view toml);

}  // namespace ocelli
