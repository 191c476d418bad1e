#include <optional>
#include <utility>

#include "faces/face_describer.h"
#include "ocelli/v1/vision.pb.h"
#include "recognize/chosen_face.h"
#include "recognize/face_message.h"
#include "service/pictures.h"
#include "service/queries.h"

namespace ocelli {
namespace {

// Adds those of the picture whom nobody knows.
void RememberUnknown(ServiceState& state, std::span<const std::byte> encoded,
                     const Analysis& analysis,
                     const std::vector<std::optional<Identity>>& people) {
  constexpr float kGoodQuality = 0.3f;
  for (std::size_t i = 0; i < analysis.faces.size(); ++i) {
    const Face& face = analysis.faces[i];
    const bool known = i < people.size() && people[i];
    if (known || face.descriptor.empty() ||
        face.quality.overall < kGoodQuality) {
      continue;
    }
    state.parts.unknown->Saw({.descriptor = face.descriptor,
                              .quality = face.quality,
                              .picture = PictureOfFace(encoded, face, state),
                              .source = "recognize",
                              .image = analysis.digest,
                              .box = face.box});
  }
}

Result<v1::RecognizeResponse> Recognize(ServiceState& state, const CallContext&,
                                        v1::RecognizeRequest& request) {
  const auto picture = TakePicture(*request.mutable_image(), "image", state);
  if (!picture) return picture.Failure();
  const auto recognition = RecognizePicture(picture->bytes(), state);
  if (!recognition) return recognition.Failure("image");
  const Analysis& analysis = recognition->analysis;
  std::vector<std::optional<Identity>> people;
  if (!analysis.faces.empty()) {
    auto identified = state.parts.gallery.Identify(
        analysis.faces, analysis.digest, state.parts.identify);
    if (!identified) return identified.Failure("asking who it is");
    people = std::move(*identified);
  }
  if (state.parts.remember_unknown && state.parts.unknown &&
      !recognition->cached) {
    RememberUnknown(state, picture->bytes(), analysis, people);
  }
  v1::RecognizeResponse response;
  response.set_cached(recognition->cached);
  v1::Analysis& to = *response.mutable_analysis();
  to.set_digest(analysis.digest.ToHex());
  to.set_width(static_cast<std::uint32_t>(analysis.width));
  to.set_height(static_cast<std::uint32_t>(analysis.height));
  const FaceParts parts{.mesh = request.mesh(),
                        .descriptor = request.descriptors()};
  for (std::size_t i = 0; i < analysis.faces.size(); ++i) {
    v1::Face& face = *to.add_faces();
    WriteFace(analysis.faces[i], parts, face);
    if (i >= people.size() || !people[i]) continue;
    face.mutable_person()->set_name(std::move(people[i]->name));
    face.mutable_person()->set_similarity(people[i]->similarity);
  }
  return response;
}

// The face that a picture is of.
Result<Face> FaceOf(v1::Image& image, const char* field, ServiceState& state) {
  const auto recognition = RecognizeImage(image, field, state);
  if (!recognition) return recognition.Failure();
  const auto face = FaceToCompare(recognition->analysis);
  if (!face) return face.Failure(field);
  return **face;
}

Result<v1::VerifyResponse> Verify(ServiceState& state, const CallContext&,
                                  v1::VerifyRequest& request) {
  const auto first = FaceOf(*request.mutable_first(), "first", state);
  if (!first) return first.Failure();
  const auto second = FaceOf(*request.mutable_second(), "second", state);
  if (!second) return second.Failure();
  v1::VerifyResponse response;
  response.set_similarity(
      CosineSimilarity(first->descriptor, second->descriptor));
  response.set_threshold(state.parts.identify.threshold);
  response.set_same(response.similarity() >= response.threshold());
  constexpr FaceParts kNeither{.mesh = false, .descriptor = false};
  WriteFace(*first, kNeither, *response.mutable_first());
  WriteFace(*second, kNeither, *response.mutable_second());
  return response;
}

Result<v1::EmbedResponse> Embed(ServiceState& state, const CallContext&,
                                v1::EmbedRequest& request) {
  if (request.has_image() != request.text().empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "either image or text is to be embedded");
  }
  const std::string& model =
      request.model().empty() ? state.parts.default_embedder : request.model();
  v1::EmbedResponse response;
  response.set_model(model);
  if (!request.has_image()) {
    const auto texts = state.embedders.OfTexts(model);
    if (!texts) return texts.Failure();
    const auto vector = EmbedText(**texts, request.text(), state);
    if (!vector) return vector.Failure();
    response.mutable_values()->Assign(vector->begin(), vector->end());
    return response;
  }
  const auto pictures = state.embedders.OfPictures(model);
  if (!pictures) return pictures.Failure();
  const auto embedding =
      EmbedImage(**pictures, *request.mutable_image(), "image", state);
  if (!embedding) return embedding.Failure();
  response.set_digest(embedding->digest.ToHex());
  response.set_cached(embedding->cached);
  response.mutable_values()->Assign(embedding->vector.begin(),
                                    embedding->vector.end());
  return response;
}

Result<v1::ListModelsResponse> ListModels(ServiceState& state,
                                          const CallContext&,
                                          v1::ListModelsRequest&) {
  const ModelStore& models = state.parts.models;
  v1::ListModelsResponse response;
  for (const ModelCard& card : models.cards()) {
    if (!models.IsInstalled(card)) continue;
    v1::ListModelsResponse::Model& model = *response.add_models();
    model.set_name(card.name);
    model.set_task(card.task);
    model.set_licence(card.licence);
    model.set_dimension(DimensionOf(card));
    model.set_reads_text(ReadsTextNow(card, models));
  }
  return response;
}

}  // namespace

void AddVisionOperations(OperationTable& table, ServiceState& state) {
  Handlers handlers(table, state);
  handlers.Add("Vision.Recognize", Recognize);
  handlers.Add("Vision.Verify", Verify);
  handlers.Add("Vision.Embed", Embed);
  handlers.Add("Vision.ListModels", ListModels);
}

}  // namespace ocelli
