// Times the metrics room alone: rows from files as `regroup metrics` reads them, scored again and
// again. docs/metrics.md says how it is built and run.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "metrics/metric_files.h"

namespace {

constexpr int kRepeats = 15;

// The median processor time of scoring all rows, in milliseconds: other programs count for little.
double MedianMilliseconds(const std::string& metric, const regroup::MetricInput& input,
                          const regroup::MetricOptions& options) {
  std::vector<double> times;
  for (int i = 0; i < kRepeats; ++i) {
    const std::clock_t begin = std::clock();
    if (!regroup::ScoreMetric(metric, input, options).ok()) return -1;
    times.push_back(1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  std::sort(times.begin(), times.end());
  return times[kRepeats / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: metrics_bench PREDICTIONS REFERENCES\n");
    return 2;
  }
  const auto input = regroup::ReadMetricFiles(argv[1], {argv[2]});
  if (!input.ok()) {
    std::fprintf(stderr, "%s\n", std::string(input.status().message()).c_str());
    return 2;
  }
  regroup::MetricOptions stems;
  stems.stemmer = true;
  regroup::MetricOptions resampled;
  resampled.bootstrap = 1000;
  std::printf("rouge %.1f\n", MedianMilliseconds("rouge", *input, {}));
  std::printf("rouge --stemmer %.1f\n", MedianMilliseconds("rouge", *input, stems));
  std::printf("rouge --bootstrap 1000 %.1f\n", MedianMilliseconds("rouge", *input, resampled));
  std::printf("bleu %.1f\n", MedianMilliseconds("bleu", *input, {}));
  std::printf("chrf %.1f\n", MedianMilliseconds("chrf", *input, {}));
  std::printf("squad %.1f\n", MedianMilliseconds("squad", *input, {}));
}
