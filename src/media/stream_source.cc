#include "media/stream_source.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/sleep.h"
#include "media/adts.h"
#include "media/ffmpeg.h"
#include "media/yuv_conversion.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr AVRational kMicroseconds = {1, 1'000'000};
// A clock that goes back further than this has begun anew.
constexpr microseconds kLargestReordering = std::chrono::seconds(1);
// And one that goes on further is broken.
constexpr microseconds kLongestPause = std::chrono::hours(24);
// Sound further from its pictures than this is not theirs.
constexpr microseconds kLargestSoundDistance = std::chrono::seconds(60);
constexpr std::size_t kMaxSoundBytes = 64u << 20;  // Between two frames.
constexpr int kMaxReadErrors = 100;                // In a row.

// What ends FFmpeg's waiting.
class Watch {
 public:
  explicit Watch(const Clock& clock) : clock_(clock) {}

  void Begin(std::stop_token stop, milliseconds limit) {
    stop_ = std::move(stop);
    deadline_ = clock_.MonotonicTime() + limit;
  }
  const std::stop_token& stop() const { return stop_; }
  bool stopped() const { return stop_.stop_requested(); }
  bool late() const { return clock_.MonotonicTime() >= deadline_; }

  static int Interrupts(void* watch) {
    const auto* self = static_cast<const Watch*>(watch);
    return self->stopped() || self->late() ? 1 : 0;
  }

 private:
  const Clock& clock_;
  std::stop_token stop_;
  steady_clock::time_point deadline_;
};

struct CloseFormat {
  const FFmpeg* ffmpeg = nullptr;
  void operator()(AVFormatContext* format) const {
    ffmpeg->avformat_close_input(&format);
  }
};

struct FreeBuffer {
  const FFmpeg* ffmpeg = nullptr;
  void operator()(AVBufferRef* buffer) const {
    ffmpeg->av_buffer_unref(&buffer);
  }
};

double RateOf(AVRational rate) {
  return rate.num > 0 && rate.den > 0 ? static_cast<double>(rate.num) / rate.den
                                      : 0;
}

// Quarters of a turn clockwise that show it upright; 0 where it is not turned
// by whole quarters.
int QuarterTurns(const FFmpeg& ffmpeg, const std::uint8_t* matrix,
                 std::size_t size) {
  if (!matrix || size < 9 * sizeof(std::int32_t)) return 0;
  std::int32_t values[9];
  std::memcpy(values, matrix, sizeof(values));
  const double counterclockwise = ffmpeg.av_display_rotation_get(values);
  if (!std::isfinite(counterclockwise)) return 0;
  return static_cast<int>(std::lround(-counterclockwise / 90) + 4) % 4;
}

class FFmpegStream final : public StreamSource {
 public:
  FFmpegStream(const FFmpeg& ffmpeg, StreamAddress address,
               const VideoSourceOptions& options)
      : ffmpeg_(ffmpeg),
        address_(std::move(address)),
        options_(options),
        watch_(*options.clock),
        packet_(ffmpeg.av_packet_alloc(), FFmpegFree{&ffmpeg}),
        decoded_(ffmpeg.av_frame_alloc(), FFmpegFree{&ffmpeg}),
        downloaded_(ffmpeg.av_frame_alloc(), FFmpegFree{&ffmpeg}),
        converter_(ffmpeg) {}

  // Closing may send a farewell, which a dead camera does not take.
  ~FFmpegStream() override { watch_.Begin({}, milliseconds(200)); }

  Result<> Begin(const std::stop_token& stop);

  const VideoInfo& info() const override { return info_; }
  Result<std::optional<SourceFrame>> Next(std::stop_token stop) override;
  std::vector<SoundPacket> TakeSound() override;
  SourceCounters counters() const override {
    return {frames_.load(), damaged_.load(), 0};
  }
  void StartAt(microseconds time) override { start_ = time; }

 private:
  tl::unexpected<Error> FailAt(const char* doing, int error) const;
  Result<> OpenFormat(const std::string& rtsp_transport);
  Result<> OpenWithTransports();
  Result<> FindStreams();
  Result<> CheckLimits() const;
  Result<> OpenDecoder();
  bool TryHardware(const AVCodec& codec, const char* device);
  Result<> OpenCodec(const AVCodec& codec);
  void Describe();

