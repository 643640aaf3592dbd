// Reading, resolving and finding of sentinels.
#include "text/sentinels.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"

namespace regroup {
namespace {

constexpr std::string_view kOpening = "<extra_id_";
constexpr int32_t kDefaultSentinels = 100;
constexpr int32_t kMostSentinels = 65536;

// The sentinel that `text` begins with.
std::optional<SentinelMatch> MatchAtBegin(std::string_view text, int32_t count) {
  if (!text.starts_with(kOpening)) return std::nullopt;
  const char* begin = text.data() + kOpening.size();
  const char* end = text.data() + text.size();
  SentinelMatch match;
  const auto [rest, error] = std::from_chars(begin, end, match.number);
  if (error != std::errc() || rest == end || *rest != '>') return std::nullopt;
  if (match.number < 0 || match.number >= count) return std::nullopt;
  if (*begin == '-' || (*begin == '0' && rest - begin > 1)) return std::nullopt;
  match.bytes = static_cast<size_t>(rest + 1 - text.data());
  return match;
}

absl::StatusOr<std::optional<int32_t>> ReadExtraIds(const Json& config, const std::string& place) {
  const auto found = config.find("extra_ids");
  if (found == config.end() || found->is_null()) return std::optional<int32_t>();
  if (!found->is_number_unsigned() ||
      found->get<uint64_t>() > static_cast<uint64_t>(kMostSentinels)) {
    return UserError(place, absl::StrCat("\"extra_ids\" is ", DumpJson(*found),
                                         ", expected a number from 0 to ", kMostSentinels));
  }
  return std::optional<int32_t>(found->get<int32_t>());
}

// Tokens come as texts or as objects with their text under "content".
std::string TokenText(const Json& token) {
  const Json& text = token.is_object() && token.contains("content") ? token["content"] : token;
  return text.is_string() ? text.get<std::string>() : "";
}

absl::Status AddListed(const Json& config, const char* key, const std::string& place,
                       std::vector<int32_t>* listed) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_array()) return absl::OkStatus();
  for (const Json& token : *found) {
    const std::string text = TokenText(token);
    const auto match = MatchAtBegin(text, kMostSentinels);
    if (match.has_value() && match->bytes == text.size()) listed->push_back(match->number);
  }
  std::vector<int32_t> sorted = *listed;
  std::ranges::sort(sorted);
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] == static_cast<int32_t>(i)) continue;
    return UserError(place, absl::StrCat("\"", key, "\" lists ", sorted.size(), " sentinels and ",
                                         SentinelText(sorted[i]), " where ",
                                         SentinelText(static_cast<int32_t>(i)),
                                         " is expected: they must run from 0, each once"));
  }
  return absl::OkStatus();
}

std::vector<int32_t> OnTop(int32_t pieces, int32_t count) {
  std::vector<int32_t> ids;
  for (int32_t n = 0; n < count; ++n) ids.push_back(pieces + count - 1 - n);
  return ids;
}

std::vector<int32_t> InListedOrder(int32_t pieces, const std::vector<int32_t>& listed) {
  std::vector<int32_t> ids(listed.size());
  for (size_t i = 0; i < listed.size(); ++i)
    ids[static_cast<size_t>(listed[i])] = pieces + static_cast<int32_t>(i);
  return ids;
}

// As seqio adds them to a model ("▁<extra_id_n>"), or as a trainer's user-defined symbols.
std::vector<int32_t> PiecesOf(const SentencePieceModel& model) {
  std::vector<int32_t> ids;
  while (true) {
    const std::string text = SentinelText(static_cast<int32_t>(ids.size()));
    int32_t id = model.Find("\u2581" + text);
    if (id < 0) id = model.Find(text);
    if (id < 0) return ids;
    ids.push_back(id);
  }
}

}  // namespace

std::string SentinelText(int32_t n) { return absl::StrCat(ToAbsl(kOpening), n, ">"); }

absl::StatusOr<SentinelSettings> ReadSentinelSettings(const Json& config,
                                                      const std::string& place) {
  if (!config.is_object()) return UserError(place, "expected a JSON object");
  SentinelSettings settings;
  REGROUP_ASSIGN_OR_RETURN(settings.extra_ids, ReadExtraIds(config, place));
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!settings.listed.empty()) break;
    REGROUP_RETURN_IF_ERROR(AddListed(config, key, place, &settings.listed));
  }
  return settings;
}

absl::StatusOr<Sentinels> ResolveSentinels(const SentinelSettings& settings,
                                           const SentencePieceModel& model,
                                           const std::string& place) {
  const auto listed = static_cast<int32_t>(settings.listed.size());
  const int32_t on_top = settings.extra_ids.value_or(0);
  if (on_top > 0 && listed > 0 && listed != on_top) {
    return UserError(place, absl::StrCat("\"extra_ids\" is ", on_top, ", and ", listed,
                                         " sentinels are listed as special tokens; expected as "
                                         "many: drop one of the two"));
  }
  if (on_top > 0) return Sentinels{OnTop(model.size(), on_top)};
  if (settings.extra_ids.has_value() && listed > 0)
    return Sentinels{InListedOrder(model.size(), settings.listed)};
  std::vector<int32_t> pieces = PiecesOf(model);
  if (!pieces.empty()) return Sentinels{std::move(pieces), true};
  if (settings.extra_ids.has_value()) return Sentinels{};
  return Sentinels{OnTop(model.size(), listed > 0 ? listed : kDefaultSentinels)};
}

std::optional<SentinelMatch> FindSentinel(std::string_view text, int32_t count) {
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    auto match = MatchAtBegin(text.substr(at), count);
    if (!match.has_value()) continue;
    match->begin = at;
    return match;
  }
  return std::nullopt;
}

}  // namespace regroup
