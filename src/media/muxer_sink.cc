#include "media/muxer_sink.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "core/file.h"
#include "core/log.h"
#include "media/ffmpeg.h"
#include "media/held_signals.h"
#include "media/media_times.h"
#include "media/video_encoder.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Kind = MuxerTarget::Kind;

constexpr AVRational kMicroseconds = {1, 1'000'000};

// Ends what FFmpeg waits for: late, or no longer wanted.
class Watch {
 public:
  void Begin(milliseconds most, std::stop_token stop = {}) {
    deadline_ = steady_clock::now() + most;
    stop_ = std::move(stop);
    late_ = false;
  }
  bool late() const { return late_; }
  bool stopped() const { return stop_.stop_requested(); }
  AVIOInterruptCB callback() {
    return {[](void* self) {
              return static_cast<int>(static_cast<Watch*>(self)->IsOver());
            },
            this};
  }

 private:
  bool IsOver() {
    if (stop_.stop_requested()) return true;
    late_ = late_ || steady_clock::now() > deadline_;
    return late_;
  }

  steady_clock::time_point deadline_;
  std::stop_token stop_;
  bool late_ = false;
};

// What muxers answer to a packet that is not what its codec promises: mov says
// -1 to AAC that it does not understand.
bool IsRefusal(int error_number) {
  return error_number == -1 || error_number == AVERROR_INVALIDDATA ||
         error_number == AVERROR_PATCHWELCOME;
}

YuvColor UsualColor(const VideoFormat& format) {
  return {
      format.height < 720 ? YuvColor::Matrix::kBt601 : YuvColor::Matrix::kBt709,
      false};
}

class MuxerSink final : public VideoSink {
 public:
  MuxerSink(const FFmpeg& ffmpeg, MuxerTarget target, const VideoFormat& format,
            const VideoSinkOptions& options)
      : ffmpeg_(ffmpeg),
        target_(std::move(target)),
        format_(format),
        options_(options) {}
  ~MuxerSink() override { Close(); }

  Result<> Open(std::stop_token stop);

  Result<> Write(const SourceFrame& frame) override {
    return Attempt([&]() -> Result<> {
      const auto begun = Begin(frame.frame.pixels.color());
      if (!begun) return begun;
      const auto sound = MuxSound(frame.sound);
      if (!sound) return sound;
      const auto encoded =
          encoder_->Encode(frame.frame.pixels, times_.Next(frame.frame.time),
                           [&](AVPacket& packet) { return MuxVideo(packet); });
      if (encoded) ++frames_;
      return encoded;
    });
  }

  Result<> WriteSound(const std::vector<SoundPacket>& sound) override {
    if (sound.empty()) return {};
    return Attempt([&]() -> Result<> {
      const auto begun = Begin(UsualColor(format_));
      return begun ? MuxSound(sound) : begun;
    });
  }

  Result<> Finish() override {
    return Attempt([&]() -> Result<> {
      const auto begun = Begin(UsualColor(format_));
      if (!begun) return begun;
      const auto flushed =
          encoder_->Flush([&](AVPacket& packet) { return MuxVideo(packet); });
      if (!flushed) return flushed;
      finished_ = true;
      const int written = ffmpeg_.av_write_trailer(context_);
      trailer_written_ = true;
      if (written < 0) return Failure("finishing", written);
      CountBytes();
      if (context_->pb && target_.kind != Kind::kHls) {
        const int closed = ffmpeg_.avio_closep(&context_->pb);
        if (closed < 0) return Failure("finishing", closed);
      }
      return {};
    });
  }

  SinkCounters counters() const override { return {frames_, bytes_}; }
  const std::string& encoder() const override { return encoder_name_; }

 private:
  template <typename Work>
  Result<> Attempt(Work work) {
    if (failed_) return Fail(failed_->code, failed_->message);
    if (finished_) {
      return Fail(ErrorCode::kFailedPrecondition,
                  target_.shown + " is finished already");
    }
    const HeldSignals held;
    watch_.Begin(options_.write_timeout);
    Result<> done = work();
    if (!done) failed_ = done.error();
    return done;
  }

  Result<> MakeContext();
  Result<> OpenOutput();
  Result<> ChooseEncoder();
  Result<> OpenEncoder(const EncoderName& name, YuvColor color);
  void AddSound();
  Result<> Begin(YuvColor color);
  Result<> WriteHeader();
  Result<> MuxVideo(AVPacket& packet);
  Result<> MuxSound(const std::vector<SoundPacket>& sound);
  Result<> Mux(AVPacket& packet);
  void CountBytes();
  void Close();

