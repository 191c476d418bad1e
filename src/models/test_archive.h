#pragma once

#include <zlib.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace ocelli {

// One header of a tar archive and what it announces, for tests.
inline std::string TarEntry(std::string_view name, std::string_view bytes,
                            char type = '0') {
  std::string header(512, '\0');
  char size[12];
  std::snprintf(size, sizeof(size), "%011zo", bytes.size());
  header.replace(0, name.size(), name);
  header.replace(124, 11, size);
  header[156] = type;
  header.replace(257, 5, "ustar");
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  char checksum[8];
  std::snprintf(checksum, sizeof(checksum), "%06o", sum);
  header.replace(148, 7, std::string(checksum) + '\0');
  std::string entry = header + std::string(bytes);
  entry.resize((entry.size() + 511) / 512 * 512);
  return entry;
}

inline std::string TarEnd() { return std::string(1024, '\0'); }

inline std::string Gzip(const std::string& plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<unsigned>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<unsigned>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace ocelli
