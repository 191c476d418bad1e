#pragma once

#include <span>
#include <string>
#include <string_view>

#include "http/http_message.h"

namespace ocelli {

// A file of the page. Lives as long as the program.
struct WebAsset {
  std::string_view path;  // "/assets/index-B2cX9_a1.js".
  std::string_view etag;  // By its digest, with quotes.
  std::string_view bytes;
  std::string_view gzip;  // Empty: it would not be smaller.
};

// The files of the page, compiled into the program: those that
// tools/embed_assets made of the folder OCELLI_WEB_DIST.
std::span<const WebAsset> BuiltInAssets();

// Serves them. Thread-safe.
class WebAssets {
 public:
  // Sorted by path, and they outlive it.
  explicit WebAssets(std::span<const WebAsset> assets = BuiltInAssets())
      : assets_(assets) {}

  // The file of a path, or the page itself for paths that only its scripts
  // know: without a dot in the last segment, and not below /v1. Null: none.
  const WebAsset* Find(std::string_view path) const;

  // The file as the request wants it: 304, or compressed.
  static HttpResponse Serve(const WebAsset& asset, const HttpHead& head);

 private:
  const WebAsset* Exactly(std::string_view path) const;

  std::span<const WebAsset> assets_;
};

// Whether If-None-Match names it (RFC 9110, 13.1.2). `etag` with its quotes.
bool MatchesEtag(std::string_view if_none_match, std::string_view etag);

// By the end of the name; "application/octet-stream" for others.
std::string_view ContentTypeOf(std::string_view path);

// Whether the name changes with the content, as those that Vite writes do:
// "/assets/index-B2cX9_a1.js".
bool HasHashedName(std::string_view path);

}  // namespace ocelli
