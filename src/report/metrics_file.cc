// Lines of metrics.jsonl (written by train/metrics_log.h) as plain numbers.
#include "report/metrics_file.h"

#include <sys/stat.h>

#include <fstream>

#include "report/json_fields.h"
#include "report/printable.h"

namespace regroup {
namespace {

LoggedStep StepOf(const Json& line, int64_t step, double time) {
  return {step,
          time,
          NumberOf(line, "loss"),
          NumberOf(line, "learning_rate"),
          NumberOf(line, "gradient_norm"),
          NumberOf(line, "tokens_per_second"),
          NumberOf(line, "data_wait_seconds"),
          NumberOf(line, "memory_bytes")};
}

// A stage that went on from a checkpoint logs steps again: the later line holds.
template <class Logged>
void Append(std::vector<Logged>& list, Logged logged) {
  while (!list.empty() && list.back().step >= logged.step) list.pop_back();
  list.push_back(std::move(logged));
}

}  // namespace

void MetricsFile::TakeLine(const std::string& text) {
  const Json line = Json::parse(ToUtf8(text), nullptr, /*allow_exceptions=*/false);
  const double step = NumberOf(line, "step");
  if (!(step >= 0 && step < 1e15)) {
    ++log_.unreadable_lines;
    return;
  }
  const double time = NumberOf(line, "time");
  const Json& validation = FieldOf(line, "validation");
  if (!validation.is_object()) {
    Append(log_.steps, StepOf(line, static_cast<int64_t>(step), time));
    if (const double total = NumberOf(line, "steps"); total > 0 && total < 1e15)
      log_.total_steps = static_cast<int64_t>(total);
    return;
  }
  LoggedValidation logged{static_cast<int64_t>(step), time, {}};
  for (const auto& [name, value] : validation.items()) logged.values[name] = NumberOf(value);
  Append(log_.validations, std::move(logged));
}

void MetricsFile::Update() {
  struct stat found {};
  if (::stat(path_.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) {
    *this = MetricsFile(path_);
    return;
  }
  if (found.st_ino != file_id_ || static_cast<uint64_t>(found.st_size) < offset_) {
    *this = MetricsFile(path_);
    file_id_ = found.st_ino;
  }
  std::ifstream file(path_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset_));
  for (std::string part; std::getline(file, part);) {
    offset_ += part.size() + (file.eof() ? 0 : 1);
    rest_ += part;
    if (file.eof()) break;
    if (!rest_.empty()) TakeLine(rest_);
    rest_.clear();
  }
}

void MetricsFile::Finish() {
  Update();
  if (!rest_.empty()) TakeLine(rest_);
  rest_.clear();
}

}  // namespace regroup
