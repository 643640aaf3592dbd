// See version.h. CMake defines REGROUP_VERSION, REGROUP_CUDA_VERSION ("" for a LibTorch without
// CUDA) and REGROUP_BUILD_TYPE for this file; commit.cc is made by cmake/Commit.cmake.
#include "cli/version.h"

#include <ATen/ATen.h>
#include <torch/headeronly/version.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "ops/machine.h"

namespace regroup {

extern const char kCommit[];

namespace {

constexpr bool kHasOwnKernels =
#ifdef REGROUP_CUDA_KERNELS
    true;
#else
    false;
#endif

constexpr char kCompiler[] =
#ifdef __clang__
    "clang " __clang_version__;
#else
    "g++ " __VERSION__;
#endif

Json CudaJson() {
  const std::string version = REGROUP_CUDA_VERSION;
  if (version.empty()) return nullptr;
  return {{"version", version}, {"own_kernels", kHasOwnKernels}, {"device", at::hasCUDA()}};
}

std::string CudaText(const Json& cuda) {
  if (cuda.is_null()) return "none (this LibTorch is for the CPU)";
  return absl::StrCat(cuda["version"].get<std::string>(),
                      kHasOwnKernels ? ", own kernels" : ", ATen's kernels only",
                      cuda["device"].get<bool>() ? "" : "; no device answers");
}

}  // namespace

Json VersionJson() {
  return {
      {"regroup", REGROUP_VERSION},
      {"commit", std::string(kCommit)},
      {"libtorch", TORCH_VERSION},
      {"cuda", CudaJson()},
      {"instruction_sets", std::vector<std::string>(absl::StrSplit(DescribeMachine().isa, ' '))},
      {"aten", at::get_cpu_capability()},
      {"compiler", absl::StrCat(kCompiler, ", ", REGROUP_BUILD_TYPE)}};
}

std::string VersionText() {
  const Json json = VersionJson();
  const auto text = [&](const char* key) { return json[key].get<std::string>(); };
  const auto sets = json["instruction_sets"].get<std::vector<std::string>>();
  return absl::StrCat("regroup ", text("regroup"), " (", text("commit"), ")\n",  //
                      "LibTorch ", text("libtorch"), "\n",                       //
                      "CUDA ", CudaText(json["cuda"]), "\n",                     //
                      "instruction sets ", absl::StrJoin(sets, " "), "; ATen uses ", text("aten"),
                      "\n", "compiler ", text("compiler"), "\n");
}

}  // namespace regroup
