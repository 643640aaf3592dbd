// Beam search against transformers' generate over a grid of settings (make_beam_golden.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/json.h"
#include "decode/engine.h"
#include "golden/decode/decode_models.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;

// What transformers returns for the rows of a model under one setting.
struct Setting {
  DecodeConfig options;
  std::vector<std::vector<Ids>> ids;        // per row, best first
  std::vector<std::vector<double>> scores;  // per row, best first
  std::set<size_t> near_ties;               // rows
};

struct Model {
  std::string name;
  T5Config config;
  StateDict weights;
  std::vector<Ids> sources;
  std::vector<Setting> settings;
};

template <class T>
std::optional<T> Optional(const Json& json) {
  return json.is_null() ? std::optional<T>() : std::optional<T>(json.get<T>());
}

DecodeConfig ReadOptions(const Json& keys, const Json& values) {
  std::map<std::string, Json> json;
  for (size_t i = 0; i < keys.size(); ++i) json[keys[i]] = values[i];
  DecodeConfig options;
  options.beams = json["beams"];
  options.length_penalty = json["length_penalty"];
  options.early_stopping = json["early_stopping"].is_string()   ? "never"
                           : json["early_stopping"].get<bool>() ? "true"
                                                                : "false";
  options.min_length = json["min_length"];
  options.max_length = json["max_length"];
  options.no_repeat_ngram_size = json["no_repeat_ngram_size"];
  options.forced_bos_token_id = Optional<int64_t>(json["forced_bos_token_id"]);
  options.forced_eos_token_id = Optional<int64_t>(json["forced_eos_token_id"]);
  options.n_best = json["n_best"];
  options.length_norm = json["length_norm"];
  return options;
}

Setting ReadSetting(const Json& keys, const Json& outputs, const Json& json) {
  Setting setting;
  setting.options = ReadOptions(keys, json[0]);
  for (const Json& row : json[1]) {
    std::vector<Ids>& ids = setting.ids.emplace_back();
    for (const Json& which : row) ids.push_back(outputs[which.get<size_t>()]);
  }
  setting.scores = json[2].get<std::vector<std::vector<double>>>();
  setting.near_ties = json[3].get<std::set<size_t>>();
  return setting;
}

const std::vector<Model>& Models() {
  static const std::vector<Model>* const models = [] {
    const auto file = ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/beam_golden.json");
    EXPECT_TRUE(file.ok()) << file.status();
    auto* result = new std::vector<Model>;
    for (const Json& json : (*file)["models"]) {
      Model& model = result->emplace_back();
      model.name = json["name"];
      model.config = ReadConfig(json);
      model.weights = FormulaWeights(json, model.config);
      model.sources = json["sources"].get<std::vector<Ids>>();
      for (const Json& one : json["results"]) {
        model.settings.push_back(ReadSetting((*file)["keys"], json["outputs"], one));
      }
    }
    return result;
  }();
  return *models;
}

struct Comparison {
  int64_t rows = 0, near_ties = 0, wrong = 0;
  double score_error = 0;  // largest, of the score or of 1 if that is larger; rows with equal ids
  std::string first_wrong;
};

std::string Describe(const Setting& setting, size_t row) {
  return "row " + std::to_string(row) + " of " + DumpJson(ConfigToJson(setting.options)) +
         ", n_best " + std::to_string(setting.options.n_best);
}

// Rows whose margin in the reference is below 1e-4 are counted and left out.
void Compare(const Setting& setting, const std::vector<Hypothesis>& got, Comparison& result) {
  for (size_t row = 0; row < got.size(); ++row) {
    ++result.rows;
    if (setting.near_ties.contains(row)) {
      ++result.near_ties;
      continue;
    }
    std::vector<Hypothesis> all = {got[row]};
    all.insert(all.end(), got[row].others.begin(), got[row].others.end());
    std::vector<Ids> ids;
    for (const Hypothesis& hypothesis : all) ids.push_back(hypothesis.ids);
    if (ids != setting.ids[row]) {
      if (result.wrong++ == 0) result.first_wrong = Describe(setting, row);
      continue;
    }
    for (size_t i = 0; i < all.size(); ++i) {
      const double expected = setting.scores[row][i];
      const double error = std::abs(all[i].score - expected) / std::max(1.0, std::abs(expected));
      result.score_error = std::max(result.score_error, error);
      EXPECT_EQ(all[i].at_length_limit, all[i].ids.back() != 1);
    }
  }
}

using Change = std::function<void(DecodeConfig&)>;

// All settings of a model, decoded with the options as `change` leaves them; up to the first wrong
// row if `until_wrong`.
Comparison DecodeAndCompare(
    const Model& model, at::ScalarType compute, const Change& change = [](DecodeConfig&) {},
    bool until_wrong = false) {
  const auto engine = Engine::Create(model.config, model.weights, compute);
  Comparison result;
  for (const Setting& setting : model.settings) {
    DecodeConfig options = setting.options;
    change(options);
    const auto got = engine->Generate(model.sources, *options.max_length, options, nullptr);
    EXPECT_TRUE(got.ok()) << got.status();
    Compare(setting, *got, result);
    if (until_wrong && result.wrong > 0) break;
  }
  return result;
}

