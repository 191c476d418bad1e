#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "core/result.h"
#include "http/transport.h"

namespace ocelli {

// Who the server is to its clients: a certificate and its key, from files that
// may change. On one thread.
class TlsIdentity {
 public:
  // kInvalidArgument names the file that can't be used.
  static Result<std::unique_ptr<TlsIdentity>> Load(
      std::filesystem::path certificate, std::filesystem::path private_key);

  // Looks whether the files have changed; then what they hold counts for
  // connections from now on. What can't be used is logged, once, and the old
  // stays.
  void Refresh();

  // Shared with connections that began with it.
  std::shared_ptr<boost::asio::ssl::context> context() const {
    return context_;
  }

 private:
  TlsIdentity(std::filesystem::path certificate,
              std::filesystem::path private_key)
      : certificate_(std::move(certificate)),
        private_key_(std::move(private_key)) {}

  // What changes when somebody writes the files.
  std::string Stamp() const;

  const std::filesystem::path certificate_;
  const std::filesystem::path private_key_;
  std::string stamp_;
  std::shared_ptr<boost::asio::ssl::context> context_;
};

std::unique_ptr<Transport> MakeTlsTransport(
    boost::asio::io_context& context, boost::asio::ip::tcp::socket socket,
    std::shared_ptr<boost::asio::ssl::context> identity);

}  // namespace ocelli
