#include "api/frame_streams.h"

namespace ocelli {

OpenFrameStream FrameStreamsOf(const ServiceParts& parts) {
  return [&parts](const FrameStreamSettings& settings,
                  const FrameStreamOptions& options,
                  const std::stop_token& stop) {
    FrameStreamOptions with = options;
    with.sessions = &parts.sessions;
    return FrameStream::Open(parts.models, &parts.gallery, settings, with,
                             stop);
  };
}

}  // namespace ocelli
