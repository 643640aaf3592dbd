// Stands in for mmap and munmap in the fuzz targets (--wrap in cmake/Fuzz.cmake): a mapped file
// becomes memory of exactly its size, so that the address sanitizer reports the first byte that is
// read past it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

// The linker's names for the functions that stand in.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" void* __wrap_mmap(void*, size_t size, int, int, int file, off_t offset) {
  void* memory = std::malloc(size);
  if (memory == nullptr) return MAP_FAILED;
  if (::pread(file, memory, size, offset) == static_cast<ssize_t>(size)) return memory;
  std::free(memory);
  return MAP_FAILED;
}

extern "C" int __wrap_munmap(void* memory, size_t) {
  std::free(memory);
  return 0;
}
// NOLINTEND(bugprone-reserved-identifier)