  tl::unexpected<Error> Failure(std::string_view doing, int error) const {
    const std::string what = std::string(doing) + " " + target_.shown;
    if (watch_.stopped())
      return Fail(ErrorCode::kCancelled, what + ": stopped");
    if (watch_.late()) {
      return Fail(ErrorCode::kDeadlineExceeded, what + ": no answer in time");
    }
    return FailWithFFmpeg(ffmpeg_, what, error);
  }

  const FFmpeg& ffmpeg_;
  const MuxerTarget target_;
  const VideoFormat format_;
  const VideoSinkOptions options_;
  Watch watch_;
  AVFormatContext* context_ = nullptr;
  AVStream* video_ = nullptr;
  AVStream* sound_ = nullptr;  // Null where there is none.
  std::unique_ptr<VideoEncoder> encoder_;
  EncoderName chosen_ = {};
  std::string encoder_name_;
  GrowingTimes times_;
  bool sound_refused_ = false;
  std::optional<std::int64_t> last_sound_;  // In the stream's time base.
  bool begun_ = false;
  bool finished_ = false;
  bool trailer_written_ = false;
  std::optional<Error> failed_;
  std::atomic<std::uint64_t> frames_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

Result<> MuxerSink::Open(std::stop_token stop) {
  const HeldSignals held;
  watch_.Begin(options_.open_timeout, stop);
  if (stop.stop_requested()) return Failure("opening", AVERROR_EXIT);
  Result<> done = MakeContext();
  // The encoder before the output, so that a wrong choice empties no file.
  if (done) done = ChooseEncoder();
  if (done) done = OpenOutput();
  // An RTSP session begins with what is in the header.
  if (done && target_.kind == Kind::kRtsp) done = Begin(UsualColor(format_));
  watch_.Begin(options_.write_timeout);
  return done;
}

Result<> MuxerSink::MakeContext() {
  std::string address = target_.address;
  if (target_.kind == Kind::kHls) address += "/index.m3u8";
  const int made = ffmpeg_.avformat_alloc_output_context2(
      &context_, nullptr, target_.format, address.c_str());
  if (made < 0) return Failure("opening", made);
  context_->interrupt_callback = watch_.callback();
  context_->flags |= AVFMT_FLAG_FLUSH_PACKETS;
  context_->flush_packets = 1;
  if (options_.low_latency) {
    // Sound that pauses must not hold back the picture.
    context_->max_interleave_delta = 1'000'000;
  }
  return {};
}

Result<> MuxerSink::OpenOutput() {
  if (target_.kind == Kind::kHls) {
    // The muxer takes it for a segment's number and knows no escape.
    if (target_.address.find('%') != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "an HLS folder's path can't hold a %: " + target_.shown);
    }
    std::error_code error;
    fs::create_directories(target_.address, error);
    if (error) {
      return FailWithErrno("making the folder " + target_.shown, error.value());
    }
    // The muxer opens files only when the first frame comes.
    const fs::path probe = fs::path(target_.address) / ".index.m3u8.probe";
    if (const auto written = WriteFileAtomically(probe, ""); !written) {
      return written.Failure("writing to " + target_.shown);
    }
    fs::remove(probe, error);
    return {};
  }
  if (target_.kind == Kind::kRtsp) return {};
  FFmpegOptions options(ffmpeg_);
  if (target_.kind == Kind::kRtmp) options.Set("tcp_nodelay", "1");
  const int opened =
      ffmpeg_.avio_open2(&context_->pb, context_->url, AVIO_FLAG_WRITE,
                         &context_->interrupt_callback, options.get());
  if (opened < 0) return Failure("opening", opened);
  return {};
}

Result<> MuxerSink::ChooseEncoder() {
  const bool webm = std::string_view(target_.format) == "webm";
  const auto names = EncodersFor(options_.encoder, webm);
  if (!names) return names.Failure();
  Result<> opened = {};
  for (const EncoderName& name : *names) {
    if (ffmpeg_.avformat_query_codec(context_->oformat, name.id,
                                     FF_COMPLIANCE_NORMAL) == 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  std::string(target_.format) +
                      " can't hold what the encoder " + std::string(name.name) +
                      " makes (" + target_.shown + "); its encoder is " +
                      (webm ? "vp9" : "x264"));
    }
    opened = OpenEncoder(name, UsualColor(format_));
    if (opened) {
      chosen_ = name;
      encoder_name_ = name.name;
      break;
    }
  }
  return opened;
}

