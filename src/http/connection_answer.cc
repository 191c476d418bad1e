#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "core/clock.h"
#include "http/connection.h"
#include "http/response_head.h"
#include "http/websocket.h"

namespace ocelli {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

// Up to here copying a body behind its head costs less than a second buffer.
constexpr std::size_t kSmallBody = 8 << 10;
// What is read of an unwanted body so that the connection lives on.
constexpr std::uint64_t kSkippedBytes = 64 << 10;
// What is read after the last answer, so that closing does not take it back
// (RFC 9112, 9.6).
constexpr std::size_t kLingerBytes = 1 << 20;
constexpr std::chrono::milliseconds kLingerTime{2000};

}  // namespace

void Connection::Dispatch() {
  state_ = State::kHandling;
  unread_ = 0;
  deadline_.Clear();
  stop_ = std::stop_source();
  if (verdict_.at_once) {
    return Answer(parts_.handler.Handle(parsed_.head, std::move(body_),
                                        verdict_, stop_.get_token()));
  }
  if (peer_gone_) stop_.request_stop();
  if (!parts_.workers.Run([self = shared_from_this()]() mutable {
        RunHandler(std::move(self));
      })) {
    return RefuseBusy();
  }
  WatchPeer();
}

void Connection::RunHandler(std::shared_ptr<Connection> self) {
  HttpResponse response;
  if (!self->stop_.stop_requested()) {
    response =
        self->parts_.handler.Handle(self->parsed_.head, std::move(self->body_),
                                    self->verdict_, self->stop_.get_token());
  } else {
    response = self->parts_.handler.Problem(503, "the client went away");
  }
  asio::io_context& context = self->lane_.context();
  asio::post(context, [self = std::move(self),
                       response = std::move(response)]() mutable {
    self->Answer(std::move(response));
  });
}

void Connection::Refuse(int status, std::string_view reason,
                        const std::string& detail) {
  parts_.metrics.Refused(reason);
  keep_alive_ = false;
  if (!head_came_) head_came_ = steady_clock::now();
  Answer(parts_.handler.Problem(status, detail));
}

void Connection::OpenWebSocket() {
  // What is being read belongs to the WebSocket, and can't be called back.
  if (reading_) {
    return Refuse(400, "bad_request",
                  "a WebSocket can't be asked for behind other requests");
  }
  // RFC 6455, 4.2.1 and 4.4.
  constexpr std::size_t kKeySize = 24;
  if (parsed_.head.Field("Sec-WebSocket-Version") != "13" ||
      parsed_.head.Field("Sec-WebSocket-Key").size() != kKeySize) {
    parts_.metrics.Refused("bad_request");
    HttpResponse problem = parts_.handler.Problem(
        426, "a WebSocket takes version 13 and a key of 16 bytes");
    problem.fields.emplace_back("Sec-WebSocket-Version", "13");
    return Answer(std::move(problem));
  }
  state_ = State::kHandling;
  deadline_.Clear();
  if (!parts_.workers.Run([self = shared_from_this()]() mutable {
        auto opened = self->parts_.handler.OpenWebSocket(self->parsed_.head,
                                                         self->verdict_);
        asio::io_context& context = self->lane_.context();
        asio::post(context, [self = std::move(self),
                             opened = std::move(opened)]() mutable {
          self->BecomeWebSocket(std::move(opened));
        });
      })) {
    RefuseBusy();
  }
}

void Connection::BecomeWebSocket(std::unique_ptr<WebSocketHandler> handler) {
  if (state_ == State::kGone) return;
  if (!handler) {
    return Answer(parts_.handler.Problem(404, "no WebSocket is there"));
  }
  parts_.metrics.Answered(
      101,
      std::chrono::duration<double>(steady_clock::now() - *head_came_).count());
  state_ = State::kGone;
  deadline_.Stop();
  StartWebSocket(parts_, lane_, std::move(transport_), *std::move(slot_),
                 parsed_.head, std::string(in_.data(), in_size_),
                 std::move(handler));
  slot_.reset();
  lane_.Remove(this);
}

void Connection::RefuseLargeBody() {
  Refuse(413, "body_too_large",
         "the body may have " + std::to_string(verdict_.max_body_bytes) +
             " bytes");
}

void Connection::RefuseBusy() {
  parts_.metrics.Refused("busy");
  Answer(parts_.handler.Problem(503, "too many requests are waiting"));
}

void Connection::Answer(HttpResponse response) {
  if (state_ == State::kGone) return;
  state_ = State::kAnswering;
  response_ = std::move(response);
  // Also what was never asked for: Expect without its 100.
  if (parts_.draining || peer_gone_ || unread_ > kSkippedBytes ||
      (unread_ > 0 && parsed_.expects_continue)) {
    keep_alive_ = false;
  }
  const std::string_view body =
      response_.constant_body.value_or(std::string_view(response_.body));
  ResponseFraming framing{Framing::kLength, body.size(), keep_alive_};
  const bool has_body =
      MayHaveBody(response_.status) && parsed_.head.method != "HEAD";
  if (response_.stream) {
    chunks_ = parsed_.http11;
    framing.framing = chunks_ ? Framing::kChunked : Framing::kUntilClosed;
    if (!chunks_) framing.keep_alive = keep_alive_ = false;
    if (!has_body) response_.stream = nullptr;
  }
  out_head_ = ResponseHead(response_, framing, parsed_.head.id,
                           SystemClock().WallTime());
  const bool sends_body = has_body && !body.empty() && !response_.stream;
  if (sends_body && body.size() <= kSmallBody) out_head_ += body;
  out_[0] = asio::buffer(out_head_);
  out_[1] = asio::buffer(body);
  Write(sends_body && body.size() > kSmallBody ? 2 : 1, Out::kResponse);
}

