// JSON for the whole house: nlohmann's ordered_json (keys keep the order in which they were
// written).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/status.h"

namespace regroup {

using Json = nlohmann::ordered_json;

// Parses `text`; a syntax error is a UserError at `place` with the position. Rejects duplicate keys
// and values nested deeper than kDeepestJson, because what walks over a value recurses.
inline constexpr int kDeepestJson = 100;
absl::StatusOr<Json> ParseJson(const std::string& text, const std::string& place);
absl::StatusOr<Json> ReadJsonFile(const std::string& path);
// The same for configs, indexes and records of runs, which are small: 16 MiB at most.
absl::StatusOr<Json> ReadConfigFile(const std::string& path);

// Compact one-line form; invalid UTF-8 in strings is replaced by U+FFFD, never thrown on.
std::string DumpJson(const Json& json);
// Indented by 2, with a final newline (files that people read).
std::string DumpJsonPretty(const Json& json);

}  // namespace regroup
