#include "recognize/embedders.h"

#include <algorithm>
#include <utility>

namespace ocelli {
namespace {

// The caller named nothing that is not known: this machine lacks it.
tl::unexpected<Error> FailMissing(Error error) {
  if (error.code == ErrorCode::kNotFound) {
    error.code = ErrorCode::kFailedPrecondition;
  }
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace

struct Embedders::Model {
  std::string name;
  Pictures pictures;
  std::mutex mutex;
  Texts texts;  // Guarded; null until somebody asks.
};

Embedders::Embedders(const ModelStore& models, ResultCache* cache,
                     EmbeddersOptions options)
    : models_(models), cache_(cache), options_(std::move(options)) {}

Embedders::~Embedders() = default;

Result<Embedders::Kept> Embedders::Find(std::string_view model) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(kept_.begin(), kept_.end(),
                   [&](const Kept& kept) { return kept->name == model; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return kept_.front();
  }
  // Reads the card; the model is opened by the first picture.
  auto opened =
      EmbeddingRecognizer::Open(models_, cache_, model, options_.embedder,
                                options_.images, options_.limits);
  if (!opened) return opened.Failure();
  auto added = std::make_shared<Model>();
  added->name = model;
  added->pictures = std::move(*opened);
  kept_.push_front(std::move(added));
  if (kept_.size() > options_.kept) kept_.pop_back();
  return kept_.front();
}

Result<Embedders::Kept> Embedders::FindFor(const Collection& collection,
                                           const char* knows_no) {
  const CollectionSpec& spec = collection.spec();
  if (spec.embedder.empty()) {
    return Fail(ErrorCode::kFailedPrecondition,
                spec.name + " was made without a model: it knows vectors, no " +
                    knows_no);
  }
  auto model = Find(spec.embedder);
  if (!model) return FailMissing(model.error());
  const auto same = collection.CheckEmbedder(spec.embedder,
                                             (*model)->pictures->fingerprint());
  if (!same) return same.Failure();
  return model;
}

Result<Embedders::Pictures> Embedders::PicturesOf(const Model& model) const {
  // Said once, before the first of a thousand pictures.
  const auto installed = models_.PathOf(model.pictures->card());
  if (!installed) return FailMissing(installed.error());
  return model.pictures;
}

Result<Embedders::Texts> Embedders::TextsOf(Model& model) const {
  const std::string& name = model.pictures->card().text;
  if (name.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                model.name +
                    " knows no words; a search for a text needs an embedder "
                    "like clip-vit-b32");
  }
  const std::lock_guard lock(model.mutex);
  if (!model.texts) {
    const auto card = models_.Find(name);
    if (!card) return FailMissing(card.error());
    auto opened = TextEmbedder::Open(models_, *card, options_.embedder);
    if (!opened) return FailMissing(opened.error());
    model.texts = std::move(*opened);
  }
  return model.texts;
}

Result<Embedders::Pictures> Embedders::OfPictures(std::string_view model) {
  const auto found = Find(model);
  if (!found) return found.Failure();
  return PicturesOf(**found);
}

Result<Embedders::Texts> Embedders::OfTexts(std::string_view model) {
  const auto found = Find(model);
  if (!found) return found.Failure();
  return TextsOf(**found);
}

Result<Embedders::Pictures> Embedders::OfPicturesIn(
    const Collection& collection) {
  const auto found = FindFor(collection, "pictures");
  if (!found) return found.Failure();
  return PicturesOf(**found);
}

Result<Embedders::Texts> Embedders::OfTextsIn(const Collection& collection) {
  const auto found = FindFor(collection, "words");
  if (!found) return found.Failure();
  return TextsOf(**found);
}

}  // namespace ocelli
