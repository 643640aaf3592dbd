// A command as data: its options struct lists its flags by the same visitors as recipes do, and one
// place binds them. Each command has a file of its own (command_<name>.cc) with a function that
// makes it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/status.h"

namespace regroup {

// Options of every command.
struct CommonOptions {
  std::string device;
  std::string precision;
  int64_t threads = 0;
  std::optional<int64_t> seed;
  bool quiet = false;
  bool json = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("device", "auto, cpu or cuda"), c.device);
    v(Field("precision", "compute type").OneOf({"fp32", "bf16"}), c.precision);
    v(Field("threads", "threads (default: all)").AtLeast(1).AtMost(4096), c.threads);
    v(Field("seed", "keys every random draw").AtLeast(0), c.seed);
    v(Field("quiet", "warnings and errors only"), c.quiet);
    v(Field("json", "machine-readable result"), c.json);
  }
};

// Where a command computes. One that computes nothing has no use for --device and --precision, one
// that computes on the CPU none for --device: help does not show them there, and a value that asks
// for something else is an error.
enum class Computes { kNothing, kOnCpu, kAnywhere };

// What a command does when a signal comes: it ends at once, or it polls core/stop.h and ends when
// what it has finished is safe.
enum class OnSignal { kEnd, kPoll };

// One flag: "--kv-heads G" for the field kv_heads.
struct Flag {
  Field field{"", ""};
  bool is_switch = false;  // takes no value
  bool is_list = false;    // may be given several times, or take several values
  bool positional = false;
  std::string value_name;  // "N" for whole numbers, "X" for others, "PATH", "TEXT"; "" of a switch
  std::string default_text;
  std::function<absl::Status(const std::string&)> set;
};

struct Command {
  std::string name;     // "bench decode" is the command decode of the group bench
  std::string summary;  // one line
  std::vector<std::string> examples;
  std::vector<Flag> flags;
  std::function<absl::Status(const CommonOptions&)> run;
  bool hidden = false;
  Computes computes = Computes::kNothing;
  OnSignal on_signal = OnSignal::kEnd;
};

// Parsing of one value, with the field's limits. The error says what was expected.
absl::Status SetValue(const Field& field, const std::string& text, bool& value);
absl::Status SetValue(const Field& field, const std::string& text, int64_t& value);
absl::Status SetValue(const Field& field, const std::string& text, double& value);
absl::Status SetValue(const Field& field, const std::string& text, std::string& value);

// Makes flags from a struct's visitor.
class FlagCollector {
 public:
  explicit FlagCollector(std::vector<std::string> positionals)
      : positionals_(std::move(positionals)) {}

  template <class T>
  void operator()(const Field& field, T& value) {
    Flag flag;
    flag.field = field;
    flag.positional =
        std::find(positionals_.begin(), positionals_.end(), field.name) != positionals_.end();
    flag.is_switch = std::is_same_v<T, bool>;
    flag.value_name = ValueName<T>(field);
    if constexpr (IsOptional<T>::value) {
      flag.set = [field, &value](const std::string& text) {
        return SetValue(field, text, value.emplace());
      };
    } else if constexpr (requires { value.push_back({}); } && !std::is_same_v<T, std::string>) {
      flag.is_list = true;
      flag.set = [field, &value](const std::string& text) {
        return SetValue(field, text, value.emplace_back());
      };
    } else {
      const Json initial = FieldToJson(value, false);
      const bool empty = flag.is_switch || initial == "" || initial == 0;
      if (!empty)
        flag.default_text = initial.is_string() ? initial.get<std::string>() : DumpJson(initial);
      flag.set = [field, &value](const std::string& text) { return SetValue(field, text, value); };
    }
    flags_.push_back(std::move(flag));
  }
  std::vector<Flag> Take() { return std::move(flags_); }

 private:
  template <class T>
  static std::string ValueName(const Field& field) {
    if constexpr (std::is_same_v<T, bool>) return "";
    if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, std::optional<int64_t>>)
      return "N";
    if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>>) return "X";
    return field.is_path ? "PATH" : "TEXT";
  }

  std::vector<std::string> positionals_;
  std::vector<Flag> flags_;
};

// "--kv-heads", or "recipe" of a positional argument.
std::string DisplayName(const Flag& flag);
// The flags of CommonOptions, set into `common`.
std::vector<Flag> CommonFlags(CommonOptions& common);
// Whether a command has a use for --device or --precision; help and completion leave them out else.
bool ShowsCommon(const Command& command, const std::string& name);
// "bench decode" -> ("bench", "decode"); "plan" -> ("", "plan").
std::pair<std::string, std::string> SplitName(const std::string& name);

// A command whose options are a T: `run` gets them filled.
template <ConfigStruct T>
Command MakeCommand(const std::string& name, const std::string& summary,
                    std::vector<std::string> examples, std::vector<std::string> positionals,
                    std::function<absl::Status(const T&, const CommonOptions&)> run) {
  const auto options = std::make_shared<T>();
  FlagCollector collector(std::move(positionals));
  T::Visit(*options, collector);
  const auto call = [options, run = std::move(run)](const CommonOptions& common) {
    return run(*options, common);
  };
  Command command;
  command.name = name;
  command.summary = summary;
  command.examples = std::move(examples);
  command.flags = collector.Take();
  command.run = call;
  return command;
}

}  // namespace regroup
