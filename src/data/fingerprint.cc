// Sizes and hashes of the beginnings of files.
#include "data/fingerprint.h"

#include <algorithm>
#include <memory>

#include "core/files.h"

namespace regroup {

absl::StatusOr<Json> FingerprintFiles(const std::vector<std::string>& paths) {
  constexpr size_t kBeginning = size_t{1} << 20;
  Json files = Json::array();
  for (const std::string& path : paths) {
    REGROUP_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
    const std::string_view beginning(reinterpret_cast<const char*>(file->data()),
                                     std::min(file->size(), kBeginning));
    files.push_back(
        Json{{"file", BaseName(path)}, {"bytes", file->size()}, {"begin", HashBytes(beginning)}});
  }
  return files;
}

}  // namespace regroup
