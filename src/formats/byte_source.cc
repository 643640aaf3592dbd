// Plain, gzip (zlib) and zstd byte streams with buffers of constant size.
#include "formats/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/near_path.h"

namespace regroup {
namespace {

constexpr size_t kChunk = size_t{1} << 16;

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(int fd) : fd_(fd) {}
  ~PlainSource() override { ::close(fd_); }
  PlainSource(const PlainSource&) = delete;
  PlainSource& operator=(const PlainSource&) = delete;

  absl::StatusOr<size_t> Read(char* out, size_t capacity) override {
    while (true) {
      const ssize_t count = ::read(fd_, out, capacity);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EINTR) {
        return absl::UnavailableError(absl::StrCat("cannot read: ", std::strerror(errno)));
      }
    }
  }

 private:
  int fd_;
};

// What both decompressors share: a chunk of compressed input that is refilled when it is used up.
class CompressedSource : public ByteSource {
 protected:
  explicit CompressedSource(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)), chunk_(kChunk) {}

  // Refills an empty chunk; false at the end of the file.
  absl::StatusOr<bool> HaveInput() {
    if (used_ < filled_) return true;
    used_ = 0;
    REGROUP_ASSIGN_OR_RETURN(filled_, source_->Read(chunk_.data(), chunk_.size()));
    return filled_ > 0;
  }
  const char* input() const { return chunk_.data() + used_; }
  size_t input_bytes() const { return filled_ - used_; }
  void Consume(size_t bytes) { used_ += bytes; }

 private:
  std::unique_ptr<ByteSource> source_;
  std::vector<char> chunk_;
  size_t used_ = 0;
  size_t filled_ = 0;
};

class GzipSource : public CompressedSource {
 public:
  explicit GzipSource(std::unique_ptr<ByteSource> source) : CompressedSource(std::move(source)) {
    // 15 + 16: the largest window, gzip framing only.
    REGROUP_CHECK(::inflateInit2(&stream_, 15 + 16) == Z_OK);
  }
  ~GzipSource() override { ::inflateEnd(&stream_); }

  absl::StatusOr<size_t> Read(char* out, size_t capacity) override {
    while (true) {
      REGROUP_ASSIGN_OR_RETURN(const bool more, HaveInput());
      if (!more && at_start_ && members_ > 0) return size_t{0};
      if (!more)
        return absl::DataLossError("the gzip stream ends in the middle: the file was cut off");
      REGROUP_ASSIGN_OR_RETURN(const size_t made, Inflate(out, capacity));
      if (made > 0) return made;
    }
  }

 private:
  absl::StatusOr<size_t> Inflate(char* out, size_t capacity) {
    at_start_ = false;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input()));
    stream_.avail_in = static_cast<uInt>(input_bytes());
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(std::min(capacity, kChunk));
    const uInt room = stream_.avail_out;
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    Consume(input_bytes() - stream_.avail_in);
    if (code == Z_STREAM_END) {
      ++members_;
      at_start_ = true;
      ::inflateReset(&stream_);
    } else if (code != Z_OK && members_ == 0 && stream_.total_out == 0 &&
               room == stream_.avail_out) {
      return absl::DataLossError("is no gzip stream; a plain file needs a name without .gz");
    } else if (code != Z_OK) {
      return absl::DataLossError(absl::StrCat(
          "the gzip stream is damaged: ", stream_.msg != nullptr ? stream_.msg : ::zError(code)));
    }
    return static_cast<size_t>(room - stream_.avail_out);
  }

  z_stream stream_{};
  bool at_start_ = true;  // between members
  int64_t members_ = 0;
};

class ZstdSource : public CompressedSource {
 public:
  explicit ZstdSource(std::unique_ptr<ByteSource> source)
      : CompressedSource(std::move(source)), stream_(::ZSTD_createDStream()) {
    REGROUP_CHECK(stream_ != nullptr);
  }
  ~ZstdSource() override { ::ZSTD_freeDStream(stream_); }

  absl::StatusOr<size_t> Read(char* out, size_t capacity) override {
    while (true) {
      REGROUP_ASSIGN_OR_RETURN(const bool more, HaveInput());
      if (!more && at_frame_end_ && frames_ > 0) return size_t{0};
      ZSTD_inBuffer in{input(), input_bytes(), 0};
      ZSTD_outBuffer result{out, capacity, 0};
      const size_t code = ::ZSTD_decompressStream(stream_, &result, &in);
      if (::ZSTD_isError(code) != 0 && frames_ == 0 && !any_) {
        return absl::DataLossError(absl::StrCat("is no zstd stream (", ::ZSTD_getErrorName(code),
                                                "); a plain file needs a name without .zst"));
      }
      if (::ZSTD_isError(code) != 0) {
        return absl::DataLossError(
            absl::StrCat("the zstd stream is damaged: ", ::ZSTD_getErrorName(code)));
      }
      Consume(in.pos);
      at_frame_end_ = code == 0;
      frames_ += at_frame_end_ ? 1 : 0;
      any_ = any_ || result.pos > 0;
      if (result.pos > 0) return result.pos;
      if (!more)
        return absl::DataLossError("the zstd stream ends in the middle: the file was cut off");
    }
  }

 private:
  ZSTD_DStream* stream_;
  bool at_frame_end_ = false;
  bool any_ = false;  // byte came out
  int64_t frames_ = 0;
};

absl::StatusOr<int> OpenForReading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return UserError(path, CannotOpen(path, errno));
  struct stat info {};
  if (::fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode)) return fd;
  ::close(fd);
  return UserError(path, "is a folder, expected a file");
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const int fd, OpenForReading(path));
  std::unique_ptr<ByteSource> source = std::make_unique<PlainSource>(fd);
  if (absl::EndsWith(path, ".gz")) source = std::make_unique<GzipSource>(std::move(source));
  if (absl::EndsWith(path, ".zst")) source = std::make_unique<ZstdSource>(std::move(source));
  return source;
}

}  // namespace regroup
