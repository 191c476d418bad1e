#include "http/connection.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ocelli {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 4 << 10;
// Set aside for a body before any of it has come.
constexpr std::uint64_t kTrustedBytes = 1 << 20;
constexpr std::uint64_t kBodyStep = 256 << 10;

}  // namespace

Connection::Connection(ServerParts& parts, Lane& lane,
                       std::unique_ptr<Transport> transport, std::string client,
                       ConnectionSlot slot)
    : parts_(parts),
      lane_(lane),
      transport_(std::move(transport)),
      client_(std::move(client)),
      slot_(std::move(slot)),
      deadline_(lane.context()) {}

void Connection::Start() {
  SetDeadline(parts_.options.handshake_timeout);
  transport_->Handshake(
      [self = shared_from_this()](error_code error, std::size_t) {
        if (self->state_ == State::kGone) return;
        if (error) {
          self->parts_.metrics.Refused("handshake");
          return self->EndNow();
        }
        self->AwaitRequest();
      });
}

void Connection::Drain() {
  keep_alive_ = false;
  switch (state_) {
    case State::kHandshake:
    case State::kHead:
    case State::kSkipping:
      return EndNow();
    case State::kStreaming:
      return stream_->Close();
    case State::kBody:
    case State::kHandling:
    case State::kAnswering:
    case State::kLingering:
    case State::kGone:
      return;
  }
}

void Connection::EndNow() {
  if (state_ == State::kGone) return;
  state_ = State::kGone;
  deadline_.Stop();
  transport_->Close();
  if (stream_) stream_->End();
  stop_.request_stop();
  slot_.reset();
  const auto self = shared_from_this();
  lane_.Remove(this);
}

void Connection::SetDeadline(steady_clock::duration from_now) {
  deadline_.Set(steady_clock::now() + from_now, shared_from_this(),
                [](Connection& self) { self.OnDeadline(); });
}

void Connection::OnDeadline() {
  if (state_ == State::kGone) return;
  if (state_ == State::kHead && in_size_ > 0) {
    return Refuse(408, "head_timeout", "the head of the request took too long");
  }
  if (state_ == State::kBody && writing_ == Out::kNothing) {
    return Refuse(408, "body_timeout", "the body of the request took too long");
  }
  if (state_ == State::kHandshake) parts_.metrics.Refused("handshake_timeout");
  if (writing_ != Out::kNothing) parts_.metrics.Refused("write_timeout");
  EndNow();
}

void Connection::AwaitRequest() {
  state_ = State::kHead;
  parsed_ = {};
  verdict_ = {};
  body_ = {};
  scanned_ = 0;
  if (parts_.draining) return EndNow();
  if (in_size_ > 0) return OnHeadBytes();
  SetDeadline(first_ ? parts_.options.head_timeout
                     : parts_.options.idle_timeout);
  ReadMore();
}

void Connection::ReadMore() {
  if (reading_) return;
  if (peer_gone_) return EndNow();
  const std::size_t room =
      parts_.options.max_head_bytes + kReadBytes - in_size_;
  const std::size_t size = std::min(kReadBytes, room);
  in_.resize(in_size_ + size);
  Read({in_.data() + in_size_, size}, Into::kHead);
}

void Connection::Read(asio::mutable_buffer into, Into where) {
  reading_ = true;
  into_ = where;
  auto done = [self = shared_from_this()](error_code error, std::size_t bytes) {
    self->OnRead(error, bytes);
  };
  if (where == Into::kNowhere)
    return transport_->Discard(into, std::move(done));
  transport_->ReadSome(into, std::move(done));
}

void Connection::OnRead(error_code error, std::size_t bytes) {
  reading_ = false;
  if (state_ == State::kGone) return;
  parts_.metrics.received().Add(static_cast<double>(bytes));
  switch (into_) {
    case Into::kHead:
      in_size_ += bytes;
      break;
    case Into::kBody:
      body_size_ += bytes;
      body_came_ += bytes;
      break;
    case Into::kWatched:
      in_.resize(in_size_);
      in_.append(watched_->data(), bytes);
      in_size_ += bytes;
      break;
    case Into::kNowhere:
      break;
  }
  if (error) {
    peer_gone_ = true;
    // Whoever only closed its sending half still gets its answer.
    if (state_ == State::kHandling) stop_.request_stop();
    if (state_ == State::kHandling || state_ == State::kAnswering) return;
    return EndNow();
  }
  Continue(bytes);
}

void Connection::Continue(std::size_t bytes) {
  switch (state_) {
    case State::kHead:
      return OnHeadBytes();
    case State::kBody:
      return ReadBody();
    case State::kHandling:
    case State::kAnswering:
    case State::kStreaming:
      return WatchPeer();
    case State::kSkipping:
      return SkipBody();
    case State::kLingering:
      discarded_ += bytes;
      return DiscardMore();
    case State::kHandshake:
    case State::kGone:
      return;
  }
}

void Connection::Consume(std::size_t bytes) {
  in_.resize(in_size_);
  in_.erase(0, bytes);
  in_size_ = in_.size();
}