Result<> MuxerSink::OpenEncoder(const EncoderName& name, YuvColor color) {
  auto encoder = VideoEncoder::Open(
      ffmpeg_, name, format_, color,
      (context_->oformat->flags & AVFMT_GLOBALHEADER) != 0, options_);
  if (!encoder) return encoder.Failure();
  encoder_ = std::move(*encoder);
  return {};
}

// What the muxer of RTSP does not say by itself: RFCs of RTP payloads.
bool RtpCarries(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_AAC:
    case AV_CODEC_ID_MP2:
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_OPUS:
    case AV_CODEC_ID_VORBIS:
    case AV_CODEC_ID_PCM_MULAW:
    case AV_CODEC_ID_PCM_ALAW:
    case AV_CODEC_ID_ADPCM_G722:
    case AV_CODEC_ID_AMR_NB:
    case AV_CODEC_ID_AMR_WB:
      return true;
    default:
      return false;
  }
}

bool SegmentCarries(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_AAC:
    case AV_CODEC_ID_MP2:
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_AC3:
    case AV_CODEC_ID_EAC3:
    case AV_CODEC_ID_OPUS:
      return true;
    default:
      return false;
  }
}

void MuxerSink::AddSound() {
  if (!format_.sound || !format_.sound->parameters) return;
  const auto& parameters =
      *static_cast<const AVCodecParameters*>(format_.sound->parameters.get());
  const bool held =
      target_.kind == Kind::kRtsp ? RtpCarries(parameters.codec_id)
      : target_.kind == Kind::kHls
          ? SegmentCarries(parameters.codec_id)
          : ffmpeg_.avformat_query_codec(context_->oformat, parameters.codec_id,
                                         FF_COMPLIANCE_NORMAL) == 1;
  if (held) {
    sound_ = ffmpeg_.avformat_new_stream(context_, nullptr);
    if (sound_ &&
        ffmpeg_.avcodec_parameters_copy(sound_->codecpar, &parameters) >= 0) {
      sound_->codecpar->codec_tag = 0;  // The source's container's own.
      sound_->time_base = kMicroseconds;
      return;
    }
    sound_ = nullptr;
  }
  Log(LogLevel::kWarning, "the sound is left out: the output can't hold it",
      {{"codec", ffmpeg_.avcodec_get_name(parameters.codec_id)},
       {"output", target_.shown}});
}

Result<> MuxerSink::Begin(YuvColor color) {
  if (begun_) return {};
  // Colours stand in the stream's header.
  if (color != encoder_->color()) {
    const auto opened = OpenEncoder(chosen_, color);
    if (!opened) return opened;
  }
  video_ = ffmpeg_.avformat_new_stream(context_, nullptr);
  if (!video_ || ffmpeg_.avcodec_parameters_from_context(
                     video_->codecpar, &encoder_->context()) < 0) {
    return Fail(ErrorCode::kResourceExhausted,
                "no memory to write " + target_.shown);
  }
  video_->time_base = encoder_->context().time_base;
  video_->avg_frame_rate = encoder_->context().framerate;
  video_->sample_aspect_ratio = {1, 1};
  AddSound();
  const auto written = WriteHeader();
  begun_ = written.has_value();
  return written;
}

Result<> MuxerSink::WriteHeader() {
  FFmpegOptions options(ffmpeg_);
  const auto set = [&](const char* key, const std::string& value) {
    options.Set(key, value);
  };
  const std::string_view format = target_.format;
  if (format == "mp4" || format == "mov") {
    // delay_moov: what AC-3 is only shows in its packets, and without it
    // FFmpeg writes no edit list, so B-frames would shift picture and sound.
    set("movflags", "frag_keyframe+empty_moov+default_base_moof+delay_moov");
    set("frag_duration", "500000");
  } else if (format == "matroska" || format == "webm") {
    set("cluster_time_limit", "500");
  } else if (format == "flv") {
    set("flvflags", "no_duration_filesize");
  } else if (format == "rtsp") {
    set("rtsp_transport", "tcp");
  } else if (format == "hls") {
    set("hls_segment_filename", target_.address + "/segment%06d.ts");
    set("hls_time",
        std::to_string(std::clamp(std::isfinite(options_.keyframe_seconds)
                                      ? options_.keyframe_seconds
                                      : 2.,
                                  0.1, 60.)));
    // Low latency is for streams without an end, whose old segments go.
    set("hls_list_size", options_.low_latency ? "6" : "0");
    set("hls_flags", options_.low_latency
                         ? "temp_file+independent_segments+delete_segments"
                         : "temp_file+independent_segments");
  }
  const int written = ffmpeg_.avformat_write_header(context_, options.get());
  if (written < 0) return Failure("writing to", written);
  return {};
}

