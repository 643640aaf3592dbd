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
#include <memory>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/near_path.h"

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
    if (written < 0) return WriteError(path, "cannot write", errno);
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

// What a link leads to; any other path, and a link to nothing, as it is.
std::string WithoutLink(const std::string& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path real = fs::canonical(path, error);
  return error ? path : real.string();
}

// A name of this process's own; `number` counts on while somebody else has it.
std::string AsideName(const std::string& path, int number) {
  return absl::StrCat(path, kAsideMark, "-", ::getpid(), "-", number);
}

absl::StatusOr<std::string> MakeFolderAside(const std::string& target) {
  REGROUP_RETURN_IF_ERROR(MakeFolders(ParentFolder(target)));
  for (int number = 0;; ++number) {
    const std::string aside = AsideName(target, number);
    if (::mkdir(aside.c_str(), 0777) == 0) return aside;
    if (errno != EEXIST) return WriteError(target, "cannot make the folder", errno);
  }
}

absl::Status WriteAndSync(int fd, std::string_view content, const std::string& path) {
  REGROUP_RETURN_IF_ERROR(WriteAll(fd, content, path));
  return ::fsync(fd) == 0 ? absl::OkStatus() : WriteError(path, "cannot sync to disk", errno);
}

// Writes a new file beside `path` and returns its name.
absl::StatusOr<std::string> WriteAside(const std::string& path, std::string_view content) {
  for (int number = 0;; ++number) {
    const std::string aside = AsideName(path, number);
    const Descriptor fd(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (fd.get() < 0 && errno == EEXIST) continue;
    if (fd.get() < 0) return WriteError(path, "cannot write here", errno);
    const absl::Status written = WriteAndSync(fd.get(), content, path);
    if (written.ok()) return aside;
    ::unlink(aside.c_str());
    return written;
  }
}

// For devices and pipes.
absl::Status WriteInPlace(const std::string& path, std::string_view content) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.get() < 0) return WriteError(path, "cannot write here", errno);
  return WriteAll(fd.get(), content, path);
}

std::string Hex(XXH128_hash_t hash) {
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

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
  if (error) return WriteError(path, "cannot make the folder", error.value());
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  if (FolderExists(path)) return UserError(path, "is a folder; a file was expected");
  std::ifstream in(path, std::ios::binary);
  if (!in) return UserError(path, CannotOpen(path, errno));
  std::ostringstream content;
  content << in.rdbuf();
  if (in.bad()) return RunError(path, "cannot read the file to its end");
  return std::move(content).str();
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, uint64_t most) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))
    return UserError(path, "is not a regular file");
  const uintmax_t bytes = fs::is_regular_file(status) ? fs::file_size(path, error) : 0;
  if (bytes > most) {
    return UserError(path, absl::StrCat("has ", bytes, " bytes, expected at most ", most,
                                        "; is it another file under this name?"));
  }
  return ReadFile(path);
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
  return normal.has_filename() ? normal.filename().string()
                               : normal.parent_path().filename().string();
}

absl::Status WriteError(const std::string& path, const std::string& what, int error) {
  const std::string message = absl::StrCat(what, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case EROFS:
    case EEXIST:
    case ENOTEMPTY:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
    case ENXIO:
      return UserError(path, absl::StrCat(message, "; name another place"));
    default:
      return RunError(path, message);
  }
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content) {
  std::error_code error;
  if (FolderExists(path)) return UserError(path, "is a folder; the name of a file was expected");
  if (fs::exists(path, error) && !FileExists(path)) return WriteInPlace(path, content);
  const std::string target = WithoutLink(path);
  REGROUP_ASSIGN_OR_RETURN(const std::string aside, WriteAside(target, content));
  if (::rename(aside.c_str(), target.c_str()) != 0) {
    const int reason = errno;
    ::unlink(aside.c_str());
    return WriteError(path, "cannot rename into place", reason);
  }
  return SyncPath(ParentFolder(target));
}

absl::Status PublishFile(const std::string& aside, const std::string& target) {
  REGROUP_RETURN_IF_ERROR(SyncPath(aside));
  if (std::rename(aside.c_str(), target.c_str()) != 0)
    return WriteError(target, "cannot be written", errno);
  return SyncPath(ParentFolder(target));
}

absl::StatusOr<std::string> FillFolderAside(
    const std::string& target, const std::function<absl::Status(const std::string&)>& fill) {
  REGROUP_ASSIGN_OR_RETURN(const std::string aside, MakeFolderAside(target));
  absl::Status filled = fill(aside);
  if (filled.ok()) filled = SyncTree(aside);
  if (filled.ok()) return aside;
  std::error_code error;
  fs::remove_all(aside, error);
  return filled;
}

absl::Status PublishFolder(const std::string& target,
                           const std::function<absl::Status(const std::string&)>& fill) {
  std::string normal = fs::path(target).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  normal = WithoutLink(normal);
  REGROUP_ASSIGN_OR_RETURN(const std::string aside, FillFolderAside(normal, fill));
  if (::rename(aside.c_str(), normal.c_str()) != 0) {
    const int reason = errno;
    std::error_code error;
    fs::remove_all(aside, error);
    return WriteError(normal, "cannot rename into place", reason);
  }
  return SyncPath(ParentFolder(normal));
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  const Descriptor fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // of a pipe nobody waits
  if (fd.get() < 0) return UserError(path, CannotOpen(path, errno));
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && S_ISDIR(info.st_mode))
    return UserError(path, "is a folder; a file was expected");
  if (!S_ISREG(info.st_mode)) {
    return UserError(path, "is not a regular file");
  }
  const size_t size = static_cast<size_t>(info.st_size);
  void* memory = nullptr;
  if (size > 0) {
    memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (memory == MAP_FAILED)
      return RunError(path, absl::StrCat("cannot map the file: ", std::strerror(errno)));
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const std::byte*>(memory), size));
}

MappedFile::MappedFile(std::string path, const std::byte* data, size_t size)
    : path_(std::move(path)), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

void AdviseNotNeeded(const void* data, size_t bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const auto end = (reinterpret_cast<uintptr_t>(data) + bytes) / page * page;
  // A hint: systems that do not know it keep the pages.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_PAGEOUT);
}

std::string HashBytes(std::string_view content) {
  return Hex(XXH3_128bits(content.data(), content.size()));
}

// Read, not mapped: the pages of a mapping would count as memory of this process.
absl::StatusOr<std::string> HashFile(const std::string& path) {
  if (FolderExists(path)) return UserError(path, "is a folder; a file was expected");
  std::ifstream in(path, std::ios::binary);
  if (!in) return UserError(path, absl::StrCat("cannot open the file: ", std::strerror(errno)));
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::vector<char> part(1 << 20);
  while (in) {
    in.read(part.data(), static_cast<std::streamsize>(part.size()));
    XXH3_128bits_update(state.get(), part.data(), static_cast<size_t>(in.gcount()));
  }
  if (in.bad()) return RunError(path, "cannot read the file to its end");
  return Hex(XXH3_128bits_digest(state.get()));
}

}  // namespace regroup
