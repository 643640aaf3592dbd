// Sources longer than the task's length, cut to a window that holds the target: how T5 trains on
// TriviaQA. task_rows.cc finds the target, the stream draws the window.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "text/tokenizer.h"

namespace regroup {

// A source as the text before the windowed field and that field, with the place of the target in
// it.
struct WindowedSource {
  std::vector<int32_t> prompt;                          // kept whole
  std::shared_ptr<const std::vector<int32_t>> context;  // shared by the rows of a document
  bool found = false;                                   // whether `context` holds the target
  size_t begin = 0, end = 0;                            // of the target in `context`

  // Whether prompt, context and EOS are at most `length` ids; whether prompt, target and EOS are.
  bool Fits(int64_t length) const;
  bool TargetFits(int64_t length) const;
  // Prompt, the beginning of the context and EOS: at most `length` ids.
  std::vector<int32_t> Leading(int64_t length) const;
  // Prompt, a window of the context and EOS: `length` ids, or fewer where all fits. Every window
  // that holds the whole target is as likely (T5: trivia_qa_truncate_inputs in
  // t5/data/preprocessors.py; there the prompt is cut with the rest and may be lost, here it
  // stays).
  std::vector<int32_t> Cut(int64_t length, CounterRng& rng) const;
};

// Ids of contexts and where a text is in them. Rows of one document come one after the other, so
// the last context's ids are kept.
class ContextIds {
 public:
  explicit ContextIds(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // Places `target` (its first occurrence, ASCII case aside, widened to whole words) in `context`;
  // `prompt` is the text before it. T5 looks for the target's ids instead and loses those that are
  // spelled with capitals in the document.
  WindowedSource Find(const std::string& prompt, const std::string& context,
                      const std::string& target);

 private:
  void Encode(const std::string& context);
  size_t IdsBefore(size_t byte) const;  // ids of the context up to a space

  const Tokenizer& tokenizer_;
  std::string context_, lower_;
  std::shared_ptr<const std::vector<int32_t>> ids_;
  std::vector<std::pair<size_t, size_t>> marks_;  // byte of a space, ids before it; ascending
};

}  // namespace regroup
