// The loop over steps, all sentences of a batch together. See beam_decoding.h.
#include "decode/beam_decoding.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <utility>

#include "core/clock.h"
#include "core/stop.h"
#include "decode/live_rows.h"

namespace regroup {
namespace {

// Which sentences are in the decoder's batch, and their beams.
class BeamBatch {
 public:
  BeamBatch(const BeamTask& task, int64_t sentences)
      : task_(task),
        sentences_(static_cast<size_t>(sentences), SentenceBeams(task.rules)),
        sentence_of_(sentences_.size()),
        live_(sentences_.size()) {
    for (size_t i = 0; i < sentence_of_.size(); ++i) sentence_of_[i] = i;
  }

  bool done() const { return live_ == 0; }

  // logits [k*beams, v] of the sentences in the batch, fp32 or fp64 on the CPU; overwritten.
  void Take(at::Tensor logits) {
    at::_log_softmax_out(logits, logits, -1, /*half_to_float=*/false);
    if (logits.scalar_type() == at::kDouble) {
      TakeLogProbs<double>(logits);
    } else {
      TakeLogProbs<float>(logits);
    }
    live_ = 0;
    for (const size_t sentence : sentence_of_) live_ += sentences_[sentence].done() ? 0 : 1;
  }

  // The ids that the decoder is fed next and the rows whose past they continue, [k*beams] each.
  // Beams of a finished sentence stay where they are.
  std::pair<at::Tensor, at::Tensor> Next() const {
    const int64_t beams = task_.rules.beams;
    at::Tensor ids = at::zeros({static_cast<int64_t>(sentence_of_.size()) * beams}, at::kLong);
    at::Tensor parents = at::arange(ids.size(0), at::kLong);
    int64_t* id = ids.mutable_data_ptr<int64_t>();
    int64_t* parent = parents.mutable_data_ptr<int64_t>();
    for (size_t i = 0; i < sentence_of_.size(); ++i) {
      const SentenceBeams& sentence = sentences_[sentence_of_[i]];
      if (sentence.done()) continue;
      const int64_t first = static_cast<int64_t>(i) * beams;
      for (int64_t b = 0; b < beams; ++b) {
        const Beam& beam = sentence.running()[static_cast<size_t>(b)];
        id[first + b] = beam.ids.back();
        parent[first + b] = first + beam.parent;
      }
    }
    return {ids, parents};
  }

  // Places of the sentences that stay, or an undefined tensor.
  at::Tensor Shrink() {
    return KeepLiveRows(sentence_of_, live_, [&](size_t i) { return sentences_[i].done(); });
  }

  std::vector<Hypothesis> Result() const {
    std::vector<Hypothesis> result;
    for (const SentenceBeams& sentence : sentences_) result.push_back(sentence.Best(task_.n_best));
    return result;
  }

 private:
  template <class T>
  void TakeLogProbs(const at::Tensor& log_prob) {
    T* values = log_prob.mutable_data_ptr<T>();
    const int64_t vocab = log_prob.size(1), beams = task_.rules.beams;
    at::parallel_for(0, static_cast<int64_t>(sentence_of_.size()), 1, [&](int64_t i, int64_t end) {
      for (; i < end; ++i) {
        SentenceBeams& sentence = sentences_[sentence_of_[static_cast<size_t>(i)]];
        if (!sentence.done()) TakeSentence(values + i * beams * vocab, vocab, sentence);
      }
    });
  }

  template <class T>
  void TakeSentence(T* log_prob, int64_t vocab, SentenceBeams& sentence) const {
    const std::vector<Beam>& running = sentence.running();
    for (size_t b = 0; task_.token_rules.any() && b < running.size(); ++b) {
      task_.token_rules.Apply<T>(
          running[b].ids, {log_prob + static_cast<int64_t>(b) * vocab, static_cast<size_t>(vocab)});
    }
    sentence.Take(BestContinuations(running, log_prob, vocab, 2 * running.size()));
  }

  const BeamTask& task_;
  std::vector<SentenceBeams> sentences_;  // all, in the batch's first order
  std::vector<size_t> sentence_of_;       // of each place in the decoder's batch
  size_t live_;
};

}  // namespace

absl::StatusOr<std::vector<Hypothesis>> DecodeBeams(const BeamTask& task, DecoderState& state,
                                                    DecodeTimes& times) {
  using Clock = std::chrono::steady_clock;
  const int64_t beams = task.rules.beams;
  BeamBatch batch(task, state.rows());
  at::Tensor ids = at::full({state.rows() * beams}, task.start, at::kLong);
  while (!batch.done()) {
    if (StopRequested()) return StoppedStatus();
    const auto start = Clock::now();
    batch.Take(state.Step(ids.to(state.device())).cpu());
    at::Tensor parents;
    std::tie(ids, parents) = batch.Next();
    state.ReorderBeams(parents.to(state.device()));
    if (const at::Tensor kept = batch.Shrink(); kept.defined()) {
      state.KeepRows(kept.to(state.device()));
      ids = ids.view({-1, beams}).index_select(0, kept).flatten();
    }
    times.step_seconds.push_back(SecondsSince(start));
  }
  return batch.Result();
}

}  // namespace regroup
