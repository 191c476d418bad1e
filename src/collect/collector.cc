#include "collect/collector.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "collect/file_names.h"
#include "collect/journal.h"
#include "core/csv.h"
#include "core/digest.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kImages = "images";
constexpr std::uint64_t kMaxCsvBytes = 1u << 30;

std::string AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsWebAddress(const std::string& source) {
  return source.starts_with("https://") || source.starts_with("http://");
}

// The last part of the path, "%C3%B4" read as "ô", without its ending: what a
// picture is called that has no name.
std::string NameFromUrl(const Url& url) {
  std::string_view path(url.target);
  path = path.substr(0, path.find('?'));
  path.remove_prefix(path.rfind('/') + 1);
  path = path.substr(0, path.rfind('.'));
  std::string name;
  for (std::size_t i = 0; i < path.size(); ++i) {
    unsigned char byte = 0;
    const char* const digits = path.data() + i + 1;
    if (path[i] == '%' && path.size() - i > 2 &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      name += static_cast<char>(byte);
      i += 2;
    } else {
      name += path[i];
    }
  }
  return ToUtf8(std::move(name));
}

// What became of one row.
struct Fetched {
  Journal::Entry entry;
  bool anew = false;
  // The folder can't be written: nor could it be for other rows.
  std::optional<Error> unwritable;
};

// One run. Its const members are used by all threads.
class Collection {
 public:
  Collection(const ImageTable& table, const fs::path& folder,
             Downloader& downloader, const CollectOptions& options,
             const CollectEvents& events)
      : table_(table),
        folder_(folder),
        downloader_(downloader),
        options_(options),
        events_(events),
        count_(options.limit ? std::min(options.limit, table.rows.size())
                             : table.rows.size()),
        before_(Journal::Open(folder / ".collected.csv")),
        journal_(before_) {
    FileNames names;
    for (std::size_t i = 0; i < count_; ++i) {
      const ImageRow& row = table.rows[i];
      stems_.push_back(
          names.Choose(row.name.empty() ? NameFromUrl(row.url) : row.name));
    }
  }

  Result<CollectReport> Run();

 private:
  Result<Fetched> Fetch(std::size_t i);
  std::optional<Fetched> AlreadyThere(std::size_t i) const;
  void Take(std::size_t i, Result<Fetched> fetched);
  void Drop(const Error& error);

  const ImageTable& table_;
  const fs::path folder_;
  Downloader& downloader_;
  const CollectOptions& options_;
  const CollectEvents& events_;
  const std::size_t count_;
  std::vector<std::string> stems_;
  const Journal before_;
  // Of the calling thread:
  Journal journal_;
  std::string csv_;
  CollectReport report_;
  std::optional<Error> fatal_;
  std::stop_source stop_;
};

Result<CollectReport> Collection::Run() {
  std::error_code error;
  fs::create_directories(folder_ / kImages, error);
  if (error) {
    return FailWithErrno("making " + (folder_ / kImages).string(),
                         error.value());
  }
  std::vector<std::string> header = {"id", "name", "file", "url"};
  header.insert(header.end(), table_.columns.begin(), table_.columns.end());
  AppendCsvRecord(header, csv_);
  report_.rows = count_;
  if (events_.begin) events_.begin(count_);
  for (const Error& skipped : table_.skipped) Drop(skipped);

  const std::stop_callback stop(options_.download.stop,
                                [&] { stop_.request_stop(); });
  const int threads = std::max(options_.parallel, 1);
  const std::size_t done = OrderedParallel(
      count_, threads, static_cast<std::size_t>(threads) * 4, stop_.get_token(),
      [&](std::size_t i) { return Fetch(i); },
      [&](std::size_t i, Result<Fetched> fetched) {
        Take(i, std::move(fetched));
      });
  if (fatal_) return tl::unexpected<Error>(*fatal_);
  report_.stopped = report_.stopped || done < count_;
  const fs::path whole = fs::absolute(folder_ / "").lexically_normal();
  report_.csv = folder_ / (whole.parent_path().filename().string() + ".csv");
  const auto written = WriteFileAtomically(report_.csv, csv_);
  if (!written) return written.Failure();
  return report_;
}

