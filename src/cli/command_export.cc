// regroup export: a folder that other software loads.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "core/log.h"
#include "pipeline/export_folder.h"

namespace regroup {
namespace {

struct Options {
  std::string from, to, target = "transformers";
  bool expand_kv = false, overwrite = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "model folder").Required().Path(), c.from);
    v(Field("to", "target folder: absent or empty").Required().Path(), c.to);
    v(Field("expand_kv", "write a plain multi-head T5 that stock software loads"), c.expand_kv);
    v(Field("for", "ctranslate2: for its converter under transformers 5; implies --expand-kv")
          .OneOf({"transformers", "ctranslate2"}),
      c.target);
    v(Field("overwrite", "replace a folder that regroup wrote"), c.overwrite);
  }
};

// How the software that the folder is for loads it.
std::string HowToLoad(const Options& options, bool plain) {
  if (options.target == "ctranslate2")
    return ShellWords(
        {"ct2-transformers-converter", "--model", options.to, "--output_dir", options.to + "-ct2"});
  return absl::StrCat("in Python: transformers.AutoModelForSeq2SeqLM.from_pretrained(",
                      DumpJson(options.to), plain ? "" : ", trust_remote_code=True",
                      "); its tokenizer needs the packages sentencepiece and protobuf");
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  ExportFolderOptions how{options.from, options.to, options.expand_kv, options.overwrite};
  if (options.target == "ctranslate2") {
    how.target = ExportTarget::kCTranslate2;
    how.expand_kv = true;
  }
  REGROUP_ASSIGN_OR_RETURN(const Json json, ExportFolder(how));
  if (common.json) {
    std::cout << DumpJson(json) << "\n";
    return absl::OkStatus();
  }
  std::cout << "written: " << options.to << " (" << json["form"].get<std::string>() << ", "
            << FormatCount(json["parameters"].get<int64_t>()) << " parameters)\n";
  for (const Json& note : json["notes"]) std::cout << note.get<std::string>() << "\n";
  SayNext(common, HowToLoad(options, json["form"] == "multi-head"));
  return absl::OkStatus();
}

}  // namespace

Command ExportCommand() {
  return MakeCommand<Options>(
      "export", "writes a Hugging Face folder, compact or expanded to plain multi-head",
      {"regroup export --from base-gqa4 --to base-gqa4-hf --expand-kv"}, {}, Run);
}

}  // namespace regroup
