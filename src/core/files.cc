// POSIX files with our errors.
#include "core/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace regroup {
namespace fs = std::filesystem;
namespace {

// An open file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return RunError(path, absl::StrCat("cannot write: ", std::strerror(errno)));
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status SyncPath(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) {
    return RunError(path, absl::StrCat("cannot sync to disk: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status SyncTree(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    REGROUP_RETURN_IF_ERROR(SyncPath(entry.path().string()));
  }
  return SyncPath(folder);
}

std::string Hex(XXH128_hash_t hash) { return absl::StrFormat("%016x%016x", hash.high64, hash.low64); }

}  // namespace

bool FileExists(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool FolderExists(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return UserError(path, absl::StrCat("cannot list the folder: ", error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status MakeFolders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return RunError(path, absl::StrCat("cannot make the folder: ", error.message()));
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  if (FolderExists(path)) return UserError(path, "is a folder; a file was expected");
  std::ifstream in(path, std::ios::binary);
  if (!in) return UserError(path, absl::StrCat("cannot open the file: ", std::strerror(errno)));
  std::ostringstream content;
  content << in.rdbuf();
  if (in.bad()) return RunError(path, "cannot read the file to its end");
  return std::move(content).str();
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / fs::path(name)).lexically_normal().string();
}

std::string ParentFolder(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string BaseName(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return normal.has_filename() ? normal.filename().string() : normal.parent_path().filename().string();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::string aside = absl::StrCat(path, ".partial");
  {
    const Descriptor fd(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (fd.get() < 0) return RunError(aside, absl::StrCat("cannot write here: ", std::strerror(errno)));
    const absl::Status written = WriteAll(fd.get(), content, aside);
    if (!written.ok() || ::fsync(fd.get()) != 0) {
      const std::string reason = written.ok() ? std::strerror(errno) : "";
      ::unlink(aside.c_str());
      return written.ok() ? RunError(aside, absl::StrCat("cannot sync to disk: ", reason)) : written;
    }
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    return RunError(path, absl::StrCat("cannot rename into place: ", std::strerror(errno)));
  }
  return SyncPath(ParentFolder(path));
}

absl::Status PublishFolder(const std::string& target, const std::function<absl::Status(const std::string&)>& fill) {
  std::string normal = fs::path(target).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  const std::string aside = absl::StrCat(normal, ".partial");
  std::error_code error;
  fs::remove_all(aside, error);
  REGROUP_RETURN_IF_ERROR(MakeFolders(aside));
  absl::Status filled = fill(aside);
  if (filled.ok()) filled = SyncTree(aside);
  if (!filled.ok()) {
    fs::remove_all(aside, error);
    return filled;
  }
  if (::rename(aside.c_str(), normal.c_str()) != 0) {
    return RunError(normal, absl::StrCat("cannot rename into place: ", std::strerror(errno)));
  }
  return SyncPath(ParentFolder(normal));
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return UserError(path, absl::StrCat("cannot open the file: ", std::strerror(errno)));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return UserError(path, "is not a regular file");
  }
  const size_t size = static_cast<size_t>(info.st_size);
  void* memory = nullptr;
  if (size > 0) {
    memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (memory == MAP_FAILED) return RunError(path, absl::StrCat("cannot map the file: ", std::strerror(errno)));
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, static_cast<const std::byte*>(memory), size));
}

MappedFile::MappedFile(std::string path, const std::byte* data, size_t size)
    : path_(std::move(path)), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::string HashBytes(std::string_view content) { return Hex(XXH3_128bits(content.data(), content.size())); }

absl::StatusOr<std::string> HashFile(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return HashBytes({reinterpret_cast<const char*>(file->data()), file->size()});
}

}  // namespace regroup
