#include "cli/settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "core/parse_number.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;
using Type = SettingKind::Type;

constexpr SettingKind kSettings[] = {
    {"serve.address", Type::kText, "127.0.0.1",
     "Where ocelli serve listens; another than this machine's own needs TLS "
     "and a key",
     ""},
    {"serve.port", Type::kWhole, "8080",
     "Of the page and REST; 0: any that is free", ""},
    {"serve.grpc_port", Type::kWhole, "50051", "Of gRPC; -1: none", ""},
    {"serve.certificate", Type::kText, "",
     "TLS: certificate and those above it, PEM; read anew when it changes",
     "/etc/ocelli/tls.crt"},
    {"serve.private_key", Type::kText, "", "TLS: its key, PEM",
     "/etc/ocelli/tls.key"},
    {"serve.insecure", Type::kTruth, "false",
     "Listen beyond this machine without TLS or without a key", ""},
    {"serve.hosts", Type::kList, "",
     "Names under which browsers reach it, besides its address",
     "ocelli.example.org"},
    {"serve.open_metrics", Type::kTruth, "false",
     "/metrics without a key, for programs of this machine", ""},
    {"serve.in_flight", Type::kWhole, "256",
     "Requests at a time; more are told to come again", ""},
    {"serve.in_flight_of_client", Type::kWhole, "32", "Of one key or address",
     ""},
    {"serve.max_image_bytes", Type::kWhole, "33554432",
     "Of one picture that is sent", ""},
    {"serve.max_image_pixels", Type::kWhole, "100000000",
     "Width times height of one", ""},
    {"serve.images_at_a_time", Type::kWhole, "0",
     "Pictures decoded and looked at; 0: twice the processors", ""},
    {"serve.drain_seconds", Type::kNumber, "15",
     "For what is under way when it is stopped", ""},
    {"serve.remember_unknown", Type::kTruth, "true",
     "Keep faces that nobody named in memory, so that they can be; never on "
     "disk",
     ""},
    {"serve.allow_private", Type::kTruth, "false",
     "Fetch pictures by address from private networks too", ""},

    {"camera.NAME.source", Type::kText, "",
     "rtsp://, rtmp://, http(s):// (HLS), v4l2:, or a file",
     "rtsp://10.0.0.7/door"},
    {"camera.NAME.effects", Type::kList, "", "As ocelli live --effect",
     "anonymize:who=unknown"},
    {"camera.NAME.out", Type::kText, "", "Where the changed video goes",
     "rtmp://10.0.0.9/live/door"},
    {"camera.NAME.repeat", Type::kTruth, "false",
     "A file begins again at its end", ""},
    {"camera.NAME.names", Type::kTruth, "true", "Say who people are", ""},
    {"camera.NAME.archive", Type::kText, "",
     "Where its frames go: s3://BUCKET/PREFIX or dir:FOLDER",
     "s3://cameras/door"},
    {"camera.NAME.archive_options", Type::kList, "",
     "As ocelli archive takes them", "--fps=2"},

    {"cache.url", Type::kText, "",
     "Where results are kept: a file, or Redis for several machines",
     "redis://10.0.0.1"},
    {"cache.max_bytes", Type::kWhole, "1073741824",
     "Of results; the least recently used go", ""},
    {"cache.ttl", Type::kWhole, "0", "Seconds a result is kept; 0: for ever",
     ""},
    {"cache.memory_bytes", Type::kWhole, "67108864",
     "Of results of Redis in this process", ""},
    {"gallery.url", Type::kText, "",
     "The people: a file, or Redis for several machines", "redis://10.0.0.1"},
    {"gallery.name", Type::kText, "", "Which of the galleries of one Redis",
     "mall"},
    {"redis.url", Type::kText, "", "Of worker, submit, jobs and sessions",
     "redis+cluster://10.0.0.1,10.0.0.2"},
    {"redis.user", Type::kText, "", "Of every address that names none",
     "ocelli"},
    {"redis.password", Type::kText, "",
     "Likewise; better in OCELLI_REDIS_PASSWORD", "secret"},
    {"redis.groups.NAME", Type::kText, "",
     "A Redis of its own for a group of jobs", "redis://10.0.0.3"},
};

std::string_view Table(std::string_view key) {
  return key.substr(0, key.rfind('.'));
}
std::string_view Leaf(std::string_view key) {
  return key.substr(key.rfind('.') + 1);
}

// Whether `key` is one of `kind`: "camera.door.source", "camera.NAME.source".
bool Matches(std::string_view kind, std::string_view key) {
  while (!kind.empty() || !key.empty()) {
    const std::size_t kind_dot = std::min(kind.find('.'), kind.size());
    const std::size_t key_dot = std::min(key.find('.'), key.size());
    const std::string_view wanted = kind.substr(0, kind_dot);
    const std::string_view part = key.substr(0, key_dot);
    if (part.empty() || (wanted != "NAME" && wanted != part)) return false;
    kind.remove_prefix(std::min(kind_dot + 1, kind.size()));
    key.remove_prefix(std::min(key_dot + 1, key.size()));
  }
  return true;
}

// Levenshtein's: how many letters differ.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

