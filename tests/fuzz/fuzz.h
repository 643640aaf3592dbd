// What the fuzz targets share: an input as a file that a reader opens, and promises that hold for
// every reader. Each target is one function that libFuzzer calls with mutated bytes; scripts/fuzz
// runs them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/files.h"
#include "core/status.h"
#include "support/temp_folder.h"

namespace regroup::fuzz {

inline std::string_view Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A folder that lives as long as the process.
inline const TempFolder& Folder() {
  static const TempFolder folder;
  return folder;
}

// What a file can cause is the user's error: exit code 2, one message.
inline void CheckRefusal(const absl::Status& status) {
  if (!status.ok()) REGROUP_CHECK(ExitCode(status) == 2 && !status.message().empty());
}

using Span = std::pair<const std::byte*, size_t>;

// Every span lies in the file; with `apart`, no two share a byte.
inline void CheckSpans(const MappedFile& file, std::vector<Span> spans, bool apart) {
  const std::byte* free = file.data();
  std::sort(spans.begin(), spans.end());
  for (const auto& [data, bytes] : spans) {
    if (bytes == 0) continue;
    REGROUP_CHECK(data >= file.data() && data + bytes <= file.data() + file.size());
    REGROUP_CHECK(!apart || data >= free);
    free = data + bytes;
  }
}

}  // namespace regroup::fuzz
