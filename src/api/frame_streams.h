#pragma once

#include "api/grpc_frames.h"
#include "service/service.h"

namespace ocelli {

// Frame streams with what the service works with, which outlives them.
OpenFrameStream FrameStreamsOf(const ServiceParts& parts);

}  // namespace ocelli
