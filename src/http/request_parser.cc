#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <utility>

#include "core/ascii.h"
#include "http/percent.h"

namespace ocelli {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

using Parser = http::request_parser<http::string_body>;

std::unique_ptr<BadRequest> Bad(std::string detail) {
  return std::make_unique<BadRequest>(BadRequest{400, std::move(detail)});
}

std::string_view View(beast::string_view text) {
  return {text.data(), text.size()};
}

// What Beast reads leniently.
const char* LenientlyRead(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\0') return "a zero byte in the head";
    if (c == '\n' && (i == 0 || bytes[i - 1] != '\r')) {
      return "a line that ends without a carriage return";
    }
    if (c == '\r' && (i + 1 == bytes.size() || bytes[i + 1] != '\n')) {
      return "a carriage return inside a line";
    }
    if (c == '\n' && i + 1 < bytes.size() &&
        (bytes[i + 1] == ' ' || bytes[i + 1] == '\t')) {
      return "a folded header line";
    }
  }
  return nullptr;
}

bool HasDotSegment(std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

std::unique_ptr<BadRequest> ParseTarget(std::string_view target,
                                        HttpHead& head) {
  if (!target.starts_with('/')) {
    return Bad("the target must be a path that begins with /");
  }
  for (const char c : target) {
    if (c <= ' ' || c >= 0x7f || c == '#') {
      return Bad("the target holds a character that must be percent-encoded");
    }
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view raw = target.substr(0, mark);
  if (LowerCase(raw).find("%2f") != raw.npos) {
    return Bad("the path holds an encoded /");
  }
  auto path = PercentDecode(raw);
  if (!path) return Bad("the path is badly percent-encoded");
  for (const char c : *path) {
    if (c == '\\' || (c >= 0 && c < ' ') || c == 0x7f) {
      return Bad("the path holds a backslash or a control character");
    }
  }
  if (HasDotSegment(*path)) return Bad("the path holds . or ..");
  auto query = ParseQuery(target.substr(std::min(mark + 1, target.size())));
  if (!query) return Bad("the query is badly percent-encoded");
  head.path = std::move(*path);
  head.query = std::move(*query);
  return nullptr;
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

// One way to tell where the body ends, and one host.
std::unique_ptr<BadRequest> CheckFields(const Parser& parser,
                                        ParsedHead& parsed) {
  const auto& fields = parser.get();
  const auto lengths = fields.count(http::field::content_length);
  const auto encodings = fields.count(http::field::transfer_encoding);
  if (lengths + encodings > 1) {
    return Bad("the length of the body is said more than once");
  }
  if (lengths == 1) {
    if (!IsDigits(View(fields[http::field::content_length])) ||
        !parser.content_length()) {
      return Bad("Content-Length is no number");
    }
    parsed.head.content_length = *parser.content_length();
  }
  if (encodings == 1) {
    if (!parsed.http11 ||
        LowerCase(View(fields[http::field::transfer_encoding])) != "chunked") {
      return Bad("Transfer-Encoding can only be chunked, from HTTP/1.1 on");
    }
    parsed.chunked = true;
  }
  const auto hosts = fields.count(http::field::host);
  if (hosts > 1 || (parsed.http11 && hosts == 0)) {
    return Bad("there must be one Host");
  }
  if (const auto expect = LowerCase(View(fields[http::field::expect]));
      !expect.empty()) {
    if (expect != "100-continue") {
      return std::make_unique<BadRequest>(
          BadRequest{417, "the only expectation known is 100-continue"});
    }
    parsed.expects_continue = parsed.http11;
  }
  return nullptr;
}

bool WantsWebSocket(const Parser& parser) {
  const auto& fields = parser.get();
  return fields.method() == http::verb::get && fields.version() == 11 &&
         http::token_list{fields[http::field::connection]}.exists("upgrade") &&
         http::token_list{fields[http::field::upgrade]}.exists("websocket");
}

}  // namespace

std::unique_ptr<BadRequest> ParseHead(std::string_view bytes,
                                      ParsedHead& parsed) {
  if (const char* wrong = LenientlyRead(bytes)) return Bad(wrong);
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(
      std::min<std::size_t>(bytes.size() + 1, 1u << 30)));
  parser.body_limit(boost::none);
  beast::error_code error;
  parser.put(boost::asio::buffer(bytes), error);
  if (error || !parser.is_header_done()) {
    return Bad("malformed head: " + error.message());
  }
  const auto& fields = parser.get();
  parsed.http11 = fields.version() == 11;
  parsed.keep_alive = parser.keep_alive();
  parsed.head.method = View(fields.method_string());
  if (auto bad = CheckFields(parser, parsed)) return bad;
  if (auto bad = ParseTarget(View(fields.target()), parsed.head)) return bad;
  for (const auto& field : fields) {
    parsed.head.fields.emplace_back(View(field.name_string()),
                                    View(field.value()));
  }
  parsed.wants_websocket = WantsWebSocket(parser);
  if (parsed.wants_websocket &&
      (parsed.chunked || parsed.head.content_length.value_or(0) > 0)) {
    return Bad("a request to become a WebSocket has no body");
  }
  return nullptr;
}

struct ChunkedBody::Parser : http::request_parser<http::string_body> {};

ChunkedBody::ChunkedBody(std::uint64_t max_bytes)
    : parser_(std::make_unique<Parser>()) {
  beast::error_code error;
  parser_->put(boost::asio::buffer(std::string_view(
                   "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")),
               error);
  parser_->body_limit(max_bytes);
  parser_->eager(true);
}

ChunkedBody::~ChunkedBody() = default;

ChunkedBody::State ChunkedBody::Put(std::string_view bytes, std::size_t& used) {
  beast::error_code error;
  used = parser_->put(boost::asio::buffer(bytes), error);
  if (parser_->is_done()) return State::kDone;
  if (!error || error == http::error::need_more) return State::kMore;
  return error == http::error::body_limit ? State::kTooLarge
                                          : State::kMalformed;
}

std::string ChunkedBody::Take() { return std::move(parser_->get().body()); }

}  // namespace ocelli