  // False at the end of the stream.
  Result<bool> Feed();
  Result<SourceFrame> MakeFrame();
  microseconds TimeOf(const AVFrame& frame);
  void KeepSound();
  // AAC of a transport stream as every other container has it.
  void SayOnceWhatAdtsSays(AVCodecParameters& sound);
  std::vector<SoundPacket> TimedSound();

  const FFmpeg& ffmpeg_;
  StreamAddress address_;
  VideoSourceOptions options_;
  Watch watch_;  // Before the format, whose closing asks it.
  VideoInfo info_;
  std::unique_ptr<AVFormatContext, CloseFormat> format_;
  AVStream* video_ = nullptr;  // Belong to the format.
  AVStream* sound_ = nullptr;
  bool without_adts_ = false;  // Headers of sound packets are taken off.
  AVCodecContextPointer decoder_;
  std::unique_ptr<AVBufferRef, FreeBuffer> device_;
  AVPixelFormat device_format_ = AV_PIX_FMT_NONE;
  AVPacketPointer packet_;
  AVFramePointer decoded_;
  AVFramePointer downloaded_;
  YuvConverter converter_;
  int stream_turns_ = 0;
  bool draining_ = false;
  int read_errors_ = 0;
  bool too_large_ = false;  // A picture that the decoder refused for its size.

  std::optional<SourceFrame> waiting_;  // Decoded to learn the size.
  microseconds start_{};
  std::optional<microseconds> offset_;  // From the stream's clock to ours.
  microseconds last_time_{};
  microseconds frame_duration_{40'000};
  std::vector<AVPacketPointer> kept_sound_;  // On the stream's clock.
  std::size_t kept_sound_bytes_ = 0;
  std::atomic<std::uint64_t> frames_ = 0;
  std::atomic<std::uint64_t> damaged_ = 0;
};

tl::unexpected<Error> FFmpegStream::FailAt(const char* doing, int error) const {
  const std::string what = std::string(doing) + " " + address_.shown;
  if (watch_.stopped()) return Fail(ErrorCode::kCancelled, what + ": stopped");
  if (watch_.late()) {
    return Fail(ErrorCode::kDeadlineExceeded, what + ": no answer in time");
  }
  auto failure = FailWithFFmpeg(ffmpeg_, what, error);
  Error& e = failure.value();
  if (error == AVERROR(EINVAL) || error == AVERROR_EOF ||
      error == AVERROR_INVALIDDATA) {
    e.code = ErrorCode::kDataLoss;
    e.message = what + ": not a video, or of a kind that is not read from here";
  } else if (e.code == ErrorCode::kInternal) {
    e.code = address_.network ? ErrorCode::kUnavailable : ErrorCode::kDataLoss;
  }
  return failure;
}

Result<> FFmpegStream::OpenFormat(const std::string& rtsp_transport) {
  FFmpegOptions options(ffmpeg_);
  if (!address_.protocols.empty()) {
    options.Set("protocol_whitelist", address_.protocols);
  }
  options.Set("format_whitelist", address_.demuxers);
  if (address_.rtsp) {
    options.Set("rtsp_transport", rtsp_transport);
    options.Set("timeout",  // Microseconds.
                std::to_string(microseconds(options_.read_timeout).count()));
  }
  if (address_.live) {
    // Not `nobuffer`: it throws away what was read to learn the format, and
    // with it the key frame; the first picture came one key frame later.
    options.Set("probesize", "1000000");
    options.Set("analyzeduration", "2000000");
    options.Set("fpsprobesize", "0");
    options.Set("max_delay", "100000");  // Of RTP packets out of order.
  }
  const AVInputFormat* demuxer = nullptr;
  if (!address_.forced_demuxer.empty()) {
    demuxer = ffmpeg_.av_find_input_format(address_.forced_demuxer.c_str());
    if (!demuxer) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "this FFmpeg has no " + address_.forced_demuxer);
    }
  }
  AVFormatContext* format = ffmpeg_.avformat_alloc_context();
  format->interrupt_callback = {Watch::Interrupts, &watch_};
  // A camera of this machine would otherwise block beyond any interrupt.
  if (address_.forced_demuxer == "v4l2") format->flags |= AVFMT_FLAG_NONBLOCK;
  const int error = ffmpeg_.avformat_open_input(&format, address_.url.c_str(),
                                                demuxer, options.get());
  if (error < 0) return FailAt("opening", error);
  format_ = {format, CloseFormat{&ffmpeg_}};
  return {};
}

