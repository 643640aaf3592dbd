// Bookkeeping of one sentence's beams. See beam_search.h.
#include "decode/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/status.h"

namespace regroup {
namespace {

constexpr double kNoBeam = -1e9;  // Hugging Face's score of what must not be chosen
bool IsReal(double score) { return score > kNoBeam / 2; }

EarlyStopping ParseEarlyStopping(const std::string& name) {
  if (name == "true") return EarlyStopping::kTrue;
  REGROUP_CHECK(name == "false" || name == "never");
  return name == "never" ? EarlyStopping::kNever : EarlyStopping::kFalse;
}

bool Better(const Continuation& a, const Continuation& b) { return a.score > b.score; }

// The ids of the `count` largest values, as continuations of `beam`, added to `found`. One pass
// with a sorted list of the best so far: most values are below its last one.
template <class T>
void AddBest(const T* log_prob, int64_t vocab, size_t count, const Beam& beam, int64_t number,
             std::vector<Continuation>& found) {
  std::vector<std::pair<T, int32_t>> best;
  T last = -std::numeric_limits<T>::infinity();
  for (int64_t id = 0; id < vocab; ++id) {
    const T value = log_prob[id];
    if (!(value > last)) continue;
    const auto place =
        std::find_if(best.begin(), best.end(), [&](const auto& b) { return value > b.first; });
    best.insert(place, {value, static_cast<int32_t>(id)});
    if (best.size() > count) best.pop_back();
    if (best.size() == count) last = best.back().first;
  }
  for (const auto& [value, id] : best) {
    found.push_back({number, id, beam.score + static_cast<double>(value)});
  }
}

}  // namespace

BeamRules RulesOf(const DecodeConfig& options, int64_t max_length, int64_t eos) {
  BeamRules rules;
  rules.beams = options.beams.value_or(1);
  rules.max_length = max_length;
  rules.eos = options.ignore_eos ? -1 : eos;
  rules.early_stopping = ParseEarlyStopping(options.early_stopping.value_or("false"));
  rules.length_norm = options.length_norm == "t5x" ? LengthNorm::kT5x : LengthNorm::kHuggingFace;
  rules.length_penalty = options.length_penalty.value_or(1);
  return rules;
}

double LengthDivisor(const BeamRules& rules, int64_t n) {
  const double length = static_cast<double>(n);
  const double base = rules.length_norm == LengthNorm::kT5x ? (5 + length) / 6 : length;
  return std::pow(base, rules.length_penalty);
}

template <class T>
std::vector<Continuation> BestContinuations(const std::vector<Beam>& running, const T* log_prob,
                                            int64_t vocab, size_t count) {
  std::vector<Continuation> found;
  for (size_t i = 0; i < running.size(); ++i) {
    const size_t before = found.size();
    AddBest(log_prob + static_cast<int64_t>(i) * vocab, vocab, count, running[i],
            static_cast<int64_t>(i), found);
    if (found.size() == before && IsReal(running[i].score)) return {};
  }
  std::stable_sort(found.begin(), found.end(), Better);
  if (found.size() > count) found.resize(count);
  return found;
}
template std::vector<Continuation> BestContinuations(const std::vector<Beam>&, const float*,
                                                     int64_t, size_t);
template std::vector<Continuation> BestContinuations(const std::vector<Beam>&, const double*,
                                                     int64_t, size_t);

// All beams are the start token alone; all but the first do not count yet, or every beam would
// take the same continuations.
SentenceBeams::SentenceBeams(const BeamRules& rules)
    : rules_(rules), running_(static_cast<size_t>(rules.beams)) {
  for (size_t i = 1; i < running_.size(); ++i) running_[i].score = kNoBeam;
}

bool SentenceBeams::Ends(const Continuation& continuation) const {
  return continuation.id == rules_.eos || length_ == rules_.max_length;
}

void SentenceBeams::Take(const std::vector<Continuation>& best) {
  REGROUP_CHECK(!done_, "beam search: a step behind the end");
  ++length_;
  if (best.empty()) finished_.clear();
  const size_t beams = running_.size();
  for (size_t i = 0; i < std::min(beams, best.size()); ++i) {
    if (Ends(best[i]) && IsReal(best[i].score)) Finish(best[i]);
  }
  GoOn(best);
  const bool full = finished_.size() == beams;
  done_ = length_ == rules_.max_length || !IsReal(running_[0].score) ||
          (full && (rules_.early_stopping == EarlyStopping::kTrue || !CanImprove()));
}

// Behind hypotheses of the same score, which were there first.
void SentenceBeams::Finish(const Continuation& continuation) {
  Hypothesis hypothesis{running_[static_cast<size_t>(continuation.beam)].ids,
                        continuation.score / LengthDivisor(rules_, length_),
                        continuation.id != rules_.eos};
  hypothesis.ids.push_back(continuation.id);
  const auto place = std::find_if(finished_.begin(), finished_.end(),
                                  [&](const Hypothesis& h) { return hypothesis.score > h.score; });
  finished_.insert(place, std::move(hypothesis));
  if (finished_.size() > running_.size()) finished_.pop_back();
}

void SentenceBeams::GoOn(std::vector<Continuation> best) {
  for (Continuation& continuation : best) {
    if (Ends(continuation)) continuation.score += kNoBeam;
  }
  std::stable_sort(best.begin(), best.end(), Better);
  best.resize(running_.size(), {0, 0, -std::numeric_limits<double>::infinity()});
  std::vector<Beam> next;
  for (const Continuation& continuation : best) {
    next.push_back({running_[static_cast<size_t>(continuation.beam)].ids, continuation.score,
                    continuation.beam});
    next.back().ids.push_back(continuation.id);
  }
  running_ = std::move(next);
}

// Whether the best running beam would still beat the worst hypothesis, at the length that it is
// taken to reach: its own, or the longest one where "never" and the penalty favour length.
bool SentenceBeams::CanImprove() const {
  const bool to_the_end =
      rules_.early_stopping == EarlyStopping::kNever && rules_.length_penalty > 0;
  const int64_t length = to_the_end ? rules_.max_length : length_;
  return running_[0].score / LengthDivisor(rules_, length) > finished_.back().score;
}

Hypothesis SentenceBeams::Best(int64_t n) const {
  if (finished_.empty()) return {{}, std::numeric_limits<double>::quiet_NaN(), false};
  Hypothesis best = finished_[0];
  const size_t count = std::min(finished_.size(), static_cast<size_t>(n));
  for (size_t i = 1; i < count; ++i) best.others.push_back(finished_[i]);
  return best;
}

}  // namespace regroup
