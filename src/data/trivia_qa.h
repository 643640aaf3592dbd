// TriviaQA as it is published (triviaqa-rc): questions in qa/*.json, documents as text files in
// evidence/wikipedia and evidence/web. task_readers.cc calls it.
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"
#include "data/data_config.h"
#include "data/task_readers.h"

namespace regroup {

// Spaces around ASCII punctuation, runs of white space as one space (T5, _pad_punctuation in
// t5/data/preprocessors.py of 2023: [[:punct:]]).
std::string PadPunctuation(std::string_view text);

// Rows with id, question, context and answers (a list); question and context have their punctuation
// padded. Documents are those of EntityPages (evidence/wikipedia), then of SearchResults
// (evidence/web), in `evidence` or, if that is "", in the folder evidence beside the one that holds
// `path`.
//
// Training, as T5 does it (trivia_qa in the same file): a row for every pair of a document and a
// normalized alias that occurs in it, ASCII case and padding aside; the alias stands first among
// the answers. Documents without any are left out, counted and logged. Two differences: an alias is
// searched for as it is spelled (T5 takes it for a regular expression), and an empty one is none.
//
// Evaluation: a row for every question, its documents one after the other (what fits the source
// length is read); answers are the normalized aliases and human answers, as the official scorer has
// them. No answer decides what is read.
//
// UserError for a file of another form, without answers, for a missing document (by name) and one
// that is no UTF-8.
absl::Status ReadTriviaQa(const std::string& path, const std::string& evidence, RowUse purpose,
                          const UseFields& use);

}  // namespace regroup
