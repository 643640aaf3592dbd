// The weights of a model folder, whatever files hold them: one file or shards with an index, as
// safetensors or as torch.save writes. `hf_folder` fits them to the config.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"
#include "ops/state_dict.h"

namespace regroup {

struct WeightFiles {
  std::vector<std::string> paths;
  Json weight_map;    // of the index: tensor -> name of its file; null for a single file
  std::string place;  // what an error about names points at: the file or the index
};

// Something of this name, also a folder or a link to nothing: it is read, and named where that
// fails.
bool IsThere(const std::string& path);

// What Hugging Face would read: model.safetensors, its index, pytorch_model.bin, its index, the
// first of them that is there. Files of the other format beside it are named in the log. UserError:
// none of them, an index that is no index.
absl::StatusOr<WeightFiles> FindWeightFiles(const std::string& folder);

struct FolderWeights {
  StateDict tensors;                  // of any strides
  std::vector<std::string> problems;  // with the shards and their index: a line each
  std::set<std::string> reported;     // names that are absent from `tensors` by one of `problems`
};

// Reads every file. A single file that cannot be read is an error; of shards every one that is
// missing or damaged is a problem, and so is every tensor that stands twice, where the index does
// not place it, or not at all.
absl::StatusOr<FolderWeights> ReadWeightFiles(const WeightFiles& files);

}  // namespace regroup
