// A vocabulary through the tokenizer's own door: what it does says what it is.
#include "pipeline/inspect_tokenizer.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/log.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

constexpr char kSample[] = "Grouped  Ünits ﬁt ½ … <extra_id_0> here";
constexpr int32_t kFirstPieces = 8;

Json Pieces(const Tokenizer& tokenizer) {
  Json pieces = Json::array();
  for (int32_t id = kUnkId + 1; id < std::min(tokenizer.size(), kUnkId + 1 + kFirstPieces); ++id)
    pieces.push_back({{"id", id}, {"text", tokenizer.Decode(std::vector<int32_t>{id})}});
  return pieces;
}

Json Sample(const Tokenizer& tokenizer, const std::string& text) {
  const std::vector<int32_t> ids = tokenizer.Encode(text);
  Json pieces = Json::array();
  for (const int32_t id : ids) pieces.push_back(tokenizer.Decode(std::vector<int32_t>{id}));
  return {{"text", text}, {"ids", ids}, {"pieces", pieces}, {"decoded", tokenizer.Decode(ids)}};
}

}  // namespace

absl::StatusOr<Json> InspectTokenizer(const std::string& path, const std::string& folder,
                                      const std::string& text) {
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(folder));
  const int32_t sentinels = tokenizer->sentinels();
  Json special = {{"pad", kPadId}, {"eos", kEosId}, {"unknown", kUnkId}, {"start", kPadId}};
  if (sentinels > 0) {
    special["first_sentinel"] = tokenizer->SentinelId(0);
    special["last_sentinel"] = tokenizer->SentinelId(sentinels - 1);
  }
  return Json{{"path", path},
              {"kind", "tokenizer"},
              {"size", tokenizer->size()},
              {"sentinels", sentinels},
              {"fingerprint", tokenizer->Fingerprint()},
              {"special", std::move(special)},
              {"pieces", Pieces(*tokenizer)},
              {"sample", Sample(*tokenizer, text.empty() ? kSample : text)}};
}

std::string TokenizerText(const Json& found) {
  const Json &special = found["special"], &sample = found["sample"];
  std::string text = absl::StrCat("  ", FormatCount(found["size"].get<int64_t>()), " ids, ",
                                  found["sentinels"].get<int64_t>(), " of them sentinels");
  if (special.contains("first_sentinel"))
    absl::StrAppend(&text, ": <extra_id_0> is ", special["first_sentinel"].get<int64_t>(),
                    ", the last ", special["last_sentinel"].get<int64_t>());
  absl::StrAppend(&text, "\n  pad ", special["pad"].get<int64_t>(), ", EOS ",
                  special["eos"].get<int64_t>(), ", unknown ", special["unknown"].get<int64_t>(),
                  ", the decoder starts with ", special["start"].get<int64_t>(),
                  "\n  first pieces:");
  for (const Json& piece : found["pieces"])
    absl::StrAppend(&text, " ", piece["id"].get<int64_t>(), "=", DumpJson(piece["text"]));
  absl::StrAppend(&text, "\n  text     ", sample["text"].get<std::string>(), "\n  ids      ",
                  absl::StrJoin(sample["ids"].get<std::vector<int32_t>>(), " "), "\n  pieces   ",
                  absl::StrJoin(sample["pieces"].get<std::vector<std::string>>(), "|"),
                  "\n  decoded  ", sample["decoded"].get<std::string>());
  const bool same = sample["text"] == sample["decoded"];
  absl::StrAppend(&text, same ? "" : "  (what normalization and unknown pieces change)",
                  "\n  fingerprint ", found["fingerprint"].get<std::string>(), "\n");
  return text;
}

}  // namespace regroup
