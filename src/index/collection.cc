#include "index/collection.h"

#include "index/collection_folder.h"
#include "index/embedded_collection.h"
#include "index/shared_collection.h"
#include "index/similarity.h"

namespace ocelli {
namespace {

Result<> CheckSpec(const CollectionSpec& spec) {
  if (auto checked = CheckCollectionName(spec.name); !checked) return checked;
  if (spec.dimension < 1 || spec.dimension > kMaxDimension) {
    return Fail(ErrorCode::kInvalidArgument,
                "a collection of dimension " + std::to_string(spec.dimension) +
                    "; 1 to " + std::to_string(kMaxDimension) +
                    " are possible");
  }
  return {};
}

Result<> CheckFree(const std::filesystem::path& home, const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::exists(home, ignored)) return {};
  return Fail(ErrorCode::kAlreadyExists,
              "there is a collection \"" + name + "\" already");
}

// Makes the folder of one that is in Redis.
Result<> KeepPointer(const std::filesystem::path& folder,
                     const std::string& name, const std::string& address) {
  const auto url = ParseRedisUrl(address);
  if (!url) return url.Failure();
  const SharedPointer pointer{url->ForMessage(), name};
  return MakeCollectionFolder(folder, name, [&](const auto& home) {
    return WriteSharedPointer(home, pointer);
  });
}

}  // namespace

std::string_view NameOf(Quantization quantization) {
  switch (quantization) {
    case Quantization::kInt8:
      return "int8";
    case Quantization::kBinary:
      return "binary";
    case Quantization::kNone:
      break;
  }
  return "none";
}

Result<Quantization> ParseQuantization(std::string_view name) {
  for (const auto one :
       {Quantization::kNone, Quantization::kInt8, Quantization::kBinary}) {
    if (name == NameOf(one)) return one;
  }
  return Fail(
      ErrorCode::kInvalidArgument,
      "\"" + std::string(name) + "\" is no quantization: none, int8 or binary");
}

Result<std::unique_ptr<RedisClient>> OpenRedisAt(const std::string& address) {
  const auto url = ParseRedisUrl(address);
  if (!url) return url.Failure();
  return RedisClient::Open(*url);
}

Result<std::unique_ptr<Collection>> Collection::Create(
    const std::filesystem::path& folder, const CollectionSpec& spec,
    const CollectionOptions& options) {
  if (auto checked = CheckSpec(spec); !checked) return checked.Failure();
  auto made = MakeCollectionFolder(folder, spec.name, [&](const auto& home) {
    return WriteEmbeddedCollection(home, spec);
  });
  if (!made) return made.Failure();
  return Open(folder, spec.name, options);
}

Result<std::unique_ptr<Collection>> Collection::CreateShared(
    const std::filesystem::path& folder, const CollectionSpec& spec,
    const SharedPlace& place, const CollectionOptions& options) {
  auto checked = CheckSpec(spec);
  if (checked) checked = CheckFree(folder / spec.name, spec.name);
  if (!checked) return checked.Failure();
  auto made = CreateSharedCollection(spec, place, options);
  if (!made) return made.Failure();
  auto kept = KeepPointer(folder, spec.name, place.address);
  if (!kept) return kept.Failure();
  return made;
}

Result<std::unique_ptr<Collection>> Collection::Attach(
    const std::filesystem::path& folder, const std::string& name,
    const std::string& address, const CollectionOptions& options) {
  auto checked = CheckCollectionName(name);
  if (checked) checked = CheckFree(folder / name, name);
  if (!checked) return checked.Failure();
  auto opened = OpenSharedCollection({address, name}, options);
  if (!opened) return opened.Failure();
  auto kept = KeepPointer(folder, name, address);
  if (!kept) return kept.Failure();
  return opened;
}

