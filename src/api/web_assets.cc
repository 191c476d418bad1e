#include "api/web_assets.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/ascii.h"

namespace ocelli {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// Whether Accept-Encoding names gzip, and not with q=0.
bool TakesGzip(std::string_view accepted) {
  while (!accepted.empty()) {
    const std::size_t comma = std::min(accepted.find(','), accepted.size());
    std::string_view entry = Trimmed(accepted.substr(0, comma));
    accepted.remove_prefix(std::min(comma + 1, accepted.size()));
    const std::size_t semicolon = std::min(entry.find(';'), entry.size());
    if (LowerCase(Trimmed(entry.substr(0, semicolon))) != "gzip") continue;
    const std::string weight =
        LowerCase(Trimmed(entry.substr(std::min(semicolon + 1, entry.size()))));
    return !weight.starts_with("q=0") ||
           weight.find_first_of("123456789") != weight.npos;
  }
  return false;
}

}  // namespace

bool MatchesEtag(std::string_view if_none_match, std::string_view etag) {
  if (Trimmed(if_none_match) == "*") return true;
  while (!if_none_match.empty()) {
    const std::size_t comma =
        std::min(if_none_match.find(','), if_none_match.size());
    std::string_view tag = Trimmed(if_none_match.substr(0, comma));
    if_none_match.remove_prefix(std::min(comma + 1, if_none_match.size()));
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag) return true;
  }
  return false;
}

std::string_view ContentTypeOf(std::string_view path) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"html", "text/html; charset=utf-8"},
      {"js", "text/javascript; charset=utf-8"},
      {"css", "text/css; charset=utf-8"},
      {"json", "application/json"},
      {"webmanifest", "application/manifest+json"},
      {"svg", "image/svg+xml"},
      {"png", "image/png"},
      {"jpg", "image/jpeg"},
      {"webp", "image/webp"},
      {"ico", "image/x-icon"},
      {"woff2", "font/woff2"},
      {"txt", "text/plain; charset=utf-8"},
      {"wasm", "application/wasm"},
  };
  const std::string_view end =
      path.substr(std::min(path.rfind('.') + 1, path.size()));
  for (const auto& [known, type] : kTypes) {
    if (end == known) return type;
  }
  return "application/octet-stream";
}

bool HasHashedName(std::string_view path) {
  constexpr std::size_t kHash = 8;
  if (!path.starts_with("/assets/")) return false;
  const std::size_t dot = path.rfind('.');
  if (dot == path.npos || dot <= kHash || path[dot - kHash - 1] != '-') {
    return false;
  }
  return std::all_of(path.begin() + static_cast<std::ptrdiff_t>(dot - kHash),
                     path.begin() + static_cast<std::ptrdiff_t>(dot),
                     [](char c) {
                       return std::isalnum(static_cast<unsigned char>(c)) ||
                              c == '_' || c == '-';
                     });
}

const WebAsset* WebAssets::Exactly(std::string_view path) const {
  const auto found = std::lower_bound(
      assets_.begin(), assets_.end(), path,
      [](const WebAsset& asset, std::string_view p) { return asset.path < p; });
  return found != assets_.end() && found->path == path ? &*found : nullptr;
}

const WebAsset* WebAssets::Find(std::string_view path) const {
  if (const WebAsset* const asset = Exactly(path)) return asset;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (path == "/v1" || path.starts_with("/v1/") ||
      name.find('.') != name.npos) {
    return nullptr;
  }
  return Exactly("/index.html");
}

HttpResponse WebAssets::Serve(const WebAsset& asset, const HttpHead& head) {
  HttpResponse response;
  const bool compressed =
      !asset.gzip.empty() && TakesGzip(head.Field("Accept-Encoding"));
  // Two forms are two entities (RFC 9110, 8.8.3.3).
  std::string etag(asset.etag);
  if (compressed) etag.insert(etag.size() - 1, "-gzip");
  response.fields = {
      {"ETag", etag},
      {"Vary", "Accept-Encoding"},
      {"Cache-Control", HasHashedName(asset.path)
                            ? "public, max-age=31536000, immutable"
                            : "no-cache"},
  };
  if (MatchesEtag(head.Field("If-None-Match"), etag)) {
    response.status = 304;
    return response;
  }
  response.fields.emplace_back("Content-Type", ContentTypeOf(asset.path));
  if (compressed) response.fields.emplace_back("Content-Encoding", "gzip");
  response.constant_body = compressed ? asset.gzip : asset.bytes;
  return response;
}

}  // namespace ocelli
