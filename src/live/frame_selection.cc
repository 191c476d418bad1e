#include "live/frame_selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>

namespace ocelli {
namespace {

using std::chrono::microseconds;

// The mean brightness of the cells that the picture is cut into.
constexpr int kColumns = 64, kRows = 36, kCells = kColumns * kRows;
using Cells = std::array<float, kCells>;

int Sum(const std::uint8_t* from, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += from[i];
  return sum;
}

Cells CellsOf(ImageView luma) {
  // So many rows of pixels tell a cell's mean well enough.
  constexpr int kMostLines = 16;
  std::array<int, kColumns + 1> edges;
  for (int i = 0; i <= kColumns; ++i) edges[i] = i * luma.width / kColumns;
  Cells cells;
  for (int row = 0; row < kRows; ++row) {
    const int top = row * luma.height / kRows;
    const int height = std::max((row + 1) * luma.height / kRows - top, 1);
    const int lines = std::min(height, kMostLines);
    std::array<int, kColumns> sums{};
    for (int i = 0; i < lines; ++i) {
      const std::uint8_t* line = luma.Row(top + i * height / lines);
      for (int column = 0; column < kColumns; ++column) {
        const int left = edges[column];
        sums[column] += Sum(line + left, std::max(edges[column + 1] - left, 1));
      }
    }
    for (int column = 0; column < kColumns; ++column) {
      const int width = std::max(edges[column + 1] - edges[column], 1);
      cells[row * kColumns + column] =
          static_cast<float>(sums[column]) / static_cast<float>(width * lines);
    }
  }
  return cells;
}

float Mean(const Cells& cells) {
  float sum = 0;
  for (const float cell : cells) sum += cell;
  return sum / kCells;
}

// The part of the cells that differ by more than noise, were one picture as
// bright as the other. Only a little of that is allowed for, so that a light
// that goes on or off is a change.
double ChangeBetween(const Cells& before, const Cells& now) {
  constexpr float kNoise = 10;  // Of 255; a cell's mean has little.
  constexpr float kMostGain = 1.2f;
  const float gain = std::clamp((Mean(before) + 1) / (Mean(now) + 1),
                                1 / kMostGain, kMostGain);
  int changed = 0;
  for (int i = 0; i < kCells; ++i) {
    if (std::abs(now[i] * gain - before[i]) > kNoise) ++changed;
  }
  return static_cast<double>(changed) / kCells;
}

}  // namespace

struct FrameSelector::State {
  FrameSelection selection;
  std::optional<microseconds> last_time;  // Of the frames seen.
  microseconds spacing{0};                // Between the last two of them.
  std::optional<microseconds> due;        // None: at once.
  std::optional<Cells> taken;
};

FrameSelector::FrameSelector(const FrameSelection& selection)
    : state_(std::make_unique<State>()) {
  state_->selection = selection;
}
FrameSelector::~FrameSelector() = default;

bool FrameSelector::IsDue(microseconds time) {
  State& state = *state_;
  if (!state.last_time || time != *state.last_time) {
    if (state.last_time) state.spacing = time - *state.last_time;
    state.last_time = time;
  }
  // The frame that is nearest, so that times that are a little off do not
  // matter.
  return !state.due || time + state.spacing / 2 >= *state.due;
}

bool FrameSelector::Wants(const Frame& frame) {
  State& state = *state_;
  if (!IsDue(frame.time)) return false;
  if (state.selection.changed > 0) {
    const YuvView pixels = frame.pixels;
    if (pixels.empty()) return false;
    const Cells now = CellsOf(pixels.LumaPlane());
    if (state.taken &&
        ChangeBetween(*state.taken, now) < state.selection.changed) {
      return false;
    }
    state.taken = now;
  }
  const microseconds every = state.selection.every;
  if (every.count() > 0) {
    const microseconds due = state.due.value_or(frame.time);
    // After a pause there is nothing to make up for.
    state.due = (frame.time - due < every ? due : frame.time) + every;
  }
  return true;
}

}  // namespace ocelli
