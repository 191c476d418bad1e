#pragma once

#include <string>

#include "live/live_board.h"
#include "ocelli/v1/live.pb.h"
#include "recognize/face_message.h"

namespace ocelli {

// Each `to` is empty before. Descriptors are never written.
void WriteTrackedFace(const TrackedFace& face, bool mesh, v1::TrackedFace& to);
void WriteLiveFrame(const LiveShot& shot, v1::LiveFrame& to);
void WriteLiveVideo(const LiveVideoStatus& status, v1::LiveVideo& to);

}  // namespace ocelli
