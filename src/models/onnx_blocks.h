#pragma once

#include "onnx/onnx.pb.h"

namespace ocelli {

// ONNX Runtime runs convolutions fastest on blocks of 16 channels (AVX-512),
// and leaves that layout around everything that does not fit. Widens pictures
// inside the graph to whole blocks with channels of zeros, so that answers stay
// the same, and turns what pads channels into what can work on blocks.
void AlignChannels(onnx::GraphProto& graph);

}  // namespace ocelli
