#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "cache/result_cache.h"
#include "core/fair_slots.h"
#include "core/result.h"
#include "embed/image_embedder.h"
#include "embed/text_embedder.h"
#include "index/collection.h"
#include "media/still_image.h"
#include "models/model_store.h"
#include "recognize/embedding_recognizer.h"

namespace ocelli {

struct EmbeddersOptions {
  EmbedderOptions embedder = {};
  ImageLimits limits = {};
  // See EmbeddingRecognizer; outlives what the embedders give. Null: no limit.
  FairSlots* images = nullptr;
  std::size_t kept = 4;  // Models, each with its texts', that stay open.
};

// Embedders of pictures and of texts by the name of the pictures' model. Each
// is opened once and kept, the ones used last. Thread-safe.
class Embedders {
 public:
  // Shared by who uses one: others may make it leave the list meanwhile.
  using Pictures = std::shared_ptr<EmbeddingRecognizer>;
  using Texts = std::shared_ptr<const TextEmbedder>;

  // `models` and `cache` (null: none) outlive it and all that it gives.
  Embedders(const ModelStore& models, ResultCache* cache,
            EmbeddersOptions options = {});
  ~Embedders();

  // kNotFound, kInvalidArgument: no card of an image embedder has that name.
  // kFailedPrecondition: not installed; the message has the command.
  Result<Pictures> OfPictures(std::string_view model);
  // For words in the space of `model`. Also kInvalidArgument: it has none.
  Result<Texts> OfTexts(std::string_view model);

  // The one whose vectors are in the collection. kFailedPrecondition, also
  // where that was made by another version of the model, or by none.
  Result<Pictures> OfPicturesIn(const Collection& collection);
  Result<Texts> OfTextsIn(const Collection& collection);

 private:
  struct Model;
  using Kept = std::shared_ptr<Model>;  // By the list and who opens its texts.

  Result<Kept> Find(std::string_view model);
  Result<Kept> FindFor(const Collection& collection, const char* knows_no);
  Result<Pictures> PicturesOf(const Model& model) const;
  Result<Texts> TextsOf(Model& model) const;

  const ModelStore& models_;
  ResultCache* const cache_;
  const EmbeddersOptions options_;
  std::mutex mutex_;
  std::list<Kept> kept_;  // Guarded; last used first.
};

}  // namespace ocelli