std::optional<Fetched> Collection::AlreadyThere(std::size_t i) const {
  const Journal::Entry* entry = before_.Find(stems_[i]);
  if (!entry || entry->url != table_.rows[i].url.ToString() ||
      fs::path(entry->file).filename() != entry->file) {
    return {};
  }
  const auto bytes = ReadFileLimited(folder_ / kImages / entry->file,
                                     options_.max_image_bytes);
  if (!bytes || Sha256(*bytes) != entry->digest) return {};
  return Fetched{*entry, false, {}};
}

Result<Fetched> Collection::Fetch(std::size_t i) {
  if (auto there = AlreadyThere(i)) return *there;
  const ImageRow& row = table_.rows[i];
  const auto got = downloader_.Get(row.url, options_.max_image_bytes);
  if (!got) return got.Failure(row.label);
  // Its size may have been a lie, or the answer a page that says sorry.
  if (const auto image = DecodeImage(got->bytes); !image) {
    return image.Failure(row.label + ": " + row.url.ForMessage());
  }
  const std::string file = stems_[i] + std::string(ImageFileEnding(got->bytes));
  const auto written =
      WriteFileAtomically(folder_ / kImages / file, got->bytes);
  Fetched fetched{{row.url.ToString(), file, Sha256(got->bytes)}, true, {}};
  if (!written) fetched.unwritable = written.error();
  return fetched;
}

void Collection::Take(std::size_t i, Result<Fetched> fetched) {
  if (!fetched) {
    if (fetched.error().code == ErrorCode::kCancelled) {
      report_.stopped = true;
    } else {
      Drop(fetched.error());
    }
    return;
  }
  if (fetched->anew && !fetched->unwritable) {
    const auto added = journal_.Add(stems_[i], fetched->entry);
    if (!added) fetched->unwritable = added.error();
  }
  if (fetched->unwritable) {
    if (!fatal_) fatal_ = fetched->unwritable;
    stop_.request_stop();
    return;
  }
  report_.fetched += fetched->anew;
  ++report_.collected;
  const ImageRow& row = table_.rows[i];
  const CollectedImage image = {
      fs::path(fetched->entry.file).stem().string(),
      row.name.empty() ? stems_[i] : row.name,
      std::string(kImages) + "/" + fetched->entry.file, row.url.ToString(),
      fetched->anew};
  std::vector<std::string> fields = {image.id, image.name, image.file,
                                     image.url};
  fields.insert(fields.end(), row.values.begin(), row.values.end());
  AppendCsvRecord(fields, csv_);
  if (events_.image) events_.image(image);
}

void Collection::Drop(const Error& error) {
  ++report_.failed;
  if (events_.failure) events_.failure(error);
}

}  // namespace

Result<ImageTable> LoadImageTable(const std::string& source,
                                  Downloader& downloader,
                                  const CollectOptions& options) {
  if (!IsWebAddress(source)) {
    if (source.find("://") != source.npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "neither http nor https: " + source);
    }
    const auto bytes = ReadFileLimited(source, kMaxCsvBytes);
    if (!bytes) return bytes.Failure();
    auto table = ReadImageTable(ToUtf8(AsText(*bytes)), options.columns);
    if (!table) return table.Failure(source);
    return table;
  }
  const auto url =
      ResolveReference(ParseUrl("https://localhost/").value(), source);
  if (!url) return url.Failure();
  const auto got = downloader.Get(*url, options.max_page_bytes);
  if (!got) return got.Failure();
  const std::string path = got->url.target.substr(0, got->url.target.find('?'));
  if (got->content_type.starts_with("text/csv") || path.ends_with(".csv")) {
    auto table = ReadImageTable(ToUtf8(AsText(got->bytes)), options.columns);
    if (!table) return table.Failure(got->url.ForMessage());
    return table;
  }
  HtmlLimits limits;
  limits.max_bytes = options.max_page_bytes;
  limits.clock = options.download.clock;
  limits.stop = options.download.stop;
  const auto page = HtmlPage::Parse(AsText(got->bytes), limits);
  if (!page) return page.Failure(got->url.ForMessage());
  return FindImageTable(*page, got->url, options.columns);
}

Result<CollectReport> Collect(const ImageTable& table,
                              const std::filesystem::path& folder,
                              Downloader& downloader,
                              const CollectOptions& options,
                              const CollectEvents& events) {
  return Collection(table, folder, downloader, options, events).Run();
}

}  // namespace ocelli
