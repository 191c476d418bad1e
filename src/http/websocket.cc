#include "http/websocket.h"

#include <algorithm>
#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <optional>
#include <utility>

#include "http/deadline.h"
#include "http/serial_calls.h"
#include "http/stream_queue.h"

namespace ocelli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;

constexpr std::chrono::seconds kLingerTime{2};
constexpr std::size_t kDiscardBytes = 4 << 10;

// A transport as Beast wants its streams, so that its WebSocket is compiled
// once for TCP and TLS.
class TransportStream {
 public:
  using executor_type = asio::io_context::executor_type;

  TransportStream(std::unique_ptr<Transport> transport, std::string early,
                  HttpMetrics& metrics)
      : transport_(std::move(transport)),
        early_(std::move(early)),
        metrics_(metrics) {}

  executor_type get_executor() { return transport_->context().get_executor(); }
  Transport& transport() { return *transport_; }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          IoDone done([this, handler = std::move(handler)](
                          error_code error, std::size_t bytes) mutable {
            metrics_.received().Add(static_cast<double>(bytes));
            handler(error, bytes);
          });
          if (early_.empty()) {
            return transport_->ReadSome(First(into), std::move(done));
          }
          const std::size_t taken =
              asio::buffer_copy(into, asio::buffer(early_));
          early_.erase(0, taken);
          asio::post(
              transport_->context(),
              [taken, done = std::move(done)]() mutable { done({}, taken); });
        },
        token, buffers);
  }

  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          IoDone done([this, handler = std::move(handler)](
                          error_code error, std::size_t bytes) mutable {
            metrics_.sent().Add(static_cast<double>(bytes));
            handler(error, bytes);
          });
          std::size_t count = 0;
          for (auto it = asio::buffer_sequence_begin(from);
               it != asio::buffer_sequence_end(from) && count < out_.size();
               ++it) {
            out_[count++] = *it;
          }
          transport_->WriteSome(std::span(out_).first(count), std::move(done));
        },
        token, buffers);
  }

 private:
  template <typename Buffers>
  static asio::mutable_buffer First(const Buffers& buffers) {
    for (auto it = asio::buffer_sequence_begin(buffers);
         it != asio::buffer_sequence_end(buffers); ++it) {
      if (asio::mutable_buffer(*it).size() > 0) return *it;
    }
    return {};
  }

  std::unique_ptr<Transport> transport_;
  std::string early_;
  HttpMetrics& metrics_;
  std::array<asio::const_buffer, 4> out_;
};

// What Beast asks of streams that it does not know; it finds them by name.
template <typename Handler>
void async_teardown(beast::role_type, TransportStream& stream,
                    Handler&& handler) {
  stream.transport().EndWriting(
      [handler = std::forward<Handler>(handler)](
          error_code error, std::size_t) mutable { handler(error); });
}

void beast_close_socket(TransportStream& stream) { stream.transport().Close(); }

