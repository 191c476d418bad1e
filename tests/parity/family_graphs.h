#pragma once

#include <string>

namespace ocelli {

// Small graphs of the architectures that embed pictures, with random weights
// that are always the same, and with the names and shapes of the inputs and
// outputs of the published checkpoints' exports. Serialised ONNX, for any
// number of pictures.

// "pixel_values" [N, 3, 224, 224] -> "last_hidden_state" [N, 1 + T, D], T the
// number of patches of `patch` pixels: ViT (16), DINOv2 (14).
std::string VitGraph(int patch);
// "pixel_values" -> "image_embeds" [N, D]: CLIP's vision tower.
std::string ClipVisionGraph();
// "input_ids" [N, 77], int64 -> "text_embeds" [N, D]: CLIP's text tower, which
// looks where the ids are largest, at the end token.
std::string ClipTextGraph();
// "pixel_values" -> "last_hidden_state" [N, 32, D]: BLIP-2's vision tower and
// its Q-Former with 32 queries.
std::string QFormerGraph();
// "pixel_values" [N, 3, 600, 600] -> "last_hidden_state" [N, C, H, W].
std::string EfficientNetGraph();
// "data" [N, 3, 224, 224] -> "vgg0_dense2_fwd" [N, 1000].
std::string VggGraph();

}  // namespace ocelli
