#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "http/deadline.h"
#include "http/lane.h"
#include "http/request_parser.h"
#include "http/stream_queue.h"
#include "http/transport.h"

namespace ocelli {

// One client's HTTP/1.1: requests one after the other, until one becomes a
// stream, a WebSocket or the last. On its lane's thread only, but for the
// handler's work. Owned by its lane and by what is under way.
class Connection final : public Peer,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(ServerParts& parts, Lane& lane,
             std::unique_ptr<Transport> transport, std::string client,
             ConnectionSlot slot);

  void Start();
  void Drain() override;
  void EndNow() override;

 private:
  enum class State {
    kHandshake,
    kHead,  // Or between two requests.
    kBody,
    kHandling,  // On a worker.
    kAnswering,
    kStreaming,
    kSkipping,   // The rest of a body that nobody wants.
    kLingering,  // All is said; the other end has yet to close.
    kGone,
  };
  using Chunk = std::array<char, 2048>;

  enum class Into { kHead, kBody, kWatched, kNowhere };
  enum class Out { kNothing, kContinue, kResponse, kMessage, kStreamEnd };

  // connection.cc: from bytes to a request.
  void SetDeadline(std::chrono::steady_clock::duration from_now);
  void SetBodyDeadline();
  void OnDeadline();
  void AwaitRequest();
  void Read(boost::asio::mutable_buffer into, Into where);
  void ReadMore();
  void OnRead(boost::system::error_code error, std::size_t bytes);
  void Continue(std::size_t bytes);
  void Consume(std::size_t bytes);
  void WatchPeer();
  void OnHeadBytes();
  void OnHead(std::size_t size);
  void BeginBody();
  void ReadBody();
  void GrowBody(std::uint64_t length);
  void ReadChunkedBody();

  // connection_answer.cc: from a request to bytes.
  void Dispatch();
  static void RunHandler(std::shared_ptr<Connection> self);
  void OpenWebSocket();
  void BecomeWebSocket(std::unique_ptr<WebSocketHandler> handler);
  void Refuse(int status, std::string_view reason, const std::string& detail);
  void RefuseLargeHead(bool in_target);
  void RefuseLargeBody();
  void RefuseBusy();
  void Answer(HttpResponse response);
  void Write(std::size_t buffers, Out what);
  void WriteMore();
  void OnWritten(boost::system::error_code error, std::size_t bytes);
  void OnAnswered();
  void EndExchange();
  void BeginStream(const HttpStreamStart& start);
  void PumpStream();
  void SkipBody();
  void Linger();
  void DiscardMore();

  ServerParts& parts_;
  Lane& lane_;
  std::unique_ptr<Transport> transport_;
  const std::string client_;
  std::optional<ConnectionSlot> slot_;
  State state_ = State::kHandshake;
  Deadline deadline_;

  // Coming in. One read at a time: into in_, body_ or, while nobody wants more,
  // watched_.
  bool reading_ = false;
  Into into_ = Into::kHead;
  std::string in_;
  std::size_t in_size_ = 0;  // Of in_, filled.
  std::size_t scanned_ = 0;  // Of in_, without the end of a head.
  bool first_ = true;        // No request was answered yet.
  std::unique_ptr<Chunk> watched_;
  bool peer_gone_ = false;

  // The request.
  ParsedHead parsed_;
  HttpVerdict verdict_;
  std::optional<std::chrono::steady_clock::time_point> head_came_;
  std::chrono::steady_clock::time_point body_began_;
  std::optional<ChunkedBody> chunked_;
  std::string body_;
  std::size_t body_size_ = 0;    // Of body_, filled.
  std::uint64_t body_came_ = 0;  // With the framing of chunks.
  std::uint64_t unread_ = 0;     // Of the body.
  std::stop_source stop_{std::nostopstate};

  // Going out.
  HttpResponse response_;
  std::string out_head_;
  std::string out_body_;
  std::array<boost::asio::const_buffer, 3> out_;
  std::size_t out_first_ = 0;
  std::size_t out_count_ = 0;
  Out writing_ = Out::kNothing;
  bool keep_alive_ = false;
  bool chunks_ = false;  // The stream, going out.
  // Shared with the handler that sends.
  std::shared_ptr<StreamQueue> stream_;
  std::size_t discarded_ = 0;
};

}  // namespace ocelli
