"""cmake/FindLibTorch.cmake on trees that look like wheels: what it takes, in which order, and what
it refuses. Fixture trees stand in for wheels and compilers that a machine need not have."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])

TARGETS = '''
set_target_properties(torch_cpu PROPERTIES
  INTERFACE_COMPILE_DEFINITIONS "USE_DISTRIBUTED;USE_C10D_GLOO"
)
set_target_properties(torch PROPERTIES
  INTERFACE_COMPILE_DEFINITIONS "\\$<TARGET_PROPERTY:torch_cpu,INTERFACE_COMPILE_DEFINITIONS>"
)
'''
CUDA_TARGETS = 'set_target_properties(torch_cuda PROPERTIES\n' \
               '  INTERFACE_COMPILE_DEFINITIONS "USE_C10D_NCCL"\n)\n'

PROJECT = '''
cmake_minimum_required(VERSION 3.25)
project(fixture NONE)
list(PREPEND CMAKE_MODULE_PATH "@SOURCE@/cmake")
find_package(LibTorch REQUIRED)
foreach(property IN ITEMS INTERFACE_LINK_LIBRARIES INTERFACE_COMPILE_DEFINITIONS)
  get_target_property(value LibTorch::LibTorch ${property})
  message(STATUS "${property}=${value}")
endforeach()
'''


def write(path, text="", executable=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if executable:
        path.chmod(0o755)
    return path


def make_wheel(root, version, cuda=None):
    """A tree like an unpacked wheel's folder torch/."""
    major, minor, patch = version.split(".")
    write(root / "include/torch/headeronly/version.h",
          f"#define TORCH_VERSION_MAJOR {major}\n#define TORCH_VERSION_MINOR {minor}\n"
          f"#define TORCH_VERSION_PATCH {patch}\n")
    write(root / "share/cmake/Caffe2/Caffe2Targets.cmake",
          TARGETS + (CUDA_TARGETS if cuda else ""))
    write(root / "version.py", f"cuda: Optional[str] = {cuda!r}\n")
    for name in ["c10", "torch", "torch_cpu"] + (["c10_cuda", "torch_cuda"] if cuda else []):
        write(root / f"lib/lib{name}.so")
    return root


class Fixture(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name).resolve()
        self.set_python_torch("")

    def set_python_torch(self, folder):
        write(self.dir / "bin/python3", f"#!/bin/sh\necho '{folder}'\n", executable=True)

    def make_nvcc(self, release):
        return write(self.dir / "bin/fake_nvcc",
                     f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.1'\n",
                     executable=True)

    def cmake(self, *arguments, **environment):
        env = {k: v for k, v in os.environ.items() if k not in ("REGROUP_LIBTORCH", "Torch_DIR")}
        env.update(PATH=f"{self.dir}/bin:{env['PATH']}", XDG_CACHE_HOME=str(self.dir / "cache"))
        env.update({k: str(v) for k, v in environment.items()})
        return subprocess.run(["cmake", *map(str, arguments)], env=env, capture_output=True,
                              text=True, check=False)

    def probe(self, *definitions, **environment):
        return self.cmake(*definitions, "-P", SOURCE / "cmake/ProbeLibTorch.cmake", **environment)

    def assert_probe(self, kind, version, root, *definitions, **environment):
        result = self.probe(*definitions, **environment)
        self.assertEqual((f"{kind} {version} {root}\n", 0), (result.stdout, result.returncode),
                         result.stderr)

    def assert_refused(self, sentence, *definitions, **environment):
        result = self.probe(*definitions, **environment)
        self.assertNotEqual(0, result.returncode)
        self.assertIn(sentence, " ".join(result.stderr.split()))


class Versions(Fixture):
    def test_the_cpu_wheel_is_taken(self):
        root = make_wheel(self.dir / "torch", "2.13.0")
        self.assert_probe("cpu", "2.13.0", root, REGROUP_LIBTORCH=root)

    def test_a_cpu_wheel_before_2_13_is_refused_with_a_sentence(self):
        root = make_wheel(self.dir / "torch", "2.12.1")
        self.assert_refused(
            f"LibTorch 2.12.1 in {root} is too old: regroup needs 2.13.0 or later on CPU",
            REGROUP_LIBTORCH=root)

    def test_a_cuda_wheel_is_taken_from_2_11(self):
        root = make_wheel(self.dir / "torch", "2.11.0", cuda="13.0")
        self.assert_probe("cuda", "2.11.0", root, "-DREGROUP_NVCC=OFF", REGROUP_LIBTORCH=root)
        root = make_wheel(self.dir / "older", "2.10.0", cuda="12.8")
        self.assert_refused("regroup needs 2.11.0 or later with CUDA", REGROUP_LIBTORCH=root)

    def test_a_named_folder_without_libtorch_is_refused(self):
        self.assert_refused("No LibTorch in", REGROUP_LIBTORCH=self.dir)


