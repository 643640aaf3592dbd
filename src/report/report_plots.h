// The plots of a report as HTML figures: curves of training, recovery, quality against time, bytes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/report_data.h"

namespace regroup {

// One colour and mark per model, the same in every plot.
class ModelStyles {
 public:
  int Of(const std::string& label);

 private:
  std::map<std::string, int> styles_;
};

// Curves of stages that belong side by side: all pre-training, all uptraining, fine-tuning by task.
struct CurveGroup {
  std::string title;
  std::vector<std::string> figures;  // training loss; validation: losses and a task's first metric
  std::vector<std::string> others;   // its other metrics, learning rate, gradient norm, speed
};
std::vector<CurveGroup> TrainingCurves(const ReportData& data, ModelStyles& styles);

// Held-out loss against alpha, and the paper's Figure 5 beside it.
std::vector<std::string> RecoveryFigures(const ReportData& data, ModelStyles& styles);
// Mean score against time per sample, and the paper's Figure 3 beside it.
std::vector<std::string> QualityTimeFigures(const ReportData& data, ModelStyles& styles);
// Bytes of the K/V caches in each bench.
std::vector<std::string> CacheFigures(const ReportData& data, ModelStyles& styles);

}  // namespace regroup
