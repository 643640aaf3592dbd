// Batches by length and the default length limit.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/random.h"
#include "decode/engine.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;

// Answers each row with its own first id and remembers the batches.
class EchoEngine final : public Engine {
 public:
  absl::StatusOr<std::vector<Hypothesis>> Generate(std::span<const Ids> sources, int64_t max_length,
                                                   const DecodeConfig&,
                                                   DecodeTimes*) const override {
    size_t longest = 0;
    std::vector<Hypothesis> result;
    for (const Ids& source : sources) {
      longest = std::max(longest, source.size());
      result.push_back({{source[0]}, 0, false});
    }
    tokens_.push_back((static_cast<int64_t>(longest) + max_length) *
                      static_cast<int64_t>(sources.size()));
    rows_.push_back(sources.size());
    return result;
  }
  at::Tensor ForcedLogits(std::span<const Ids>, const at::Tensor& input) const override {
    return input;
  }
  int64_t KvBytes(int64_t, int64_t, int64_t) const override { return 0; }
  int64_t KvBytesPerPosition() const override { return 0; }
  int64_t DecoderBytes() const override { return 0; }
  const T5Config& config() const override { return config_; }

  T5Config config_;
  mutable std::vector<int64_t> tokens_;
  mutable std::vector<size_t> rows_;
};

std::vector<Ids> NumberedRows(int64_t count) {
  std::vector<Ids> rows;
  CounterRng rng(1, RandomPurpose::kTest, 0);
  for (int64_t i = 0; i < count; ++i) rows.emplace_back(1 + rng.Below(60), static_cast<int32_t>(i));
  return rows;
}

TEST(GenerateAll, HandsEveryRowOutOnceUnderItsOwnNumber) {
  const EchoEngine engine;
  const std::vector<Ids> rows = NumberedRows(200);
  std::vector<int> seen(rows.size());
  DecodeConfig options;
  options.batch_tokens = 500;
  ASSERT_TRUE(GenerateAll(engine, rows, 10, options, nullptr, [&](size_t row, Hypothesis h) {
                EXPECT_EQ(h.ids[0], static_cast<int32_t>(row));
                ++seen[row];
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(seen, std::vector<int>(rows.size(), 1));
}

TEST(GenerateAll, KeepsEveryBatchOfSeveralRowsWithinTheBound) {
  const EchoEngine engine;
  DecodeConfig options;
  options.batch_tokens = 500;
  const auto ignore = [](size_t, Hypothesis) { return absl::OkStatus(); };
  ASSERT_TRUE(GenerateAll(engine, NumberedRows(200), 10, options, nullptr, ignore).ok());
  for (const int64_t tokens : engine.tokens_) EXPECT_LE(tokens, 500);
  EXPECT_LT(engine.rows_.size(), 40u);
  options.batch_tokens = 1;
  engine.rows_.clear();
  ASSERT_TRUE(GenerateAll(engine, NumberedRows(7), 10, options, nullptr, ignore).ok());
  EXPECT_EQ(engine.rows_, std::vector<size_t>(7, 1u));
}

TEST(GenerateAll, CountsTheTargetOnceForEachBeam) {
  const EchoEngine engine;
  DecodeConfig options;
  options.batch_tokens = 500;
  options.beams = 4;
  const auto ignore = [](size_t, Hypothesis) { return absl::OkStatus(); };
  ASSERT_TRUE(GenerateAll(engine, {40, Ids(10, 3)}, 10, options, nullptr, ignore).ok());
  EXPECT_EQ(engine.rows_, std::vector<size_t>(4, 10u)) << "500 / (10 + 4 * 10) rows in each";
}

TEST(GenerateAll, StopsAtTheFirstErrorOfItsCaller) {
  const EchoEngine engine;
  const absl::Status status =
      GenerateAll(engine, NumberedRows(5), 10, {}, nullptr,
                  [](size_t, Hypothesis) { return UserError("out.jsonl", "cannot be written"); });
  EXPECT_EQ(ExitCode(status), 2);
}

}  // namespace
}  // namespace regroup
