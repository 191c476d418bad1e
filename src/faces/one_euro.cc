#include "faces/one_euro.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace ocelli {
namespace {

// The weight of a new value in a low pass of `cutoff` Hz at `rate` Hz.
float WeightOf(float cutoff, float rate) {
  return 1 / (1 + rate / (2 * std::numbers::pi_v<float> * cutoff));
}

}  // namespace

OneEuroFilter::OneEuroFilter(const OneEuroOptions& options)
    : options_(options) {}

void OneEuroFilter::Reset() {
  time_.reset();
  values_.clear();
}

std::vector<Point3F> OneEuroFilter::Apply(std::chrono::microseconds time,
                                          float size,
                                          std::span<const Point3F> points) {
  if (values_.size() != 3 * points.size()) {
    Reset();
    values_.resize(3 * points.size());
  }
  const bool advances = !time_ || time > *time_;
  const float rate =
      time_ && advances
          ? 1 / std::chrono::duration<float>(time - *time_).count()
          : options_.initial_rate;
  // Upstream's threshold for objects too small to say anything of velocity.
  const float per_size = size > 1e-6f ? 1 / size : 0;
  const float velocity_weight = WeightOf(options_.derivative_cutoff, rate);
  std::vector<Point3F> smooth(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::array<float, 3> raw = {points[i].x, points[i].y, points[i].z};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      Value& value = values_[3 * i + axis];
      if (!advances || !std::isfinite(raw[axis])) continue;
      if (!value.known) {
        value = {raw[axis], 0, raw[axis], true};
        continue;
      }
      const float velocity = (raw[axis] - value.raw) * per_size * rate;
      value.velocity += velocity_weight * (velocity - value.velocity);
      const float cutoff =
          options_.min_cutoff + options_.beta * std::abs(value.velocity);
      value.smooth += WeightOf(cutoff, rate) * (raw[axis] - value.smooth);
      value.raw = raw[axis];
    }
    smooth[i] = {values_[3 * i].smooth, values_[3 * i + 1].smooth,
                 values_[3 * i + 2].smooth};
  }
  if (advances) time_ = time;
  return smooth;
}

}  // namespace ocelli
