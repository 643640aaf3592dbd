// Bytes of a file as a stream, decompressed by the file's name (.gz, .zst). LineReader reads
// through it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/status.h"

namespace regroup {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills up to `capacity` bytes and returns how many; 0 is the end. A damaged or truncated stream
  // is a DataLoss status whose message says what is wrong, without a place (the caller knows the
  // line).
  virtual absl::StatusOr<size_t> Read(char* out, size_t capacity) = 0;
};

// Opens `path`: gzip for .gz, zstd for .zst, else the bytes as they stand. Several gzip members or
// zstd frames one after another are one stream. Missing file, folder: UserError.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path);

}  // namespace regroup
