#include "cli/gallery_flags.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "cli/redis_flags.h"
#include "faces/redis_gallery.h"

namespace ocelli {
namespace {

constexpr std::string_view kQuery = "?gallery=";

// What somebody waits for who edits, or begins to recognise, while another
// master is elected.
constexpr std::chrono::seconds kEditPatience{5};
constexpr std::chrono::seconds kNamesPatience{2};

Result<std::unique_ptr<Gallery>> OpenShared(const CommandContext& context,
                                            const GalleryFlags& resolved,
                                            const Digest& model, GalleryUse use,
                                            MetricsRegistry* metrics) {
  const bool names = use == GalleryUse::kNames;
  RedisOptions options;
  options.patience = names ? kNamesPatience : kEditPatience;
  auto redis = OpenRedis(context, resolved.place, options, metrics);
  if (!redis) return redis.Failure("--gallery");
  // Too old, or a replica; who is away may be back for the gallery itself.
  if (!names) {
    auto good = (*redis)->Check();
    if (!good && good.error().code != ErrorCode::kUnavailable) {
      return good.Failure("--gallery");
    }
  }
  RedisGalleryOptions gallery;
  gallery.may_begin_without = names;
  if (!resolved.name.empty()) gallery.name = resolved.name;
  return OpenRedisGallery(*std::move(redis), model, gallery, SystemClock(),
                          metrics);
}

}  // namespace

void AddGalleryFlags(CLI::App& app, GalleryFlags& flags) {
  app.add_option("--gallery", flags.place,
                 "The people: a file, or for several machines " +
                     std::string(kRedisAddressHelp))
      ->type_name("URL|FILE");
  app.add_option("--gallery-name", flags.name,
                 "Which of the galleries that one Redis keeps; \"default\" "
                 "unless the address ends in ?gallery=NAME")
      ->type_name("NAME");
}

Result<GalleryFlags> ResolveGallery(const CommandContext& context,
                                    const GalleryFlags& flags) {
  GalleryFlags resolved = flags;
  if (resolved.place.empty()) {
    auto place = context.config.GetString("gallery.url", "");
    if (!place) return place.Failure();
    resolved.place = *std::move(place);
  }
  if (resolved.name.empty()) {
    auto name = context.config.GetString("gallery.name", "");
    if (!name) return name.Failure();
    resolved.name = *std::move(name);
  }
  std::string& place = resolved.place;
  if (!IsRedisUrl(place)) {
    if (const auto scheme = place.find("://"); scheme != place.npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "no place for people: " + place.substr(0, scheme) +
                      "://...; wanted is a file or " + kRedisAddressHelp);
    }
    if (!flags.name.empty()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "--gallery-name needs a --gallery in Redis");
    }
    return resolved;
  }
  if (const auto query = place.rfind(kQuery); query != place.npos) {
    // A flag is nearer than an address, an address than a setting.
    if (flags.name.empty()) resolved.name = place.substr(query + kQuery.size());
    place.resize(query);
  }
  if (!resolved.name.empty()) {
    if (auto valid = CheckGalleryName(resolved.name); !valid) {
      return valid.Failure();
    }
  }
  return resolved;
}

Result<std::unique_ptr<Gallery>> OpenGallery(
    const CommandContext& context, const GalleryFlags& resolved,
    const std::filesystem::path& own, const ModelStore& models,
    const std::string& describer, GalleryUse use, MetricsRegistry* metrics) {
  const auto model = [&]() -> Result<Digest> {
    const auto card = models.Find(describer);
    if (!card) return card.Failure();
    return card->Fingerprint();
  };
  if (IsRedisUrl(resolved.place)) {
    const auto fingerprint = model();
    if (!fingerprint) return fingerprint.Failure();
    return OpenShared(context, resolved, *fingerprint, use, metrics);
  }
  const std::filesystem::path file =
      resolved.place.empty() ? own : std::filesystem::path(resolved.place);
  std::error_code error;
  if (use != GalleryUse::kEdit && !std::filesystem::exists(file, error)) {
    return std::unique_ptr<Gallery>();
  }
  const auto fingerprint = model();
  if (!fingerprint) return fingerprint.Failure();
  auto gallery = Gallery::Open(file, *fingerprint);
  if (!gallery) return gallery.Failure("opening the people database");
  return gallery;
}

}  // namespace ocelli
