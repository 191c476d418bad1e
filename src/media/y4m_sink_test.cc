#include "media/y4m_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "media/test_readback.h"

namespace ocelli {
namespace {

using test::FrameAt;
using test::Moving;
using testing::HasSubstr;
using testing::StartsWith;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_.data()), 0); }
  ~Pipe() {
    CloseReader();
    CloseWriter();
  }
  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void CloseReader() { Close(ends_[0]); }
  void CloseWriter() { Close(ends_[1]); }

 private:
  static void Close(int& file) {
    if (file >= 0) close(file);
    file = -1;
  }
  std::array<int, 2> ends_ = {-1, -1};
};

std::string ReadAll(int file) {
  std::string all;
  std::array<char, 4096> part;
  ssize_t size = 0;
  while ((size = read(file, part.data(), part.size())) > 0) {
    all.append(part.data(), static_cast<std::size_t>(size));
  }
  return all;
}

std::string Plane(ImageView plane) {
  std::string bytes;
  for (int row = 0; row < plane.height; ++row) {
    bytes.append(reinterpret_cast<const char*>(plane.Row(row)),
                 static_cast<std::size_t>(plane.width));
  }
  return bytes;
}

std::string Planes(YuvView view) {
  return Plane(view.LumaPlane()) + Plane(view.UPlane()) + Plane(view.VPlane());
}

TEST(Y4mSink, EveryByteComesThroughAPipe) {
  for (const auto& [width, height] :
       {std::pair(320, 240), std::pair(3, 5), std::pair(1, 1)}) {
    Pipe pipe;
    auto sink = OpenY4mSink(
        pipe.writer(), {.width = width, .height = height, .frame_rate = 29.97});
    ASSERT_TRUE(sink);
    std::string text;
    std::jthread reader([&] { text = ReadAll(pipe.reader()); });
    const YuvColor full = {YuvColor::Matrix::kBt601, true};
    std::string expected = "YUV4MPEG2 W" + std::to_string(width) + " H" +
                           std::to_string(height) +
                           " F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG "
                           "XCOLORRANGE=FULL\n";
    for (int i = 0; i < 3; ++i) {
      const YuvImage image = Moving(width, height, i, full);
      EXPECT_TRUE((*sink)->Write(FrameAt(image, i * 1000)));
      expected += "FRAME\n" + Planes(image.view());
    }
    EXPECT_TRUE((*sink)->Finish());
    EXPECT_EQ((*sink)->Write(FrameAt(Moving(width, height, 0), 0)).error().code,
              ErrorCode::kFailedPrecondition);
    pipe.CloseWriter();
    reader.join();
    EXPECT_TRUE(text == expected) << text.substr(0, 80);
    EXPECT_EQ((*sink)->counters().bytes, expected.size());
    EXPECT_EQ((*sink)->counters().frames, 3u);
  }
}

TEST(Y4mSink, OtherSizesAreFittedAndNoFrameIsAHeader) {
  Pipe pipe;
  auto sink = OpenY4mSink(pipe.writer(), {.width = 8, .height = 8});
  ASSERT_TRUE(sink);
  ASSERT_TRUE((*sink)->Write(FrameAt(Moving(100, 30, 0), 0)));
  EXPECT_EQ((*sink)->Write(FrameAt(YuvImage(), 0)).error().code,
            ErrorCode::kInvalidArgument);
  ASSERT_TRUE((*sink)->Finish());
  auto empty = OpenY4mSink(pipe.writer(), {.width = 8, .height = 8});
  ASSERT_TRUE((*empty)->Finish());
  pipe.CloseWriter();
  const std::string text = ReadAll(pipe.reader());
  const std::size_t frame = text.find("FRAME\n");
  ASSERT_NE(frame, text.npos);
  EXPECT_THAT(text.substr(frame + 6 + 96),
              StartsWith("YUV4MPEG2 W8 H8 F25:1 "));
}

TEST(Y4mSink, AReaderThatIsGoneIsAnErrorAndNoSignal) {
  Pipe pipe;
  auto sink = OpenY4mSink(pipe.writer(), {.width = 8, .height = 8});
  ASSERT_TRUE(sink);
  pipe.CloseReader();
  const auto written = (*sink)->Write(FrameAt(Moving(8, 8, 0), 0));
  EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(written.error().message, HasSubstr("is gone"));
  EXPECT_EQ((*sink)->Finish().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ((*sink)->counters().frames, 0u);
}

TEST(Y4mSink, AFullDiskIsSaid) {
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  auto sink = OpenY4mSink(full, {.width = 8, .height = 8});
  const auto written = (*sink)->Write(FrameAt(Moving(8, 8, 0), 0));
  EXPECT_EQ(written.error().code, ErrorCode::kResourceExhausted);
  close(full);
}

TEST(Y4mSink, AStopEndsAWriteThatNobodyReads) {
  Pipe pipe;
  std::stop_source stop;
  auto sink = OpenY4mSink(pipe.writer(), {.width = 1024, .height = 1024},
                          stop.get_token());
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ((*sink)->Write(FrameAt(Moving(1024, 1024, 0), 0)).error().code,
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace ocelli