// The key that was meant, if one is near.
std::optional<std::string> Meant(const std::string& key) {
  std::optional<std::string> best;
  std::size_t least = 4;
  for (const SettingKind& kind : kSettings) {
    // The name in `key` is right, whatever it is.
    std::string candidate(kind.key);
    const std::size_t name = candidate.find("NAME");
    if (name != candidate.npos) {
      if (key.compare(0, name, candidate, 0, name) != 0) continue;
      const std::size_t end = std::min(key.find('.', name), key.size());
      candidate.replace(name, 4, key, name, end - name);
    }
    const std::size_t distance = Distance(candidate, key);
    if (distance < least) {
      least = distance;
      best = std::move(candidate);
    }
  }
  return best;
}

const char* TypeText(Type type) {
  switch (type) {
    case Type::kText:
      return "a text";
    case Type::kWhole:
      return "a whole number";
    case Type::kNumber:
      return "a number";
    case Type::kTruth:
      return "true or false";
    case Type::kList:
      return "a list of texts";
  }
  return "";
}

bool IsOf(Type type, const std::string& value) {
  switch (type) {
    case Type::kText:
      return value.find('\n') == value.npos;
    case Type::kWhole:
      return ParseNumber<std::int64_t>(value).has_value();
    case Type::kNumber:
      return ParseNumber<double>(value).has_value();
    case Type::kTruth:
      return value == "true" || value == "false";
    case Type::kList:
      return true;
  }
  return false;
}

// `value` as TOML.
std::string Written(Type type, std::string_view value) {
  const auto quoted = [](std::string_view text) {
    return Json(std::string(text)).dump();
  };
  if (type == Type::kList)
    return value.empty() ? "[]" : "[" + quoted(value) + "]";
  if (type == Type::kText) return quoted(value);
  return std::string(value);
}

Json SchemaOf(const SettingKind& kind) {
  Json schema = {{"description", kind.help}};
  switch (kind.type) {
    case Type::kText:
      schema["type"] = "string";
      if (!kind.fallback.empty()) schema["default"] = kind.fallback;
      break;
    case Type::kWhole:
      schema["type"] = "integer";
      schema["default"] = ParseNumber<std::int64_t>(kind.fallback).value_or(0);
      break;
    case Type::kNumber:
      schema["type"] = "number";
      schema["default"] = ParseNumber<double>(kind.fallback).value_or(0);
      break;
    case Type::kTruth:
      schema["type"] = "boolean";
      schema["default"] = kind.fallback == "true";
      break;
    case Type::kList:
      schema["type"] = "array";
      schema["items"] = {{"type", "string"}};
      break;
  }
  return schema;
}

}  // namespace

std::span<const SettingKind> Settings() { return kSettings; }

std::vector<std::string> SettingMistakes(const Config& config) {
  std::vector<std::string> mistakes;
  for (const ConfigEntry& entry : config.FileEntries()) {
    const auto kind = std::find_if(std::begin(kSettings), std::end(kSettings),
                                   [&](const SettingKind& known) {
                                     return Matches(known.key, entry.key);
                                   });
    if (kind == std::end(kSettings)) {
      const auto meant = Meant(entry.key);
      mistakes.push_back(entry.origin + ": there is no setting " + entry.key +
                         (meant ? "; is " + *meant + " meant?"
                                : "; ocelli config example lists them"));
    } else if (!IsOf(kind->type, entry.value)) {
      mistakes.push_back(entry.origin + ": " + entry.key + " is to be " +
                         TypeText(kind->type));
    }
  }
  return mistakes;
}

std::string SettingsExample() {
  std::string text =
      "# Settings of Ocelli: ocelli --config FILE, or OCELLI_CONFIG=FILE.\n"
      "# What stands behind # holds without it, or is an example. The "
      "environment\n# goes first: OCELLI_SERVE_PORT=8081.\n";
  std::string_view table;
  for (const SettingKind& kind : kSettings) {
    if (Table(kind.key) != table) {
      table = Table(kind.key);
      const bool named = table.find(".NAME") != table.npos;
      text += "\n" + std::string(named ? "# " : "") + "[" + std::string(table) +
              "]\n";
    }
    const std::string_view shown =
        kind.fallback.empty() ? kind.example : kind.fallback;
    text += "# " + std::string(kind.help) + "\n# " +
            std::string(Leaf(kind.key)) + " = " + Written(kind.type, shown) +
            "\n";
  }
  return text;
}

std::string SettingsSchema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Settings of Ocelli"},
                 {"type", "object"},
                 {"additionalProperties", false}};
  for (const SettingKind& kind : kSettings) {
    Json* at = &schema;
    std::string_view rest = kind.key;
    for (;;) {
      const std::size_t dot = rest.find('.');
      const std::string part(rest.substr(0, dot));
      Json& next = part == "NAME" ? (*at)["additionalProperties"]
                                  : (*at)["properties"][part];
      if (dot == rest.npos) {
        next = SchemaOf(kind);
        break;
      }
      if (next.is_null() || next.is_boolean()) {
        next = {{"type", "object"}, {"additionalProperties", false}};
      }
      at = &next;
      rest.remove_prefix(dot + 1);
    }
  }
  return schema.dump(2);
}

}  // namespace ocelli
