#include <fcntl.h>
#include <librsvg/rsvg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/file.h"
#include "core/shared_library.h"
#include "media/codec.h"

namespace ocelli {
namespace {

constexpr std::size_t kMaxBytes = 32 << 20;
constexpr int kMaxSide = 1024;
constexpr int kMinSide = 512;  // Of the longer one: lines cost nothing.
constexpr rlim_t kMaxMemory = 1 << 30;

// The part of librsvg and cairo used here, opened when the first SVG comes.
struct Rsvg {
  decltype(&rsvg_handle_new_from_data) new_from_data;
  decltype(&rsvg_handle_get_intrinsic_size_in_pixels) size_in_pixels;
  decltype(&rsvg_handle_get_intrinsic_dimensions) dimensions;
  decltype(&rsvg_handle_get_geometry_for_element) geometry;
  decltype(&rsvg_handle_render_document) render;
  decltype(&cairo_image_surface_create_for_data) surface_create;
  decltype(&cairo_create) create;
  decltype(&cairo_set_source_rgb) set_source_rgb;
  decltype(&cairo_paint) paint;
  decltype(&cairo_status) status;
  decltype(&cairo_surface_flush) flush;
};

Result<Rsvg> OpenRsvg() {
  const std::string purpose = "SVG needs librsvg: apt-get install librsvg2-2";
  const auto rsvg_library = SharedLibrary::Open({"librsvg-2.so.2"}, purpose);
  if (!rsvg_library) return rsvg_library.Failure();
  const auto cairo_library = SharedLibrary::Open({"libcairo.so.2"}, purpose);
  if (!cairo_library) return cairo_library.Failure();
  Rsvg rsvg = {};
  bool complete = true;
  const auto find = [&]<typename Function>(const SharedLibrary& library,
                                           Function*& function,
                                           const char* name) {
    function = library.Function<Function>(name);
    complete = complete && function;
  };
  find(*rsvg_library, rsvg.new_from_data, "rsvg_handle_new_from_data");
  find(*rsvg_library, rsvg.size_in_pixels,
       "rsvg_handle_get_intrinsic_size_in_pixels");
  find(*rsvg_library, rsvg.dimensions, "rsvg_handle_get_intrinsic_dimensions");
  find(*rsvg_library, rsvg.geometry, "rsvg_handle_get_geometry_for_element");
  find(*rsvg_library, rsvg.render, "rsvg_handle_render_document");
  find(*cairo_library, rsvg.surface_create,
       "cairo_image_surface_create_for_data");
  find(*cairo_library, rsvg.create, "cairo_create");
  find(*cairo_library, rsvg.set_source_rgb, "cairo_set_source_rgb");
  find(*cairo_library, rsvg.paint, "cairo_paint");
  find(*cairo_library, rsvg.status, "cairo_status");
  find(*cairo_library, rsvg.flush, "cairo_surface_flush");
  if (!complete) {
    return Fail(ErrorCode::kFailedPrecondition,
                "the librsvg of this machine is too old: 2.52 is needed");
  }
  return rsvg;
}

// What the child tells: written by it, read when it has ended.
struct Drawing {
  bool drawn = false;
  int width = 0;
  int height = 0;
  std::array<char, 256> message{};
  // Rows of `width` pixels, 0xffRRGGBB each.
  std::array<std::uint32_t, std::size_t{kMaxSide} * kMaxSide> pixels;
};

// As large as the document says, within our limits.
std::pair<double, double> SizeOf(const Rsvg& rsvg, RsvgHandle* handle) {
  double width = 0;
  double height = 0;
  const auto usable = [&] {
    return std::isfinite(width) && std::isfinite(height) && width > 0 &&
           height > 0;
  };
  if (rsvg.size_in_pixels(handle, &width, &height) && usable()) {
    return {width, height};
  }
  gboolean has_width, has_height, has_box;
  RsvgLength ignored;
  RsvgRectangle box{};
  rsvg.dimensions(handle, &has_width, &ignored, &has_height, &ignored, &has_box,
                  &box);
  if (!has_box) rsvg.geometry(handle, nullptr, nullptr, &box, nullptr);
  width = box.width;
  height = box.height;
  // Without a size and a box nothing says more than the square.
  return usable() ? std::pair(width * 1e6, height * 1e6) : std::pair(1e6, 1e6);
}

void Draw(const Rsvg& rsvg, std::span<const std::byte> encoded,
          Drawing& drawing) {
  // Without a base address librsvg loads nothing but data: addresses.
  GError* error = nullptr;
  RsvgHandle* const handle = rsvg.new_from_data(
      reinterpret_cast<const guint8*>(encoded.data()), encoded.size(), &error);
  const auto fail = [&](const char* message) {
    std::snprintf(drawing.message.data(), drawing.message.size(), "%s",
                  message);
  };
  if (!handle) return fail(error ? error->message : "unreadable");
  const auto [width, height] = SizeOf(rsvg, handle);
  const double longer = std::max(width, height);
  const double scale = std::clamp<double>(longer, kMinSide, kMaxSide) / longer;
  drawing.width = std::max(1, static_cast<int>(std::lround(width * scale)));
  drawing.height = std::max(1, static_cast<int>(std::lround(height * scale)));
  cairo_surface_t* const surface = rsvg.surface_create(
      reinterpret_cast<unsigned char*>(drawing.pixels.data()),
      CAIRO_FORMAT_RGB24, drawing.width, drawing.height, drawing.width * 4);
  cairo_t* const cairo = rsvg.create(surface);
  rsvg.set_source_rgb(cairo, 1, 1, 1);
  rsvg.paint(cairo);
  const RsvgRectangle viewport = {0, 0, static_cast<double>(drawing.width),
                                  static_cast<double>(drawing.height)};
  if (!rsvg.render(handle, cairo, &viewport, &error)) {
    return fail(error ? error->message : "not drawable");
  }
  if (rsvg.status(cairo) != CAIRO_STATUS_SUCCESS) return fail("not drawable");
  rsvg.flush(surface);
  drawing.drawn = true;
}

// Of time and memory; nothing that the libraries say is heard, and no file is
// open.
void LimitThisProcess(int seconds) {
  rlim_t pages = 0;
  if (std::FILE* statm = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(statm, "%lu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  const rlim_t memory =
      pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + kMaxMemory;
  const auto cpu = static_cast<rlim_t>(seconds);
  const rlimit limits[] = {{memory, memory}, {cpu, cpu}, {0, 0}};
  setrlimit(RLIMIT_AS, &limits[0]);
  setrlimit(RLIMIT_CPU, &limits[1]);
  setrlimit(RLIMIT_CORE, &limits[2]);
  const int null = open("/dev/null", O_RDWR);
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    dup2(null, file);
  }
  close_range(STDERR_FILENO + 1, ~0u, 0);  // Connections, databases, models.
}

// The child's end as waitpid() tells it; nothing where it stood still.
std::optional<int> WaitFor(pid_t child) {
  using std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kStill{500};
  clockid_t clock = 0;
  const bool timed = clock_getcpuclockid(child, &clock) == 0;
  timespec worked{-1, 0};
  auto moved = steady_clock::now();
  std::chrono::microseconds pause{200};
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    // Somebody else was told of its end: what it drew has to tell.
    if (ended < 0 && errno != EINTR) return 0;
    timespec works{};
    const auto now = steady_clock::now();
    if (timed && clock_gettime(clock, &works) == 0 &&
        (works.tv_sec != worked.tv_sec || works.tv_nsec != worked.tv_nsec)) {
      worked = works;
      moved = now;
    }
    if (now - moved > kStill) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return {};
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(5000));
  }
}

// Draws in a process of its own; its end as above. A lock that another thread
// held when it began (of a sanitizer's malloc, of the loader) is never opened
// in it, so it can come to stand still: then another is begun.
Result<int> DrawApart(const Rsvg& rsvg, std::span<const std::byte> encoded,
                      int max_seconds, Drawing& drawing) {
  constexpr int kAttempts = 20;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const pid_t child = fork();
    if (child < 0) return FailWithErrno("drawing an SVG", errno);
    if (child == 0) {
      LimitThisProcess(max_seconds);
      Draw(rsvg, encoded, drawing);
      _exit(0);
    }
    if (const auto status = WaitFor(child)) return *status;
  }
  return Fail(ErrorCode::kUnavailable, "drawing an SVG stands still");
}

