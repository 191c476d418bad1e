#include <boost/asio/post.hpp>

#include "http/transport.h"

namespace ocelli {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class PlainTransport final : public Transport {
 public:
  PlainTransport(asio::io_context& context, asio::ip::tcp::socket socket)
      : context_(context), socket_(std::move(socket)) {}

  asio::io_context& context() override { return context_; }
  bool secure() const override { return false; }

  void Handshake(IoDone done) override {
    asio::post(context_, [done = std::move(done)]() mutable { done({}, 0); });
  }

  void ReadSome(asio::mutable_buffer into, IoDone done) override {
    socket_.async_read_some(into, std::move(done));
  }

  void WriteSome(std::span<const asio::const_buffer> from,
                 IoDone done) override {
    socket_.async_write_some(from, std::move(done));
  }

  void EndWriting(IoDone done) override {
    error_code error;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
    asio::post(context_,
               [error, done = std::move(done)]() mutable { done(error, 0); });
  }

  void Discard(asio::mutable_buffer into, IoDone done) override {
    ReadSome(into, std::move(done));
  }

  void Close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  asio::io_context& context_;
  asio::ip::tcp::socket socket_;
};

}  // namespace

std::unique_ptr<Transport> MakePlainTransport(asio::io_context& context,
                                              asio::ip::tcp::socket socket) {
  return std::make_unique<PlainTransport>(context, std::move(socket));
}

}  // namespace ocelli
