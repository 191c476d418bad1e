// Writes the files below a folder as C++: see src/api/web_assets.h.
//
//   embed_assets FOLDER OUTPUT.cc
#include <openssl/sha.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

std::string Read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Empty where the bytes get no smaller, as those of pictures.
std::string Gzip(const std::string& bytes) {
  z_stream stream{};
  constexpr int kWithGzipHead = 15 + 16;
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kWithGzipHead, 9,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const bool all = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return all && packed.size() < bytes.size() ? packed : std::string();
}

std::string Sha256Hex(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         digest);
  std::string hex;
  for (const unsigned char byte : digest) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", byte);
    hex += digits;
  }
  return hex;
}

// A literal of any bytes, with its length, since it may hold zeros.
std::string Literal(const std::string& bytes) {
  std::string text = "{\"";
  std::size_t column = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t before = text.size();
    if (byte >= ' ' && byte < 0x7f && c != '"' && c != '\\' && c != '?') {
      text += c;
    } else {  // Three octal digits: what follows can't become part of it.
      text += '\\';
      text += static_cast<char>('0' + (byte >> 6));
      text += static_cast<char>('0' + (byte >> 3 & 7));
      text += static_cast<char>('0' + (byte & 7));
    }
    column += text.size() - before;
    if (column >= 2000) {
      text += "\"\n\"";
      column = 0;
    }
  }
  return text + "\", " + std::to_string(bytes.size()) + "}";
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "usage: embed_assets FOLDER OUTPUT.cc\n";
    return 2;
  }
  const fs::path folder = arguments[1];
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      paths.push_back("/" + entry.path().lexically_relative(folder).string());
    }
  }
  std::sort(paths.begin(), paths.end());

  std::ofstream out(arguments[2], std::ios::binary);
  out << "#include \"api/web_assets.h\"\n\nnamespace ocelli {\n\n"
         "std::span<const WebAsset> BuiltInAssets() {\n"
         "  static constexpr WebAsset kAssets[] = {\n";
  for (const std::string& path : paths) {
    const std::string bytes = Read(folder.string() + path);
    out << "{" << Literal(path) << ",\n"
        << Literal("\"" + Sha256Hex(bytes).substr(0, 32) + "\"") << ",\n"
        << Literal(bytes) << ",\n"
        << Literal(Gzip(bytes)) << "},\n";
  }
  out << "  };\n  return kAssets;\n}\n\n}  // namespace ocelli\n";
  out.close();
  if (!out || paths.empty()) {
    std::cerr << "embed_assets: writing " << arguments[2] << " from "
              << folder.string() << " failed\n";
    return 1;
  }
}
