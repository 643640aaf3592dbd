// JSON parsing with our errors around nlohmann's parser.
#include "core/json.h"

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/files.h"

namespace regroup {

absl::StatusOr<Json> ParseJson(const std::string& text, const std::string& place) {
  std::vector<std::set<std::string>> open_objects;
  std::string duplicate;
  const Json::parser_callback_t watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key && !open_objects.back().insert(value.get<std::string>()).second) {
      duplicate = value.get<std::string>();
    }
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, watch);
  } catch (const nlohmann::json::exception& error) {
    return UserError(place, absl::StrCat("not valid JSON: ", error.what()));
  }
  if (!duplicate.empty()) return UserError(place, absl::StrCat("the key \"", duplicate, "\" stands twice"));
  return json;
}

absl::StatusOr<Json> ReadJsonFile(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJson(text, path);
}

std::string DumpJson(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string DumpJsonPretty(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace regroup
