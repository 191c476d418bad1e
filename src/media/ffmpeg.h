#pragma once

// The only place that names FFmpeg's libraries. They are opened when the first
// video is: linked, they and what they need cost every cold start 40 ms.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/avutil.h>
#include <libavutil/dict.h>
#include <libavutil/display.h>
#include <libavutil/hwcontext.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "core/result.h"
#include "core/yuv_image.h"

namespace ocelli {

// The functions used, each under its own name and with its own type. One more
// is a member here and a line in ffmpeg.cc.
struct FFmpeg {
  // libavutil
  decltype(::av_strerror)* av_strerror;
  decltype(::av_log_set_level)* av_log_set_level;
  decltype(::av_log_set_callback)* av_log_set_callback;
  decltype(::av_dict_set)* av_dict_set;
  decltype(::av_dict_get)* av_dict_get;
  decltype(::av_dict_free)* av_dict_free;
  decltype(::av_frame_alloc)* av_frame_alloc;
  decltype(::av_frame_free)* av_frame_free;
  decltype(::av_frame_unref)* av_frame_unref;
  decltype(::av_frame_move_ref)* av_frame_move_ref;
  decltype(::av_frame_ref)* av_frame_ref;
  decltype(::av_frame_clone)* av_frame_clone;
  decltype(::av_frame_get_buffer)* av_frame_get_buffer;
  decltype(::av_frame_get_side_data)* av_frame_get_side_data;
  decltype(::av_buffer_create)* av_buffer_create;
  decltype(::av_buffer_ref)* av_buffer_ref;
  decltype(::av_buffer_unref)* av_buffer_unref;
  decltype(::av_rescale_q)* av_rescale_q;
  decltype(::av_rescale_q_rnd)* av_rescale_q_rnd;
  decltype(::av_opt_set)* av_opt_set;
  decltype(::av_opt_set_int)* av_opt_set_int;
  decltype(::av_get_pix_fmt_name)* av_get_pix_fmt_name;
  decltype(::av_pix_fmt_desc_get)* av_pix_fmt_desc_get;
  decltype(::av_display_rotation_get)* av_display_rotation_get;
  decltype(::av_hwdevice_ctx_create)* av_hwdevice_ctx_create;
  decltype(::av_hwframe_transfer_data)* av_hwframe_transfer_data;
  decltype(::av_hwdevice_find_type_by_name)* av_hwdevice_find_type_by_name;
  decltype(::av_hwframe_ctx_alloc)* av_hwframe_ctx_alloc;
  decltype(::av_hwframe_ctx_init)* av_hwframe_ctx_init;
  decltype(::av_hwframe_get_buffer)* av_hwframe_get_buffer;
  decltype(::av_get_token)* av_get_token;
  decltype(::av_opt_get_key_value)* av_opt_get_key_value;
  decltype(::av_malloc)* av_malloc;
  decltype(::av_strdup)* av_strdup;
  decltype(::av_free)* av_free;
  decltype(::av_freep)* av_freep;
  // libavcodec
  decltype(::avcodec_find_decoder)* avcodec_find_decoder;
  decltype(::avcodec_find_encoder_by_name)* avcodec_find_encoder_by_name;
  decltype(::avcodec_get_hw_config)* avcodec_get_hw_config;
  decltype(::avcodec_get_name)* avcodec_get_name;
  decltype(::avcodec_alloc_context3)* avcodec_alloc_context3;
  decltype(::avcodec_free_context)* avcodec_free_context;
  decltype(::avcodec_parameters_to_context)* avcodec_parameters_to_context;
  decltype(::avcodec_parameters_from_context)* avcodec_parameters_from_context;
  decltype(::avcodec_parameters_alloc)* avcodec_parameters_alloc;
  decltype(::avcodec_parameters_copy)* avcodec_parameters_copy;
  decltype(::avcodec_parameters_free)* avcodec_parameters_free;
  decltype(::avcodec_open2)* avcodec_open2;
  decltype(::avcodec_send_packet)* avcodec_send_packet;
  decltype(::avcodec_receive_frame)* avcodec_receive_frame;
  decltype(::avcodec_send_frame)* avcodec_send_frame;
  decltype(::avcodec_receive_packet)* avcodec_receive_packet;
  decltype(::avcodec_flush_buffers)* avcodec_flush_buffers;
  decltype(::av_packet_alloc)* av_packet_alloc;
  decltype(::av_packet_free)* av_packet_free;
  decltype(::av_packet_unref)* av_packet_unref;
  decltype(::av_packet_clone)* av_packet_clone;
  decltype(::av_packet_move_ref)* av_packet_move_ref;
  decltype(::av_packet_rescale_ts)* av_packet_rescale_ts;
  // libavformat
  decltype(::avformat_alloc_context)* avformat_alloc_context;
  decltype(::avformat_free_context)* avformat_free_context;
  decltype(::avformat_open_input)* avformat_open_input;
  decltype(::avformat_close_input)* avformat_close_input;
  decltype(::avformat_find_stream_info)* avformat_find_stream_info;
  decltype(::avformat_network_init)* avformat_network_init;
  decltype(::avformat_new_stream)* avformat_new_stream;
  decltype(::avformat_alloc_output_context2)* avformat_alloc_output_context2;
  decltype(::avformat_write_header)* avformat_write_header;
  decltype(::avformat_query_codec)* avformat_query_codec;
  decltype(::av_read_frame)* av_read_frame;
  decltype(::av_find_best_stream)* av_find_best_stream;
  decltype(::av_find_input_format)* av_find_input_format;
  decltype(::av_guess_frame_rate)* av_guess_frame_rate;
  decltype(::av_interleaved_write_frame)* av_interleaved_write_frame;
  decltype(::av_write_frame)* av_write_frame;
  decltype(::av_write_trailer)* av_write_trailer;
  decltype(::av_stream_get_side_data)* av_stream_get_side_data;
  decltype(::av_stream_add_side_data)* av_stream_add_side_data;
  decltype(::avio_open2)* avio_open2;
  decltype(::avio_closep)* avio_closep;
  decltype(::avio_flush)* avio_flush;
  decltype(::avio_alloc_context)* avio_alloc_context;
  decltype(::avio_context_free)* avio_context_free;
  // libswscale
  decltype(::sws_getCachedContext)* sws_getCachedContext;
  decltype(::sws_getCoefficients)* sws_getCoefficients;
  decltype(::sws_setColorspaceDetails)* sws_setColorspaceDetails;
  decltype(::sws_scale)* sws_scale;
  decltype(::sws_freeContext)* sws_freeContext;
};

// With those of libavfilter, which brings forty libraries more.
struct FFmpegFilters : FFmpeg {
  decltype(::avfilter_graph_alloc)* avfilter_graph_alloc;
  decltype(::avfilter_graph_free)* avfilter_graph_free;
  decltype(::avfilter_graph_create_filter)* avfilter_graph_create_filter;
  decltype(::avfilter_graph_parse_ptr)* avfilter_graph_parse_ptr;
  decltype(::avfilter_graph_config)* avfilter_graph_config;
  decltype(::avfilter_get_by_name)* avfilter_get_by_name;
  decltype(::avfilter_link)* avfilter_link;
  decltype(::avfilter_inout_alloc)* avfilter_inout_alloc;
  decltype(::avfilter_inout_free)* avfilter_inout_free;
  decltype(::av_buffersrc_add_frame_flags)* av_buffersrc_add_frame_flags;
  decltype(::av_buffersink_get_frame)* av_buffersink_get_frame;
};

// kFailedPrecondition where a library is missing. Opened once; thread-safe.
Result<const FFmpeg*> OpenFFmpeg();
// Opened for filter graphs only.
Result<const FFmpegFilters*> OpenFFmpegFilters();

// libavdevice registers cameras and generators; opened only for those.
Result<> RegisterFFmpegDevices();

// "doing: No such file or directory". Never holds a URL's user or password:
// `doing` must not either.
tl::unexpected<Error> FailWithFFmpeg(const FFmpeg& ffmpeg, std::string doing,
                                     int error_number);

// Options by name, as FFmpeg takes them.
class FFmpegOptions {
 public:
  explicit FFmpegOptions(const FFmpeg& ffmpeg) : ffmpeg_(ffmpeg) {}
  ~FFmpegOptions() { ffmpeg_.av_dict_free(&dictionary_); }
  FFmpegOptions(const FFmpegOptions&) = delete;
  FFmpegOptions& operator=(const FFmpegOptions&) = delete;

