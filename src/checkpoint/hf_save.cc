// Writing Hugging Face folders; the same content gives the same bytes.
#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "checkpoint/folder_target.h"
#include "checkpoint/hf_folder.h"
#include "checkpoint/tensor_file.h"
#include "core/files.h"

namespace regroup {
namespace {

Json DefaultGenerationConfig(const T5Config& config) {
  return {{"decoder_start_token_id", config.decoder_start_token_id},
          {"eos_token_id", config.eos_token_id},
          {"pad_token_id", config.pad_token_id}};
}

// The savers' promise: exactly the layer table's names and shapes.
void CheckComplete(const T5Config& config, const StateDict& weights) {
  const std::vector<TensorSpec> table = LayerTable(config);
  REGROUP_CHECK(table.size() == weights.size(), "weights to save do not match the layer table");
  for (const TensorSpec& spec : table) {
    const auto found = weights.find(spec.name);
    REGROUP_CHECK(found != weights.end() && found->second.sizes() == at::IntArrayRef(spec.shape),
                  spec.name);
  }
}

absl::Status WriteFiles(const std::string& folder,
                        const std::map<std::string, std::string>& files) {
  for (const auto& [name, content] : files) {
    REGROUP_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(folder, name), content));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteHfFolder(const std::string& folder, const HfSave& save) {
  REGROUP_CHECK(save.config != nullptr && save.weights != nullptr);
  CheckComplete(*save.config, *save.weights);
  const std::string dtype = TorchDtypeName(save.weights->at("shared.weight").scalar_type());
  std::map<std::string, std::string> files = save.extra_files;
  if (save.tokenizer != nullptr) {
    for (const auto& [name, content] : save.tokenizer->Files()) files[name] = content;
  }
  Json config = T5ConfigToJson(*save.config, dtype);
  config.update(save.extra_config);
  files["config.json"] = DumpJsonPretty(config);
  files["generation_config.json"] =
      DumpJsonPretty(save.generation_config.is_null() ? DefaultGenerationConfig(*save.config)
                                                      : save.generation_config);
  if (!save.provenance.is_null()) files["regroup.json"] = DumpJsonPretty(save.provenance);
  REGROUP_RETURN_IF_ERROR(WriteFiles(folder, files));
  return WriteTensorFile(JoinPath(folder, "model.safetensors"), *save.weights);
}

absl::Status SaveHfFolder(const std::string& folder, const HfSave& save, bool overwrite) {
  REGROUP_RETURN_IF_ERROR(CheckNewFolder(folder, save.source_folder, overwrite));
  return ReplaceFolder(folder,
                       [&](const std::string& aside) { return WriteHfFolder(aside, save); });
}

std::string HashWeights(const StateDict& weights) {
  std::string listing;
  for (const auto& [name, tensor] : weights) {
    const at::Tensor t = tensor.detach().cpu().contiguous();
    const std::string bytes = HashBytes({static_cast<const char*>(t.const_data_ptr()), t.nbytes()});
    absl::StrAppend(&listing, name, " ", DTypeName(ToDType(t.scalar_type())), " ",
                    ShapeText(t.sizes().vec()), " ", bytes, "\n");
  }
  return HashBytes(listing);
}

}  // namespace regroup
