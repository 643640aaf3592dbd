"""What scripts/offline_kit, scripts/setup --kit and scripts/gpu_check say where something does not fit. The scripts run
from a copy of their own, with an empty cache; tests/e2e/offline_kit_test.py builds from a real kit."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])


class Checkout(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.root = self.dir / "checkout"
        for name in ("scripts", "cmake"):
            shutil.copytree(SOURCE / name, self.root / name)
        for name in ("apt-get", "curl", "nvidia-smi"):
            self.command(name, f"touch {self.dir}/network; exit 1")
        self.environment = {}

    def command(self, name, script):
        path = self.dir / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run_script(self, name, *arguments):
        env = {k: v for k, v in os.environ.items() if k not in ("REGROUP_LIBTORCH", "Torch_DIR")}
        env.update(PATH=f"{self.dir}/bin:{env['PATH']}", HOME=str(self.dir / "home"),
                   XDG_CACHE_HOME=str(self.dir / "cache"), **self.environment)
        return subprocess.run([self.root / "scripts" / name, *map(str, arguments)], env=env, cwd=self.dir, text=True,
                              capture_output=True, check=False)

    def refused(self, code, words, name, *arguments):
        result = self.run_script(name, *arguments)
        self.assertEqual(code, result.returncode, result.stderr)
        self.assertIn(words, result.stderr)
        self.assertFalse((self.root / "build/kit").exists(), "a kit was chosen")
        self.assertFalse((self.dir / "network").exists(), "the network was asked")
        return result.stderr

    def stand_in_kit(self, damaged=False):
        """A kit of one small archive, and a checkout whose contents file names it."""
        archive = self.dir / "thing.tar.gz"
        inside = self.dir / "thing-1.0/README"
        inside.parent.mkdir()
        inside.write_text("a library")
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(inside.parent, "thing-1.0")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if damaged:
            archive.write_bytes(archive.read_bytes()[:-7])
        contents = self.root / "scripts/lib/kit-contents.txt"
        contents.write_text(f"# comment\nthing 1.0 MIT apt:thing thing.tar.gz {digest} LICENSE\n")
        sums = self.dir / "SHA256SUMS"
        sums.write_text(f"{digest}  sources/thing.tar.gz\n")
        kit = self.dir / "kit.tar"
        with tarfile.open(kit, "w") as tar:
            tar.add(sums, "regroup-kit/SHA256SUMS")
            tar.add(archive, "regroup-kit/sources/thing.tar.gz")
        return kit


class SetupFromKit(Checkout):
    def test_a_file_that_is_not_there(self):
        self.refused(1, "scripts/offline_kit makes a kit", "setup", "--kit", self.dir / "none.tar")

    def test_a_file_that_is_no_kit(self):
        (self.dir / "other.tar").write_text("no archive at all")
        self.refused(1, "is not a kit", "setup", "--kit", self.dir / "other.tar")

    def test_a_kit_of_other_versions(self):
        kit = self.stand_in_kit()
        contents = self.root / "scripts/lib/kit-contents.txt"
        contents.write_text(contents.read_text().replace("thing", "thong"))
        self.refused(1, "for another state of this repository", "setup", "--kit", kit)

    def test_a_damaged_kit_leaves_nothing(self):
        text = self.refused(1, "is damaged", "setup", "--kit", self.stand_in_kit(damaged=True))
        self.assertIn("sources/thing.tar.gz: FAILED", text)
        self.assertEqual([], os.listdir(self.dir / "cache/regroup/kit"))

    def test_a_compiler_that_is_too_old(self):
        self.command("c++", "case $1 in -dumpversion) echo 9;; *) echo 'c++ 9, free software';; esac")
        self.refused(1, "GCC 11 or later", "setup", "--kit", self.stand_in_kit())

    def test_a_dry_run_writes_nothing(self):
        result = self.run_script("setup", "--dry-run", "--kit", self.stand_in_kit())
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertRegex(result.stderr, r"disk: up to \d+ MB")
        self.assertFalse((self.dir / "cache").exists())
        self.assertFalse((self.root / "build").exists())

    def test_a_kit_does_not_go_with_what_needs_the_network(self):
        result = self.run_script("setup", "--kit", self.stand_in_kit(), "--peers")
        self.assertEqual(2, result.returncode)
        self.assertIn("--kit FILE", result.stderr)

    def test_a_chosen_kit_that_is_gone_is_named_and_no_kit_goes_back(self):
        (self.root / "build").mkdir()
        (self.root / "build/kit").write_text(f"{self.dir}/gone\n")
        result = self.run_script("setup")
        self.assertEqual(1, result.returncode)
        self.assertIn("scripts/setup --no-kit", result.stderr)
        result = self.run_script("setup", "--no-kit", "--dry-run")
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertTrue((self.root / "build/kit").exists(), "a dry run changes nothing")


class OfflineKit(Checkout):
    def test_a_dry_run_lists_the_contents_and_writes_nothing(self):
        result = self.run_script("offline_kit", "--dry-run")
        self.assertEqual(0, result.returncode, result.stderr)
        for name in ("abseil", "sentencepiece", "cmake", "ninja", "googletest"):
            self.assertRegex(result.stderr, rf"(?m)^offline_kit: {name} +[\d.]+ +\S+ +(apt|pip):")
        self.assertFalse((self.dir / "cache").exists())
        self.assertFalse((self.dir / "network").exists())

    def test_what_is_fetched_must_have_the_pinned_hash(self):
        contents = self.root / "scripts/lib/kit-contents.txt"
        contents.write_text(f"thing 1.0 MIT apt:thing thing.tar.gz {'0' * 64} LICENSE\n")
        downloads = self.dir / "cache/regroup/download/kit"
        self.command("apt-get", f"[ $1 = indextargets ] && echo http://mirror && exit; "
                                f"mkdir -p {downloads}; echo other >{downloads}/thing.tar.gz")
        result = self.run_script("offline_kit")
        self.assertEqual(1, result.returncode)
        self.assertIn("does not have the SHA-256", result.stderr)
        self.assertEqual([], list(self.dir.glob("*.tar")))


class GpuCheck(Checkout):
    def test_without_a_gpu_it_says_so(self):
        self.command("nvidia-smi", "exit 9")
        self.refused(2, "no NVIDIA GPU answers", "gpu_check")

    def test_a_kit_that_is_not_there(self):
        self.command("nvidia-smi", "echo 'NVIDIA H100, 81559 MiB, 580.1'")
        self.refused(2, "there is no such file", "gpu_check", "--kit", self.dir / "none.tar")


if __name__ == "__main__":
    unittest.main()
