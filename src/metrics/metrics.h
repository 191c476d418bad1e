#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ocelli {

using MetricLabels = std::map<std::string, std::string>;

// Only grows. Thread-safe.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double by = 1) = 0;
};

// Goes up and down. Thread-safe.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  // For what several count together.
  virtual void Add(double by) = 0;
};

// How often values fell below each bound. Thread-safe.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

// What a process counts and measures, named ocelli_<module>_<what>_<unit>;
// counters end in _total. Asking for a name and labels again gives the same
// one; a name has one kind. What is returned lives as long as the registry.
// Thread-safe.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  Counter& AddCounter(const std::string& name, const std::string& help,
                      const MetricLabels& labels = {});
  Gauge& AddGauge(const std::string& name, const std::string& help,
                  const MetricLabels& labels = {});
  // `bounds` grow.
  Histogram& AddHistogram(const std::string& name, const std::string& help,
                          const std::vector<double>& bounds,
                          const MetricLabels& labels = {});

  // The text exposition format of Prometheus, version 0.0.4.
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// From 0.1 ms to 10 s, in seconds.
std::vector<double> LatencyBounds();

}  // namespace ocelli
