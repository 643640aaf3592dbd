// The vocabulary: reads text from files, trains SentencePiece, leaves model/ in the stage's folder.
#include "absl/strings/str_cat.h"
#include "checkpoint/manifest.h"
#include "core/files.h"
#include "core/log.h"
#include "pipeline/sentences.h"
#include "pipeline/stage_functions.h"

namespace regroup {

absl::StatusOr<Json> RunTokenizer(const StageContext& context) {
  const TokenizerTrainConfig& config = *context.recipe->head.tokenizer.train;
  const std::string target = JoinPath(context.run->StageFolder(kTokenizerStage), "model");
  TokenizerTraining training;
  training.vocab_size = config.vocab_size;
  training.extra_ids = static_cast<int32_t>(config.extra_ids);
  REGROUP_ASSIGN_OR_RETURN(training.sentences, ReadSentences(config.files, config.keys));
  if (!FolderExists(target)) {
    LogInfo(absl::StrCat("tokenizer: training ", config.vocab_size, " pieces on ",
                         FormatCount(static_cast<long long>(training.sentences.size())), " lines"));
    const auto fill = [&](const std::string& folder) -> absl::Status {
      REGROUP_RETURN_IF_ERROR(TrainTokenizer(training, folder));
      return WriteManifest(folder);
    };
    REGROUP_RETURN_IF_ERROR(PublishFolder(target, fill));
  }
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(target));
  return Json{
      {"model", "model"}, {"size", tokenizer->size()}, {"fingerprint", tokenizer->Fingerprint()}};
}

}  // namespace regroup
