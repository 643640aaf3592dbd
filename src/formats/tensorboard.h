// TensorBoard event files: scalars as records that TensorBoard's own reader takes. `train` writes
// one for each start of a stage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"

namespace regroup {

using Scalars = std::vector<std::pair<std::string, double>>;  // tag, value

class EventFile {
 public:
  // Times are seconds since 1970. A new file
  // <folder>/events.out.tfevents.<seconds>.<host>.<process>. What earlier files of the folder hold
  // of steps after `step` is of a run that was killed: TensorBoard drops it (SessionLog START, as
  // SummaryWriter's purge_step).
  static absl::StatusOr<EventFile> Create(const std::string& folder, int64_t step, double time);

  // RunError where the disk takes no more.
  absl::Status Add(int64_t step, double time, const Scalars& values) const;

  const std::string& path() const { return path_; }

 private:
  explicit EventFile(std::string path) : path_(std::move(path)) {}
  absl::Status Append(const std::string& event) const;

  std::string path_;
};

// CRC-32C (Castagnoli), as the records carry it. Public for its test.
uint32_t Crc32c(std::string_view bytes);

}  // namespace regroup