Result<std::unique_ptr<Collection>> Collection::Open(
    const std::filesystem::path& folder, std::string_view name,
    const CollectionOptions& options) {
  if (auto checked = CheckCollectionName(name); !checked) {
    return checked.Failure();
  }
  const std::string doing = "opening collection \"" + std::string(name) + "\"";
  const auto home = folder / name;
  const auto pointer = ReadSharedPointer(home);
  if (!pointer) return pointer.Failure(doing);
  if (*pointer) {
    auto shared = OpenSharedCollection(**pointer, options);
    if (shared || shared.error().code != ErrorCode::kNotFound) return shared;
    return Fail(ErrorCode::kNotFound,
                shared.error().message +
                    ": it was removed on another machine, or Redis lost it; to"
                    " forget it here: ocelli collection remove " +
                    std::string(name) + " --whole");
  }
  auto opened = OpenEmbeddedCollection(home, options);
  if (opened) return opened;
  if (opened.error().code != ErrorCode::kNotFound) {
    return opened.Failure(doing);
  }
  const auto names = ListCollections(folder);
  std::string others;
  if (names) {
    for (const auto& other : *names) others += ' ' + other;
  }
  return Fail(
      ErrorCode::kNotFound,
      "no collection \"" + std::string(name) + "\"" +
          (others.empty() ? "; there are none yet" : "; there are:" + others));
}

Result<> RemoveSharedCollection(const std::filesystem::path& folder,
                                std::string_view name,
                                const CollectionOptions& options) {
  if (auto checked = CheckCollectionName(name); !checked) return checked;
  const auto pointer = ReadSharedPointer(folder / name);
  if (!pointer) return pointer.Failure();
  if (!*pointer) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / name, ignored)) {
      return Fail(
          ErrorCode::kFailedPrecondition,
          "collection \"" + std::string(name) + "\" is on this machine only");
    }
    return Fail(ErrorCode::kNotFound,
                "no collection \"" + std::string(name) + "\"");
  }
  auto dropped = DropSharedCollection(**pointer, options);
  // Somebody else was first.
  if (!dropped && dropped.error().code != ErrorCode::kNotFound) return dropped;
  return RemoveCollection(folder, name);
}

Result<> Collection::CheckEmbedder(std::string_view embedder,
                                   const Digest& fingerprint) const {
  const CollectionSpec& kept = spec();
  if (embedder == kept.embedder && fingerprint == kept.fingerprint) return {};
  const std::string what =
      embedder == kept.embedder
          ? "another version of " + kept.embedder
          : kept.embedder + ", not by " + std::string(embedder);
  return Fail(ErrorCode::kFailedPrecondition,
              "collection \"" + kept.name + "\" was made by " + what +
                  ", and vectors of two models cannot be compared: use that"
                  " model, or create another collection and add the pictures"
                  " to it");
}

Result<std::vector<Hit>> Collection::Search(std::span<const float> query,
                                            const SearchOptions& options) {
  if (query.size() != static_cast<std::size_t>(spec().dimension)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a query of dimension " + std::to_string(query.size()) +
                    " for collection \"" + spec().name + "\" of dimension " +
                    std::to_string(spec().dimension));
  }
  auto hits = SearchMany(query, options);
  if (!hits) return hits.Failure();
  return std::move(hits->front());
}

Result<std::vector<std::vector<Hit>>> Collection::SearchMany(
    std::span<const float> queries, const SearchOptions& options,
    std::span<const std::string> exclude_ids) {
  if (options.k < 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "a search for " + std::to_string(options.k) +
                    " hits; at least 1 can be asked for");
  }
  const auto dimension = static_cast<std::size_t>(spec().dimension);
  if (queries.size() % dimension != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(queries.size()) +
                    " numbers are no queries of dimension " +
                    std::to_string(dimension));
  }
  const std::size_t count = queries.size() / dimension;
  if (!exclude_ids.empty() && exclude_ids.size() != count) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(exclude_ids.size()) + " ids to exclude for " +
                    std::to_string(count) + " queries");
  }
  std::vector<float> prepared(queries.begin(), queries.end());
  for (std::size_t at = 0; at < prepared.size(); at += dimension) {
    auto done = PrepareVector(spec().metric, spec().dimension,
                              std::span(prepared).subspan(at, dimension));
    if (!done) return done.Failure("the query");
  }
  return SearchPrepared(prepared, options, exclude_ids);
}

}  // namespace ocelli
