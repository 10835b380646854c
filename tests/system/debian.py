"""A Debian 12 of the tests' own: a tree made once by debootstrap and kept outside of the repository,
and a real systemd booted from a copy of it in a container without a network."""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import Process, wait_until

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
TREE = CACHE / "baton-test" / "bookworm"
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
APT = {**ENV, "DEBIAN_FRONTEND": "noninteractive"}


FETCH_KERNEL = """
rm -rf /tmp/kernel; mkdir /tmp/kernel; cd /tmp/kernel
apt-get update -qq
apt-get download -qq "$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | grep linux-image)"
dpkg-deb -x linux-image-*.deb .
mv boot/vmlinuz-* vmlinuz
"""


def need(*programs):
    """Skips the tests, loudly, where a real systemd can't be booted."""
    missing = [name for name in programs if not shutil.which(name)]
    why = f"no {', '.join(missing)} (scripts/deps)" if missing else ""
    if os.geteuid() != 0:
        why = "not root: a container can't be booted"
    if why:
        print(f"SKIPPED: {why}", flush=True)
        raise unittest.SkipTest(why)


def checked(argv, timeout=300, **fields):
    """A program that must end with 0; what it wrote."""
    done = subprocess.run(
        [str(a) for a in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        **fields,
    )
    if done.returncode != 0:
        raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout[-8000:]}")
    return done.stdout


@contextlib.contextmanager
def _alone():
    """One at a time makes or changes the tree."""
    TREE.parent.mkdir(parents=True, exist_ok=True)
    with open(TREE.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _installed(tree):
    status = (tree / "var/lib/dpkg/status").read_text()
    return set(re.findall(r"^Package: (\S+)$", status, re.M))


def _have_tree():
    if not TREE.exists():
        fresh = TREE.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        include = "--include=systemd,systemd-sysv,dbus"
        checked(["debootstrap", "--variant=minbase", include, "bookworm", fresh], timeout=600)
        fresh.rename(TREE)


def tree(destination, packages=()):
    """Copies the tree to `destination`, with these packages of Debian's in it."""
    with _alone():
        _have_tree()
        missing = [p for p in packages if p not in _installed(TREE)]
        if missing:
            shutil.copy("/etc/resolv.conf", TREE / "etc/resolv.conf")
            checked(["chroot", TREE, "apt-get", "update", "-qq"], env=APT)
            install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
            checked(["chroot", TREE, *install, *missing], timeout=600, env=APT)
            checked(["chroot", TREE, "apt-get", "clean"], env=APT)
        checked(["cp", "-a", "--reflink=auto", TREE, destination])


def kernel():
    """Debian's own, out of its package, which is not installed: it is for machines that a test emulates."""
    found = TREE.parent / "vmlinuz"
    with _alone():
        if not found.exists():
            _have_tree()
            shutil.copy("/etc/resolv.conf", TREE / "etc/resolv.conf")
            checked(["chroot", TREE, "sh", "-ec", FETCH_KERNEL], timeout=300, env=APT)
            (TREE / "tmp/kernel/vmlinuz").rename(found)
            shutil.rmtree(TREE / "tmp/kernel")
    return found


class Machine:
    """A booted container. `run` executes in it, as root."""

    def __init__(self, root, log):
        self.root = pathlib.Path(root)
        argv = ["systemd-nspawn", "-q", "-D", root, "--boot", "--register=no", "--keep-unit"]
        self.process = Process([*argv, "--private-network", "--hostname=box"], log)
        try:
            self.leader = wait_until("the container's first process", self._find_leader, 30)
            wait_until("the container to be up", self._is_up, 60)
        except BaseException:
            self.close()
            raise

    def _find_leader(self):
        pid = self.process.child.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            name = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
            if name == "systemd":
                return child
        return None

    def _is_up(self):
        state = self.ask("systemctl is-system-running")[1].strip()
        return state in ("running", "degraded")

    def ask(self, line, timeout=60):
        """A line for the shell; its exit status and what it wrote."""
        argv = ["nsenter", "-t", self.leader, "-a", "env", "-i", *(f"{k}={v}" for k, v in ENV.items())]
        done = subprocess.run(
            [*argv, "/bin/bash", "-c", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        return done.returncode, done.stdout

    def run(self, line, timeout=60):
        """The same, and it must end with 0."""
        status, text = self.ask(line, timeout)
        if status != 0:
            journal = self.ask("journalctl --no-pager -n 60")[1]
            raise AssertionError(f"{line}: {status}\n{text}\n--- the journal\n{journal}")
        return text.strip()

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def close(self):
        self.process.destroy()
