// Engine: encoder, then greedy steps until every row has ended, or beam search. See engine.h.
#include "decode/engine.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/clock.h"
#include "core/stop.h"
#include "decode/beam_decoding.h"
#include "decode/decoder.h"
#include "decode/encoder.h"
#include "decode/live_rows.h"
#include "decode/packed_weights.h"

namespace regroup {
namespace {

struct Picks {
  at::Tensor ids_b;       // int64
  at::Tensor log_prob_b;  // fp64
};

// Where `best` first stands in each row. Searching for a known value is several times faster than
// argmax.
template <class T>
at::Tensor FirstPlaces(const at::Tensor& logits_bv, const at::Tensor& best_b) {
  const int64_t width = logits_bv.size(1);
  at::Tensor places = at::empty({logits_bv.size(0)}, at::kLong);
  int64_t* place = places.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < logits_bv.size(0); ++row) {
    const T* begin = logits_bv.const_data_ptr<T>() + row * width;
    const T* found = std::find(begin, begin + width, best_b.const_data_ptr<T>()[row]);
    place[row] = std::min<int64_t>(found - begin, width - 1);  // NaN is found nowhere
  }
  return places;
}

// The likeliest id of each row and its log-probability (fp32, fp64 for fp64 logits); the first of
// equals.
Picks PickGreedy(const at::Tensor& logits_bv) {
  const at::Tensor logits = logits_bv.cpu();
  const at::Tensor best = logits.amax(-1);
  const at::Tensor ids = logits.scalar_type() == at::kDouble ? FirstPlaces<double>(logits, best)
                                                             : FirstPlaces<float>(logits, best);
  const at::Tensor log_prob = at::log_softmax(logits, -1).gather(1, ids.unsqueeze(1)).squeeze(1);
  return {ids, log_prob.to(at::kDouble)};
}

// PickGreedy among the tokens that the rules allow: history(i) is what row i has so far. A forced
// token's log-probability is 0, as in beam search.
template <class T, class History>
Picks PickAllowed(const at::Tensor& logits_bv, const TokenRules& rules, const History& history) {
  const at::Tensor log_prob = at::log_softmax(logits_bv.cpu(), -1);
  const size_t vocab = static_cast<size_t>(log_prob.size(1));
  for (int64_t i = 0; i < log_prob.size(0); ++i) {
    T* row = log_prob.mutable_data_ptr<T>() + i * log_prob.size(1);
    rules.Apply<T>(history(static_cast<size_t>(i)), {row, vocab});
  }
  const at::Tensor ids = FirstPlaces<T>(log_prob, log_prob.amax(-1));
  return {ids, log_prob.gather(1, ids.unsqueeze(1)).squeeze(1).to(at::kDouble)};
}

// Hypotheses that grow: which row of the batch each row of the caches belongs to, and what it has
// so far.
class GreedySearch {
 public:
  GreedySearch(size_t rows, const BeamRules& rules, const TokenRules& token_rules)
      : hypotheses_(rows),
        finished_(rows, false),
        row_of_(rows),
        rules_(rules),
        token_rules_(token_rules) {
    for (size_t row = 0; row < rows; ++row) row_of_[row] = row;
    live_ = rows;
  }

  bool done() const { return live_ == 0; }

  Picks Pick(const at::Tensor& logits_bv) const {
    if (!token_rules_.any()) return PickGreedy(logits_bv);
    const auto history = [&](size_t i) { return std::span(hypotheses_[row_of_[i]].ids); };
    return logits_bv.scalar_type() == at::kDouble
               ? PickAllowed<double>(logits_bv, token_rules_, history)
               : PickAllowed<float>(logits_bv, token_rules_, history);
  }

  // Takes one step's picks and returns what each cache row is fed next (0 for a finished one).
  at::Tensor Take(const Picks& picks) {
    at::Tensor next = picks.ids_b;
    int64_t* ids = next.mutable_data_ptr<int64_t>();
    const double* log_prob = picks.log_prob_b.const_data_ptr<double>();
    for (size_t i = 0; i < row_of_.size(); ++i) {
      const size_t row = row_of_[i];
      if (finished_[row]) {
        ids[i] = 0;
        continue;
      }
      Hypothesis& hypothesis = hypotheses_[row];
      hypothesis.ids.push_back(static_cast<int32_t>(ids[i]));
      hypothesis.score += log_prob[i];
      const bool ended = ids[i] == rules_.eos;
      const bool full = static_cast<int64_t>(hypothesis.ids.size()) == rules_.max_length;
      if (ended || full) Finish(row, ended);
    }
    return next;
  }

  // The rows of the caches that stay, or an undefined tensor.
  at::Tensor Shrink() {
    return KeepLiveRows(row_of_, live_, [&](size_t row) { return finished_[row]; });
  }

  std::vector<Hypothesis> Result() { return std::move(hypotheses_); }

