// Documents of one corpus as token ids, streamed in a given order of files. corpus_segments.cc and
// held_out.cc read through it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "data/data_config.h"
#include "formats/lines.h"
#include "text/tokenizer.h"

namespace regroup {

// A corpus with its globs expanded. `seed` is the corpus's own: from the stream's seed and its
// name.
struct Corpus {
  std::string name;
  CorpusConfig config;
  std::vector<std::string> files;
  uint64_t seed = 0;
};

// Expands the globs of corpus `name`. UserError if a pattern matches nothing or the list is empty.
absl::StatusOr<Corpus> OpenCorpus(const std::string& name, const CorpusConfig& config,
                                  uint64_t seed);

// Where a reader stands: a file's number in the order, and the lines already read of it.
struct DocumentPlace {
  int64_t file = 0;
  int64_t line = 0;
};

class DocumentReader {
 public:
  // Reads the files `order` (numbers into corpus.files) of epoch `epoch`. `corpus` and `tokenizer`
  // outlive the reader.
  DocumentReader(const Corpus& corpus, const Tokenizer& tokenizer, std::vector<int64_t> order,
                 int64_t epoch);

  // Goes to a place that place() gave under the same order.
  absl::Status MoveTo(const DocumentPlace& place);
  DocumentPlace place() const { return place_; }

  // Ids of the next document that is not empty, or nullopt at the end of the last file. Of a
  // document over 65,536 tokens one aligned chunk, drawn by (seed, epoch, file, line). UserError at
  // file:line.
  absl::StatusOr<std::optional<std::vector<int32_t>>> Next();

 private:
  absl::StatusOr<std::optional<std::string>> NextLine();
  absl::StatusOr<std::string> TextOf(const std::string& line) const;
  void KeepOneChunk(std::vector<int32_t>* ids) const;

  const Corpus& corpus_;
  const Tokenizer& tokenizer_;
  std::vector<int64_t> order_;
  int64_t epoch_;
  DocumentPlace place_;
  std::unique_ptr<LineReader> lines_;  // of the file at place_.file, null before it is opened
};

// Ids of up to 128 documents, joined; empty at the end.
absl::StatusOr<std::vector<int32_t>> ReadBlob(DocumentReader& reader);

}  // namespace regroup