// Past an XML declaration, comments, and a document type with its entities,
// to the first element; empty where there is none.
std::string_view FirstElement(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto skip_past = [&](std::string_view end) {
    const std::size_t at = text.find(end);
    text.remove_prefix(at == text.npos ? text.size() : at + end.size());
  };
  while (true) {
    text.remove_prefix(
        std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    if (text.starts_with("<?")) {
      skip_past("?>");
    } else if (text.starts_with("<!--")) {
      skip_past("-->");
    } else if (text.starts_with("<!")) {
      const std::size_t subset = text.find('[');
      const std::size_t end = text.find('>');
      skip_past(subset < end ? "]" : ">");
      if (subset < end) skip_past(">");
    } else {
      return text.starts_with('<') ? text.substr(1) : std::string_view();
    }
  }
}

bool RecognizesSvg(std::span<const std::byte> encoded) {
  constexpr std::size_t kSearched = 64 << 10;
  const std::string_view element =
      FirstElement({reinterpret_cast<const char*>(encoded.data()),
                    std::min(encoded.size(), kSearched)});
  std::string_view name = element.substr(0, element.find_first_of(" \t\r\n/>"));
  const std::size_t colon = name.find(':');
  if (colon != name.npos) name.remove_prefix(colon + 1);
  return name == "svg";
}

// SVG is a program: it can take any time and memory, and no part of librsvg
// can be told to end. So it runs in a process of its own, within limits. The
// parent opens the libraries and never calls them, so none of their locks is
// held by a thread that the child does not have.
Result<Image> DecodeSvg(std::span<const std::byte> encoded,
                        const ImageLimits& limits) {
  if (encoded.size() > kMaxBytes) {
    return Fail(
        ErrorCode::kResourceExhausted,
        "the SVG has more than " + std::to_string(kMaxBytes) + " bytes");
  }
  static const Result<Rsvg> opened = OpenRsvg();
  if (!opened) return opened.Failure();

  void* const memory = mmap(nullptr, sizeof(Drawing), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return FailWithErrno("drawing an SVG", errno);
  const auto unmap = [](Drawing* shared) { munmap(shared, sizeof(Drawing)); };
  const std::unique_ptr<Drawing, decltype(unmap)> drawing(
      static_cast<Drawing*>(memory));

  const auto ended =
      DrawApart(*opened, encoded, limits.max_svg_seconds, *drawing);
  if (!ended) return ended.Failure();
  const int status = *ended;
  if (WIFSIGNALED(status) &&
      (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
    return Fail(ErrorCode::kResourceExhausted,
                "the SVG takes more than " +
                    std::to_string(limits.max_svg_seconds) + " s to draw");
  }
  if (status != 0) {
    return Fail(ErrorCode::kDataLoss, "damaged SVG, or too large to draw");
  }
  if (!drawing->drawn) {
    drawing->message.back() = '\0';
    return Fail(
        ErrorCode::kDataLoss,
        std::string("truncated or damaged SVG: ") + drawing->message.data());
  }
  const int width = std::min(drawing->width, kMaxSide);
  const int height = std::min(drawing->height, kMaxSide);
  if (const auto size = CheckSize(width, height, limits); !size) {
    return size.Failure();
  }
  Image image(width, height, PixelFormat::kRgb8);
  const std::uint32_t* pixel = drawing->pixels.data();
  std::uint8_t* rgb = image.view().data;
  for (int i = 0; i < width * height; ++i, ++pixel, rgb += 3) {
    rgb[0] = static_cast<std::uint8_t>(*pixel >> 16);
    rgb[1] = static_cast<std::uint8_t>(*pixel >> 8);
    rgb[2] = static_cast<std::uint8_t>(*pixel);
  }
  return image;
}

}  // namespace

const Codec kSvgCodec = {"SVG", ".svg", RecognizesSvg, DecodeSvg};

}  // namespace ocelli