Result<> FFmpegStream::OpenWithTransports() {
  using Transport = VideoSourceOptions::RtspTransport;
  const auto transport = options_.rtsp_transport;
  if (!address_.rtsp || transport == Transport::kTcp) return OpenFormat("tcp");
  if (transport == Transport::kUdp) return OpenFormat("udp");
  auto opened = OpenFormat("tcp");
  if (opened) return opened;
  switch (opened.error().code) {
    case ErrorCode::kCancelled:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kNotFound:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kResourceExhausted:
      return opened;
    default: {
      auto over_udp = OpenFormat("udp");
      // Nobody there: the first error says it as well, and comes first.
      return over_udp ? std::move(over_udp) : std::move(opened);
    }
  }
}

Result<> FFmpegStream::CheckLimits() const {
  const VideoLimits& limits = options_.limits;
  const std::string doing = "opening " + address_.shown + ": ";
  if (std::int64_t{format_->nb_streams} > limits.max_streams) {
    return Fail(ErrorCode::kResourceExhausted,
                doing + std::to_string(format_->nb_streams) +
                    " streams, more than " +
                    std::to_string(limits.max_streams));
  }
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    const AVCodecParameters& parameters = *format_->streams[i]->codecpar;
    if (parameters.codec_type != AVMEDIA_TYPE_VIDEO) continue;
    const std::int64_t pixels =
        std::int64_t{parameters.width} * std::int64_t{parameters.height};
    if (pixels > limits.max_pixels) {
      return Fail(ErrorCode::kResourceExhausted,
                  doing + "pictures of " + std::to_string(parameters.width) +
                      "x" + std::to_string(parameters.height) + ", more than " +
                      std::to_string(limits.max_pixels) + " pixels");
    }
  }
  return {};
}

Result<> FFmpegStream::FindStreams() {
  if (const auto good = CheckLimits(); !good) return good;
  // A camera of this machine says all when it is opened.
  if (address_.forced_demuxer != "v4l2") {
    std::vector<AVDictionary*> decoder_options(format_->nb_streams);
    for (AVDictionary*& each : decoder_options) {
      ffmpeg_.av_dict_set(&each, "max_pixels",
                          std::to_string(options_.limits.max_pixels).c_str(),
                          0);
      ffmpeg_.av_dict_set(&each, "threads", "1", 0);
    }
    const int error = ffmpeg_.avformat_find_stream_info(format_.get(),
                                                        decoder_options.data());
    for (AVDictionary*& each : decoder_options) ffmpeg_.av_dict_free(&each);
    if (watch_.stopped() || watch_.late() || error < 0) {
      return FailAt("opening", error);
    }
    if (const auto good = CheckLimits(); !good) return good;
  }
  const int video = ffmpeg_.av_find_best_stream(
      format_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  const int sound = ffmpeg_.av_find_best_stream(
      format_.get(), AVMEDIA_TYPE_AUDIO, -1, video, nullptr, 0);
  if (video < 0 || (format_->streams[video]->disposition &
                    AV_DISPOSITION_ATTACHED_PIC) != 0) {
    if (sound < 0) {
      return Fail(ErrorCode::kDataLoss,
                  "opening " + address_.shown + ": no video in it");
    }
    return Fail(ErrorCode::kInvalidArgument,
                "opening " + address_.shown + ": only sound, no video in it");
  }
  video_ = format_->streams[video];
  if (sound >= 0 && options_.sound) sound_ = format_->streams[sound];
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    AVStream* stream = format_->streams[i];
    if (stream != video_ && stream != sound_) stream->discard = AVDISCARD_ALL;
  }
  return {};
}

AVPixelFormat FirstInMemory(const FFmpeg& ffmpeg,
                            const AVPixelFormat* formats) {
  for (; *formats != AV_PIX_FMT_NONE; ++formats) {
    const AVPixFmtDescriptor* known = ffmpeg.av_pix_fmt_desc_get(*formats);
    if (known && (known->flags & AV_PIX_FMT_FLAG_HWACCEL) == 0) break;
  }
  return *formats;
}

