#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/frame.h"
#include "core/yuv_image.h"
#include "media/ffmpeg.h"
#include "media/video_sink.h"

// Reads back, with FFmpeg itself, what a sink has written.
namespace ocelli::test {

struct Readback {
  bool opened = false;
  std::vector<YuvImage> frames;
  std::vector<std::int64_t> times;  // Microseconds, as the container says.
  std::vector<std::int64_t> keyframes;
  std::vector<std::int64_t> sound_times;
  std::vector<std::string> sound;  // The packets' bytes.
  std::string video_codec;
};

inline void Receive(const FFmpeg& ffmpeg, AVCodecContext* context,
                    AVRational time_base, Readback& result) {
  while (true) {
    const AVFramePointer frame(ffmpeg.av_frame_alloc(), FFmpegFree{&ffmpeg});
    if (ffmpeg.avcodec_receive_frame(context, frame.get()) < 0) return;
    result.frames.push_back(WrapFrame(ffmpeg, *frame));
    result.times.push_back(
        ffmpeg.av_rescale_q(frame->pts, time_base, {1, 1'000'000}));
    if (frame->pict_type == AV_PICTURE_TYPE_I) {
      result.keyframes.push_back(result.times.back());
    }
  }
}

inline Readback Read(const std::string& path) {
  const FFmpeg& ffmpeg = **OpenFFmpeg();
  Readback result;
  AVFormatContext* format = nullptr;
  if (ffmpeg.avformat_open_input(&format, path.c_str(), nullptr, nullptr) < 0) {
    return result;
  }
  AVCodecContextPointer context(nullptr, FFmpegFree{&ffmpeg});
  int video = -1;
  if (ffmpeg.avformat_find_stream_info(format, nullptr) >= 0) {
    result.opened = true;
    for (unsigned i = 0; i < format->nb_streams; ++i) {
      const AVCodecParameters* parameters = format->streams[i]->codecpar;
      if (parameters->codec_type != AVMEDIA_TYPE_VIDEO) continue;
      const AVCodec* codec = ffmpeg.avcodec_find_decoder(parameters->codec_id);
      context.reset(ffmpeg.avcodec_alloc_context3(codec));
      ffmpeg.avcodec_parameters_to_context(context.get(), parameters);
      if (ffmpeg.avcodec_open2(context.get(), codec, nullptr) < 0) continue;
      video = static_cast<int>(i);
      result.video_codec = ffmpeg.avcodec_get_name(parameters->codec_id);
    }
  }
  const AVPacketPointer packet(ffmpeg.av_packet_alloc(), FFmpegFree{&ffmpeg});
  while (ffmpeg.av_read_frame(format, packet.get()) >= 0) {
    const AVRational time_base =
        format->streams[packet->stream_index]->time_base;
    if (packet->stream_index == video) {
      ffmpeg.avcodec_send_packet(context.get(), packet.get());
      Receive(ffmpeg, context.get(), time_base, result);
    } else {
      result.sound_times.push_back(
          ffmpeg.av_rescale_q(packet->pts, time_base, {1, 1'000'000}));
      result.sound.emplace_back(reinterpret_cast<const char*>(packet->data),
                                static_cast<std::size_t>(packet->size));
    }
    ffmpeg.av_packet_unref(packet.get());
  }
  if (video >= 0) {
    ffmpeg.avcodec_send_packet(context.get(), nullptr);
    Receive(ffmpeg, context.get(), format->streams[video]->time_base, result);
  }
  ffmpeg.avformat_close_input(&format);
  return result;
}

// A soft ramp that moves with the number, with coloured corners.
inline YuvImage Moving(int width, int height, int number,
                       YuvColor color = {YuvColor::Matrix::kBt601, false}) {
  YuvImage image(width, height, color);
  const MutableYuvView view = image.MutableView();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      view.LumaPlane().Row(y)[x] =
          static_cast<std::uint8_t>(40 + (x + y + 2 * number) % 160);
    }
  }
  for (int y = 0; y < view.chroma_height(); ++y) {
    for (int x = 0; x < view.chroma_width(); ++x) {
      view.UPlane().Row(y)[x] =
          static_cast<std::uint8_t>(x < view.chroma_width() / 2 ? 90 : 160);
      view.VPlane().Row(y)[x] =
          static_cast<std::uint8_t>(y < view.chroma_height() / 2 ? 100 : 150);
    }
  }
  return image;
}

inline SourceFrame FrameAt(YuvImage pixels, std::int64_t microseconds) {
  SourceFrame frame;
  frame.frame.pixels = std::move(pixels);
  frame.frame.time = std::chrono::microseconds(microseconds);
  return frame;
}

inline double MeanDifference(ImageView a, ImageView b) {
  double sum = 0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width; ++x) {
      sum += std::abs(int{a.Row(y)[x]} - int{b.Row(y)[x]});
    }
  }
  return sum / a.width / a.height;
}

inline std::string Bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace ocelli::test
