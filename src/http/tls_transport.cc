#include <openssl/ssl.h>

#include <boost/asio/ssl/stream.hpp>

#include "http/tls_identity.h"
#include "http/transport.h"

namespace ocelli {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class TlsTransport final : public Transport {
 public:
  TlsTransport(asio::io_context& context, asio::ip::tcp::socket socket,
               std::shared_ptr<asio::ssl::context> identity)
      : context_(context),
        identity_(std::move(identity)),
        stream_(std::move(socket), *identity_) {}

  asio::io_context& context() override { return context_; }
  bool secure() const override { return true; }

  void Handshake(IoDone done) override {
    stream_.async_handshake(
        asio::ssl::stream_base::server,
        [done = std::move(done)](error_code error) mutable { done(error, 0); });
  }

  void ReadSome(asio::mutable_buffer into, IoDone done) override {
    stream_.async_read_some(into, std::move(done));
  }

  void WriteSome(std::span<const asio::const_buffer> from,
                 IoDone done) override {
    stream_.async_write_some(from, std::move(done));
  }

  // Fails where the other end still sends; the last record is out then, too.
  void EndWriting(IoDone done) override {
    stream_.async_shutdown(
        [this, done = std::move(done)](error_code error) mutable {
          error_code ignored;
          stream_.next_layer().shutdown(asio::ip::tcp::socket::shutdown_send,
                                        ignored);
          done(error, 0);
        });
  }

  void Discard(asio::mutable_buffer into, IoDone done) override {
    stream_.next_layer().async_read_some(into, std::move(done));
  }

  void Close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  asio::io_context& context_;
  // Shared with other connections.
  const std::shared_ptr<asio::ssl::context> identity_;
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
};

}  // namespace

std::unique_ptr<Transport> MakeTlsTransport(
    asio::io_context& context, asio::ip::tcp::socket socket,
    std::shared_ptr<asio::ssl::context> identity) {
  return std::make_unique<TlsTransport>(context, std::move(socket),
                                        std::move(identity));
}

}  // namespace ocelli