class WebSocketPeer final : public Peer,
                            public std::enable_shared_from_this<WebSocketPeer> {
 public:
  WebSocketPeer(ServerParts& parts, Lane& lane,
                std::unique_ptr<Transport> transport, ConnectionSlot slot,
                std::string early, std::unique_ptr<WebSocketHandler> handler)
      : parts_(parts),
        lane_(lane),
        slot_(std::move(slot)),
        socket_(std::move(transport), std::move(early), parts.metrics),
        deadline_(lane.context()),
        handler_(std::move(handler)),
        calls_(std::make_shared<SerialCalls>(parts.workers)) {}

  void Start(const HttpHead& head) {
    const HttpServerOptions& options = parts_.options;
    socket_.set_option(websocket::stream_base::timeout{
        options.handshake_timeout, options.idle_timeout, true});
    socket_.set_option(websocket::stream_base::decorator(
        [id = head.id](websocket::response_type& response) {
          // Otherwise Beast names itself and its version.
          response.set(http::field::server, "ocelli");
          response.set("X-Request-Id", id);
        }));
    socket_.read_message_max(options.max_message_bytes);
    socket_.auto_fragment(false);
    http::request<http::empty_body> request{http::verb::get, "/", 11};
    for (const auto& [name, value] : head.fields) request.insert(name, value);
    socket_.async_accept(request,
                         [self = shared_from_this()](error_code error) {
                           if (self->ended_) return;
                           error ? self->EndNow() : self->Opened();
                         });
  }

  void Drain() override {
    if (stream_) stream_->Close();
  }

  void EndNow() override {
    if (std::exchange(ended_, true)) return;
    deadline_.Stop();
    socket_.next_layer().transport().Close();
    if (stream_) {
      stream_->End();
      calls_->Add([self = shared_from_this()] { self->handler_->Gone(); });
    }
    slot_.reset();
    const auto self = shared_from_this();
    lane_.Remove(this);
  }

 private:
  void Opened() {
    stream_ = std::make_shared<StreamQueue>(
        parts_.options.stream_capacity,
        [context = &lane_.context(), weak = weak_from_this()] {
          asio::post(*context, [weak] {
            if (const auto self = weak.lock()) self->Pump();
          });
        });
    calls_->Add([self = shared_from_this()]() mutable {
      self->handler_->Open(self->stream_);
      ReadOn(std::move(self));
    });
    if (parts_.draining) stream_->Close();
    Pump();
  }

  // From a worker.
  static void ReadOn(std::shared_ptr<WebSocketPeer> self) {
    asio::io_context& context = self->lane_.context();
    asio::post(context, [self = std::move(self)] {
      if (!self->ended_) self->Read();
    });
  }

  void Read() {
    socket_.async_read(
        in_, [self = shared_from_this()](error_code error, std::size_t) {
          if (!self->ended_) self->OnRead(error);
        });
  }

  void OnRead(error_code error) {
    // The end of our own Close() is awaited elsewhere.
    if (error && closing_) return;
    if (error) return OnReadFailed(error);
    if (!socket_.got_text()) return Close(websocket::close_code::unknown_data);
    calls_->Add([self = shared_from_this(),
                 text = beast::buffers_to_string(in_.data())]() mutable {
      self->handler_->Message(std::move(text));
      ReadOn(std::move(self));
    });
    in_.consume(in_.size());
  }

  void OnReadFailed(error_code error) {
    // Beast has said what the other end did wrong, and that nothing follows.
    // Closing now might take that back (RFC 9112, 9.6).
    const error_code closed = websocket::error::closed;
    if (error.category() != closed.category() || error == closed) {
      return EndNow();
    }
    closing_ = true;
    deadline_.Set(Deadline::Clock::now() + kLingerTime, shared_from_this(),
                  [](WebSocketPeer& self) { self.EndNow(); });
    Discard();
  }

  void Discard() {
    discarded_.resize(kDiscardBytes);
    socket_.next_layer().transport().Discard(
        asio::buffer(discarded_),
        [self = shared_from_this()](error_code error, std::size_t) {
          if (self->ended_) return;
          error ? self->EndNow() : self->Discard();
        });
  }

  void Pump() {
    if (ended_ || writing_ || closing_) return;
    auto message = stream_->Take();
    if (!message) {
      if (!stream_->finished()) return;
      return Close(parts_.draining ? websocket::close_code::going_away
                                   : websocket::close_code::normal);
    }
    out_ = std::move(message->bytes);
    writing_ = true;
    socket_.binary(message->binary);
    SetDeadline();
    socket_.async_write(asio::buffer(out_), [self = shared_from_this()](
                                                error_code error, std::size_t) {
      self->writing_ = false;
      if (self->ended_) return;
      if (error) return self->EndNow();
      self->deadline_.Clear();
      self->Pump();
    });
  }

  void Close(websocket::close_code code) {
    if (std::exchange(closing_, true)) return;
    SetDeadline();
    socket_.async_close(
        code, [self = shared_from_this()](error_code) { self->EndNow(); });
  }

  void SetDeadline() {
    deadline_.Set(Deadline::Clock::now() + parts_.options.write_timeout,
                  shared_from_this(), [](WebSocketPeer& self) {
                    self.parts_.metrics.Refused("write_timeout");
                    self.EndNow();
                  });
  }

  ServerParts& parts_;
  Lane& lane_;
  std::optional<ConnectionSlot> slot_;
  websocket::stream<TransportStream> socket_;
  Deadline deadline_;
  const std::unique_ptr<WebSocketHandler> handler_;
  // Shared with the pool while it has something to do.
  const std::shared_ptr<SerialCalls> calls_;
  // Shared with the handler that sends.
  std::shared_ptr<StreamQueue> stream_;
  beast::flat_buffer in_;
  std::string out_;
  std::string discarded_;
  bool writing_ = false;
  bool closing_ = false;
  bool ended_ = false;
};

}  // namespace

void StartWebSocket(ServerParts& parts, Lane& lane,
                    std::unique_ptr<Transport> transport, ConnectionSlot slot,
                    const HttpHead& head, std::string early,
                    std::unique_ptr<WebSocketHandler> handler) {
  const auto peer = std::make_shared<WebSocketPeer>(
      parts, lane, std::move(transport), std::move(slot), std::move(early),
      std::move(handler));
  lane.Add(peer);
  peer->Start(head);
}

}  // namespace ocelli
