#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace ocelli {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter)
      : counter_(counter) {}
  void Add(double by) override { counter_.Increment(by); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }
  void Add(double by) override { gauge_.Increment(by); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram)
      : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

// The adapter of one of the library's metrics: the same for the same one.
template <typename Adapter, typename Kept, typename Metric>
Adapter& AdapterOf(Kept& kept, Metric& metric) {
  auto& adapter = kept[&metric];
  if (!adapter) adapter = std::make_unique<Adapter>(metric);
  return *adapter;
}

}  // namespace

struct MetricsRegistry::State {
  prometheus::Registry registry;
  std::mutex mutex;
  // Guarded by mutex; by the address of the library's own.
  std::map<const void*, std::unique_ptr<PrometheusCounter>> counters;
  std::map<const void*, std::unique_ptr<PrometheusGauge>> gauges;
  std::map<const void*, std::unique_ptr<PrometheusHistogram>> histograms;
};

MetricsRegistry::MetricsRegistry() : state_(std::make_unique<State>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter& MetricsRegistry::AddCounter(const std::string& name,
                                     const std::string& help,
                                     const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  return AdapterOf<PrometheusCounter>(state_->counters,
                                      prometheus::BuildCounter()
                                          .Name(name)
                                          .Help(help)
                                          .Register(state_->registry)
                                          .Add(labels));
}

Gauge& MetricsRegistry::AddGauge(const std::string& name,
                                 const std::string& help,
                                 const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  return AdapterOf<PrometheusGauge>(state_->gauges,
                                    prometheus::BuildGauge()
                                        .Name(name)
                                        .Help(help)
                                        .Register(state_->registry)
                                        .Add(labels));
}

Histogram& MetricsRegistry::AddHistogram(const std::string& name,
                                         const std::string& help,
                                         const std::vector<double>& bounds,
                                         const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  return AdapterOf<PrometheusHistogram>(state_->histograms,
                                        prometheus::BuildHistogram()
                                            .Name(name)
                                            .Help(help)
                                            .Register(state_->registry)
                                            .Add(labels, bounds));
}

std::string MetricsRegistry::Text() const {
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

std::vector<double> LatencyBounds() {
  return {.0001, .00025, .0005, .001, .0025, .005, .01, .025,
          .05,   .1,     .25,   .5,   1,     2.5,  5,   10};
}

}  // namespace ocelli
