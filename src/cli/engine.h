#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cache/result_cache.h"
#include "cli/command.h"
#include "faces/face_analyzer.h"
#include "faces/gallery.h"
#include "models/model_store.h"
#include "recognize/recognizer.h"

namespace ocelli {

// How faces are to be found, as flags of several commands.
struct FaceFlags {
  FaceAnalyzerOptions faces;
  IdentifyOptions identify;
  bool no_cache = false;
  int jobs = 0;  // Pictures at a time; 0: one a processor.
};

void AddFaceFlags(CLI::App& app, FaceFlags& flags);

struct EnginePlaces {
  std::filesystem::path models;   // Folder.
  std::filesystem::path results;  // SQLite database.
  std::filesystem::path people;   // SQLite database.
};

// What a command needs to recognise: models, result cache, recognizer, and the
// people once somebody asks for them. Thread-safe but for gallery().
class Engine {
 public:
  // A cache that can't be used is a warning, not an error.
  static Result<std::unique_ptr<Engine>> Open(const EnginePlaces& places,
                                              const Config& config,
                                              const FaceFlags& flags);
  // At the places of this user.
  static Result<std::unique_ptr<Engine>> Open(const CommandContext& context,
                                              const FaceFlags& flags);

  Recognizer& recognizer() { return *recognizer_; }
  const ModelStore& models() const { return models_; }

  // The people of this user. Makes the database when missing.
  Result<Gallery*> gallery();
  // Null where nobody was ever enrolled.
  Result<Gallery*> gallery_if_any();

 private:
  Engine(EnginePlaces places, FaceFlags flags);

  const EnginePlaces places_;
  const FaceFlags flags_;
  ModelStore models_;
  std::unique_ptr<ResultCache> cache_;
  std::unique_ptr<Recognizer> recognizer_;
  std::unique_ptr<Gallery> gallery_;
};

// The cache of results at `file`; null, with a warning, where it can't be used.
Result<std::unique_ptr<ResultCache>> OpenResults(
    const std::filesystem::path& file, const Config& config);

// From cache.max_bytes and cache.ttl (seconds).
Result<CacheOptions> CacheOptionsFrom(const Config& config);

}  // namespace ocelli
