// JSON parsing with our errors around nlohmann's parser.
#include "core/json.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/foreign.h"

namespace regroup {

namespace {

// "column 7", or "line 3, column 7" where the text has several lines. `at` counts bytes from 0.
std::string Position(const std::string& text, size_t at) {
  const size_t end = std::min(at, text.size());
  const auto lines =
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
  const size_t newline = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  const size_t column = newline == std::string::npos ? end + 1 : end - newline;
  const bool several = text.find('\n') + 1 < text.size() && text.find('\n') != std::string::npos;
  return several ? absl::StrCat("line ", lines + 1, ", column ", column)
                 : absl::StrCat("column ", column);
}

// Where a value stands deeper than kDeepestJson, or npos. Up to its first syntax error the text is
// read as the parser reads it.
size_t TooDeep(const std::string& text) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepestJson) return i;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return std::string::npos;
}

// The library's sentence between its prefix and what it shows of the text:
// "[json.exception.parse_error.101] parse error at ...: syntax error while parsing value - REASON;
// last read: 'RAW'; expected WHAT".
std::string Reason(const std::string& what) {
  const size_t dash = what.find(" - ");
  if (dash == std::string::npos) return "expected JSON";
  const std::string rest = what.substr(dash + 3);
  std::string reason = rest.substr(0, std::min(rest.find("; last read"), rest.find("; expected")));
  const size_t expected = rest.rfind("; expected ");
  return reason +
         (expected == std::string::npos ? "; expected a JSON value" : rest.substr(expected));
}

absl::Status SyntaxError(const std::string& text, const std::string& place, size_t at,
                         const std::string& reason) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    return UserError(place, "not valid JSON: it is empty");
  if (const std::string foreign = ForeignContent(text); !foreign.empty())
    return UserError(place, absl::StrCat("not valid JSON: ", foreign));
  return UserError(place, absl::StrCat("not valid JSON (", Position(text, at), "): ", reason));
}

}  // namespace

absl::StatusOr<Json> ParseJson(const std::string& text, const std::string& place) {
  if (const size_t at = TooDeep(text); at != std::string::npos) {
    return UserError(place, absl::StrCat("not JSON that regroup reads (", Position(text, at),
                                         "): nested deeper than ", kDeepestJson,
                                         " levels; expected at most that many"));
  }
  // The parser would take it for the end and leave what follows unread.
  if (const size_t zero = text.find('\0'); zero != std::string::npos)
    return SyntaxError(text, place, zero, "a byte of zero; expected text");
  std::vector<std::set<std::string>> open_objects;
  std::string duplicate;
  const Json::parser_callback_t watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key &&
        !open_objects.back().insert(value.get<std::string>()).second) {
      duplicate = DumpJson(value);
    }
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, watch);
  } catch (const nlohmann::json::parse_error& error) {
    return SyntaxError(text, place, error.byte == 0 ? 0 : error.byte - 1, Reason(error.what()));
  } catch (const nlohmann::json::exception&) {
    return UserError(place, "not valid JSON: a number is too large; expected at most 1.8e308");
  }
  if (!duplicate.empty())
    return UserError(place, absl::StrCat("the key ", duplicate, " stands twice"));
  return json;
}

absl::StatusOr<Json> ReadJsonFile(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJson(text, path);
}

absl::StatusOr<Json> ReadConfigFile(const std::string& path) {
  constexpr uint64_t kLargestConfig = uint64_t{16} << 20;
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kLargestConfig));
  return ParseJson(text, path);
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string DumpJsonPretty(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace regroup
