#include "media/video_encoder.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

namespace ocelli {
namespace {

using std::chrono::microseconds;

constexpr AVRational kMicroseconds = {1, 1'000'000};
constexpr EncoderName kNvenc = {"nvenc", "h264_nvenc", AV_CODEC_ID_H264};
constexpr EncoderName kVaapi = {"vaapi", "h264_vaapi", AV_CODEC_ID_H264};
constexpr EncoderName kX264 = {"x264", "libx264", AV_CODEC_ID_H264};
constexpr EncoderName kVp9 = {"vp9", "libvpx-vp9", AV_CODEC_ID_VP9};
constexpr EncoderName kEncoders[] = {kNvenc, kVaapi, kX264, kVp9};

constexpr std::string_view kX264Presets[] = {
    "ultrafast", "superfast", "veryfast", "faster",   "fast",
    "medium",    "slow",      "slower",   "veryslow", "placebo"};

Result<> CheckPreset(const std::string& preset) {
  std::string known;
  for (const std::string_view one : kX264Presets) {
    if (one == preset) return {};
    known += (known.empty() ? "" : ", ") + std::string(one);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no preset \"" + preset + "\"; there are " + known);
}

void SetX264(const VideoSinkOptions& options, FFmpegOptions& to) {
  to.Set("preset", options.preset);
  if (options.low_latency) to.Set("tune", "zerolatency");
  if (options.bitrate <= 0) to.Set("crf", "23");
  to.Set("forced-idr", "1");
}

void SetNvenc(const VideoSinkOptions& options, FFmpegOptions& to) {
  to.Set("preset", "p4");
  to.Set("tune", options.low_latency ? "ull" : "hq");
  to.Set("rc", options.bitrate > 0 ? "cbr" : "vbr");
  if (options.bitrate <= 0) to.Set("cq", "23");
  if (options.low_latency) to.Set("zerolatency", "1");
  to.Set("forced-idr", "1");
}

void SetVaapi(const VideoSinkOptions& options, FFmpegOptions& to) {
  to.Set("rc_mode", options.bitrate > 0 ? "CBR" : "CQP");
  if (options.bitrate <= 0) to.Set("qp", "23");
  if (options.low_latency) to.Set("async_depth", "1");
}

void SetVp9(const VideoSinkOptions& options, FFmpegOptions& to) {
  to.Set("deadline", options.low_latency ? "realtime" : "good");
  to.Set("cpu-used", options.low_latency ? "8" : "5");
  to.Set("row-mt", "1");
  if (options.low_latency) to.Set("lag-in-frames", "0");
  if (options.bitrate <= 0) to.Set("crf", "32");
}

void SetOptions(const EncoderName& name, const VideoSinkOptions& options,
                FFmpegOptions& to) {
  if (name.name == kX264.name) SetX264(options, to);
  if (name.name == kNvenc.name) SetNvenc(options, to);
  if (name.name == kVaapi.name) SetVaapi(options, to);
  if (name.name == kVp9.name) SetVp9(options, to);
}

double RateOf(double frame_rate) {
  return std::isfinite(frame_rate) && frame_rate >= 0.01
             ? std::min(frame_rate, 1000.)
             : 25;
}

double KeyframeSeconds(const VideoSinkOptions& options) {
  return std::isfinite(options.keyframe_seconds)
             ? std::clamp(options.keyframe_seconds, 0.01, 600.)
             : 2;
}

// Where 0 is "one a processor": slices of one frame are cut once for each, and
// frames in parallel are x264's own choice, one and a half.
int ThreadsOf(const EncoderName& name, const VideoSinkOptions& options) {
  if (options.threads > 0) return std::min(options.threads, 64);
  if (name.name == kX264.name && !options.low_latency) return 0;
  return static_cast<int>(
      std::clamp(std::thread::hardware_concurrency(), 1u, 16u));
}

}  // namespace

Result<std::vector<EncoderName>> EncodersFor(const std::string& choice,
                                             bool webm) {
  if (choice == "auto") {
    if (webm) return std::vector{kVp9};
    return std::vector{kNvenc, kVaapi, kX264};
  }
  std::string known = "auto";
  for (const EncoderName& encoder : kEncoders) {
    if (encoder.name == choice) return std::vector{encoder};
    known += ", " + std::string(encoder.name);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no encoder \"" + choice + "\"; there are " + known);
}

VideoEncoder::VideoEncoder(const FFmpeg& ffmpeg, const VideoFormat& format,
                           YuvColor color, const VideoSinkOptions& options)
    : ffmpeg_(ffmpeg),
      color_(color),
      fitter_(ffmpeg, format.width, format.height, color),
      context_(nullptr, FFmpegFree{&ffmpeg}),
      packet_(ffmpeg.av_packet_alloc(), FFmpegFree{&ffmpeg}),
      keyframe_interval_(
          std::llround(KeyframeSeconds(options) * kMicroseconds.den)) {}

Result<std::unique_ptr<VideoEncoder>> VideoEncoder::Open(
    const FFmpeg& ffmpeg, const EncoderName& name, const VideoFormat& format,
    YuvColor color, bool global_header, const VideoSinkOptions& options) {
  std::unique_ptr<VideoEncoder> encoder(
      new VideoEncoder(ffmpeg, format, color, options));
  const auto started = encoder->Start(name, format, global_header, options);
  if (!started) return started.Failure();
  return encoder;
}

Result<> VideoEncoder::Start(const EncoderName& name, const VideoFormat& format,
                             bool global_header,
                             const VideoSinkOptions& options) {
  if (name.name == kX264.name) {
    const auto checked = CheckPreset(options.preset);
    if (!checked) return checked;
  }
  const AVCodec* codec = ffmpeg_.avcodec_find_encoder_by_name(name.codec);
  if (!codec) {
    return Fail(
        ErrorCode::kFailedPrecondition,
        "this machine's FFmpeg has no encoder " + std::string(name.codec));
  }
  context_.reset(ffmpeg_.avcodec_alloc_context3(codec));
  if (!context_) {
    return Fail(ErrorCode::kResourceExhausted, "no memory for an encoder");
  }
  AVCodecContext& context = *context_;
  context.width = format.width + format.width % 2;
  context.height = format.height + format.height % 2;
  context.pix_fmt = AV_PIX_FMT_YUV420P;
  // libvpx takes one tick for the length of the first frame.
  context.time_base =
      name.id == AV_CODEC_ID_VP9 ? AVRational{1, 1000} : AVRational{1, 90'000};
  const double rate = RateOf(format.frame_rate);
  context.framerate = {static_cast<int>(std::lround(rate * 1000)), 1000};
  context.gop_size = static_cast<int>(
      std::clamp(KeyframeSeconds(options) * rate + .5, 1., 100'000.));
  context.colorspace = color_.matrix == YuvColor::Matrix::kBt601
                           ? AVCOL_SPC_SMPTE170M
                           : AVCOL_SPC_BT709;
  context.color_range = color_.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  context.sample_aspect_ratio = {1, 1};
  context.thread_count = ThreadsOf(name, options);
  if (options.low_latency) {
    context.max_b_frames = 0;
    context.flags |= AV_CODEC_FLAG_LOW_DELAY;
  }
  if (options.bitrate > 0) {
    context.bit_rate = context.rc_max_rate =
        std::min<std::int64_t>(options.bitrate, 2'000'000'000);
    context.rc_buffer_size = static_cast<int>(context.bit_rate);
  } else if (name.name != kX264.name) {
    context.bit_rate = 0;
  }
  if (global_header) context.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (name.name == kVaapi.name) {
    if (const auto prepared = PrepareVaapi(); !prepared) return prepared;
  }
  FFmpegOptions dictionary(ffmpeg_);
  SetOptions(name, options, dictionary);
  const int opened = ffmpeg_.avcodec_open2(&context, codec, dictionary.get());
  if (opened < 0) {
    const std::string doing = "opening the encoder " + std::string(name.name) +
                              " for " + std::to_string(context.width) + "x" +
                              std::to_string(context.height) +
                              " with preset \"" + options.preset + "\"";
    return FailWithFFmpeg(ffmpeg_, doing, opened);
  }
  return {};
}

Result<> VideoEncoder::PrepareVaapi() {
  AVBufferRef* device = nullptr;
  int failed = ffmpeg_.av_hwdevice_ctx_create(&device, AV_HWDEVICE_TYPE_VAAPI,
                                              nullptr, nullptr, 0);
  if (failed < 0) return FailWithFFmpeg(ffmpeg_, "opening VAAPI", failed);
  AVBufferRef* frames = ffmpeg_.av_hwframe_ctx_alloc(device);
  ffmpeg_.av_buffer_unref(&device);
  if (!frames) {
    return Fail(ErrorCode::kResourceExhausted, "no memory for VAAPI's frames");
  }
  auto& pool = *reinterpret_cast<AVHWFramesContext*>(frames->data);
  pool.format = AV_PIX_FMT_VAAPI;
  pool.sw_format = AV_PIX_FMT_NV12;
  pool.width = context_->width;
  pool.height = context_->height;
  pool.initial_pool_size = 20;
  failed = ffmpeg_.av_hwframe_ctx_init(frames);
  if (failed < 0) {
    ffmpeg_.av_buffer_unref(&frames);
    return FailWithFFmpeg(ffmpeg_, "making VAAPI's frames", failed);
  }
  context_->hw_frames_ctx = frames;
  context_->pix_fmt = AV_PIX_FMT_VAAPI;
  return {};
}

Result<AVFramePointer> VideoEncoder::Upload(const AVFrame& frame) {
  AVFramePointer nv12(ffmpeg_.av_frame_alloc(), FFmpegFree{&ffmpeg_});
  AVFramePointer uploaded(ffmpeg_.av_frame_alloc(), FFmpegFree{&ffmpeg_});
  nv12->format = AV_PIX_FMT_NV12;
  nv12->width = frame.width;
  nv12->height = frame.height;
  int failed = ffmpeg_.av_frame_get_buffer(nv12.get(), 0);
  if (failed < 0) return FailWithFFmpeg(ffmpeg_, "copying a frame", failed);
  for (int row = 0; row < frame.height; ++row) {
    std::copy_n(frame.data[0] + std::ptrdiff_t{row} * frame.linesize[0],
                frame.width,
                nv12->data[0] + std::ptrdiff_t{row} * nv12->linesize[0]);
  }
  for (int row = 0; row < frame.height / 2; ++row) {
    const std::uint8_t* u =
        frame.data[1] + std::ptrdiff_t{row} * frame.linesize[1];
    const std::uint8_t* v =
        frame.data[2] + std::ptrdiff_t{row} * frame.linesize[2];
    std::uint8_t* to = nv12->data[1] + std::ptrdiff_t{row} * nv12->linesize[1];
    for (int column = 0; column < frame.width / 2; ++column) {
      *to++ = u[column];
      *to++ = v[column];
    }
  }
  failed =
      ffmpeg_.av_hwframe_get_buffer(context_->hw_frames_ctx, uploaded.get(), 0);
  if (failed >= 0) {
    failed = ffmpeg_.av_hwframe_transfer_data(uploaded.get(), nv12.get(), 0);
  }
  if (failed < 0) {
    return FailWithFFmpeg(ffmpeg_, "handing a frame to VAAPI", failed);
  }
  SetColor(color_, *uploaded);
  return uploaded;
}

Result<> VideoEncoder::Encode(const YuvImage& image, microseconds time,
                              const Consumer& consumer) {
  const auto fitted = fitter_.Fit(image);
  if (!fitted) return fitted.Failure();
  AVFramePointer frame = WrapImage(ffmpeg_, WithEvenSize(*fitted));
  if (context_->pix_fmt == AV_PIX_FMT_VAAPI) {
    auto uploaded = Upload(*frame);
    if (!uploaded) return uploaded.Failure();
    frame = std::move(*uploaded);
  }
  frame->pts =
      ffmpeg_.av_rescale_q(time.count(), kMicroseconds, context_->time_base);
  // Encoders count frames; the promise is in seconds.
  if (!started_ || time - last_keyframe_ >= keyframe_interval_) {
    frame->pict_type = AV_PICTURE_TYPE_I;
    last_keyframe_ = time;
    started_ = true;
  }
  return Send(frame.get(), consumer);
}

Result<> VideoEncoder::Flush(const Consumer& consumer) {
  return Send(nullptr, consumer);
}

Result<> VideoEncoder::Send(const AVFrame* frame, const Consumer& consumer) {
  const int sent = ffmpeg_.avcodec_send_frame(context_.get(), frame);
  if (sent < 0) return FailWithFFmpeg(ffmpeg_, "encoding a frame", sent);
  while (true) {
    const int received =
        ffmpeg_.avcodec_receive_packet(context_.get(), packet_.get());
    if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return {};
    if (received < 0) {
      return FailWithFFmpeg(ffmpeg_, "encoding a frame", received);
    }
    if (packet_->flags & AV_PKT_FLAG_KEY) {
      last_keyframe_ =
          std::max(last_keyframe_,
                   microseconds(ffmpeg_.av_rescale_q(
                       packet_->pts, context_->time_base, kMicroseconds)));
    }
    const auto consumed = consumer(*packet_);
    ffmpeg_.av_packet_unref(packet_.get());
    if (!consumed) return consumed;
  }
}

}  // namespace ocelli
