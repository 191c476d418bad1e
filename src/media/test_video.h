#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include "core/check.h"
#include "media/ffmpeg.h"

// Small videos for tests, written by FFmpeg itself.
namespace ocelli::test {

struct TestVideo {
  int width = 64;
  int height = 48;
  int frames = 10;
  int frame_rate = 25;
  std::string encoder = "mpeg4";  // "libx264", "mjpeg", ...
  AVPixelFormat pixels = AV_PIX_FMT_YUV420P;
  int b_frames = 0;
  int clockwise = 0;    // Degrees that a player shall turn it by.
  bool sound = false;   // A second stream: AAC, silence.
  bool picture = true;  // False: only sound.
};

// Black, the upper left quarter white.
inline void PaintTestFrame(AVFrame& frame) {
  for (int plane = 0; plane < 3 && frame.data[plane]; ++plane) {
    const bool luma = plane == 0;
    const int height = luma ? frame.height : (frame.height + 1) / 2;
    const int width = luma ? frame.width : (frame.width + 1) / 2;
    for (int y = 0; y < height; ++y) {
      std::uint8_t* row = frame.data[plane] + y * frame.linesize[plane];
      std::memset(row, luma ? 16 : 128, static_cast<std::size_t>(width));
      if (luma && y < height / 2) {
        std::memset(row, 235, static_cast<std::size_t>(width / 2));
      }
    }
  }
}

class TestVideoWriter {
 public:
  explicit TestVideoWriter(const std::filesystem::path& path)
      : ffmpeg_(**OpenFFmpeg()) {
    OCELLI_CHECK(ffmpeg_.avformat_alloc_output_context2(
                     &format_, nullptr, nullptr, path.c_str()) >= 0);
    OCELLI_CHECK(ffmpeg_.avio_open2(&format_->pb, path.c_str(), AVIO_FLAG_WRITE,
                                    nullptr, nullptr) >= 0);
  }
  ~TestVideoWriter() {
    ffmpeg_.avio_closep(&format_->pb);
    ffmpeg_.avformat_free_context(format_);
  }
  TestVideoWriter(const TestVideoWriter&) = delete;
  TestVideoWriter& operator=(const TestVideoWriter&) = delete;

  void Write(const TestVideo& video) {
    AVCodecContextPointer pictures, sound;
    if (video.picture) pictures = AddPictures(video);
    if (video.sound) sound = AddSound();
    OCELLI_CHECK(ffmpeg_.avformat_write_header(format_, nullptr) >= 0);
    for (int i = 0; i < video.frames; ++i) {
      if (pictures) WritePicture(*pictures, i);
      if (sound) {
        while (samples_ * video.frame_rate <= std::int64_t{i} * kSampleRate) {
          WriteSound(*sound);
        }
      }
    }
    if (pictures) Encode(*pictures, nullptr, 0);
    if (sound) Encode(*sound, nullptr, format_->nb_streams - 1);
    OCELLI_CHECK(ffmpeg_.av_write_trailer(format_) >= 0);
  }

 private:
  static constexpr int kSampleRate = 48000;