Result<> FFmpegStream::OpenCodec(const AVCodec& codec) {
  decoder_ = {ffmpeg_.avcodec_alloc_context3(&codec), FFmpegFree{&ffmpeg_}};
  AVCodecContext& context = *decoder_;
  int error = ffmpeg_.avcodec_parameters_to_context(&context, video_->codecpar);
  if (error < 0) return FailAt("opening the decoder of", error);
  context.pkt_timebase = video_->time_base;
  context.max_pixels = options_.limits.max_pixels;
  context.thread_count = device_ ? 1 : std::max(options_.decoder_threads, 1);
  if (info_.live) {
    // Frame threads hold back a frame each.
    context.thread_type = FF_THREAD_SLICE;
    if (video_->codecpar->video_delay == 0) {
      context.flags |= AV_CODEC_FLAG_LOW_DELAY;
    }
  }
  if (device_) {
    context.hw_device_ctx = ffmpeg_.av_buffer_ref(device_.get());
    context.opaque = this;
    context.get_format = [](AVCodecContext* opened,
                            const AVPixelFormat* formats) {
      const auto* self = static_cast<const FFmpegStream*>(opened->opaque);
      for (const AVPixelFormat* f = formats; *f != AV_PIX_FMT_NONE; ++f) {
        if (*f == self->device_format_) return *f;
      }
      return FirstInMemory(self->ffmpeg_, formats);
    };
  }
  error = ffmpeg_.avcodec_open2(&context, &codec, nullptr);
  if (error < 0) return FailAt("opening the decoder of", error);
  return {};
}

bool FFmpegStream::TryHardware(const AVCodec& codec, const char* device) {
  const AVHWDeviceType type = ffmpeg_.av_hwdevice_find_type_by_name(device);
  if (type == AV_HWDEVICE_TYPE_NONE) return false;
  for (int i = 0;; ++i) {
    const AVCodecHWConfig* config = ffmpeg_.avcodec_get_hw_config(&codec, i);
    if (!config) return false;
    if (config->device_type != type ||
        (config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX) == 0) {
      continue;
    }
    AVBufferRef* created = nullptr;
    if (ffmpeg_.av_hwdevice_ctx_create(&created, type, nullptr, nullptr, 0) <
        0) {
      return false;
    }
    device_ = {created, FreeBuffer{&ffmpeg_}};
    device_format_ = config->pix_fmt;
    if (OpenCodec(codec)) return true;
    decoder_.reset();
    device_.reset();
    return false;
  }
}

Result<> FFmpegStream::OpenDecoder() {
  const AVCodecID id = video_->codecpar->codec_id;
  if (id == AV_CODEC_ID_NONE) return FailAt("opening", AVERROR_INVALIDDATA);
  info_.codec = ffmpeg_.avcodec_get_name(id);
  const AVCodec* codec = ffmpeg_.avcodec_find_decoder(id);
  if (!codec) {
    return Fail(
        ErrorCode::kUnimplemented,
        "opening " + address_.shown + ": no decoder for " + info_.codec);
  }
  for (const char* device : {"cuda", "vaapi"}) {
    if (options_.decoder != "auto" && options_.decoder != device) continue;
    if (TryHardware(*codec, device)) {
      info_.decoder = device;
      return {};
    }
    if (options_.decoder == device) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "opening " + address_.shown + ": decoder " + device +
                      " can't decode " + info_.codec +
                      " on this machine; \"cpu\" can");
    }
  }
  info_.decoder = "cpu";
  return OpenCodec(*codec);
}

void FFmpegStream::Describe() {
  const AVCodecParameters& parameters = *video_->codecpar;
  std::size_t size = 0;
  const std::uint8_t* matrix =
      ffmpeg_.av_stream_get_side_data(video_, AV_PKT_DATA_DISPLAYMATRIX, &size);
  stream_turns_ = QuarterTurns(ffmpeg_, matrix, size);
  info_.width = parameters.width;
  info_.height = parameters.height;
  if (stream_turns_ % 2 != 0) std::swap(info_.width, info_.height);
  if (info_.frame_rate > 0) {
    frame_duration_ = microseconds(std::llround(1'000'000 / info_.frame_rate));
  }
  if (!sound_) return;
  AVCodecParameters* copy = ffmpeg_.avcodec_parameters_alloc();
  const FFmpeg* ffmpeg = &ffmpeg_;
  const std::shared_ptr<AVCodecParameters> shared(
      copy,
      [ffmpeg](AVCodecParameters* p) { ffmpeg->avcodec_parameters_free(&p); });
  if (ffmpeg_.avcodec_parameters_copy(copy, sound_->codecpar) < 0) {
    sound_->discard = AVDISCARD_ALL;
    sound_ = nullptr;
    return;
  }
  if (copy->codec_id == AV_CODEC_ID_AAC && copy->extradata_size == 0) {
    SayOnceWhatAdtsSays(*copy);
  }
  info_.sound = {shared, ffmpeg_.avcodec_get_name(copy->codec_id)};
}

