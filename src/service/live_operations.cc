#include <google/protobuf/empty.pb.h>

#include <algorithm>
#include <utility>

#include "core/geometry.h"
#include "faces/gallery_name.h"
#include "recognize/chosen_face.h"
#include "service/live_messages.h"
#include "service/pictures.h"
#include "service/unknown.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;
using Shot = std::shared_ptr<const LiveShot>;

Result<v1::ListLiveResponse> ListLive(ServiceState& state, const CallContext&,
                                      v1::ListLiveRequest&) {
  v1::ListLiveResponse response;
  for (const LiveVideoStatus& video : state.parts.live.List()) {
    WriteLiveVideo(video, *response.add_videos());
  }
  return response;
}

Result<v1::LiveVideo> VideoOf(ServiceState& state, const std::string& name) {
  const auto status = state.parts.live.Find(name);
  if (!status) return status.Failure();
  v1::LiveVideo video;
  WriteLiveVideo(*status, video);
  return video;
}

Result<v1::LiveVideo> StartLive(ServiceState& state, const CallContext& context,
                                v1::StartLiveRequest& request) {
  if (auto checked = CheckSessionName(request.name()); !checked) {
    return checked.Failure("name");
  }
  if (request.source().empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "source: a camera, an address or a file is needed");
  }
  LiveVideoSettings settings;
  settings.name = request.name();
  settings.source = request.source();
  settings.effects.assign(request.effects().begin(), request.effects().end());
  settings.sink = request.sink();
  settings.repeat = request.repeat();
  const auto started = state.parts.live.Start(std::move(settings));
  if (!started) return started.Failure();
  const auto noted = Record(state, context, "start", "video", request.name());
  if (!noted) return noted.Failure();
  return VideoOf(state, request.name());
}

Result<v1::LiveVideo> GetLive(ServiceState& state, const CallContext&,
                              v1::GetLiveRequest& request) {
  return VideoOf(state, request.name());
}

Result<Empty> StopLive(ServiceState& state, const CallContext& context,
                       v1::StopLiveRequest& request) {
  const auto stopped = state.parts.live.Stop(request.name());
  if (!stopped) return stopped.Failure();
  const auto noted = Record(state, context, "stop", "video", request.name());
  if (!noted) return noted.Failure();
  return Empty();
}

// Its last frame. kUnavailable: none has come yet.
Result<Shot> LastShotOf(ServiceState& state, const std::string& name) {
  auto shot = state.parts.live.Last(name);
  if (!shot || *shot) return shot;
  return Fail(ErrorCode::kUnavailable,
              "no frame of " + name + " has come yet; try again");
}

Result<v1::Picture> GetLivePicture(ServiceState& state, const CallContext&,
                                   v1::GetLivePictureRequest& request) {
  if (auto checked = CheckMaxSide(request.max_side()); !checked) {
    return checked.Failure();
  }
  const auto shot = LastShotOf(state, request.name());
  if (!shot) return shot.Failure();
  const auto jpeg = state.parts.live.Jpeg(*shot, request.max_side());
  if (!jpeg) return jpeg.Failure();
  return JpegPicture(**jpeg, "");
}

// The face of a picture that is where the track's is.
Result<const Face*> FaceAt(const std::vector<Face>& faces, const RectF& box,
                           std::int64_t track) {
  constexpr float kLeastOverlap = 0.4f;  // The tracker smooths its boxes.
  const Face* best = nullptr;
  float overlap = kLeastOverlap;
  for (const Face& face : faces) {
    const float here = IntersectionOverUnion(face.box, box);
    if (here < overlap) continue;
    overlap = here;
    best = &face;
  }
  if (best) return best;
  return Fail(ErrorCode::kFailedPrecondition,
              "the face of track " + std::to_string(track) +
                  " is not clear enough in this picture; try again");
}

Result<Empty> NameFace(ServiceState& state, const CallContext& context,
                       v1::NameFaceRequest& request) {
  if (auto checked = CheckPersonName(request.person()); !checked) {
    return checked.Failure();
  }
  const auto shot = LastShotOf(state, request.name());
  if (!shot) return shot.Failure();
  const auto& tracked = (*shot)->faces;
  const auto found = std::find_if(
      tracked.begin(), tracked.end(), [&](const TrackedFace& face) {
        return face.track == request.track() && face.seen();
      });
  if (found == tracked.end()) {
    return Fail(ErrorCode::kNotFound,
                "track " + std::to_string(request.track()) +
                    " is not to be seen in " + request.name() + " now");
  }
  const auto jpeg = state.parts.live.Jpeg(*shot, 0);
  if (!jpeg) return jpeg.Failure();
  const auto recognition =
      RecognizePicture(std::as_bytes(std::span(**jpeg)), state);
  if (!recognition) return recognition.Failure();
  const Analysis& analysis = recognition->analysis;
  const auto face = FaceAt(analysis.faces, found->face.box, request.track());
  if (!face) return face.Failure();
  const auto number =
      static_cast<std::size_t>(*face - analysis.faces.data()) + 1;
  const auto described = FaceToEnrol(analysis.faces, {.number = number});
  if (!described) return described.Failure();
  const auto added = state.parts.gallery.Add(
      request.person(), **described, analysis.digest, "live " + request.name(),
      PictureOfFace(std::as_bytes(std::span(**jpeg)), **described, state));
  if (!added) return added.Failure();
  ForgetUnknownLike(**described, state);
  const auto noted = Record(state, context, "add", "person", request.person());
  if (!noted) return noted.Failure();
  return Empty();
}

}  // namespace

void AddLiveOperations(OperationTable& table, ServiceState& state) {
  Handlers handlers(table, state);
  handlers.Add("Live.ListLive", ListLive);
  handlers.Add("Live.StartLive", StartLive);
  handlers.Add("Live.GetLive", GetLive);
  handlers.Add("Live.StopLive", StopLive);
  handlers.Add("Live.GetLivePicture", GetLivePicture);
  handlers.Add("Live.NameFace", NameFace);
}

}  // namespace ocelli
