"""Limits of a run, held by a kernel: Debian's own, in a machine that qemu emulates, since the machines these tests run on
usually have control groups of version 1. No disk and no network: all of it is one small archive in memory, and its
first process is the script below."""

import json
import re
import shutil
import subprocess
import unittest

import debian
from harness import SLOWNESS, SystemTest, program

PROGRAMS = ["bash", "mount", "cat", "mkdir", "sleep", "chmod", "tr", "grep", "perl"]

# Each worker is what a service is to it: INVOCATION_ID, and a control group of its own that it may write.
INIT = r"""#!/bin/bash
export PATH=/bin HOME=/tmp BATON_ENDPOINT=ipc:///run/b.sock
mount -t proc proc /proc; mount -t devtmpfs dev /dev; mount -t tmpfs run /run; mount -t tmpfs tmp /tmp
mount -t sysfs sys /sys; mount -t cgroup2 groups /sys/fs/cgroup
exec >/dev/ttyS0 2>&1
G=/sys/fs/cgroup
echo "+memory +pids +cpu" >$G/cgroup.subtree_control
say() { echo "SAID $1: $(grep -v '^$' | tr '\n' ' ')"; }
worker() { # ROLE LIMIT… -- COMMAND…
    mkdir $G/$1.service
    ( echo $BASHPID >$G/$1.service/cgroup.procs
      INVOCATION_ID=x exec baton-worker --role $1 --name $1 --state /tmp/$1 --slots 2 "${@:2}" ) >/tmp/$1.log 2>&1 &
}
cat >/bin/agent <<'END'
#!/bin/bash
case $1 in
*hog*) perl -e '$x = "x" x (400 << 20); sleep 60' & wait; echo not reached ;;
*forks*) perl -e '$n = 0; for (1..60) { my $p = fork; last unless defined $p; if (!$p) { sleep 30; exit } $n++ } print "$n forks\n"' ;;
*busy*) perl -e '1 while 1' ;;
esac
echo '{"outcome":"done"}' >$BATON_RESULT_FILE
END
chmod 755 /bin/agent
batond --data /tmp/data --listen $BATON_ENDPOINT >/tmp/batond.log 2>&1 &
until baton ping >/dev/null 2>&1; do sleep 0.1; done
worker backend --memory-max 64M -- agent {task_id}
worker testing --tasks-max 20 -- agent {task_id}
worker infra --cpu-weight 2000 -- agent {task_id}
baton add hog --role backend --max-attempts 1
baton add calm --role backend
baton wait hog --timeout 100s; baton wait calm --timeout 100s
baton show hog --json | say hog
baton show calm --json | say calm
baton add forks --role testing
baton wait forks --timeout 100s
baton show forks --json | say forks
# What is not a run has the usual weight, 100.
baton add busy --role infra
until grep -q usage $G/infra.service/run-*/cpu.stat 2>/dev/null; do sleep 0.1; done
( echo $BASHPID >$G/infra.service/worker/cgroup.procs; exec perl -e '1 while 1' ) &
used() { perl -ne 'print $1 if /^usage_usec (\d+)/' $1/cpu.stat; }
a=$(used $G/infra.service/run-*); b=$(used $G/infra.service/worker)
sleep 4
c=$(used $G/infra.service/run-*); d=$(used $G/infra.service/worker)
echo $((c - a)) $((d - b)) | say shares
grep -h run.out_of_memory /tmp/*.log | say noted
grep -hE 'worker\.(no_scope|bug)' /tmp/*.log | say trouble
echo THE END
echo o >/proc/sysrq-trigger; sleep 10
"""


def archive(to, root):
    """The programs with what they need of libraries, as the kernel unpacks it at its start."""
    (root / "bin").mkdir(parents=True)
    for name in ("proc", "dev", "run", "tmp", "sys"):
        (root / name).mkdir()
    ours = [program(name) for name in ("batond", "baton", "baton-worker", "baton-exec")]
    for path in [*(shutil.which(name) for name in PROGRAMS), *ours]:
        shutil.copy(path, root / "bin")
        linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", linked):
            (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library[1:])
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    with open(to, "wb") as out:
        names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, stdout=out, check=True)


class Limits(SystemTest):
    def test_a_run_gets_no_more_than_it_may(self):
        debian.need("qemu-system-x86_64", "cpio", "debootstrap")
        archive(self.dir / "initrd", self.dir / "root")
        argv = ["qemu-system-x86_64", "-accel", "tcg", "-m", "1500", "-nographic", "-no-reboot", "-nic", "none", "-kernel",
                debian.kernel(), "-initrd", self.dir / "initrd", "-append", "console=ttyS0 quiet panic=-1"]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=400 * SLOWNESS)
        text = done.stdout.decode(errors="replace").replace("\r", "")
        self.assertIn("THE END", text)
        said = dict(re.findall(r"(?m)^SAID (\w+): (.*)$", text))
        # Who wants more memory is ended, alone: the run beside it goes on.
        hog = json.loads(said["hog"])
        self.assertEqual((hog["state"], hog["result"]["exit_status"]), ("failed", -9), text)
        self.assertNotIn("not reached", hog["result"]["output_tail"] or "")
        self.assertIn("run.out_of_memory task=hog", said["noted"])
        self.assertNotIn("run.out_of_memory task=calm", said["noted"])
        self.assertEqual(json.loads(said["calm"])["state"], "done", text)
        # Twenty in all: the agent's shell, perl, and what it could fork.
        forks = re.search(r"(\d+) forks", json.loads(said["forks"])["result"]["output_tail"])
        self.assertEqual(int(forks[1]), 18, text)
        # Twenty to one, about.
        run, other = map(int, said["shares"].split())
        self.assertGreater(run, 5 * other, text)
        self.assertNotIn("worker.", said["trouble"])


if __name__ == "__main__":
    unittest.main()