Result<> MuxerSink::MuxVideo(AVPacket& packet) {
  ffmpeg_.av_packet_rescale_ts(&packet, encoder_->context().time_base,
                               video_->time_base);
  packet.stream_index = video_->index;
  return Mux(packet);
}

Result<> MuxerSink::MuxSound(const std::vector<SoundPacket>& sound) {
  if (!sound_) return {};
  for (const SoundPacket& one : sound) {
    if (!one.packet) continue;
    const AVPacketPointer packet(
        ffmpeg_.av_packet_clone(static_cast<const AVPacket*>(one.packet.get())),
        FFmpegFree{&ffmpeg_});
    if (!packet) {
      return Fail(ErrorCode::kResourceExhausted,
                  "no memory to write " + target_.shown);
    }
    if (packet->pts == AV_NOPTS_VALUE) packet->pts = one.time.count();
    if (packet->dts == AV_NOPTS_VALUE) packet->dts = packet->pts;
    ffmpeg_.av_packet_rescale_ts(packet.get(), kMicroseconds,
                                 sound_->time_base);
    // What a new connection repeats; muxers refuse it.
    if (last_sound_ && packet->dts <= *last_sound_) continue;
    if (packet->pts < packet->dts) continue;
    last_sound_ = packet->dts;
    packet->stream_index = sound_->index;
    packet->pos = -1;
    const auto muxed = Mux(*packet);
    if (!muxed) return muxed;
  }
  return {};
}

Result<> MuxerSink::Mux(AVPacket& packet) {
  const auto size = static_cast<std::uint64_t>(std::max(packet.size, 0));
  const int written = ffmpeg_.av_interleaved_write_frame(context_, &packet);
  if (written < 0 && sound_ && IsRefusal(written)) {
    // Damaged sound, which the interleaver may reach only with this picture.
    if (!std::exchange(sound_refused_, true)) {
      Log(LogLevel::kWarning, "damaged sound is left out",
          {{"output", target_.shown}});
    }
    return {};
  }
  if (written < 0) return Failure("writing to", written);
  if (context_->pb && target_.kind != Kind::kHls) {
    CountBytes();
  } else {
    bytes_ += size;
  }
  return {};
}

void MuxerSink::CountBytes() {
  // Matroska's end goes back to fill in the length.
  if (context_->pb && context_->pb->pos > 0 && target_.kind != Kind::kHls) {
    bytes_ =
        std::max(bytes_.load(), static_cast<std::uint64_t>(context_->pb->pos));
  }
}

void MuxerSink::Close() {
  if (!context_) return;
  const HeldSignals held;
  watch_.Begin(std::min(options_.write_timeout, milliseconds(1000)));
  // Only the trailer frees what these two muxers hold.
  const bool trailer_frees =
      target_.kind == Kind::kRtsp || target_.kind == Kind::kHls;
  if (trailer_frees && begun_ && !trailer_written_) {
    // Whoever watches may wait for the program to come back.
    if (target_.kind == Kind::kHls) {
      ffmpeg_.av_opt_set(context_->priv_data, "hls_flags", "+omit_endlist", 0);
    }
    ffmpeg_.av_write_trailer(context_);
  }
  if (context_->pb && target_.kind != Kind::kHls &&
      target_.kind != Kind::kRtsp) {
    ffmpeg_.avio_closep(&context_->pb);
  }
  ffmpeg_.avformat_free_context(context_);
}

}  // namespace

Result<std::unique_ptr<VideoSink>> OpenMuxerSink(
    MuxerTarget target, const VideoFormat& format,
    const VideoSinkOptions& options, std::stop_token stop) {
  const auto ffmpeg = OpenFFmpeg();
  if (!ffmpeg) return ffmpeg.Failure();
  auto sink =
      std::make_unique<MuxerSink>(**ffmpeg, std::move(target), format, options);
  const auto opened = sink->Open(std::move(stop));
  if (!opened) return opened.Failure();
  return sink;
}

}  // namespace ocelli