void FFmpegStream::SayOnceWhatAdtsSays(AVCodecParameters& sound) {
  // High-efficiency AAC is low-complexity AAC of half the rate, and more.
  const bool halved = sound.profile == FF_PROFILE_AAC_HE ||
                      sound.profile == FF_PROFILE_AAC_HE_V2;
  const auto config = AudioSpecificConfig(
      halved ? sound.sample_rate / 2 : sound.sample_rate,
      sound.profile == FF_PROFILE_AAC_HE_V2 ? 1 : sound.ch_layout.nb_channels);
  if (!config) return;
  sound.extradata = static_cast<std::uint8_t*>(
      ffmpeg_.av_malloc(config->size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (!sound.extradata) return;
  std::memset(sound.extradata, 0,
              config->size() + AV_INPUT_BUFFER_PADDING_SIZE);
  std::copy(config->begin(), config->end(), sound.extradata);
  sound.extradata_size = static_cast<int>(config->size());
  without_adts_ = true;
}

Result<> FFmpegStream::Begin(const std::stop_token& stop) {
  watch_.Begin(stop, options_.open_timeout);
  if (const auto opened = OpenWithTransports(); !opened) return opened;
  if (const auto found = FindStreams(); !found) return found;

  // An estimate from bytes and bit rate says nothing about an HLS playlist.
  const bool has_duration =
      format_->duration != AV_NOPTS_VALUE && format_->duration > 0 &&
      format_->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE;
  if (has_duration && !address_.live) {
    info_.duration = microseconds(format_->duration);
  }
  const bool seekable = format_->pb && format_->pb->seekable != 0 &&
                        std::strcmp(format_->iformat->name, "hls") != 0;
  info_.live =
      address_.live || (address_.network && !has_duration && !seekable);
  info_.kept = info_.live && !address_.live;

  // The guess of a stream that says nothing may be its clock's rate.
  info_.frame_rate = RateOf(video_->avg_frame_rate);
  const double limit = options_.limits.max_frame_rate;
  if (info_.frame_rate > limit && !info_.live) {
    return Fail(ErrorCode::kResourceExhausted,
                "opening " + address_.shown + ": " +
                    std::to_string(info_.frame_rate) +
                    " frames a second, more than " + std::to_string(limit));
  }
  if (info_.frame_rate <= 0) {
    info_.frame_rate =
        RateOf(ffmpeg_.av_guess_frame_rate(format_.get(), video_, nullptr));
  }
  if (info_.frame_rate > limit) info_.frame_rate = 0;

  Describe();
  if (const auto opened = OpenDecoder(); !opened) return opened;
  if (info_.width > 0 && info_.height > 0) return {};
  auto first = Next(stop);
  if (!first) return first.Failure();
  if (!*first) {
    return Fail(ErrorCode::kDataLoss,
                "opening " + address_.shown + ": no picture in it");
  }
  info_.width = (*first)->frame.pixels.width();
  info_.height = (*first)->frame.pixels.height();
  waiting_ = std::move(**first);
  return {};
}

Result<bool> FFmpegStream::Feed() {
  int error = ffmpeg_.av_read_frame(format_.get(), packet_.get());
  // Demuxers may report an interrupt as the end.
  if (error < 0 && (watch_.stopped() || watch_.late())) {
    return FailAt("reading", error);
  }
  if (error == AVERROR(EAGAIN)) {
    SleepFor(milliseconds(2), watch_.stop());
    return true;
  }
  if (error == AVERROR_INVALIDDATA && ++read_errors_ < kMaxReadErrors) {
    ++damaged_;
    return true;
  }
  const int io_error = format_->pb ? format_->pb->error : 0;
  if (error == AVERROR_EOF && address_.network && io_error < 0 &&
      io_error != AVERROR_EOF) {
    error = io_error;
  }
  if (error == AVERROR_EOF || error == AVERROR_INVALIDDATA) {
    draining_ = true;
    ffmpeg_.avcodec_send_packet(decoder_.get(), nullptr);
    return true;
  }
  if (error < 0) return FailAt("reading", error);
  read_errors_ = 0;
  if (sound_ && packet_->stream_index == sound_->index) {
    KeepSound();
  } else if (packet_->stream_index == video_->index) {
    error = ffmpeg_.avcodec_send_packet(decoder_.get(), packet_.get());
    if (error < 0) {
      ++damaged_;
      // Of ff_set_dimensions(); what is broken is AVERROR_INVALIDDATA.
      too_large_ = too_large_ || error == AVERROR(EINVAL);
    }
  }
  ffmpeg_.av_packet_unref(packet_.get());
  return true;
}

Result<std::optional<SourceFrame>> FFmpegStream::Next(std::stop_token stop) {
  if (waiting_) {
    SourceFrame next = std::move(*waiting_);
    waiting_.reset();
    if (next.frame.sequence == 0) {
      const microseconds by = start_ - next.frame.time;
      next.frame.time = last_time_ = start_;
      if (offset_) *offset_ += by;
      for (SoundPacket& sound : next.sound) sound.time += by;
    }
    return next;
  }
  // Between the segments of a playlist nothing comes for as long as they are.
  const milliseconds limit = info_.live && !address_.live
                                 ? 3 * options_.read_timeout
                                 : options_.read_timeout;
  watch_.Begin(std::move(stop), limit);
  for (;;) {
    if (watch_.stopped() || (info_.live && watch_.late())) {
      return FailAt("reading", AVERROR_EXIT);
    }
    const int error =
        ffmpeg_.avcodec_receive_frame(decoder_.get(), decoded_.get());
    if (error == 0) {
      auto frame = MakeFrame();
      ffmpeg_.av_frame_unref(decoded_.get());
      if (frame) return std::move(*frame);
      ++damaged_;
      continue;
    }
    if (error == AVERROR_EOF) break;
    if (error != AVERROR(EAGAIN)) {
      ++damaged_;
      if (draining_) break;
    }
    // What a file takes to read and decode until a picture comes is its own
    // affair; each read has its time.
    if (!info_.live) watch_.Begin(watch_.stop(), limit);
    if (const auto fed = Feed(); !fed) return fed.Failure();
  }
  if (frames_ == 0 && too_large_) {
    return Fail(ErrorCode::kResourceExhausted,
                "reading " + address_.shown + ": pictures of more than " +
                    std::to_string(options_.limits.max_pixels) + " pixels");
  }
  if (frames_ == 0) {
    return Fail(ErrorCode::kDataLoss,
                "reading " + address_.shown + ": no picture in it (" +
                    std::to_string(damaged_.load()) + " packets damaged)");
  }
  return std::nullopt;
}

microseconds FFmpegStream::TimeOf(const AVFrame& frame) {
  if (frame.best_effort_timestamp == AV_NOPTS_VALUE) {
    if (!offset_) offset_ = start_;
    return frames_ == 0 ? start_ : last_time_ + frame_duration_;
  }
  const microseconds own(ffmpeg_.av_rescale_q(
      frame.best_effort_timestamp, video_->time_base, kMicroseconds));
  // Wraps nowhere: what can't be is taken for a clock that begins anew.
  const bool sane =
      std::abs(own.count() / 4) < std::numeric_limits<std::int64_t>::max() / 16;
  if (!sane) return frames_ == 0 ? start_ : last_time_ + frame_duration_;
  if (!offset_) offset_ = start_ - own;
  const microseconds time = own + *offset_;
  if (frames_ == 0) {
    offset_ = start_ - own;
    return start_;
  }
  if (time > last_time_ && time - last_time_ < kLongestPause) return time;
  if (time <= last_time_ && last_time_ - time < kLargestReordering) {
    return last_time_ + milliseconds(1);
  }
  offset_ = last_time_ + frame_duration_ - own;
  return last_time_ + frame_duration_;
}

Result<SourceFrame> FFmpegStream::MakeFrame() {
  AVFrame* frame = decoded_.get();
  if (device_ && frame->format == device_format_) {
    ffmpeg_.av_frame_unref(downloaded_.get());
    const int error =
        ffmpeg_.av_hwframe_transfer_data(downloaded_.get(), frame, 0);
    if (error < 0) return FailAt("reading", error);
    downloaded_->colorspace = frame->colorspace;
    downloaded_->color_range = frame->color_range;
    frame = downloaded_.get();
  }
  SourceFrame made;
  auto pixels = converter_.Convert(*frame);
  if (!pixels) return pixels.Failure();
  int turns = stream_turns_;
  if (const AVFrameSideData* side = ffmpeg_.av_frame_get_side_data(
          decoded_.get(), AV_FRAME_DATA_DISPLAYMATRIX)) {
    turns = QuarterTurns(ffmpeg_, side->data, side->size);
  }
  made.frame.pixels = Turned(std::move(*pixels), turns);
  made.frame.time = TimeOf(*decoded_);
  made.frame.sequence = frames_.load();
  made.frame.wall_time = options_.clock->WallTime();
  made.frame.decoded_at = options_.clock->MonotonicTime();
  last_time_ = made.frame.time;
  if (decoded_->decode_error_flags != 0) ++damaged_;
  ++frames_;
  made.sound = TimedSound();
  return made;
}

void FFmpegStream::KeepSound() {
  if (packet_->size <= 0) return;
  kept_sound_bytes_ += static_cast<std::size_t>(packet_->size);
  AVPacketPointer kept(ffmpeg_.av_packet_alloc(), FFmpegFree{&ffmpeg_});
  ffmpeg_.av_packet_move_ref(kept.get(), packet_.get());
  ffmpeg_.av_packet_rescale_ts(kept.get(), sound_->time_base, kMicroseconds);
  kept->time_base = kMicroseconds;
  if (without_adts_) {
    const std::size_t header =
        AdtsHeaderSize({kept->data, static_cast<std::size_t>(kept->size)});
    kept->data += header;
    kept->size -= static_cast<int>(header);
  }
  kept_sound_.push_back(std::move(kept));
  if (kept_sound_bytes_ > kMaxSoundBytes) {
    kept_sound_.clear();
    kept_sound_bytes_ = 0;
  }
}

std::vector<SoundPacket> FFmpegStream::TimedSound() {
  std::vector<SoundPacket> timed;
  if (!offset_) return timed;
  for (AVPacketPointer& packet : kept_sound_) {
    if (packet->pts == AV_NOPTS_VALUE) packet->pts = packet->dts;
    if (packet->dts == AV_NOPTS_VALUE) packet->dts = packet->pts;
    if (packet->pts == AV_NOPTS_VALUE) continue;
    const auto distance = [&](std::int64_t own) {
      return static_cast<double>(own) +
             static_cast<double>((*offset_ - last_time_).count());
    };
    // What comes before the first picture has no place on its clock.
    const double limit = static_cast<double>(kLargestSoundDistance.count());
    if (std::abs(distance(packet->pts)) > limit ||
        std::abs(distance(packet->dts)) > limit) {
      continue;
    }
    packet->pts += offset_->count();
    packet->dts += offset_->count();
    if (packet->dts < start_.count() || packet->pts < start_.count()) continue;
    packet->stream_index = 0;
    const microseconds time(packet->pts);
    timed.push_back({std::shared_ptr<const AVPacket>(packet.release(),
                                                     FFmpegFree{&ffmpeg_}),
                     time});
  }
  kept_sound_.clear();
  kept_sound_bytes_ = 0;
  return timed;
}

std::vector<SoundPacket> FFmpegStream::TakeSound() { return TimedSound(); }

}  // namespace

Result<std::unique_ptr<StreamSource>> OpenStream(
    const StreamAddress& address, const VideoSourceOptions& options,
    std::stop_token stop) {
  const auto ffmpeg = OpenFFmpeg();
  if (!ffmpeg) return ffmpeg.Failure();
  if (!address.forced_demuxer.empty()) {
    if (const auto registered = RegisterFFmpegDevices(); !registered) {
      return registered.Failure();
    }
  }
  auto stream = std::make_unique<FFmpegStream>(**ffmpeg, address, options);
  if (const auto begun = stream->Begin(stop); !begun) return begun.Failure();
  return stream;
}

bool IsSameSound(const SoundFormat& a, const SoundFormat& b) {
  const auto* left = static_cast<const AVCodecParameters*>(a.parameters.get());
  const auto* right = static_cast<const AVCodecParameters*>(b.parameters.get());
  return left->codec_id == right->codec_id &&
         left->sample_rate == right->sample_rate &&
         left->ch_layout.nb_channels == right->ch_layout.nb_channels &&
         left->extradata_size == right->extradata_size &&
         (left->extradata_size <= 0 ||
          std::memcmp(left->extradata, right->extradata,
                      static_cast<std::size_t>(left->extradata_size)) == 0);
}

}  // namespace ocelli
