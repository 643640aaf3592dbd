// The residual stream of all calibration rows between two layers, in a file: memory does not grow
// with the number of rows. layer_sweep.cc writes one per layer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace regroup {

// [rows, positions, d] in fp32.
class RowStates {
 public:
  // A new file (an old one is replaced), zero where nothing is written.
  static absl::StatusOr<RowStates> Create(const std::string& path, int64_t positions,
                                          int64_t width);
  static absl::StatusOr<RowStates> Open(const std::string& path, int64_t positions, int64_t width);
  RowStates(RowStates&& other) noexcept;
  RowStates& operator=(RowStates&& other) noexcept;
  ~RowStates();

  // Rows `first`, `first` + 1, ...: x_btd's positions may be fewer than the file's.
  absl::Status Write(int64_t first, const at::Tensor& x_btd);
  // The first `positions` of each of `rows`: [rows, positions, d], fp32 on the CPU.
  absl::StatusOr<at::Tensor> Read(const std::vector<int64_t>& rows, int64_t positions) const;
  // What was written is on the disk and stands under `path`.
  absl::Status Publish(const std::string& path);
  // Deletes the file.
  void Remove();

 private:
  RowStates(std::string path, int file, int64_t positions, int64_t width)
      : path_(std::move(path)), file_(file), positions_(positions), width_(width) {}
  int64_t Offset(int64_t row) const;

  std::string path_;
  int file_ = -1;
  int64_t positions_ = 0, width_ = 0;
};

}  // namespace regroup
