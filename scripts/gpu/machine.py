"""What the page of scripts/gpu_check says of the machine. Every answer is text; "unknown" where nothing answers."""

import os
import subprocess


def output_of(*command):
    """What a command prints, or "" where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def gpus():
    """One line for each GPU: name, memory, driver."""
    text = output_of("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    return [line.strip() for line in text.splitlines() if line.strip()]


def nvcc():
    text = output_of("nvcc", "--version") or output_of("/usr/local/cuda/bin/nvcc", "--version")
    return next((line.strip() for line in text.splitlines() if "release" in line), "none")


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'}, {len(os.sched_getaffinity(0))} threads"


def memory():
    with open("/proc/meminfo", encoding="utf-8") as file:
        kilobytes = int(file.readline().split()[1])
    return f"{kilobytes / 1e6:.0f} GB"


def distribution():
    with open("/etc/os-release", encoding="utf-8") as file:
        names = [line.split("=", 1)[1].strip().strip('"') for line in file if line.startswith("PRETTY_NAME=")]
    return names[0] if names else "unknown"
