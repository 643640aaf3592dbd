"""scripts/gpu_check on the CPU, with the binary of this build: the same way, small models, one page."""

import os
import subprocess
import tempfile

from regroup_cli import SOURCE, expect, main, read

PRESET = os.path.basename(os.environ["REGROUP_BUILD_DIR"])


def check(folder, *arguments):
    env = dict(os.environ, REGROUP_PRESET=PRESET)
    done = subprocess.run([f"{SOURCE}/scripts/gpu_check", "--device", "cpu", "--out", folder, *arguments],
                          env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, read(f"{folder}/gpu_check.md")


def one_page_with_machine_parts_and_figures():
    with tempfile.TemporaryDirectory() as folder:
        code, err, page = check(folder, "--part", "bench")
        expect(code == 0, err + page)
        for words in ("| GPU, memory, driver |", "| LibTorch | 2.", "| nvcc |", "| commit |", "a trial: small models",
                      "training in fp32: target tokens per second", "training in bf16: loss at step 4",
                      "decoding, mqa, fp32, batch 4: tokens per second", "decoding, gqa, bf16, batch 4: K/V bytes"):
            expect(words in page, f"{words}: not in\n{page}")
        expect("What failed" not in page, page)

        before = os.stat(f"{folder}/train.json").st_mtime_ns
        code, _, again = check(folder, "--part", "bench")
        expect(code == 0 and os.stat(f"{folder}/train.json").st_mtime_ns == before, "a step that is done is not done again")

        os.remove(f"{folder}/decode_bf16.json")
        os.rename(f"{folder}/run/mqa", f"{folder}/run/away")
        code, err, page = check(folder, "--part", "bench")
        expect(code == 1 and "failed: decoding in bf16" in err, f"exit {code}: {err}")
        expect("### decoding in bf16: exit code 2" in page and "run/mqa" in page, page)
        expect("decoding, mqa, fp32, batch 4: tokens per second" in page, "figures of the other steps stay")


def the_tests_labelled_gpu_are_counted():
    with tempfile.TemporaryDirectory() as folder:
        code, err, page = check(folder, "--part", "test")
        expect(code == 0, err + page)
        expect("| tests labelled gpu |" in page, page)


main([one_page_with_machine_parts_and_figures, the_tests_labelled_gpu_are_counted])
