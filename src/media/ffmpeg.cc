#include "media/ffmpeg.h"

#include <mutex>
#include <string_view>
#include <utility>

#include "core/shared_library.h"

namespace ocelli {
namespace {

Result<SharedLibrary> Open(const std::string& name, int version) {
  return SharedLibrary::Open({"lib" + name + ".so." + std::to_string(version)},
                             "FFmpeg is needed to read and write video");
}

// Looks functions up and remembers the first that is missing.
class Finder {
 public:
  Finder(const SharedLibrary& library, std::string& missing)
      : library_(library), missing_(missing) {}

  template <typename Signature>
  void operator()(Signature*& function, const char* name) const {
    function = library_.Function<Signature>(name);
    if (!function && missing_.empty()) missing_ = name;
  }

 private:
  const SharedLibrary& library_;
  std::string& missing_;
};

void FindUtil(FFmpeg& f, const Finder& find) {
  find(f.av_strerror, "av_strerror");
  find(f.av_log_set_level, "av_log_set_level");
  find(f.av_log_set_callback, "av_log_set_callback");
  find(f.av_dict_set, "av_dict_set");
  find(f.av_dict_get, "av_dict_get");
  find(f.av_dict_free, "av_dict_free");
  find(f.av_frame_alloc, "av_frame_alloc");
  find(f.av_frame_free, "av_frame_free");
  find(f.av_frame_unref, "av_frame_unref");
  find(f.av_frame_move_ref, "av_frame_move_ref");
  find(f.av_frame_ref, "av_frame_ref");
  find(f.av_frame_clone, "av_frame_clone");
  find(f.av_frame_get_buffer, "av_frame_get_buffer");
  find(f.av_frame_get_side_data, "av_frame_get_side_data");
  find(f.av_buffer_create, "av_buffer_create");
  find(f.av_buffer_ref, "av_buffer_ref");
  find(f.av_buffer_unref, "av_buffer_unref");
  find(f.av_rescale_q, "av_rescale_q");
  find(f.av_rescale_q_rnd, "av_rescale_q_rnd");
  find(f.av_opt_set, "av_opt_set");
  find(f.av_opt_set_int, "av_opt_set_int");
  find(f.av_get_pix_fmt_name, "av_get_pix_fmt_name");
  find(f.av_pix_fmt_desc_get, "av_pix_fmt_desc_get");
  find(f.av_display_rotation_get, "av_display_rotation_get");
  find(f.av_hwdevice_ctx_create, "av_hwdevice_ctx_create");
  find(f.av_hwframe_transfer_data, "av_hwframe_transfer_data");
  find(f.av_hwdevice_find_type_by_name, "av_hwdevice_find_type_by_name");
  find(f.av_hwframe_ctx_alloc, "av_hwframe_ctx_alloc");
  find(f.av_hwframe_ctx_init, "av_hwframe_ctx_init");
  find(f.av_hwframe_get_buffer, "av_hwframe_get_buffer");
  find(f.av_get_token, "av_get_token");
  find(f.av_opt_get_key_value, "av_opt_get_key_value");
  find(f.av_malloc, "av_malloc");
  find(f.av_strdup, "av_strdup");
  find(f.av_free, "av_free");
  find(f.av_freep, "av_freep");
}

void FindCodec(FFmpeg& f, const Finder& find) {
  find(f.avcodec_find_decoder, "avcodec_find_decoder");
  find(f.avcodec_find_encoder_by_name, "avcodec_find_encoder_by_name");
  find(f.avcodec_get_hw_config, "avcodec_get_hw_config");
  find(f.avcodec_get_name, "avcodec_get_name");
  find(f.avcodec_alloc_context3, "avcodec_alloc_context3");
  find(f.avcodec_free_context, "avcodec_free_context");
  find(f.avcodec_parameters_to_context, "avcodec_parameters_to_context");
  find(f.avcodec_parameters_from_context, "avcodec_parameters_from_context");
  find(f.avcodec_parameters_alloc, "avcodec_parameters_alloc");
  find(f.avcodec_parameters_copy, "avcodec_parameters_copy");
  find(f.avcodec_parameters_free, "avcodec_parameters_free");
  find(f.avcodec_open2, "avcodec_open2");
  find(f.avcodec_send_packet, "avcodec_send_packet");
  find(f.avcodec_receive_frame, "avcodec_receive_frame");
  find(f.avcodec_send_frame, "avcodec_send_frame");
  find(f.avcodec_receive_packet, "avcodec_receive_packet");
  find(f.avcodec_flush_buffers, "avcodec_flush_buffers");
  find(f.av_packet_alloc, "av_packet_alloc");
  find(f.av_packet_free, "av_packet_free");
  find(f.av_packet_unref, "av_packet_unref");
  find(f.av_packet_clone, "av_packet_clone");
  find(f.av_packet_move_ref, "av_packet_move_ref");
  find(f.av_packet_rescale_ts, "av_packet_rescale_ts");
}

void FindFormat(FFmpeg& f, const Finder& find) {
  find(f.avformat_alloc_context, "avformat_alloc_context");
  find(f.avformat_free_context, "avformat_free_context");
  find(f.avformat_open_input, "avformat_open_input");
  find(f.avformat_close_input, "avformat_close_input");
  find(f.avformat_find_stream_info, "avformat_find_stream_info");
  find(f.avformat_network_init, "avformat_network_init");
  find(f.avformat_new_stream, "avformat_new_stream");
  find(f.avformat_alloc_output_context2, "avformat_alloc_output_context2");
  find(f.avformat_write_header, "avformat_write_header");
  find(f.avformat_query_codec, "avformat_query_codec");
  find(f.av_read_frame, "av_read_frame");
  find(f.av_find_best_stream, "av_find_best_stream");
  find(f.av_find_input_format, "av_find_input_format");
  find(f.av_guess_frame_rate, "av_guess_frame_rate");
  find(f.av_interleaved_write_frame, "av_interleaved_write_frame");
  find(f.av_write_frame, "av_write_frame");
  find(f.av_write_trailer, "av_write_trailer");
  find(f.av_stream_get_side_data, "av_stream_get_side_data");
  find(f.av_stream_add_side_data, "av_stream_add_side_data");
  find(f.avio_open2, "avio_open2");
  find(f.avio_closep, "avio_closep");
  find(f.avio_flush, "avio_flush");
  find(f.avio_alloc_context, "avio_alloc_context");
  find(f.avio_context_free, "avio_context_free");
}

void FindScale(FFmpeg& f, const Finder& find) {
  find(f.sws_getCachedContext, "sws_getCachedContext");
  find(f.sws_getCoefficients, "sws_getCoefficients");
  find(f.sws_setColorspaceDetails, "sws_setColorspaceDetails");
  find(f.sws_scale, "sws_scale");
  find(f.sws_freeContext, "sws_freeContext");
}

void FindFilter(FFmpegFilters& f, const Finder& find) {
  find(f.avfilter_graph_alloc, "avfilter_graph_alloc");
  find(f.avfilter_graph_free, "avfilter_graph_free");
  find(f.avfilter_graph_create_filter, "avfilter_graph_create_filter");
  find(f.avfilter_graph_parse_ptr, "avfilter_graph_parse_ptr");
  find(f.avfilter_graph_config, "avfilter_graph_config");
  find(f.avfilter_get_by_name, "avfilter_get_by_name");
  find(f.avfilter_link, "avfilter_link");
  find(f.avfilter_inout_alloc, "avfilter_inout_alloc");
  find(f.avfilter_inout_free, "avfilter_inout_free");
  find(f.av_buffersrc_add_frame_flags, "av_buffersrc_add_frame_flags");
  find(f.av_buffersink_get_frame, "av_buffersink_get_frame");
}

struct Part {
  const char* name;
  int version;
  void (*find)(FFmpeg& ffmpeg, const Finder& find);
};
constexpr Part kParts[] = {
    {"avutil", LIBAVUTIL_VERSION_MAJOR, FindUtil},
    {"avcodec", LIBAVCODEC_VERSION_MAJOR, FindCodec},
    {"avformat", LIBAVFORMAT_VERSION_MAJOR, FindFormat},
    {"swscale", LIBSWSCALE_VERSION_MAJOR, FindScale},
};

tl::unexpected<Error> FailMissing(const std::string& missing) {
  return Fail(ErrorCode::kFailedPrecondition,
              "FFmpeg's libraries have no " + missing);
}

Result<FFmpeg> Load() {
  FFmpeg ffmpeg = {};
  std::string missing;
  for (const Part& part : kParts) {
    const auto library = Open(part.name, part.version);
    if (!library) return library.Failure();
    part.find(ffmpeg, Finder(*library, missing));
  }
  if (!missing.empty()) return FailMissing(missing);
  // What it prints may hold addresses with passwords; errors come as values.
  ffmpeg.av_log_set_level(AV_LOG_QUIET);
  ffmpeg.avformat_network_init();
  return ffmpeg;
}

Result<FFmpegFilters> LoadFilters() {
  const auto ffmpeg = OpenFFmpeg();
  if (!ffmpeg) return ffmpeg.Failure();
  const auto library = Open("avfilter", LIBAVFILTER_VERSION_MAJOR);
  if (!library) return library.Failure();
  FFmpegFilters filters{};
  static_cast<FFmpeg&>(filters) = **ffmpeg;
  std::string missing;
  FindFilter(filters, Finder(*library, missing));
  if (!missing.empty()) return FailMissing(missing);
  return filters;
}

}  // namespace

Result<const FFmpeg*> OpenFFmpeg() {
  static const Result<FFmpeg> loaded = Load();
  if (!loaded) return loaded.Failure();
  return &*loaded;
}

Result<const FFmpegFilters*> OpenFFmpegFilters() {
  static const Result<FFmpegFilters> loaded = LoadFilters();
  if (!loaded) return loaded.Failure();
  return &*loaded;
}

Result<> RegisterFFmpegDevices() {
  static const Result<> registered = []() -> Result<> {
    const auto library = Open("avdevice", LIBAVDEVICE_VERSION_MAJOR);
    if (!library) return library.Failure();
    const auto registerer =
        library->Function<decltype(::avdevice_register_all)>(
            "avdevice_register_all");
    if (!registerer) {
      return Fail(ErrorCode::kFailedPrecondition, "libavdevice is too old");
    }
    registerer();
    return {};
  }();
  return registered;
}

tl::unexpected<Error> FailWithFFmpeg(const FFmpeg& ffmpeg, std::string doing,
                                     int error_number) {
  char text[AV_ERROR_MAX_STRING_SIZE] = "";
  ffmpeg.av_strerror(error_number, text, sizeof(text));
  const auto code = [&] {
    switch (error_number) {
      case AVERROR(ENOENT):
      case AVERROR_HTTP_NOT_FOUND:
      case AVERROR_STREAM_NOT_FOUND:
        return ErrorCode::kNotFound;
      case AVERROR(EACCES):
      case AVERROR(EPERM):
      case AVERROR_HTTP_UNAUTHORIZED:
      case AVERROR_HTTP_FORBIDDEN:
        return ErrorCode::kPermissionDenied;
      case AVERROR(ENOSPC):
      case AVERROR(EDQUOT):
      case AVERROR(EFBIG):
      case AVERROR(ENOMEM):
        return ErrorCode::kResourceExhausted;
      case AVERROR(ECONNREFUSED):
      case AVERROR(ECONNRESET):
      case AVERROR(EHOSTUNREACH):
      case AVERROR(ENETUNREACH):
      case AVERROR(EPIPE):
      case AVERROR(EIO):
      case AVERROR_HTTP_SERVER_ERROR:
        return ErrorCode::kUnavailable;
      case AVERROR(ETIMEDOUT):
        return ErrorCode::kDeadlineExceeded;
      case AVERROR_EXIT:
        return ErrorCode::kCancelled;
      case AVERROR_INVALIDDATA:
        return ErrorCode::kDataLoss;
      default:
        return ErrorCode::kInternal;
    }
  }();
  return Fail(code, std::move(doing) + ": " + text);
}

YuvColor ColorOf(const AVFrame& frame) {
  YuvColor color;
  switch (frame.colorspace) {
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_FCC:
      color.matrix = YuvColor::Matrix::kBt601;
      break;
    case AVCOL_SPC_UNSPECIFIED:
      color.matrix = frame.height < 720 ? YuvColor::Matrix::kBt601
                                        : YuvColor::Matrix::kBt709;
      break;
    default:
      break;
  }
  color.full_range = frame.color_range == AVCOL_RANGE_JPEG ||
                     frame.format == AV_PIX_FMT_YUVJ420P;
  return color;
}

void SetColor(YuvColor color, AVFrame& frame) {
  frame.colorspace = color.matrix == YuvColor::Matrix::kBt601
                         ? AVCOL_SPC_SMPTE170M
                         : AVCOL_SPC_BT709;
  frame.color_range = color.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
}

YuvImage WrapFrame(const FFmpeg& ffmpeg, const AVFrame& frame) {
  const std::shared_ptr<AVFrame> kept(ffmpeg.av_frame_clone(&frame),
                                      FFmpegFree{&ffmpeg});
  return {{kept->data[0], kept->data[1], kept->data[2], kept->width,
           kept->height, kept->linesize[0], kept->linesize[1], ColorOf(*kept)},
          kept};
}

AVFramePointer WrapImage(const FFmpeg& ffmpeg, const YuvImage& image) {
  AVFramePointer frame(ffmpeg.av_frame_alloc(), FFmpegFree{&ffmpeg});
  const YuvView view = image.view();
  frame->format = AV_PIX_FMT_YUV420P;
  frame->width = view.width;
  frame->height = view.height;
  frame->data[0] = const_cast<std::uint8_t*>(view.y);
  frame->data[1] = const_cast<std::uint8_t*>(view.u);
  frame->data[2] = const_cast<std::uint8_t*>(view.v);
  frame->linesize[0] = static_cast<int>(view.y_stride);
  frame->linesize[1] = frame->linesize[2] = static_cast<int>(view.uv_stride);
  SetColor(view.color, *frame);
  auto* owner = new std::shared_ptr<const void>(image.owner());
  frame->buf[0] = ffmpeg.av_buffer_create(
      frame->data[0], 1,
      [](void* opaque, std::uint8_t*) {
        delete static_cast<std::shared_ptr<const void>*>(opaque);
      },
      owner, AV_BUFFER_FLAG_READONLY);
  return frame;
}

}  // namespace ocelli