TEST(BeamGolden, IdsAndScoresOfTheWholeGridEqualTransformers) {
  for (const Model& model : Models()) {
    for (const at::ScalarType compute : {at::kFloat, at::kDouble}) {
      const Comparison result = DecodeAndCompare(model, compute);
      EXPECT_EQ(result.wrong, 0) << model.name << ": " << result.first_wrong;
      EXPECT_LE(result.score_error, 1e-5) << model.name;
      EXPECT_LT(result.near_ties * 8, result.rows) << model.name;
      RecordProperty("rows of " + model.name, static_cast<int>(result.rows));
      RecordProperty("near ties of " + model.name, static_cast<int>(result.near_ties));
      std::cout << "  " << model.name << ": " << result.rows << " rows, " << result.near_ties
                << " near ties left out, largest error of a score " << result.score_error << "\n";
    }
  }
}

// Whatever rows stand beside a row, and however many: batches of three rows or of one.
TEST(BeamGolden, BatchingByLengthGivesTheSameIds) {
  for (const Model& model : Models()) {
    const auto engine = Engine::Create(model.config, model.weights, at::kFloat);
    Comparison result;
    for (size_t i = 0; i < model.settings.size(); i += 5) {
      DecodeConfig options = model.settings[i].options;
      options.batch_tokens = i % 2 == 0 ? 1 : 3 * (60 + *options.max_length * *options.beams);
      std::vector<Hypothesis> got(model.sources.size());
      const auto status = GenerateAll(*engine, model.sources, *options.max_length, options, nullptr,
                                      [&](size_t row, Hypothesis hypothesis) {
                                        got[row] = std::move(hypothesis);
                                        return absl::OkStatus();
                                      });
      ASSERT_TRUE(status.ok()) << status;
      Compare(model.settings[i], got, result);
    }
    EXPECT_EQ(result.wrong, 0) << model.name << ": " << result.first_wrong;
    EXPECT_LE(result.score_error, 1e-5) << model.name;
  }
}

TEST(BeamGolden, HoldsOutputsOfManyLengthsSomeOfWhichEndAndSomeOfWhichAreCut) {
  for (const Model& model : Models()) {
    std::set<size_t> lengths;
    int64_t ended = 0, cut = 0;
    for (const Setting& setting : model.settings) {
      for (const auto& row : setting.ids) {
        lengths.insert(row[0].size());
        (row[0].back() == 1 ? ended : cut)++;
      }
    }
    EXPECT_GE(lengths.size(), 12u) << model.name;
    EXPECT_GT(ended, 100) << model.name;
    EXPECT_GT(cut, 100) << model.name;
  }
}

// Controls: every setting has an effect that the golden sees.

TEST(BeamGoldenControl, AnotherSettingGivesOtherIds) {
  const std::vector<std::pair<std::string, Change>> changes = {
      {"one beam less", [](DecodeConfig& c) { c.beams = std::max<int64_t>(1, *c.beams - 1); }},
      {"stopping: true for false",
       [](DecodeConfig& c) {
         if (c.early_stopping == "false") c.early_stopping = "true";
       }},
      {"stopping: false for true",
       [](DecodeConfig& c) {
         if (c.early_stopping == "true") c.early_stopping = "false";
       }},
      {"stopping: never for false",
       [](DecodeConfig& c) {
         if (c.early_stopping == "false") c.early_stopping = "never";
       }},
      {"stopping: false for never",
       [](DecodeConfig& c) {
         if (c.early_stopping == "never") c.early_stopping = "false";
       }},
      {"no minimum", [](DecodeConfig& c) { c.min_length = 0; }},
      {"a minimum that counts EOS",
       [](DecodeConfig& c) { c.min_length = std::max<int64_t>(0, *c.min_length - 1); }},
      {"one token more", [](DecodeConfig& c) { c.max_length = *c.max_length + 1; }},
      {"longer n-grams",
       [](DecodeConfig& c) {
         if (*c.no_repeat_ngram_size > 0) c.no_repeat_ngram_size = *c.no_repeat_ngram_size + 1;
       }},
      {"no forced first token", [](DecodeConfig& c) { c.forced_bos_token_id.reset(); }},
      {"no forced last token", [](DecodeConfig& c) { c.forced_eos_token_id.reset(); }},
      {"penalty of one half more", [](DecodeConfig& c) { *c.length_penalty += 0.5; }},
      {"T5X's norm exchanged",
       [](DecodeConfig& c) { c.length_norm = c.length_norm == "t5x" ? "huggingface" : "t5x"; }},
  };
  const Model& model = Models()[0];
  for (const auto& [what, change] : changes) {
    EXPECT_GT(DecodeAndCompare(model, at::kFloat, change, /*until_wrong=*/true).wrong, 0) << what;
  }
}

// n without EOS in the score: with one beam the ids are the same and every score is off.
TEST(BeamGoldenControl, ALengthWithoutTheEndGivesOtherScores) {
  for (const Model& model : Models()) {
    for (const Setting& setting : model.settings) {
      if (setting.options.length_penalty != 1.0 || setting.options.length_norm == "t5x") continue;
      const Ids& ids = setting.ids[0][0];
      if (ids.back() != 1 || ids.size() < 2) continue;
      const auto n = static_cast<double>(ids.size());
      const double score = setting.scores[0][0];
      EXPECT_GT(std::abs(score * n / (n - 1) - score), 1e-3) << Describe(setting, 0);
    }
  }
}

}  // namespace
}  // namespace regroup
