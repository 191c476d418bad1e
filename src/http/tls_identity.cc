#include "http/tls_identity.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <string_view>
#include <utility>

#include "core/log.h"

namespace ocelli {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr unsigned char kHttp11[] = "\x08http/1.1";

int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* in, unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof(kHttp11) - 1, in,
                            in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// Without it OpenSSL asks on the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

Result<std::shared_ptr<ssl::context>> LoadContext(
    const std::filesystem::path& certificate,
    const std::filesystem::path& private_key) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Idle connections keep no buffers.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(native, NoPassword);
  SSL_CTX_set_alpn_select_cb(native, ChooseProtocol, nullptr);
  // Sessions resume by tickets; nothing is kept here.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  const auto bad = [](std::string_view what, const std::filesystem::path& file,
                      const std::string& reason) {
    return Fail(
        ErrorCode::kInvalidArgument,
        std::string(what) + " " + file.string() + " can't be used: " + reason);
  };
  error_code error;
  context->use_certificate_chain_file(certificate.string(), error);
  if (error) return bad("certificate", certificate, error.message());
  context->use_private_key_file(private_key.string(), ssl::context::pem, error);
  // With a key that is not the certificate's it fails already here.
  if (error) return bad("private key", private_key, error.message());
  if (SSL_CTX_check_private_key(native) != 1) {
    ERR_clear_error();
    return bad("private key", private_key, "it is not the certificate's");
  }
  return context;
}

}  // namespace

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::Load(
    std::filesystem::path certificate, std::filesystem::path private_key) {
  std::unique_ptr<TlsIdentity> identity(
      new TlsIdentity(std::move(certificate), std::move(private_key)));
  // Before reading: what changes meanwhile is read again.
  identity->stamp_ = identity->Stamp();
  auto context = LoadContext(identity->certificate_, identity->private_key_);
  if (!context) return context.Failure("TLS");
  identity->context_ = *std::move(context);
  return identity;
}

void TlsIdentity::Refresh() {
  std::string stamp = Stamp();
  if (stamp == stamp_) return;
  stamp_ = std::move(stamp);
  auto context = LoadContext(certificate_, private_key_);
  if (!context) {
    Log(LogLevel::kError, "the old certificate stays in use",
        {{"reason", context.error().message}});
    return;
  }
  context_ = *std::move(context);
  Log(LogLevel::kInfo, "a new certificate is in use",
      {{"file", certificate_.string()}});
}

std::string TlsIdentity::Stamp() const {
  std::string stamp;
  for (const auto& file : {certificate_, private_key_}) {
    struct stat found {};
    if (stat(file.c_str(), &found) != 0) {
      stamp += "none ";
      continue;
    }
    for (const auto value :
         {static_cast<std::int64_t>(found.st_ino),
          static_cast<std::int64_t>(found.st_size),
          static_cast<std::int64_t>(found.st_mtim.tv_sec),
          static_cast<std::int64_t>(found.st_mtim.tv_nsec),
          static_cast<std::int64_t>(found.st_ctim.tv_sec),
          static_cast<std::int64_t>(found.st_ctim.tv_nsec)}) {
      stamp += std::to_string(value) + " ";
    }
  }
  return stamp;
}

}  // namespace ocelli
