#include <algorithm>
#include <mutex>
#include <utility>

#include "archive/archive_reader.h"
#include "media/video_source.h"
#include "ocelli/v1/archive.pb.h"
#include "recognize/small_picture.h"
#include "service/limits.h"
#include "service/message_time.h"
#include "service/pictures.h"

namespace ocelli {
namespace {

void Write(const Task& task, v1::ArchiveSummary& to) {
  to.set_name(task.settings.name);
  to.set_source(WithoutSecrets(task.settings.source));
  to.set_root(WithoutSecrets(task.settings.root));
  to.set_running(task.running);
  to.set_state(StateOf(task));
  if (!task.status) return;
  const ArchiveStatus& status = task.status->archive;
  to.set_error(task.status->error);
  to.set_frames(DeliveredOf(task));
  to.set_waiting(status.waiting);
  to.set_dropped(status.dropped);
  to.set_spool_bytes(status.spool_bytes);
  to.set_trouble(status.trouble);
  SetTime(task.status->updated, *to.mutable_updated());
}

void Write(const ManifestLine& line, v1::ArchivedFrame& to) {
  to.set_seq(line.frame.seq);
  to.set_run(line.frame.run);
  to.set_pts_us(line.frame.pts.count());
  SetTime(line.frame.time, *to.mutable_time());
  to.set_width(line.frame.width);
  to.set_height(line.frame.height);
  to.set_bytes(line.frame.bytes);
  to.set_digest(line.frame.digest.ToHex());
  to.set_key(line.key);
  to.set_dropped(line.dropped);
}

Result<v1::ListArchivesResponse> ListArchives(ServiceState& state,
                                              const CallContext&,
                                              v1::ListArchivesRequest&) {
  const auto tasks = state.parts.archives.List();
  if (!tasks) return tasks.Failure();
  v1::ListArchivesResponse response;
  for (const Task& task : *tasks) Write(task, *response.add_archives());
  return response;
}

Result<v1::ListFramesResponse> ListFrames(ServiceState& state,
                                          const CallContext& context,
                                          v1::ListFramesRequest& request) {
  const auto most = ResolveLimit("limit", request.limit(), 100, 1000);
  if (!most) return most.Failure();
  const auto archive = state.archives.Find(request.name());
  if (!archive) return archive.Failure();
  ManifestView& view = (*archive)->frames;
  const auto part = view.Frames(request.from_seq(),
                                std::max<std::uint64_t>(request.step(), 1),
                                *most, context.stop);
  if (!part) return part.Failure();
  const auto ends = view.FirstAndLast(context.stop);
  if (!ends) return ends.Failure();
  v1::ListFramesResponse response;
  for (const ManifestLine& line : part->frames) {
    Write(line, *response.add_frames());
  }
  response.set_more(part->more);
  if (ends->first && ends->last) {
    response.set_first_seq(ends->first->frame.seq);
    response.set_last_seq(ends->last->frame.seq);
    SetTime(ends->first->frame.time, *response.mutable_first_time());
    SetTime(ends->last->frame.time, *response.mutable_last_time());
  }
  return response;
}

Result<std::vector<std::byte>> Fetch(ObjectStore& store,
                                     const ManifestLine& line,
                                     const std::stop_token& stop) {
  auto bytes = store.Get(line.key, line.frame.bytes, stop);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) {
    return Fail(
        ErrorCode::kNotFound,
        "frame " + std::to_string(line.frame.seq) + " is not stored any more");
  }
  if (bytes && Sha256(*bytes) == line.frame.digest) return bytes;
  // Larger than it was is no more the frame than other bytes are.
  if (bytes || bytes.error().code == ErrorCode::kResourceExhausted) {
    return Fail(ErrorCode::kDataLoss, "frame " +
                                          std::to_string(line.frame.seq) +
                                          ": not the bytes that were archived");
  }
  return bytes;
}

Result<v1::Picture> GetFramePicture(ServiceState& state,
                                    const CallContext& context,
                                    v1::GetFramePictureRequest& request) {
  if (auto checked = CheckMaxSide(request.max_side()); !checked) {
    return checked.Failure();
  }
  const auto archive = state.archives.Find(request.name());
  if (!archive) return archive.Failure();
  const auto line = (*archive)->frames.Frame(request.seq(), context.stop);
  if (!line) return line.Failure();
  if (line->dropped) {
    return Fail(ErrorCode::kNotFound, "frame " + std::to_string(request.seq()) +
                                          " was dropped: the spool was full");
  }
  if (line->frame.bytes > state.parts.limits.max_bytes) {
    return Fail(ErrorCode::kFailedPrecondition,
                "frame " + std::to_string(request.seq()) + " has " +
                    std::to_string(line->frame.bytes) + " bytes; at most " +
                    std::to_string(state.parts.limits.max_bytes) + " are sent");
  }
  const auto bytes = Fetch(*(*archive)->store, *line, context.stop);
  if (!bytes) return bytes.Failure();
  const std::string digest = line->frame.digest.ToHex();
  const int side = request.max_side();
  if (side == 0 || std::max(line->frame.width, line->frame.height) <= side) {
    return JpegPicture(*bytes, digest);
  }
  const auto slot = state.parts.images.Take();
  if (!slot) return slot.Failure();
  auto image = DecodeImage(*bytes, state.parts.limits);
  if (!image) {
    return image.Failure("frame " + std::to_string(request.seq()));
  }
  const auto jpeg = SmallJpeg(*std::move(image), side);
  if (!jpeg) return jpeg.Failure();
  return JpegPicture(*jpeg, digest + "-" + std::to_string(side));
}

Result<v1::VerifyArchiveResponse> Verify(ServiceState& state,
                                         const CallContext& context,
                                         v1::VerifyArchiveRequest& request) {
  const auto archive = state.archives.Find(request.name());
  if (!archive) return archive.Failure();
  // It fetches all that is stored: one at a time.
  const std::unique_lock alone(state.verifying, std::try_to_lock);
  if (!alone) {
    return Fail(ErrorCode::kResourceExhausted,
                "another archive is being verified; try again later");
  }
  VerifyOptions options;
  options.contents = !request.quick();
  const auto report = VerifyArchive(*(*archive)->store, options, context.stop);
  if (!report) return report.Failure();
  v1::VerifyArchiveResponse response;
  response.set_good(report->findings.empty());
  response.set_frames(report->frames);
  response.set_objects(report->objects);
  response.set_bytes(report->bytes);
  response.set_head(report->head.ToHex());
  for (const Finding& finding : report->findings) {
    response.add_findings(finding.where + ": " + finding.message);
  }
  response.set_more_findings(report->more_findings);
  return response;
}

}  // namespace

void AddArchiveOperations(OperationTable& table, ServiceState& state) {
  Handlers handlers(table, state);
  handlers.Add("Archive.ListArchives", ListArchives);
  handlers.Add("Archive.ListFrames", ListFrames);
  handlers.Add("Archive.GetFramePicture", GetFramePicture);
  handlers.Add("Archive.VerifyArchive", Verify);
}

}  // namespace ocelli
