#include "media/filter_graph.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "media/ffmpeg.h"

namespace ocelli {
namespace {

constexpr std::size_t kMaxLength = 8192;
constexpr std::int64_t kMaxPixels = std::int64_t{7680} * 4320 * 4;

// Only what turns pixels into pixels, one picture for each. A filter that is
// not here may read or write files, load code or talk to others.
constexpr std::string_view kFilters[] = {
    "amplify",
    "atadenoise",
    "avgblur",
    "bilateral",
    "blend",
    "boxblur",
    "bwdif",
    "cas",
    "chromahold",
    "chromakey",
    "chromanr",
    "chromashift",
    "colorbalance",
    "colorchannelmixer",
    "colorcontrast",
    "colorcorrect",
    "colorhold",
    "colorize",
    "colorkey",
    "colorlevels",
    "colormatrix",
    "colorspace",
    "colortemperature",
    "convolution",
    "crop",
    "curves",
    "deband",
    "deblock",
    "deflate",
    "despill",
    "dilation",
    "drawbox",
    "drawgrid",
    "edgedetect",
    "elbg",
    "epx",
    "eq",
    "erosion",
    "exposure",
    "fftdnoiz",
    "fftfilt",
    "fillborders",
    "format",
    "gblur",
    "geq",
    "gradfun",
    "grayworld",
    "greyedge",
    "hflip",
    "hqdn3d",
    "hqx",
    "hstack",
    "hue",
    "huesaturation",
    "hysteresis",
    "inflate",
    "kirsch",
    "lagfun",
    "lenscorrection",
    "limiter",
    "lumakey",
    "lut",
    "lutrgb",
    "lutyuv",
    "median",
    "monochrome",
    "negate",
    "nlmeans",
    "noformat",
    "noise",
    "normalize",
    "null",
    "overlay",
    "pad",
    "perspective",
    "photosensitivity",
    "pixelize",
    "prewitt",
    "pseudocolor",
    "rgbashift",
    "roberts",
    "rotate",
    "scale",
    "scharr",
    "setdar",
    "setparams",
    "setrange",
    "setsar",
    "shear",
    "shufflepixels",
    "shuffleplanes",
    "smartblur",
    "sobel",
    "split",
    "swaprect",
    "swapuv",
    "tblend",
    "tmedian",
    "tmix",
    "transpose",
    "unsharp",
    "vaguedenoiser",
    "vflip",
    "vibrance",
    "vignette",
    "vstack",
    "xbr",
    "yadif",
    "yaepblur",
};

// What libavfilter puts between others by itself, and the ends.
constexpr std::string_view kOwnFilters[] = {"buffer", "buffersink"};

template <std::size_t kSize>
bool Contains(const std::string_view (&names)[kSize], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

tl::unexpected<Error> Refuse(const std::string& graph, std::string why) {
  return Fail(ErrorCode::kInvalidArgument,
              "the filters \"" + graph + "\": " + std::move(why));
}

// Reads a graph's text as libavfilter/graphparser.c does, without making a
// filter: some open files as soon as they are made.
class GraphText {
 public:
  GraphText(const FFmpegFilters& ffmpeg, const std::string& graph)
      : ffmpeg_(ffmpeg), graph_(graph), at_(graph.c_str()) {}

  Result<> Check() {
    while (true) {
      SkipLabels();
      const auto filter = CheckFilter();
      if (!filter) return filter;
      SkipLabels();
      if (*at_ == '\0') return {};
      if (*at_ != ',' && *at_ != ';') {
        return Refuse(graph_, "can't read from \"" + std::string(at_) + "\"");
      }
      ++at_;
    }
  }

 private:
  void SkipSpace() {
    while (*at_ != '\0' &&
           std::string_view(" \n\t\r").find(*at_) != std::string_view::npos) {
      ++at_;
    }
  }

  std::string Token(const char* ends) {
    char* token = ffmpeg_.av_get_token(&at_, ends);
    std::string text = token ? token : "";
    ffmpeg_.av_free(token);
    return text;
  }

  void SkipLabels() {
    SkipSpace();
    while (*at_ == '[') {
      ++at_;
      Token("]");
      if (*at_ == ']') ++at_;
      SkipSpace();
    }
  }

  Result<> CheckFilter() {
    std::string name = Token("=,;[");
    name = name.substr(0, name.find('@'));
    std::string options;
    if (*at_ == '=') {
      ++at_;
      options = Token("[],;");
    }
    if (!Contains(kFilters, name)) {
      std::string known;
      for (const std::string_view filter : kFilters) {
        if (!ffmpeg_.avfilter_get_by_name(filter.data())) continue;
        known += (known.empty() ? "" : ", ") + std::string(filter);
      }
      return Refuse(graph_, "no filter \"" + name +
                                "\" that only changes pixels; there are " +
                                known);
    }
    if (!ffmpeg_.avfilter_get_by_name(name.c_str())) {
      return Refuse(graph_, "this machine's FFmpeg has no filter " + name);
    }
    return CheckOptions(name, options);
  }

  Result<> CheckOptions(const std::string& name, const std::string& options) {
    // Expressions with while() need never end.
    if (options.find("while") != options.npos) {
      return Refuse(graph_, "while() in an option of " + name);
    }
    const char* rest = options.c_str();
    for (int position = 0; *rest != '\0'; ++position) {
      char* key = nullptr;
      char* value = nullptr;
      const int parsed = ffmpeg_.av_opt_get_key_value(
          &rest, "=", ":", AV_OPT_FLAG_IMPLICIT_KEY, &key, &value);
      const std::string option = parsed >= 0 && key ? key : "";
      const std::string text = parsed >= 0 && value ? value : "";
      if (parsed >= 0) {
        ffmpeg_.av_free(key);
        ffmpeg_.av_free(value);
      }
      if (parsed < 0) return Refuse(graph_, "bad options of " + name);
      // FFmpeg 7 reads the value of "/option" from a file.
      const bool from_file = option.starts_with('/') || text.starts_with('/');
      // Curves may be read from and plotted to files, also by position.
      const bool curves_file =
          name == "curves" && (option == "psfile" || option == "plot" ||
                               (option.empty() && position > 0));
      if (from_file || curves_file) {
        return Refuse(graph_, "the option \"" + option + "\" of " + name +
                                  " touches files");
      }
      if (*rest == ':') ++rest;
    }
    return {};
  }

  const FFmpegFilters& ffmpeg_;
  const std::string& graph_;
  const char* at_;
};

struct FreeGraph {
  const FFmpegFilters* ffmpeg = nullptr;
  void operator()(AVFilterGraph* graph) const {
    ffmpeg->avfilter_graph_free(&graph);
  }
};
using GraphPointer = std::unique_ptr<AVFilterGraph, FreeGraph>;

struct FreeEnds {
  const FFmpegFilters* ffmpeg = nullptr;
  void operator()(AVFilterInOut* ends) const {
    ffmpeg->avfilter_inout_free(&ends);
  }
};
using EndsPointer = std::unique_ptr<AVFilterInOut, FreeEnds>;

struct Made {
  GraphPointer graph;
  AVFilterContext* source = nullptr;
  AVFilterContext* sink = nullptr;
};

class LibavGraph final : public FilterGraph {
 public:
  LibavGraph(const FFmpegFilters& ffmpeg, std::string text)
      : ffmpeg_(ffmpeg),
        text_(std::move(text)),
        made_{GraphPointer(nullptr, FreeGraph{&ffmpeg})} {}

  // Not yet laid out for a size.
  Result<Made> Make(int width, int height, YuvColor color) const;

  Result<std::optional<YuvImage>> Apply(const Frame& frame) override {
    const YuvImage& pixels = frame.pixels;
    if (pixels.empty()) {
      return Fail(ErrorCode::kInvalidArgument, "an empty picture in the video");
    }
    if (!made_.graph || pixels.width() != width_ ||
        pixels.height() != height_ || pixels.color() != color_) {
      auto made = Configure(pixels.width(), pixels.height(), pixels.color());
      if (!made) return made.Failure();
      made_ = std::move(*made);
      width_ = pixels.width();
      height_ = pixels.height();
      color_ = pixels.color();
    }
    const AVFramePointer in = WrapImage(ffmpeg_, pixels);
    in->pts = frame.time.count();
    in->sample_aspect_ratio = {1, 1};
    const int added =
        ffmpeg_.av_buffersrc_add_frame_flags(made_.source, in.get(), 0);
    if (added < 0) return FailWithFFmpeg(ffmpeg_, Doing(), added);
    // Filters that look ahead give one late; of more than one the last counts.
    std::optional<YuvImage> result;
    while (true) {
      const AVFramePointer out(ffmpeg_.av_frame_alloc(), FFmpegFree{&ffmpeg_});
      const int got = ffmpeg_.av_buffersink_get_frame(made_.sink, out.get());
      if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return result;
      if (got < 0) return FailWithFFmpeg(ffmpeg_, Doing(), got);
      if (out->colorspace == AVCOL_SPC_UNSPECIFIED ||
          out->colorspace == AVCOL_SPC_RGB) {
        SetColor(pixels.color(), *out);
      }
      result = WrapFrame(ffmpeg_, *out);
      // vflip gives rows from the last to the first; nobody else expects that.
      if (out->linesize[0] < 0 || out->linesize[1] < 0 ||
          out->linesize[2] != out->linesize[1]) {
        result->MutableView();
      }
    }
  }

  Result<std::pair<int, int>> OutputSize(int width, int height) override {
    const auto made = Configure(width, height, {});
    if (!made) return made.Failure();
    const AVFilterLink& link = *made->sink->inputs[0];
    return std::pair(link.w, link.h);
  }

 private:
  std::string Doing() const { return "filtering with \"" + text_ + "\""; }
  Result<Made> Configure(int width, int height, YuvColor color) const;

  const FFmpegFilters& ffmpeg_;
  const std::string text_;
  Made made_;
  int width_ = 0;
  int height_ = 0;
  YuvColor color_;
};

Result<Made> LibavGraph::Make(int width, int height, YuvColor color) const {
  Made made{GraphPointer(ffmpeg_.avfilter_graph_alloc(), FreeGraph{&ffmpeg_})};
  AVFilterGraph* graph = made.graph.get();
  // Options of every scaler: RGB would come back as BT.601.
  const std::string scaling =
      std::string("out_color_matrix=") +
      (color.matrix == YuvColor::Matrix::kBt601 ? "bt601" : "bt709") +
      ":out_range=" + (color.full_range ? "full" : "limited");
  graph->scale_sws_opts = ffmpeg_.av_strdup(scaling.c_str());
  const std::string source = "video_size=" + std::to_string(width) + "x" +
                             std::to_string(height) +
                             ":pix_fmt=" + std::to_string(AV_PIX_FMT_YUV420P) +
                             ":time_base=1/1000000:pixel_aspect=1/1";
  AVFilterContext* format = nullptr;
  const auto create = [&](AVFilterContext*& filter, const char* kind,
                          const char* name, const char* options) {
    return ffmpeg_.avfilter_graph_create_filter(
        &filter, ffmpeg_.avfilter_get_by_name(kind), name, options, nullptr,
        graph);
  };
  int failed = create(made.source, "buffer", "ocelli_in", source.c_str());
  if (failed >= 0) {
    failed = create(made.sink, "buffersink", "ocelli_out", nullptr);
  }
  if (failed >= 0) {
    failed = create(format, "format", "ocelli_format", "pix_fmts=yuv420p");
  }
  if (failed >= 0) failed = ffmpeg_.avfilter_link(format, 0, made.sink, 0);
  if (failed < 0) return FailWithFFmpeg(ffmpeg_, Doing(), failed);

  // Seen from the text: its input is what our source gives.
  EndsPointer outputs(ffmpeg_.avfilter_inout_alloc(), FreeEnds{&ffmpeg_});
  EndsPointer inputs(ffmpeg_.avfilter_inout_alloc(), FreeEnds{&ffmpeg_});
  outputs->name = ffmpeg_.av_strdup("in");
  outputs->filter_ctx = made.source;
  inputs->name = ffmpeg_.av_strdup("out");
  inputs->filter_ctx = format;
  AVFilterInOut* raw_inputs = inputs.release();
  AVFilterInOut* raw_outputs = outputs.release();
  const int parsed = ffmpeg_.avfilter_graph_parse_ptr(
      graph, text_.c_str(), &raw_inputs, &raw_outputs, nullptr);
  inputs.reset(raw_inputs);
  outputs.reset(raw_outputs);
  if (parsed < 0) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    ffmpeg_.av_strerror(parsed, text, sizeof(text));
    return Refuse(text_, std::string("a wrong option or label: ") + text);
  }
  if (inputs || outputs) {
    return Refuse(text_, "not one picture in, one picture out");
  }
  for (unsigned i = 0; i < graph->nb_filters; ++i) {
    const AVFilterContext& filter = *graph->filters[i];
    const std::string name = filter.filter->name;
    if (!Contains(kFilters, name) && !Contains(kOwnFilters, name)) {
      return Refuse(text_, "the filter " + name + " is not allowed");
    }
    for (unsigned pad = 0; pad < filter.nb_inputs; ++pad) {
      if (!filter.inputs[pad]) {
        return Refuse(text_, "an input of " + name + " is not connected");
      }
    }
    for (unsigned pad = 0; pad < filter.nb_outputs; ++pad) {
      if (!filter.outputs[pad]) {
        return Refuse(text_, "an output of " + name + " is not connected");
      }
    }
  }
  return made;
}

Result<Made> LibavGraph::Configure(int width, int height,
                                   YuvColor color) const {
  auto made = Make(width, height, color);
  if (!made) return made.Failure();
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  const int configured =
      ffmpeg_.avfilter_graph_config(made->graph.get(), nullptr);
  if (configured < 0) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    ffmpeg_.av_strerror(configured, text, sizeof(text));
    return Refuse(text_, "not for pictures of " + size + ": " + text);
  }
  for (unsigned i = 0; i < made->graph->nb_filters; ++i) {
    const AVFilterContext& filter = *made->graph->filters[i];
    for (unsigned pad = 0; pad < filter.nb_outputs; ++pad) {
      const AVFilterLink& link = *filter.outputs[pad];
      if (std::int64_t{link.w} * link.h > kMaxPixels) {
        return Fail(ErrorCode::kResourceExhausted,
                    "the filters \"" + text_ + "\" make pictures of " +
                        std::to_string(link.w) + "x" + std::to_string(link.h) +
                        " pixels from " + size + ", over the limit");
      }
    }
  }
  return made;
}

}  // namespace

Result<std::unique_ptr<FilterGraph>> FilterGraph::Open(
    const std::string& graph) {
  const auto ffmpeg = OpenFFmpegFilters();
  if (!ffmpeg) return ffmpeg.Failure();
  if (graph.size() > kMaxLength || graph.find('\0') != graph.npos) {
    return Fail(ErrorCode::kInvalidArgument, "a graph of filters has at most " +
                                                 std::to_string(kMaxLength) +
                                                 " characters, none of them 0");
  }
  if (const auto checked = GraphText(**ffmpeg, graph).Check(); !checked) {
    return checked.Failure();
  }
  auto made = std::make_unique<LibavGraph>(**ffmpeg, graph);
  if (const auto parsed = made->Make(64, 64, {}); !parsed)
    return parsed.Failure();
  return made;
}

}  // namespace ocelli
