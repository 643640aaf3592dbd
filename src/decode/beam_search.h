// Beam search of one sentence over log-probabilities: pure bookkeeping, no model. beam_decoding.cc
// feeds it.
//
// Parity: Hugging Face transformers 5.23, GenerationMixin._beam_search, decision by decision. Per
// step the 2 x beams best continuations of all beams are taken. Those of them that end (EOS, or
// the length limit) and rank among the first `beams` become hypotheses, scored at their length;
// the best `beams` hypotheses stay. The best `beams` continuations that do not end go on.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/decode_config.h"
#include "decode/hypothesis.h"

namespace regroup {

enum class EarlyStopping { kFalse, kTrue, kNever };
enum class LengthNorm { kHuggingFace, kT5x };

struct BeamRules {
  int64_t beams = 1;
  int64_t max_length = 128;
  int64_t eos = 1;  // -1: no token ends a hypothesis
  EarlyStopping early_stopping = EarlyStopping::kFalse;
  LengthNorm length_norm = LengthNorm::kHuggingFace;
  double length_penalty = 1;
};
// Absent options take their defaults. `eos` is ignored where the options say so.
BeamRules RulesOf(const DecodeConfig& options, int64_t max_length, int64_t eos);

// What a sum of log-probabilities over n tokens (EOS counts) is divided by: n^penalty, or T5X's
// brevity penalty ((5+n)/6)^penalty (t5x/decoding.py). Nothing else is T5X's: which candidates are
// kept and when a search ends stays as above.
double LengthDivisor(const BeamRules& rules, int64_t n);

// A beam that goes on. Hugging Face gives beams that do not exist yet a score of -1e9.
struct Beam {
  std::vector<int32_t> ids;  // without the start token
  double score = 0;          // sum of log-probabilities
  int64_t parent = 0;        // the beam of the step before that it continues
};

struct Continuation {
  int64_t beam = 0;
  int32_t id = 0;
  double score = 0;  // sum of log-probabilities, `id` included
};

// The `count` best continuations, best first; of equals the one of the lower beam, then of the
// lower id. log_prob: [beams, vocab]; ids at -infinity never continue. Empty if a beam that counts
// cannot go on, for instance because its log-probabilities are NaN. T: float, double.
template <class T>
std::vector<Continuation> BestContinuations(const std::vector<Beam>& running, const T* log_prob,
                                            int64_t vocab, size_t count);

class SentenceBeams {
 public:
  explicit SentenceBeams(const BeamRules& rules);

  const std::vector<Beam>& running() const { return running_; }  // always rules.beams of them
  // One step, while not done(): the BestContinuations of running(), 2 x beams of them. Empty: the
  // search ends without a hypothesis.
  void Take(const std::vector<Continuation>& best);
  bool done() const { return done_; }
  // The best hypothesis with up to n - 1 others; NaN as score and no ids if there is none (the
  // log-probabilities were no numbers).
  Hypothesis Best(int64_t n) const;

 private:
  bool Ends(const Continuation& continuation) const;
  void Finish(const Continuation& continuation);
  void GoOn(std::vector<Continuation> best);
  bool CanImprove() const;

  BeamRules rules_;
  int64_t length_ = 0;  // generated tokens of each running beam
  bool done_ = false;
  std::vector<Beam> running_;         // best first
  std::vector<Hypothesis> finished_;  // best first, at most rules.beams
};

}  // namespace regroup
