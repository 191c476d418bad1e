#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cache/result_cache.h"
#include "cli/command.h"
#include "cli/gallery_flags.h"
#include "faces/face_analyzer.h"
#include "faces/gallery.h"
#include "models/model_store.h"
#include "recognize/recognizer.h"

namespace ocelli {

// How faces are to be found, as flags of several commands.
struct FaceFlags {
  FaceAnalyzerOptions faces;
  IdentifyOptions identify;
  GalleryFlags gallery;  // AddGalleryFlags().
  bool no_cache = false;
  std::string cache;  // AddCacheFlag().
  int jobs = 0;       // Pictures at a time; 0: one a processor.
};

void AddFaceFlags(CLI::App& app, FaceFlags& flags);
// --cache: where results are kept, instead of where cache.url says or the
// user's own file: an address of Redis, or a file.
void AddCacheFlag(CLI::App& app, std::string& cache);

struct EnginePlaces {
  std::filesystem::path models;   // Folder.
  std::filesystem::path results;  // SQLite database.
  std::filesystem::path people;   // SQLite database.
};

// What a command needs to recognise: models, result cache, recognizer, and the
// people once somebody asks for them. Thread-safe but for gallery().
class Engine {
 public:
  // A cache that can't be used is a warning, not an error. Without --cache,
  // results are kept at `places`; without --gallery, people. `context` outlives
  // the engine.
  static Result<std::unique_ptr<Engine>> Open(const CommandContext& context,
                                              const EnginePlaces& places,
                                              const FaceFlags& flags);
  // At the places of this user and of the setting cache.url.
  static Result<std::unique_ptr<Engine>> Open(const CommandContext& context,
                                              const FaceFlags& flags);

  Recognizer& recognizer() { return *recognizer_; }
  ResultCache* cache() { return cache_.get(); }  // Null: none.
  const ModelStore& models() const { return models_; }
  // Whether results come over a network: ask for several at once.
  bool far_results() const;

  // The people that the flags name, or else those at the places. The first
  // `use` says what may be missing: later calls give the same gallery.
  Result<Gallery*> gallery(GalleryUse use = GalleryUse::kEdit);

 private:
  Engine(const CommandContext& context, EnginePlaces places, FaceFlags flags);

  const CommandContext& context_;  // Of the program's whole run.
  const EnginePlaces places_;
  const FaceFlags flags_;
  ModelStore models_;
  std::unique_ptr<ResultCache> cache_;
  std::unique_ptr<Recognizer> recognizer_;
  std::unique_ptr<Gallery> gallery_;
};

// What --cache says, or else the setting cache.url (OCELLI_CACHE_URL); empty:
// the user's own file.
Result<std::string> CacheAddress(const CommandContext& context,
                                 const std::string& flag);

// The cache of results at `address`, an address of Redis or a file, or where
// that is empty at `file`; null, with a warning, where a file can't be used. A
// Redis is asked when the first result is. kInvalidArgument: no such address.
Result<std::unique_ptr<ResultCache>> OpenResults(
    const CommandContext& context, const std::filesystem::path& file,
    const std::string& address);

// The cache itself: without memory in front, without making do.
Result<std::unique_ptr<ResultCache>> OpenResultCache(
    const CommandContext& context, const std::filesystem::path& file,
    const std::string& address);

// From cache.max_bytes and cache.ttl (seconds).
Result<CacheOptions> CacheOptionsFrom(const Config& config);

}  // namespace ocelli
