"""What scripts/setup would do on machines that this one is not: shown with --dry-run and commands
that stand in for the real ones. And: a current checkout starts at once, without network."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["REGROUP_BUILD_DIR"])


class Machine(unittest.TestCase):
    """A machine of stand-in commands, an empty home and an empty cache, and the scripts in a folder of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        for name in ("scripts", "cmake"):  # a kit that this checkout builds from is not seen there
            shutil.copytree(SOURCE / name, self.dir / "checkout" / name)
        self.command("python3", "exit 0")  # no Python torch
        self.command("nvidia-smi", "exit 9")
        for name in ("apt-get", "curl"):
            self.command(name, f"touch {self.dir}/network; exit 1")

    def command(self, name, script):
        path = self.dir / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def setup(self, *arguments, **environment):
        env = {k: v for k, v in os.environ.items() if k not in ("REGROUP_LIBTORCH", "Torch_DIR")}
        env.update(PATH=f"{self.dir}/bin:{env['PATH']}", HOME=str(self.dir / "home"),
                   XDG_CACHE_HOME=str(self.dir / "cache"), **environment)
        return subprocess.run([self.dir / "checkout/scripts/setup", *arguments], env=env, text=True,
                              capture_output=True, check=False)

    def dry_run(self, *arguments, **environment):
        result = self.setup("--dry-run", *arguments, **environment)
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertFalse((self.dir / "cache").exists(), "a dry run wrote into the cache")
        self.assertFalse((self.dir / "network").exists(), "a dry run asked the network")
        return result.stderr


class DryRun(Machine):
    def test_without_a_driver_the_cpu_wheel_is_planned(self):
        text = self.dry_run()
        self.assertIn("LibTorch: to fetch, 2.13.0+cpu", text)
        self.assertRegex(text, r"disk: \d+ MB in .*\(\d+ MB free there\)")

    def test_where_a_driver_answers_the_cuda_wheel_is_planned_and_its_size_said(self):
        self.command("nvidia-smi", "echo 'GPU 0: NVIDIA H100'")
        self.assertRegex(self.dry_run(), r"with CUDA and its run-time wheels, .* [\d.]+ GB")

    def test_cuda_can_be_asked_for(self):
        self.assertIn("with CUDA", self.dry_run("--cuda"))

    def test_a_named_libtorch_is_used_as_it_is(self):
        fixture = self.dir / "named"
        (fixture / "lib").mkdir(parents=True)
        (fixture / "lib/libtorch_cpu.so").touch()
        header = fixture / "include/torch/headeronly/version.h"
        header.parent.mkdir(parents=True)
        header.write_text("#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n"
                          "#define TORCH_VERSION_PATCH 0\n")
        self.command("nvidia-smi", "echo 'GPU 0: NVIDIA H100'")
        text = self.dry_run(REGROUP_LIBTORCH=str(fixture))
        self.assertIn(f"LibTorch: cpu 2.13.0 {fixture}", text)

    def test_a_named_libtorch_that_is_too_old_ends_it(self):
        result = self.setup("--dry-run", REGROUP_LIBTORCH=str(self.dir))
        self.assertNotEqual(0, result.returncode)
        self.assertIn("No LibTorch in", result.stderr)

    def test_peers_adds_the_python_environment(self):
        self.assertNotIn("Python environment", self.dry_run())
        self.assertIn("Python environment: to make", self.dry_run("--peers"))


class Packages(Machine):
    def setUp(self):
        super().setUp()
        self.command("dpkg-query", r"printf 'ii g++\nrc cmake\nii ninja-build\n'")

    def test_missing_packages_are_named_before_anything_starts(self):
        line = next(l for l in self.dry_run().splitlines() if "packages" in l)
        self.assertIn("libyaml-cpp-dev", line)
        self.assertIn(" cmake ", line)  # removed, its configuration left: not installed
        self.assertNotIn("ninja-build", line)

    def test_fuzz_adds_clang(self):
        self.assertNotIn("clang", self.dry_run())
        self.assertRegex(self.dry_run("--fuzz"), r"packages to install \(up to 900 MB\): .* clang libclang-rt-dev")

    def test_with_neither_root_nor_sudo_one_message_says_what_to_ask_for(self):
        self.command("id", "echo 1000")
        self.command("sudo", "exit 1")
        result = self.setup()
        self.assertNotEqual(0, result.returncode)
        self.assertIn("Ask for: apt-get install", result.stderr)
        self.assertIn("libyaml-cpp-dev", result.stderr.splitlines()[-1])
        self.assertFalse((self.dir / "network").exists())

    def test_a_full_disk_is_said_before_anything_starts(self):
        self.command("df", "echo Avail; echo 12")
        result = self.setup()
        self.assertNotEqual(0, result.returncode)
        self.assertIn("not enough disk space", result.stderr)
        self.assertFalse((self.dir / "network").exists())


class Fuzzing(Machine):
    def test_without_libfuzzer_it_is_skipped_and_says_so(self):
        self.command("clang++", f"echo {self.dir}")  # a clang without its run-time library
        env = dict(os.environ, PATH=f"{self.dir}/bin:{os.environ['PATH']}")
        result = subprocess.run([SOURCE / "scripts/fuzz"], env=env, text=True, capture_output=True, check=False)
        self.assertEqual(77, result.returncode)
        self.assertIn("scripts/setup --fuzz", result.stderr)


class Current(Machine):
    """scripts/regroup in the build folder that this test runs from."""

    def run_help(self, program):
        env = dict(os.environ, REGROUP_PRESET=BUILD.name, PATH=f"{self.dir}/bin:{os.environ['PATH']}")
        (self.dir / "bin/python3").unlink(missing_ok=True)
        started = time.monotonic()
        result = subprocess.run([program, "--help"], env=env, capture_output=True, text=True,
                                check=False)
        return time.monotonic() - started, result

    def test_a_current_checkout_adds_less_than_a_second_and_touches_no_network(self):
        script = SOURCE / "scripts/regroup"
        self.run_help(script)  # the folder may have been configured by hand
        bare = min(self.run_help(BUILD / "bin/regroup")[0] for _ in range(3))
        runs = [self.run_help(script) for _ in range(3)]
        self.assertEqual(0, runs[0][1].returncode, runs[0][1].stderr)
        self.assertEqual("", runs[-1][1].stderr)
        self.assertLess(min(seconds for seconds, _ in runs) - bare, 1.0)
        self.assertFalse((self.dir / "network").exists())


if __name__ == "__main__":
    unittest.main()
