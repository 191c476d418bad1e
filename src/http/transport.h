#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace ocelli {

// What to do once a read or write has ended; called once, if at all.
class IoDone {
 public:
  template <typename F>
  requires(!std::is_same_v<F, IoDone>) IoDone(F call)
      : call_(std::make_unique<Held<F>>(std::move(call))) {}

  void operator()(boost::system::error_code error, std::size_t bytes) {
    const auto call = std::move(call_);
    call->Run(error, bytes);
  }

 private:
  struct Call {
    virtual ~Call() = default;
    virtual void Run(boost::system::error_code error, std::size_t bytes) = 0;
  };
  template <typename F>
  struct Held final : Call {
    explicit Held(F f) : function(std::move(f)) {}
    void Run(boost::system::error_code error, std::size_t bytes) override {
      function(error, bytes);
    }
    F function;
  };
  std::unique_ptr<Call> call_;
};

// The bytes of one connection, over TCP or TLS. All from the thread of its
// context; one read and one write at a time. Buffers and the transport outlive
// what was begun; nothing is called back from within these functions.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual boost::asio::io_context& context() = 0;
  virtual bool secure() const = 0;

  virtual void Handshake(IoDone done) = 0;
  virtual void ReadSome(boost::asio::mutable_buffer into, IoDone done) = 0;
  virtual void WriteSome(std::span<const boost::asio::const_buffer> from,
                         IoDone done) = 0;
  // Tells the other end that nothing follows.
  virtual void EndWriting(IoDone done) = 0;
  // After EndWriting(): reads what still comes, undeciphered.
  virtual void Discard(boost::asio::mutable_buffer into, IoDone done) = 0;
  // What is under way ends with an error.
  virtual void Close() = 0;
};

std::unique_ptr<Transport> MakePlainTransport(
    boost::asio::io_context& context, boost::asio::ip::tcp::socket socket);

}  // namespace ocelli
