// A file of torch.save, archive or legacy: storages inside the file, views inside their storages.
#include "formats/torch_file.h"
#include "fuzz/fuzz.h"
#include "fuzz/torch_views.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  const auto file =
      TorchFile::Open(fuzz::Folder().Write("pytorch_model.bin", fuzz::Text(data, size)));
  fuzz::CheckRefusal(file.status());
  if (!file.ok()) return 0;
  std::vector<fuzz::Span> spans;
  for (const TorchStorage& storage : file->storages()) {
    spans.emplace_back(storage.data,
                       static_cast<size_t>(storage.count) * DTypeBytes(storage.dtype));
  }
  fuzz::CheckSpans(*file->file(), std::move(spans), /*apart=*/true);
  for (const TorchTensor& tensor : file->tensors()) {
    fuzz::CheckView(tensor, file->storages().at(tensor.storage).count);
  }
  return 0;
}
