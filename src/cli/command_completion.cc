// regroup completion: what a shell needs to complete our command line.
#include <iostream>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/next_step.h"

namespace regroup {
namespace {

struct Options {
  std::string shell;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("shell", "which shell").Required().OneOf(CompletionShells()), c.shell);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  std::cout << CompletionScript(options.shell, AllCommands());
  const bool fish = options.shell == "fish";
  SayNext(common, fish ? OwnCommand({"completion", "fish"}) + " | source, in config.fish to keep it"
                       : "source <(" + OwnCommand({"completion", options.shell}) + "), in ~/." +
                             options.shell + "rc to keep it");
  return absl::OkStatus();
}

}  // namespace

Command CompletionCommand() {
  return MakeCommand<Options>(
      "completion", "a script that completes the command line in bash, zsh or fish",
      {"regroup completion bash > /etc/bash_completion.d/regroup",
       "source <(regroup completion bash)", "regroup completion fish | source"},
      {"shell"}, Run);
}

}  // namespace regroup
