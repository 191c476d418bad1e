#include <google/protobuf/empty.pb.h>

#include <utility>

#include "faces/gallery_name.h"
#include "ocelli/v1/people.pb.h"
#include "service/message_time.h"
#include "service/pictures.h"
#include "service/unknown.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;

// kNotFound where nobody is remembered: there is nobody of any id.
Result<UnknownPeople*> Remembered(ServiceState& state) {
  if (state.parts.unknown) return state.parts.unknown;
  return Fail(ErrorCode::kNotFound,
              "this service remembers nobody whom it does not know");
}

Result<v1::ListUnknownResponse> ListUnknown(ServiceState& state,
                                            const CallContext&,
                                            v1::ListUnknownRequest&) {
  v1::ListUnknownResponse response;
  if (!state.parts.unknown) return response;
  for (const UnknownPerson& person : state.parts.unknown->List()) {
    v1::UnknownPerson& to = *response.add_people();
    to.set_id(person.id);
    to.set_seen(person.seen);
    SetTime(person.first_seen, *to.mutable_first_seen());
    SetTime(person.last_seen, *to.mutable_last_seen());
    to.set_last_source(person.last_source);
    to.set_pictures(static_cast<std::uint32_t>(person.pictures));
  }
  return response;
}

Result<v1::Picture> GetUnknownPicture(ServiceState& state, const CallContext&,
                                      v1::GetUnknownPictureRequest& request) {
  const auto unknown = Remembered(state);
  if (!unknown) return unknown.Failure();
  const auto picture = (*unknown)->PictureOf(request.id(), request.number());
  if (!picture) return picture.Failure();
  return JpegPicture(*picture, Sha256(*picture).ToHex());
}

// All that are kept of one person. A face that is somebody's already is left
// out; after another error those that are left are remembered again.
Result<> EnrolAll(ServiceState& state, const std::string& name,
                  std::vector<SeenFace> seen) {
  std::size_t enrolled = 0;
  Result<> last = Fail(ErrorCode::kNotFound, "no face is kept of them");
  for (std::size_t i = 0; i < seen.size(); ++i) {
    Face face;
    face.box = seen[i].box;
    face.quality = seen[i].quality;
    face.descriptor = seen[i].descriptor;
    const auto added = state.parts.gallery.Add(name, face, seen[i].image,
                                               seen[i].source, seen[i].picture);
    if (added) {
      ++enrolled;
      continue;
    }
    last = added.Failure();
    if (added.error().code == ErrorCode::kAlreadyExists) continue;
    for (; i < seen.size(); ++i) state.parts.unknown->Saw(std::move(seen[i]));
    return last;
  }
  return enrolled > 0 ? Result<>() : last;
}

Result<v1::PersonSummary> NameUnknown(ServiceState& state,
                                      const CallContext& context,
                                      v1::NameUnknownRequest& request) {
  if (auto checked = CheckPersonName(request.name()); !checked) {
    return checked.Failure();
  }
  const auto unknown = Remembered(state);
  if (!unknown) return unknown.Failure();
  auto seen = (*unknown)->Take(request.id());
  if (!seen) return seen.Failure();
  const auto enrolled = EnrolAll(state, request.name(), *std::move(seen));
  if (!enrolled) return enrolled.Failure();
  const auto noted = Record(state, context, "add", "person", request.name());
  if (!noted) return noted.Failure();
  const auto people = state.parts.gallery.People();
  if (!people) return people.Failure();
  v1::PersonSummary summary;
  summary.set_name(request.name());
  for (const PersonSummary& person : *people) {
    if (person.name != request.name()) continue;
    summary.set_faces(person.faces);
    summary.set_other_model(person.other_model);
    summary.set_rejected(person.rejected);
  }
  return summary;
}

Result<Empty> ForgetUnknown(ServiceState& state, const CallContext&,
                            v1::ForgetUnknownRequest& request) {
  const auto unknown = Remembered(state);
  if (!unknown) return unknown.Failure();
  const auto forgotten = (*unknown)->Forget(request.id());
  if (!forgotten) return forgotten.Failure();
  return Empty();
}

}  // namespace

void ForgetUnknownLike(const Face& face, ServiceState& state) {
  if (state.parts.unknown) state.parts.unknown->ForgetLike(face.descriptor);
}

void AddUnknownOperations(OperationTable& table, ServiceState& state) {
  Handlers handlers(table, state);
  handlers.Add("People.ListUnknown", ListUnknown);
  handlers.Add("People.GetUnknownPicture", GetUnknownPicture);
  handlers.Add("People.NameUnknown", NameUnknown);
  handlers.Add("People.ForgetUnknown", ForgetUnknown);
}

}  // namespace ocelli
