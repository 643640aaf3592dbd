// A task file, read as a recipe reads it.
#include "fuzz/fuzz.h"
#include "recipe/task_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  Problems problems;
  const TaskFile task =
      ReadTaskFile(fuzz::Folder().Write("task.yaml", fuzz::Text(data, size)), problems);
  fuzz::CheckRefusal(problems.ToStatus());
  if (!problems.empty()) return 0;
  REGROUP_CHECK(!task.name.empty() && !task.metrics.empty());
  MetricKeys(task);
  return 0;
}