  AVCodecContextPointer MakeContext(const std::string& encoder) {
    const AVCodec* codec =
        ffmpeg_.avcodec_find_encoder_by_name(encoder.c_str());
    OCELLI_CHECK(codec);
    AVCodecContextPointer context(ffmpeg_.avcodec_alloc_context3(codec),
                                  FFmpegFree{&ffmpeg_});
    if ((format_->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
      context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    context->thread_count = 1;
    return context;
  }

  AVStream* AddStream(AVCodecContext& context) {
    OCELLI_CHECK(ffmpeg_.avcodec_open2(&context, nullptr, nullptr) >= 0);
    AVStream* stream = ffmpeg_.avformat_new_stream(format_, nullptr);
    OCELLI_CHECK(stream);
    OCELLI_CHECK(ffmpeg_.avcodec_parameters_from_context(stream->codecpar,
                                                         &context) >= 0);
    stream->time_base = context.time_base;
    return stream;
  }

  AVCodecContextPointer AddPictures(const TestVideo& video) {
    auto context = MakeContext(video.encoder);
    context->width = video.width;
    context->height = video.height;
    context->pix_fmt = video.pixels;
    context->time_base = {1, video.frame_rate};
    context->framerate = {video.frame_rate, 1};
    context->gop_size = 5;
    context->max_b_frames = video.b_frames;
    context->bit_rate = 1'000'000;
    context->strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL;
    AVStream* stream = AddStream(*context);
    stream->avg_frame_rate = context->framerate;
    if (video.clockwise != 0) {
      // Of av_display_rotation_set(): 16.16 fixed point, the last 2.30.
      const int quarter = video.clockwise / 90;
      const std::int32_t cosine = (quarter == 0) - (quarter == 2);
      const std::int32_t sine = (quarter == 1) - (quarter == 3);
      const std::int32_t matrix[9] = {cosine * 65536,
                                      sine * 65536,
                                      0,
                                      -sine * 65536,
                                      cosine * 65536,
                                      0,
                                      0,
                                      0,
                                      1 << 30};
      auto* copy =
          static_cast<std::uint8_t*>(ffmpeg_.av_malloc(sizeof(matrix)));
      std::memcpy(copy, matrix, sizeof(matrix));
      OCELLI_CHECK(ffmpeg_.av_stream_add_side_data(stream,
                                                   AV_PKT_DATA_DISPLAYMATRIX,
                                                   copy, sizeof(matrix)) >= 0);
    }
    return context;
  }

  AVCodecContextPointer AddSound() {
    auto context = MakeContext("aac");
    context->sample_rate = kSampleRate;
    context->sample_fmt = AV_SAMPLE_FMT_FLTP;
    SetMono(context->ch_layout);
    context->bit_rate = 64'000;
    context->time_base = {1, kSampleRate};
    AddStream(*context);
    return context;
  }

  static void SetMono(AVChannelLayout& layout) {
    layout.order = AV_CHANNEL_ORDER_NATIVE;
    layout.nb_channels = 1;
    layout.u.mask = AV_CH_LAYOUT_MONO;
  }

  void WritePicture(AVCodecContext& context, int number) {
    AVFramePointer frame(ffmpeg_.av_frame_alloc(), FFmpegFree{&ffmpeg_});
    frame->format = context.pix_fmt;
    frame->width = context.width;
    frame->height = context.height;
    OCELLI_CHECK(ffmpeg_.av_frame_get_buffer(frame.get(), 0) >= 0);
    if (context.pix_fmt == AV_PIX_FMT_YUV420P ||
        context.pix_fmt == AV_PIX_FMT_YUVJ420P) {
      PaintTestFrame(*frame);
    } else {
      // Mid-grey in every plane of 8 bits.
      for (int plane = 0; plane < 4 && frame->buf[plane]; ++plane) {
        std::memset(frame->buf[plane]->data, 128, frame->buf[plane]->size);
      }
    }
    frame->pts = number;
    Encode(context, frame.get(), 0);
  }

  void WriteSound(AVCodecContext& context) {
    AVFramePointer frame(ffmpeg_.av_frame_alloc(), FFmpegFree{&ffmpeg_});
    frame->format = context.sample_fmt;
    frame->nb_samples = context.frame_size;
    frame->sample_rate = kSampleRate;
    SetMono(frame->ch_layout);
    OCELLI_CHECK(ffmpeg_.av_frame_get_buffer(frame.get(), 0) >= 0);
    std::memset(frame->data[0], 0,
                sizeof(float) * static_cast<std::size_t>(frame->nb_samples));
    frame->pts = samples_;
    samples_ += frame->nb_samples;
    Encode(context, frame.get(), format_->nb_streams - 1);
  }

  void Encode(AVCodecContext& context, const AVFrame* frame, unsigned stream) {
    OCELLI_CHECK(ffmpeg_.avcodec_send_frame(&context, frame) >= 0);
    AVPacketPointer packet(ffmpeg_.av_packet_alloc(), FFmpegFree{&ffmpeg_});
    while (ffmpeg_.avcodec_receive_packet(&context, packet.get()) >= 0) {
      ffmpeg_.av_packet_rescale_ts(packet.get(), context.time_base,
                                   format_->streams[stream]->time_base);
      if (packet->duration == 0) {
        packet->duration = ffmpeg_.av_rescale_q(
            1, context.time_base, format_->streams[stream]->time_base);
      }
      packet->stream_index = static_cast<int>(stream);
      OCELLI_CHECK(ffmpeg_.av_interleaved_write_frame(format_, packet.get()) >=
                   0);
    }
  }

  const FFmpeg& ffmpeg_;
  AVFormatContext* format_ = nullptr;
  std::int64_t samples_ = 0;
};

// The container is told by the path's ending.
inline void WriteTestVideo(const std::filesystem::path& path,
                           const TestVideo& video = {}) {
  TestVideoWriter(path).Write(video);
}

}  // namespace ocelli::test
