"""What the figures were measured on, and with which versions."""
import json
import os
import platform
import re
import subprocess


def run_text(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def debian_version(package):
    found = run_text("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package).split()
    return found[1] if len(found) == 2 and found[0] == "installed" else ""


def npm_version(modules, package):
    try:
        with open(f"{modules}/{package}/package.json", encoding="utf-8") as file:
            return json.load(file)["version"]
    except OSError:
        return ""


def first_line(path, pattern):
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.search(pattern, file.read(), re.M)
    return found.group(1) if found else "?"


def filesystem(directory):
    """The type of the file system of a directory, and its device."""
    best = ("?", "?", "")
    with open("/proc/mounts", encoding="utf-8") as file:
        for line in file:
            device, mount, kind = line.split()[:3]
            if (os.path.realpath(directory) + "/").startswith(mount.rstrip("/") + "/") and len(mount) >= len(best[2]):
                best = (kind, device, mount)
    return best[0]


def describe(directory):
    memory = int(first_line("/proc/meminfo", r"^MemTotal:\s+(\d+)")) / 1024 / 1024
    return {
        "cpu": first_line("/proc/cpuinfo", r"^model name\s*:\s*(.*)$"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "system": first_line("/etc/os-release", r'^PRETTY_NAME="(.*)"$'),
        "filesystem": filesystem(directory),
        "load_at_start": os.getloadavg()[0],
    }


def commit(tree):
    return run_text("git", "-C", tree, "describe", "--always", "--dirty")
