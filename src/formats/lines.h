// Lines of a text file, plain, .gz or .zst by name, streamed with constant memory. Used by `data`
// and `evaluate`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"

namespace regroup {

class LineReader {
 public:
  static absl::StatusOr<std::unique_ptr<LineReader>> Open(const std::string& path);
  virtual ~LineReader() = default;
  // The next line without its newline ("\r\n" too), or nullopt at the end. A truncated or damaged
  // stream is a UserError naming file and line.
  virtual absl::StatusOr<std::optional<std::string>> Next() = 0;
  virtual int64_t line_number() const = 0;  // of the line last returned, from 1
  virtual const std::string& path() const = 0;
};

// UserError at `place` where `line` is no UTF-8.
absl::Status CheckUtf8(const std::string& line, const std::string& place);

// Files named by paths and shell globs (in order; each glob sorted). A pattern that matches nothing
// is a UserError.
absl::StatusOr<std::vector<std::string>> ExpandGlobs(const std::vector<std::string>& patterns);

}  // namespace regroup