void Connection::Write(std::size_t buffers, Out what) {
  writing_ = what;
  out_first_ = 0;
  out_count_ = buffers;
  WriteMore();
}

void Connection::WriteMore() {
  SetDeadline(parts_.options.write_timeout);
  transport_->WriteSome(
      std::span(out_).subspan(out_first_, out_count_ - out_first_),
      [self = shared_from_this()](error_code error, std::size_t bytes) {
        self->OnWritten(error, bytes);
      });
}

void Connection::OnWritten(error_code error, std::size_t bytes) {
  if (state_ == State::kGone) return;
  if (error) return EndNow();
  parts_.metrics.sent().Add(static_cast<double>(bytes));
  while (out_first_ < out_count_ && bytes >= out_[out_first_].size()) {
    bytes -= out_[out_first_++].size();
  }
  if (out_first_ < out_count_) {
    out_[out_first_] += bytes;
    return WriteMore();
  }
  deadline_.Clear();
  switch (std::exchange(writing_, Out::kNothing)) {
    case Out::kContinue:
      return ReadBody();
    case Out::kResponse:
      return OnAnswered();
    case Out::kMessage:
      return PumpStream();
    case Out::kStreamEnd:
      stream_->End();
      stream_.reset();
      return EndExchange();
    case Out::kNothing:
      return;
  }
}

void Connection::OnAnswered() {
  parts_.metrics.Answered(
      response_.status,
      std::chrono::duration<double>(steady_clock::now() - *head_came_).count());
  head_came_.reset();
  const HttpStreamStart start = std::move(response_.stream);
  response_ = {};
  if (start) return BeginStream(start);
  EndExchange();
}

void Connection::EndExchange() {
  if (!keep_alive_) return Linger();
  if (unread_ > 0) {
    SetDeadline(parts_.options.head_timeout);
    return SkipBody();
  }
  AwaitRequest();
}

void Connection::BeginStream(const HttpStreamStart& start) {
  state_ = State::kStreaming;
  if (peer_gone_) return EndNow();
  stream_ = std::make_shared<StreamQueue>(
      parts_.options.stream_capacity,
      [context = &lane_.context(), weak = weak_from_this()] {
        asio::post(*context, [weak] {
          if (const auto self = weak.lock()) self->PumpStream();
        });
      });
  start(stream_);
  if (parts_.draining) stream_->Close();
  WatchPeer();
  PumpStream();
}

void Connection::PumpStream() {
  if (state_ != State::kStreaming || writing_ != Out::kNothing) return;
  auto message = stream_->Take();
  // An empty chunk would end the stream.
  while (message && message->bytes.empty()) message = stream_->Take();
  if (message) {
    out_body_ = std::move(message->bytes);
    if (!chunks_) {
      out_[0] = asio::buffer(out_body_);
      return Write(1, Out::kMessage);
    }
    std::array<char, 18> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + 16, out_body_.size(), 16);
    out_head_.assign(digits.data(), end.ptr);
    out_head_ += "\r\n";
    constexpr std::string_view kLineEnd = "\r\n";
    out_ = {asio::buffer(out_head_), asio::buffer(out_body_),
            asio::buffer(kLineEnd)};
    return Write(3, Out::kMessage);
  }
  if (!stream_->finished()) return;
  if (!chunks_) {
    stream_->End();
    return Linger();
  }
  constexpr std::string_view kLastChunk = "0\r\n\r\n";
  out_[0] = asio::buffer(kLastChunk);
  Write(1, Out::kStreamEnd);
}

void Connection::SkipBody() {
  state_ = State::kSkipping;
  const std::size_t taken =
      static_cast<std::size_t>(std::min<std::uint64_t>(in_size_, unread_));
  Consume(taken);
  unread_ -= taken;
  if (unread_ == 0) return AwaitRequest();
  ReadMore();
}

void Connection::Linger() {
  state_ = State::kLingering;
  if (peer_gone_) return EndNow();
  SetDeadline(std::min(kLingerTime, parts_.options.head_timeout));
  transport_->EndWriting([self = shared_from_this()](error_code, std::size_t) {
    if (self->state_ == State::kLingering) self->DiscardMore();
  });
}

void Connection::DiscardMore() {
  if (reading_) return;
  if (discarded_ > kLingerBytes) return EndNow();
  if (!watched_) watched_ = std::make_unique<Chunk>();
  Read(asio::buffer(*watched_), Into::kNowhere);
}

}  // namespace ocelli
