// Which K/V heads a conversion aims at; every mistake in asking for them.
#include "convert/convert_config.h"

#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace regroup {
namespace {

constexpr char kPlace[] = "kv_heads";

const std::vector<std::string>& Sites() {
  static const auto* sites = new std::vector<std::string>{"encoder_self", "decoder_self", "cross"};
  return *sites;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

absl::Status UnknownSite(const std::string& place, const std::string& site) {
  return UserError(place, absl::StrCat("unknown site \"", site, "\"", DidYouMean(site, Sites()),
                                       "; the sites are ", absl::StrJoin(Sites(), ", ")));
}

// Sets one layer, or says why G is not possible there.
absl::Status SetLayer(const std::string& place, const Json& json, int64_t& heads) {
  if (!json.is_number_integer()) {
    return UserError(
        place, absl::StrCat("found ", DumpJson(json), ", expected a whole number of K/V heads"));
  }
  const int64_t wanted = json.get<int64_t>();
  if (wanted < 1) return UserError(place, absl::StrCat("found ", wanted, ", expected at least 1"));
  if (wanted > heads) {
    return UserError(place, absl::StrCat("found ", wanted, ", but the source has ", heads,
                                         " K/V heads there; expected at most that"));
  }
  if (heads % wanted != 0) {
    return UserError(place, absl::StrCat("found ", wanted, ", which does not divide the source's ",
                                         heads, " K/V heads"));
  }
  heads = wanted;
  return absl::OkStatus();
}

absl::Status SetSite(const std::string& place, const Json& json, std::vector<int64_t>& layers) {
  if (json.is_array() && json.size() != layers.size()) {
    return UserError(place, absl::StrCat("found a list of ", json.size(), ", expected ",
                                         layers.size(), " numbers, one per layer"));
  }
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const std::string where = json.is_array() ? absl::StrCat(place, "[", layer, "]") : place;
    REGROUP_RETURN_IF_ERROR(SetLayer(where, json.is_array() ? json[layer] : json, layers[layer]));
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<std::string>& MergeMethodNames() {
  static const auto* names = new std::vector<std::string>{
      "mean", "first", "random", "norm_mean", "procrustes", "svd", "covariance_svd"};
  return *names;
}

bool MergeWeighs(const std::string& method) { return method == "covariance_svd"; }

absl::StatusOr<Json> ParseKvHeadsFlag(const std::string& text) {
  const std::string place = absl::StrCat("--kv-heads ", text);
  int64_t heads = 0;
  if (absl::SimpleAtoi(text, &heads)) return Json(heads);
  Json json = Json::object();
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> pair = absl::StrSplit(part, '=');
    if (pair.size() != 2 || !absl::SimpleAtoi(pair[1], &heads)) {
      return UserError(
          place,
          "expected a number, or site=number[,site=number], for example decoder_self=4,cross=2");
    }
    if (!Contains(Sites(), pair[0])) return UnknownSite(place, pair[0]);
    if (json.contains(pair[0]))
      return UserError(place, absl::StrCat("the site ", pair[0], " is named twice"));
    json[pair[0]] = heads;
  }
  return json;
}

Json KvHeadsJson(KvHeads heads, const std::vector<std::string>& sites) {
  Json json = Json::object();
  for (const std::string& site : sites) json[site] = heads.Of(site);
  return json;
}

std::vector<std::string> SitesOf(const ConvertConfig& config) {
  if (config.sites.has_value()) return *config.sites;
  if (!config.kv_heads.is_object()) return {"decoder_self", "cross"};
  std::vector<std::string> named;
  for (const auto& item : config.kv_heads.items()) named.push_back(item.key());
  return named;
}

absl::StatusOr<KvHeads> TargetKvHeads(const T5Config& source, const ConvertConfig& config) {
  const std::vector<std::string> sites = SitesOf(config);
  const std::string place = config.sites.has_value() ? "sites" : kPlace;
  for (const std::string& site : sites) {
    if (!Contains(Sites(), site)) return UnknownSite(place, site);
    if (std::count(sites.begin(), sites.end(), site) > 1)
      return UserError(place, absl::StrCat("the site ", site, " is named twice"));
  }
  if (sites.empty())
    return UserError(place, "is empty; name at least one of encoder_self, decoder_self, cross");
  if (config.kv_heads.is_null())
    return UserError(kPlace,
                     "is missing; expected G, or {site: G or [G per layer]}, or a kv_budget");
  KvHeads target = source.kv_heads;
  if (!config.kv_heads.is_object()) {
    for (const std::string& site : sites) {
      REGROUP_RETURN_IF_ERROR(
          SetSite(absl::StrCat(kPlace, " (", site, ")"), config.kv_heads, target.Of(site)));
    }
    return target;
  }
  for (const auto& [site, value] : config.kv_heads.items()) {
    const std::string here = absl::StrCat(kPlace, ".", site);
    if (!Contains(Sites(), site)) return UnknownSite(here, site);
    if (!Contains(sites, site)) {
      return UserError(here, absl::StrCat("the site is not among the sites to convert (",
                                          absl::StrJoin(sites, ", "),
                                          "); add it to `sites` or leave it out here"));
    }
    REGROUP_RETURN_IF_ERROR(SetSite(here, value, target.Of(site)));
  }
  return target;
}

}  // namespace regroup
