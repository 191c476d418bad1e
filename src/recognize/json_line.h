#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

namespace ocelli {

// Appends JSON to one line and puts the commas. Written by hand because
// protobuf's and nlohmann's writers take as long for a line as hashing the
// photo does; a test reads the lines back with protobuf's own parser.
class JsonLine {
 public:
  JsonLine& Open(char bracket) {
    Comma();
    line_ += bracket;
    return *this;
  }
  JsonLine& Close(char bracket) {
    line_ += bracket;
    return *this;
  }
  JsonLine& Name(std::string_view name) {
    Comma();
    line_ += '"';
    line_ += name;
    line_ += "\":";
    return *this;
  }
  // Likewise, of any text.
  JsonLine& Key(std::string_view text) {
    Value(text);
    line_ += ':';
    return *this;
  }
  // The shortest decimal that reads back as the same number.
  template <typename Number>
  JsonLine& Value(Number number) {
    Comma();
    char digits[32];
    line_.append(digits,
                 std::to_chars(digits, digits + sizeof(digits), number).ptr);
    return *this;
  }
  JsonLine& Literal(std::string_view json) {  // "true".
    Comma();
    line_ += json;
    return *this;
  }
  // Bytes that are not UTF-8 become U+FFFD.
  JsonLine& Value(std::string_view text);

  template <typename T>
  JsonLine& Member(std::string_view name, const T& value) {
    return Name(name).Value(value);
  }

  std::string Take() { return std::move(line_); }

 private:
  void Comma() {
    const char last = line_.empty() ? '{' : line_.back();
    if (last != '{' && last != '[' && last != ':') line_ += ',';
  }

  std::string line_;
};

}  // namespace ocelli