class Kernels(Fixture):
    def test_own_kernels_need_nvcc_of_the_wheels_major_version(self):
        root = make_wheel(self.dir / "torch", "2.13.0", cuda="13.0")
        for release, kind in (("13.2", "cuda+kernels"), ("12.8", "cuda")):
            self.assert_probe(kind, "2.13.0", root, f"-DREGROUP_NVCC={self.make_nvcc(release)}",
                              REGROUP_LIBTORCH=root)
        self.assert_probe("cuda", "2.13.0", root, "-DREGROUP_NVCC=OFF", REGROUP_LIBTORCH=root)

    def test_beside_a_cpu_wheel_nvcc_changes_nothing(self):
        root = make_wheel(self.dir / "torch", "2.13.0")
        self.assert_probe("cpu", "2.13.0", root, f"-DREGROUP_NVCC={self.make_nvcc('13.0')}",
                          REGROUP_LIBTORCH=root)


class Order(Fixture):
    def cached(self, name, version, cuda=None):
        return make_wheel(self.dir / "cache/regroup/libtorch" / name / "torch", version, cuda)

    def test_named_then_python_then_cache(self):
        cached = self.cached("2.13.0+cpu", "2.13.0")
        self.assert_probe("cpu", "2.13.0", cached)
        python = make_wheel(self.dir / "site/torch", "2.14.0")
        self.set_python_torch(python)
        self.assert_probe("cpu", "2.14.0", python)
        named = make_wheel(self.dir / "named", "2.13.1")
        self.assert_probe("cpu", "2.13.1", named, Torch_DIR=named / "share/cmake/Caffe2")
        self.assert_probe("cpu", "2.13.1", named, f"-DREGROUP_LIBTORCH={named}")

    def test_an_old_python_torch_is_passed_over(self):
        self.set_python_torch(make_wheel(self.dir / "site/torch", "2.4.0"))
        cached = self.cached("2.13.0+cpu", "2.13.0")
        self.assert_probe("cpu", "2.13.0", cached)

    def test_what_setup_cuda_chose_goes_before_python(self):
        self.set_python_torch(make_wheel(self.dir / "site/torch", "2.14.0"))
        chosen = self.cached("2.13.0+cu130", "2.13.0", cuda="13.0")
        write(self.dir / "cache/regroup/libtorch/chosen", f"{chosen}\n")
        self.assert_probe("cuda", "2.13.0", chosen, "-DREGROUP_NVCC=OFF")

    def test_in_the_cache_cuda_goes_before_cpu(self):
        self.cached("2.13.0+cpu", "2.13.0")
        cuda = self.cached("2.13.0+cu130", "2.13.0", cuda="13.0")
        self.assert_probe("cuda", "2.13.0", cuda, "-DREGROUP_NVCC=OFF")


class Project(Fixture):
    def configure(self, **environment):
        write(self.dir / "project/CMakeLists.txt", PROJECT.replace("@SOURCE@", str(SOURCE)))
        return self.cmake("-S", self.dir / "project", "-B", self.dir / "build",
                          "-DREGROUP_NVCC=OFF", **environment)

    def test_the_target_links_and_defines_what_the_wheel_has(self):
        root = make_wheel(self.dir / "torch", "2.13.0", cuda="13.0")
        result = self.configure(REGROUP_LIBTORCH=root)
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertIn("USE_DISTRIBUTED;USE_C10D_GLOO;USE_C10D_NCCL\n", result.stdout)
        self.assertIn(f"{root}/lib/libtorch_cuda.so", result.stdout)

    def test_the_cpu_target_names_no_cuda_library(self):
        root = make_wheel(self.dir / "torch", "2.13.0")
        result = self.configure(REGROUP_LIBTORCH=root)
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertNotIn("cuda", result.stdout.replace(str(root), ""))

    def test_with_nothing_found_the_message_says_what_to_do_and_what_was_passed_over(self):
        self.set_python_torch(make_wheel(self.dir / "site/torch", "2.4.0"))
        result = self.configure()
        self.assertNotEqual(0, result.returncode)
        message = " ".join(result.stderr.split())
        self.assertIn("Run scripts/setup", message)
        self.assertIn("LibTorch 2.4.0", message)


if __name__ == "__main__":
    unittest.main()