 private:
  void Finish(size_t row, bool ended) {
    Hypothesis& hypothesis = hypotheses_[row];
    hypothesis.score /= LengthDivisor(rules_, static_cast<int64_t>(hypothesis.ids.size()));
    hypothesis.at_length_limit = !ended;
    finished_[row] = true;
    --live_;
  }

  std::vector<Hypothesis> hypotheses_;
  std::vector<bool> finished_;
  std::vector<size_t> row_of_;  // of each cache row
  size_t live_ = 0;
  const BeamRules& rules_;
  const TokenRules& token_rules_;
};

absl::StatusOr<std::vector<Hypothesis>> DecodeGreedy(const BeamTask& task, DecoderState& state,
                                                     DecodeTimes& times) {
  GreedySearch search(static_cast<size_t>(state.rows()), task.rules, task.token_rules);
  at::Tensor ids =
      at::full({state.rows()}, task.start, at::TensorOptions(at::kLong).device(state.device()));
  while (!search.done()) {
    if (StopRequested()) return StoppedStatus();
    const auto step_start = std::chrono::steady_clock::now();
    ids = search.Take(search.Pick(state.Step(ids)));
    if (const at::Tensor kept = search.Shrink(); kept.defined()) {
      state.KeepRows(kept.to(state.device()));
      ids = ids.index_select(0, kept);
    }
    ids = ids.to(state.device());
    times.step_seconds.push_back(SecondsSince(step_start));
  }
  return search.Result();
}

class PackedEngine final : public Engine {
 public:
  explicit PackedEngine(PackedWeights weights) : weights_(std::move(weights)) {}

  absl::StatusOr<std::vector<Hypothesis>> Generate(std::span<const std::vector<int32_t>> sources,
                                                   int64_t max_length, const DecodeConfig& options,
                                                   DecodeTimes* times) const override {
    REGROUP_CHECK(!sources.empty() && max_length >= 1);
    const c10::InferenceMode inference;
    const BeamTask task = {
        RulesOf(options, max_length, config().eos_token_id),
        TokenRules(options, max_length, config().decoder_start_token_id, config().eos_token_id),
        config().decoder_start_token_id, options.n_best};
    DecodeTimes spent;
    const auto start = std::chrono::steady_clock::now();
    DecoderState state = Prepare(sources, max_length, task.rules.beams);
    spent.encoder_seconds = SecondsSince(start);
    spent.cache_bytes = state.CacheBytes();
    auto result =
        task.rules.beams == 1 ? DecodeGreedy(task, state, spent) : DecodeBeams(task, state, spent);
    if (result.ok() && times != nullptr) times->Add(spent);
    return result;
  }

  at::Tensor ForcedLogits(std::span<const std::vector<int32_t>> sources,
                          const at::Tensor& input_bt) const override {
    const c10::InferenceMode inference;
    DecoderState state = Prepare(sources, input_bt.size(1), /*beams=*/1);
    std::vector<at::Tensor> logits;
    for (int64_t t = 0; t < input_bt.size(1); ++t)
      logits.push_back(state.Step(input_bt.select(1, t)));
    return at::stack(logits, 1);
  }

  int64_t KvBytes(int64_t rows, int64_t source_length, int64_t max_length) const override {
    return rows * (SiteBytes(config().kv_heads.decoder_self) * max_length +
                   SiteBytes(config().kv_heads.cross) * source_length);
  }
  int64_t KvBytesPerPosition() const override { return KvBytes(1, 1, 1); }
  int64_t DecoderBytes() const override { return weights_.DecoderBytes(); }
  const T5Config& config() const override { return weights_.config; }

 private:
  int64_t SiteBytes(const std::vector<int64_t>& groups) const {
    return regroup::KvBytesPerPosition(groups, config().d_kv,
                                       static_cast<int64_t>(c10::elementSize(weights_.compute)));
  }
  DecoderState Prepare(std::span<const std::vector<int32_t>> sources, int64_t max_length,
                       int64_t beams) const {
    return {weights_, EncodeRows(weights_, sources), FindLengthRuns(sources), max_length, beams};
  }

  PackedWeights weights_;
};

}  // namespace

double DecodeTimes::decode_seconds() const {
  double sum = 0;
  for (const double seconds : step_seconds) sum += seconds;
  return sum;
}

void DecodeTimes::Add(const DecodeTimes& more) {
  encoder_seconds += more.encoder_seconds;
  cache_bytes = std::max(cache_bytes, more.cache_bytes);
  step_seconds.insert(step_seconds.end(), more.step_seconds.begin(), more.step_seconds.end());
}

std::unique_ptr<Engine> Engine::Create(const T5Config& config, const StateDict& weights,
                                       at::ScalarType compute) {
  return std::make_unique<PackedEngine>(PackWeights(config, weights, compute));
}

}  // namespace regroup
