// Manifest writing and checking.
#include "checkpoint/manifest.h"

#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/json.h"

namespace regroup {
namespace {

absl::StatusOr<Json> DescribeFiles(const std::string& folder) {
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(folder));
  Json files = Json::object();
  for (const std::string& name : names) {
    if (name == kManifestName) continue;
    const std::string path = JoinPath(folder, name);
    REGROUP_ASSIGN_OR_RETURN(const std::string hash, HashFile(path));
    files[name] = {{"bytes", std::filesystem::file_size(path)}, {"hash", hash}};
  }
  return files;
}

absl::StatusOr<Json> ReadManifest(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const Json manifest, ReadConfigFile(path));
  const bool shaped = manifest.is_object() && manifest.contains("files") &&
                      manifest["files"].is_object() && manifest.contains("hash") &&
                      manifest["hash"].is_string();
  if (!shaped || manifest["hash"] != HashBytes(DumpJson(manifest["files"]))) {
    return UserError(path, "the manifest is damaged: it does not match its own hash");
  }
  return manifest["files"];
}

std::string Compare(const std::string& name, const Json& expected, const Json& found) {
  if (!found.contains(name)) return absl::StrCat(name, ": missing");
  if (found[name]["bytes"] != expected["bytes"]) {
    return absl::StrCat(name, ": found ", DumpJson(found[name]["bytes"]), " bytes, expected ",
                        DumpJson(expected["bytes"]));
  }
  return found[name]["hash"] != expected["hash"]
             ? absl::StrCat(name, ": its content changed (hash differs)")
             : "";
}

}  // namespace

absl::Status WriteManifest(const std::string& folder) {
  REGROUP_ASSIGN_OR_RETURN(const Json files, DescribeFiles(folder));
  const Json manifest = {{"files", files}, {"hash", HashBytes(DumpJson(files))}};
  return WriteFileAtomically(JoinPath(folder, kManifestName), DumpJsonPretty(manifest));
}

absl::Status VerifyManifest(const std::string& folder) {
  const std::string path = JoinPath(folder, kManifestName);
  if (!FileExists(path)) return UserError(folder, absl::StrCat("holds no ", kManifestName));
  REGROUP_ASSIGN_OR_RETURN(const Json expected, ReadManifest(path));
  REGROUP_ASSIGN_OR_RETURN(const Json found, DescribeFiles(folder));
  std::vector<std::string> problems;
  for (const auto& [name, file] : expected.items()) {
    const std::string problem = Compare(name, file, found);
    if (!problem.empty()) problems.push_back(problem);
  }
  if (problems.empty()) return absl::OkStatus();
  return UserError(folder,
                   absl::StrCat("this folder is damaged: ", absl::StrJoin(problems, "; "),
                                "; take another checkpoint, or, in a run, --redo its stage"));
}

}  // namespace regroup
