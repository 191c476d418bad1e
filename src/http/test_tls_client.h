#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "core/check.h"
#include "core/test_folder.h"
#include "http/test_http_client.h"
#include "http/test_http_handler.h"

namespace ocelli {

// A key and a certificate that it signed itself, as PEM files.
struct TestCertificate {
  TestCertificate(const std::filesystem::path& certificate,
                  const std::filesystem::path& private_key,
                  const std::string& name) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
        EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, void (*)(X509*)> x509(X509_new(), X509_free);
    OCELLI_CHECK(key && x509);
    X509_set_version(x509.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
    X509_set_pubkey(x509.get(), key.get());
    X509_NAME* const subject = X509_get_subject_name(x509.get());
    X509_NAME_add_entry_by_txt(
        subject, "CN", MBSTRING_ASC,
        reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x509.get(), subject);
    OCELLI_CHECK(X509_sign(x509.get(), key.get(), EVP_sha256()) > 0);
    Write(certificate,
          [&](std::FILE* file) { return PEM_write_X509(file, x509.get()); });
    Write(private_key, [&](std::FILE* file) {
      return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr,
                                  nullptr);
    });
  }

 private:
  template <typename Writer>
  static void Write(const std::filesystem::path& path, Writer write) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    OCELLI_CHECK(file != nullptr && write(file) == 1);
    std::fclose(file);
  }
};

// TLS to a port of 127.0.0.1; believes any certificate.
class TlsChannel final : public ByteChannel {
 public:
  explicit TlsChannel(std::uint16_t port, int max_version = 0) : tcp_(port) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), tcp_.number());
    connected_ = SSL_connect(ssl_.get()) == 1;
    ERR_clear_error();
  }
  ~TlsChannel() override { ERR_clear_error(); }

  bool connected() const { return connected_; }
  TcpChannel& tcp() { return tcp_; }
  std::string PeerName() const {
    const std::unique_ptr<X509, void (*)(X509*)> peer(
        SSL_get1_peer_certificate(ssl_.get()), X509_free);
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName,
                              name, sizeof(name));
    return name;
  }
  // The server said that nothing follows: nobody cut the connection off.
  bool EndedProperly() const {
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  void Shutdown() { SSL_shutdown(ssl_.get()); }

  bool Send(std::string_view bytes) override {
    std::size_t sent = 0;
    return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) == 1;
  }
  std::string Receive() override {
    std::string bytes(64 << 10, '\0');
    std::size_t got = 0;
    if (SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &got) != 1) got = 0;
    bytes.resize(got);
    return bytes;
  }

 private:
  TcpChannel tcp_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr,
                                                             SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  bool connected_ = false;
};

// A service over TLS with a certificate for "first".
struct TestTlsService {
  explicit TestTlsService(HttpServerOptions options = {}) {
    const TestCertificate first(certificate(), private_key(), "first");
    options.certificate = certificate();
    options.private_key = private_key();
    service = std::make_unique<TestHttpService>(std::move(options));
  }
  std::filesystem::path certificate() const { return folder / "cert.pem"; }
  std::filesystem::path private_key() const { return folder / "key.pem"; }
  std::uint16_t port() const { return service->port(); }

  const TestFolder folder;
  std::unique_ptr<TestHttpService> service;
};

}  // namespace ocelli
