// regroup tokenize train | encode | decode: vocabulary from text, ids from text, text from ids.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "checkpoint/folder_target.h"
#include "cli/commands.h"
#include "cli/next_step.h"
#include "core/files.h"
#include "core/log.h"
#include "formats/lines.h"
#include "pipeline/sentences.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

struct TrainOptions {
  std::vector<std::string> files;
  std::vector<std::string> keys;
  std::string to;
  int64_t vocab_size = 4000, extra_ids = 100;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("files", "text files or JSON lines, by name; globs").Required().Path(), c.files);
    v(Field("keys", "keys of a JSON line whose text is used (default text)"), c.keys);
    v(Field("to", "target folder: absent or empty").Required().Path(), c.to);
    v(Field("vocab_size", "pieces, pad, EOS and unknown included").AtLeast(64).AtMost(1000000),
      c.vocab_size);
    v(Field("extra_ids", "sentinels on top").AtLeast(1).AtMost(10000), c.extra_ids);
  }
};

absl::Status Train(const TrainOptions& options, const CommonOptions& common) {
  REGROUP_RETURN_IF_ERROR(CheckNewFolder(options.to, /*source=*/"", /*overwrite=*/false));
  TokenizerTraining training;
  training.vocab_size = options.vocab_size;
  training.extra_ids = static_cast<int32_t>(options.extra_ids);
  const std::vector<std::string> keys =
      options.keys.empty() ? std::vector<std::string>{"text"} : options.keys;
  REGROUP_ASSIGN_OR_RETURN(training.sentences, ReadSentences(options.files, keys));
  REGROUP_RETURN_IF_ERROR(PublishFolder(
      options.to, [&](const std::string& folder) { return TrainTokenizer(training, folder); }));
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(options.to));
  if (common.json) {
    std::cout << DumpJson({{"folder", options.to},
                           {"vocab_size", tokenizer->size()},
                           {"sentinels", tokenizer->sentinels()}})
              << "\n";
    return absl::OkStatus();
  }
  std::cout << options.to << ": " << tokenizer->size() << " ids, " << tokenizer->sentinels()
            << " of them sentinels\n";
  SayNext(common, OwnCommand({"inspect", options.to, "--text", "a sentence of yours"}));
  return absl::OkStatus();
}

struct TextOptions {
  std::string tokenizer;
  std::vector<std::string> text;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("tokenizer", "folder with spiece.model, or of a byte model (ByT5)").Required().Path(),
      c.tokenizer);
    v(Field("text", "what to turn; default: the lines of standard input"), c.text);
  }
};

using UseLine = std::function<absl::Status(const std::string& line, const std::string& place)>;

// Calls `use` for every line that is given or, if none is, read.
absl::Status ForEachLine(const TextOptions& options, const UseLine& use) {
  size_t number = 0;
  const auto check_and_use = [&](const std::string& line, const char* origin) {
    const std::string place = absl::StrCat(origin, ++number);
    const absl::Status text = CheckUtf8(line, place);
    return text.ok() ? use(line, place) : text;
  };
  for (const std::string& text : options.text)
    REGROUP_RETURN_IF_ERROR(check_and_use(text, "text "));
  if (!options.text.empty()) return absl::OkStatus();
  for (std::string line; std::getline(std::cin, line);)
    REGROUP_RETURN_IF_ERROR(check_and_use(line, "standard input:"));
  return absl::OkStatus();
}

absl::Status Encode(const TextOptions& options, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(options.tokenizer));
  REGROUP_RETURN_IF_ERROR(ForEachLine(options, [&](const std::string& line, const std::string&) {
    const std::vector<int32_t> ids = tokenizer->Encode(line);
    std::cout << (common.json ? DumpJson(Json(ids)) : absl::StrJoin(ids, " ")) << "\n";
    return absl::OkStatus();
  }));
  SayNext(common, OwnCommand({"tokenize", "decode", "--tokenizer", options.tokenizer, "IDS"}) +
                      " turns ids back");
  return absl::OkStatus();
}

absl::Status Decode(const TextOptions& options, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(options.tokenizer));
  int64_t unknown = 0;
  const absl::Status status =
      ForEachLine(options, [&](const std::string& line, const std::string& place) -> absl::Status {
        std::vector<int32_t> ids;
        for (const absl::string_view word :
             absl::StrSplit(line, absl::ByAnyChar(" ,[]\t"), absl::SkipEmpty())) {
          int32_t id;
          if (!absl::SimpleAtoi(word, &id) || id < 0) {
            return UserError(place, absl::StrCat("found \"", word, "\", expected ids"));
          }
          ids.push_back(id);
          unknown += id >= tokenizer->size() ? 1 : 0;
        }
        const std::string text = tokenizer->Decode(ids);
        std::cout << (common.json ? DumpJson(Json(text)) : text) << "\n";
        return absl::OkStatus();
      });
  if (unknown > 0) {
    LogWarning(absl::StrCat(unknown, " ids have no piece in this vocabulary of ", tokenizer->size(),
                            " and were left out"));
  }
  if (status.ok())
    SayNext(common, OwnCommand({"inspect", options.tokenizer}) + " says what the vocabulary holds");
  return status;
}

}  // namespace

Command TokenizeTrainCommand() {
  return MakeCommand<TrainOptions>(
      "tokenize train", "trains a SentencePiece vocabulary",
      {"regroup tokenize train --files text/*.txt --vocab-size 8k --to tok"}, {}, Train);
}

Command TokenizeEncodeCommand() {
  return MakeCommand<TextOptions>("tokenize encode", "ids of text (no EOS is added)",
                                  {"regroup tokenize encode --tokenizer tok \"Hello World\"",
                                   "regroup tokenize encode --tokenizer tok --json < lines.txt"},
                                  {"text"}, Encode);
}

Command TokenizeDecodeCommand() {
  return MakeCommand<TextOptions>("tokenize decode", "text of ids",
                                  {"regroup tokenize decode --tokenizer tok \"8774 1150 1\""},
                                  {"text"}, Decode);
}

}  // namespace regroup