  void Set(const char* key, const std::string& value) {
    ffmpeg_.av_dict_set(&dictionary_, key, value.c_str(), 0);
  }
  AVDictionary** get() { return &dictionary_; }

 private:
  const FFmpeg& ffmpeg_;
  AVDictionary* dictionary_ = nullptr;
};

struct FFmpegFree {
  const FFmpeg* ffmpeg = nullptr;
  void operator()(AVFrame* frame) const { ffmpeg->av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { ffmpeg->av_packet_free(&packet); }
  void operator()(AVCodecContext* context) const {
    ffmpeg->avcodec_free_context(&context);
  }
};
using AVFramePointer = std::unique_ptr<AVFrame, FFmpegFree>;
using AVPacketPointer = std::unique_ptr<AVPacket, FFmpegFree>;
using AVCodecContextPointer = std::unique_ptr<AVCodecContext, FFmpegFree>;

// The colours of a frame as FFmpeg names them, and back. What a stream does not
// say is BT.709 from 720 lines on, BT.601 below, limited range.
YuvColor ColorOf(const AVFrame& frame);
void SetColor(YuvColor color, AVFrame& frame);

// The pixels of an AV_PIX_FMT_YUV420P(J) frame without a copy: the image keeps
// a reference to it.
YuvImage WrapFrame(const FFmpeg& ffmpeg, const AVFrame& frame);
// And back: an AVFrame that reads the image's pixels and keeps them alive.
AVFramePointer WrapImage(const FFmpeg& ffmpeg, const YuvImage& image);

}  // namespace ocelli