void Connection::WatchPeer() {
  if (reading_ || peer_gone_ ||
      in_size_ + sizeof(Chunk) > parts_.options.max_head_bytes + kReadBytes) {
    return;
  }
  if (!watched_) watched_ = std::make_unique<Chunk>();
  Read(asio::buffer(*watched_), Into::kWatched);
}

void Connection::OnHeadBytes() {
  const std::string_view bytes(in_.data(), in_size_);
  if (scanned_ == 0) SetDeadline(parts_.options.head_timeout);
  const std::size_t end = bytes.find("\r\n\r\n", scanned_);
  const std::size_t limit = parts_.options.max_head_bytes;
  if (end == bytes.npos ? bytes.size() >= limit : end + 4 > limit) {
    return RefuseLargeHead(bytes.substr(0, limit).find('\n') == bytes.npos);
  }
  if (end != bytes.npos) return OnHead(end + 4);
  // Never 0 again: the deadline stands from the first byte on.
  scanned_ = std::max<std::size_t>(bytes.size(), 4) - 3;
  ReadMore();
}

void Connection::OnHead(std::size_t size) {
  first_ = false;
  head_came_ = steady_clock::now();
  deadline_.Clear();
  const auto bad = ParseHead({in_.data(), size}, parsed_);
  Consume(size);
  parsed_.head.client = client_;
  parsed_.head.secure = transport_->secure();
  parsed_.head.id = parts_.NewId();
  if (bad) {
    unread_ = std::numeric_limits<std::uint64_t>::max();
    return Refuse(bad->status, "bad_request", bad->detail);
  }
  keep_alive_ = parsed_.keep_alive;
  unread_ = parsed_.chunked ? std::numeric_limits<std::uint64_t>::max()
                            : parsed_.head.content_length.value_or(0);
  verdict_ = parts_.handler.Admit(parsed_.head);
  if (verdict_.refusal) return Answer(*std::move(verdict_.refusal));
  if (parsed_.wants_websocket) return OpenWebSocket();
  if (!parsed_.chunked && unread_ > verdict_.max_body_bytes) {
    return RefuseLargeBody();
  }
  BeginBody();
}

void Connection::RefuseLargeHead(bool in_target) {
  if (in_target) {
    return Refuse(414, "head_too_large", "the target is too long");
  }
  Refuse(431, "head_too_large",
         "the head of the request may have " +
             std::to_string(parts_.options.max_head_bytes) + " bytes");
}

void Connection::BeginBody() {
  body_size_ = 0;
  if (unread_ == 0) return Dispatch();
  state_ = State::kBody;
  body_began_ = steady_clock::now();
  body_came_ = 0;
  if (parsed_.chunked) chunked_.emplace(verdict_.max_body_bytes);
  if (parsed_.expects_continue && in_size_ == 0) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    out_[0] = asio::buffer(kContinue);
    return Write(1, Out::kContinue);
  }
  ReadBody();
}

void Connection::SetBodyDeadline() {
  const auto& options = parts_.options;
  const std::uint64_t rate =
      std::max<std::uint64_t>(options.least_body_rate, 1);
  const std::chrono::milliseconds earned(body_came_ * 1000 / rate);
  deadline_.Set(body_began_ + std::max(options.body_timeout, earned),
                shared_from_this(),
                [](Connection& self) { self.OnDeadline(); });
}

void Connection::ReadBody() {
  if (parsed_.chunked) return ReadChunkedBody();
  const std::uint64_t length = *parsed_.head.content_length;
  while (body_size_ < length) {
    if (body_size_ == body_.size()) GrowBody(length);
    if (in_size_ == 0) break;
    const std::size_t taken = std::min(in_size_, body_.size() - body_size_);
    std::copy_n(in_.data(), taken, body_.data() + body_size_);
    body_size_ += taken;
    body_came_ += taken;
    Consume(taken);
  }
  if (body_size_ == length) {
    body_.resize(body_size_);
    return Dispatch();
  }
  SetBodyDeadline();
  if (!reading_) {
    Read({body_.data() + body_size_, body_.size() - body_size_}, Into::kBody);
  }
}

// A length is only believed as far as bytes have come.
void Connection::GrowBody(std::uint64_t length) {
  const std::uint64_t wanted = std::min(length, body_size_ + kBodyStep);
  if (wanted > body_.capacity()) {
    body_.reserve(std::min(length, std::max(kTrustedBytes, body_size_ * 8)));
  }
  body_.resize(wanted);
}

void Connection::ReadChunkedBody() {
  if (in_size_ > 0) {
    std::size_t used = 0;
    const auto state = chunked_->Put({in_.data(), in_size_}, used);
    Consume(used);
    body_came_ += used;
    if (state == ChunkedBody::State::kTooLarge) return RefuseLargeBody();
    if (state == ChunkedBody::State::kMalformed ||
        in_size_ >= parts_.options.max_head_bytes) {
      return Refuse(400, "bad_request", "a malformed chunk");
    }
    if (state == ChunkedBody::State::kDone) {
      body_ = chunked_->Take();
      chunked_.reset();
      return Dispatch();
    }
  }
  SetBodyDeadline();
  ReadMore();
}

}  // namespace ocelli
