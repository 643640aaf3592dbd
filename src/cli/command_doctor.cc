// regroup doctor: what this machine can do, and what is wrong with it.
#include <ATen/ATen.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/machine_state.h"
#include "cli/next_step.h"
#include "cli/shipped.h"
#include "core/files.h"
#include "core/log.h"
#include "ops/machine.h"
#include "pipeline/plan.h"
#include "report/table.h"

namespace regroup {
namespace {

struct NoOptions {
  template <class Self, class Visitor>
  static void Visit(Self&, Visitor&) {}
};

std::string RunsFolder() { return FolderExists("runs") ? "runs" : "."; }

// {"recipe", "fits", "ready", "memory_bytes", "disk_bytes"}: by the plan's estimate, and whether
// what it reads is here. Shapes of published checkpoints are known before these are here.
Json RecipeFit(const std::string& name, const std::string& path, const MachineState& state) {
  const LoadedRecipe loaded = LoadRecipe(path, {});
  RecipePlan plan;
  if (loaded.problems.empty()) plan = PlanRecipe(loaded.recipe);
  int64_t memory = 0, disk = 0;
  for (const StagePlan& stage : plan.stages) {
    memory = std::max(memory, stage.peak_memory_bytes);
    disk += stage.disk_bytes;
  }
  return {{"recipe", name},
          {"fits", memory <= state.memory_available && disk <= state.disk_free},
          {"ready", loaded.problems.empty() && plan.problems.empty()},
          {"memory_bytes", memory},
          {"disk_bytes", disk}};
}

Json RecipesThatFit(const MachineState& state) {
  Json list = Json::array();
  const absl::StatusOr<std::string> folder = RecipesFolder();
  if (!folder.ok()) return list;
  for (const std::string& name : ShippedNames("recipes"))
    list.push_back(RecipeFit(name, JoinPath(*folder, name + ".yaml"), state));
  return list;
}

Json Examine() {
  const MachineState state = ReadMachineState(RunsFolder());
  const MachinePeaks peaks = MeasureMachine();
  Json json = {{"cpu", peaks.cpu},
               {"instruction_set", peaks.isa},
               {"kernels", state.capability},
               {"threads", state.threads},
               {"hardware_threads", state.cores},
               {"allowed_cores", state.allowed_cores},
               {"quota_cores", state.quota_cores > 0 ? Json(state.quota_cores) : Json()},
               {"load", state.load},
               {"libtorch", TORCH_VERSION},
               {"cuda", state.cuda},
               {"cuda_built", state.cuda_built},
               {"nccl_built", state.nccl_built},
               {"memory_total_bytes", state.memory_total},
               {"memory_available_bytes", state.memory_available},
               {"memory_limit_bytes", state.memory_limit > 0 ? Json(state.memory_limit) : Json()},
               {"swap_used_bytes", state.swap_used},
               {"disk_free_bytes", state.disk_free},
               {"huge_pages", state.huge_pages},
               {"home", state.home},
               {"read_gb_per_s", peaks.read_gb_per_s},
               {"gemm_tflops", peaks.gemm_tflops}};
  json["findings"] = Findings(state, json["gemm_tflops"]);
  json["recipes"] = RecipesThatFit(state);
  return json;
}

std::string Bytes(const Json& bytes) { return FormatBytes(bytes.get<double>()); }

std::string CoresText(const Json& found) {
  const Json& quota = found["quota_cores"];
  return absl::StrCat(
      found["hardware_threads"].get<int64_t>(), " in the machine, ",
      found["allowed_cores"].get<int64_t>(), " allowed",
      quota.is_null() ? "" : absl::StrFormat(", control group: %.3g", quota.get<double>()), "; ",
      found["threads"].get<int64_t>(), " threads, load ",
      absl::StrFormat("%.1f", found["load"].get<double>()));
}

std::string CudaText(const Json& found) {
  if (found["cuda"] == true)
    return absl::StrCat("yes, NCCL ", found["nccl_built"] == true ? "yes" : "no");
  return found["cuda_built"] == true ? "built for it, but no device is seen"
                                     : "no: this LibTorch is built for the CPU; no NCCL";
}

std::string FactsText(const Json& found) {
  std::string text;
  const auto fact = [&](const char* name, const std::string& value) {
    absl::StrAppend(&text, absl::StrFormat("%-18s %s\n", name, value));
  };
  fact("processor", found["cpu"].get<std::string>());
  fact("instruction sets",
       absl::StrCat(found["instruction_set"].get<std::string>(), "; LibTorch's kernels take ",
                    found["kernels"].get<std::string>()));
  fact("cores", CoresText(found));
  const Json& limit = found["memory_limit_bytes"];
  fact("memory", absl::StrCat(Bytes(found["memory_available_bytes"]), " free of ",
                              Bytes(found["memory_total_bytes"]),
                              limit.is_null() ? "" : ", control group: " + Bytes(limit)));
  fact("disk for runs", Bytes(found["disk_free_bytes"]) + " free");
  fact("LibTorch", found["libtorch"].get<std::string>());
  fact("CUDA", CudaText(found));
  fact("reading memory", absl::StrFormat("%.1f GB/s", found["read_gb_per_s"].get<double>()));
  const Json& gemm = found["gemm_tflops"];
  fact("matrix multiply", absl::StrFormat("%.2f TFLOP/s fp32, %.2f bf16",
                                          gemm["fp32"].get<double>(), gemm["bf16"].get<double>()));
  return text;
}

std::string FindingsText(const Json& findings) {
  if (findings.empty()) return "\nnothing is wrong\n";
  std::string text = "\n";
  for (const Json& finding : findings)
    absl::StrAppend(&text, "problem: ", finding["what"].get<std::string>(),
                    "\n  cost:  ", finding["cost"].get<std::string>(),
                    "\n  do:    ", finding["do"].get<std::string>(), "\n");
  return text;
}

std::string RecipesText(const Json& recipes) {
  TextTable table{{"recipe", "memory", "disk", "fits here", "its files"}, {}};
  for (const Json& recipe : recipes) {
    table.rows.push_back({recipe["recipe"].get<std::string>(), Bytes(recipe["memory_bytes"]),
                          Bytes(recipe["disk_bytes"]), recipe["fits"] == true ? "yes" : "no",
                          recipe["ready"] == true ? "are here" : "plan says what is missing"});
  }
  return recipes.empty() ? "" : "\n" + FormatTable(table);
}

absl::Status Run(const NoOptions&, const CommonOptions& common) {
  const Json found = Examine();
  if (common.json) {
    std::cout << DumpJson(found) << "\n";
    return absl::OkStatus();
  }
  std::cout << FactsText(found) << FindingsText(found["findings"]) << RecipesText(found["recipes"]);
  const absl::StatusOr<std::string> recipes = RecipesFolder();
  if (recipes.ok()) SayNext(common, OwnCommand({"run", JoinPath(*recipes, "quickstart.yaml")}));
  return absl::OkStatus();
}

}  // namespace

Command DoctorCommand() {
  return MakeCommand<NoOptions>("doctor", "what this machine can do, and what is wrong",
                                {"regroup doctor", "regroup doctor --json"}, {}, Run);
}

}  // namespace regroup
