// Safetensors without tensors: an index over a mapped file, and a writer. `checkpoint` turns
// entries into at::Tensor. Format: 8 bytes little-endian header length, JSON header, raw data
// (huggingface/safetensors README).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/status.h"

namespace regroup {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };
const char* DTypeName(DType dtype);  // safetensors' spelling: "F32", "BF16", ...
size_t DTypeBytes(DType dtype);

struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  const std::byte* data =
      nullptr;  // inside the mapping (reading) or the caller's memory (writing); maybe unaligned
  size_t bytes = 0;
};

// Checks every claim of the header against the file's length; overlapping, shared or trailing bytes
// are errors.
class SafetensorsFile {
 public:
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);
  const std::vector<TensorEntry>& entries() const { return entries_; }  // sorted by name
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::shared_ptr<const MappedFile> file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::string> metadata_;
};

// Writes entries sorted by name, data 64-byte aligned start: the same content gives the same bytes.
// Not atomic by itself: call it inside PublishFolder.
absl::Status WriteSafetensors(const std::string& path, std::vector<TensorEntry> entries,
                              const std::map<std::string, std::string>& metadata);

}  // namespace regroup
