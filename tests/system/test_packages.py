"""The packages on a real Debian 12 with a real systemd: installed, a plan run through while daemons
are killed, restarted and upgraded, configuration read again, removed and purged."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from debian import Machine, checked, need, tree
from harness import BIN, ROOT, SystemTest, wait_until

BUILD = BIN.parent.parent / "package"
ROLES = ("infra", "backend", "frontend", "realtime", "integration", "testing")
# Exposure by systemd-analyze security, in tenths.
EXPOSURE = {"batond": 14, "baton-worker@": 29, "baton-mirror": 14, "baton-web": 20}

# Works until its gate is away: the test decides when, and can look at the agent meanwhile.
AGENT = """#!/bin/sh
while [ -e "/srv/gate/$BATON_TASK_ID" ]; do sleep 0.05; done
id -un >"$BATON_WORKDIR/who"
echo '{"outcome":"done"}' >"$BATON_RESULT_FILE"
"""

BROKER_CONF = "backoff = 250ms\nlog-level = info\n"


def build(directory, revision=""):
    """Makes the packages with this revision in `directory`; their files by the packages' names."""
    checked(["cmake", "--preset", "package", f"-DBATON_PACKAGE_REVISION={revision}"], cwd=ROOT)
    for old in BUILD.glob("*.deb"):
        old.unlink()
    checked(["cmake", "--build", "--preset", "package"], cwd=ROOT, timeout=600)
    kept = pathlib.Path(directory) / (revision or "first")
    kept.mkdir()
    return {
        deb.name.split("_")[0]: pathlib.Path(shutil.copy(deb, kept)) for deb in BUILD.glob("*.deb")
    }


def dependencies(debs):
    """What they need of Debian's, the first of alternatives."""
    names = set()
    for deb in debs.values():
        for field in checked(["dpkg-deb", "-f", deb, "Depends"]).split(","):
            names.add(re.split(r"[ |(]", field.strip())[0])
    return sorted(n for n in names if n and "baton" not in n and not n.endswith("-dev"))


class Packages(SystemTest):
    @classmethod
    def setUpClass(cls):
        need("debootstrap", "systemd-nspawn", "systemd-analyze", "lintian", "nsenter", "dpkg-deb")
        if not (BIN.parent / "CMakeCache.txt").exists():
            print(f"SKIPPED: {BIN.parent} is not a build tree", flush=True)
            raise unittest.SkipTest("no build tree")
        made = tempfile.TemporaryDirectory(prefix="bt-")
        cls.addClassCleanup(made.cleanup)
        cls.debs = build(made.name)

    # -- without a machine --

    def test_units_are_as_closed_as_they_say(self):
        units = BUILD / "systemd"
        for name, threshold in EXPOSURE.items():
            argv = ["systemd-analyze", "security", "--offline=true", f"--threshold={threshold}"]
            checked([*argv, units / f"{name}.service"])

    def test_lintian_finds_no_error(self):
        text = subprocess.run(
            ["lintian", "--allow-root", "--fail-on", "error", *map(str, self.debs.values())],
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(text.returncode, 0, text.stdout + text.stderr)

    # -- a life --

    def show(self, task):
        return json.loads(self.m.run(f"baton show {task} --json"))

    def pid(self, unit):
        return int(self.m.run(f"systemctl show -P MainPID {unit}"))

    def agent(self, task):
        """The process of a task's agent, or 0."""
        _, text = self.m.ask(
            f"for p in $(grep -slz '^BATON_TASK_ID={task}$' /proc/[0-9]*/environ); do "
            "[ \"$(cat ${p%/*}/comm 2>/dev/null)\" = agent ] && echo $p; done"
        )
        pids = sorted(int(line.split("/")[2]) for line in text.split())
        return pids[0] if pids else 0

    def await_(self, line, wanted="", timeout=30):
        def look():
            status, text = self.m.ask(line)
            return status == 0 and wanted in text

        try:
            wait_until(f"{line}: {wanted}", look, timeout)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.m.ask('journalctl --no-pager -n 80')[1]}") from None

    def install(self, debs, *names):
        for name in names:
            destination = self.m.root / "root" / debs[name].name
            destination.write_bytes(debs[name].read_bytes())
        files = " ".join(f"/root/{debs[name].name}" for name in names)
        return self.m.run(f"DEBIAN_FRONTEND=noninteractive dpkg -i {files}", timeout=120)

    def close_gate(self, task):
        self.m.write(f"/srv/gate/{task}", "")

    def open_gate(self, task):
        (self.m.root / "srv/gate" / task).unlink()

    def test_life(self):
        root = self.dir / "root"
        tree(root, dependencies(self.debs))
        self.newer = build(self.dir, "-2")
        self.m = Machine(root, self.dir / "boot.log")
        self.addCleanup(self.m.close)
        self.first_install()
        self.roles()
        self.plan_while_things_break()
        self.reload()
        self.hang()
        self.drain()
        self.services()
        self.credential()
        self.limits()
        self.journal()
        self.leave()

    def first_install(self):
        self.m.write("/etc/baton/batond.conf.d/50-test.conf", BROKER_CONF)
        self.install(self.debs, "baton-cli", "baton-broker", "baton-worker", "libbaton0")
        self.m.run("baton ping")
        self.assertEqual(self.m.run("systemctl is-enabled batond baton.target"), "enabled\nenabled")
        socket = self.m.run("stat -c '%A %U %G' /run/baton /run/baton/broker.sock /var/lib/baton")
        self.assertEqual(
            socket.splitlines(),
            ["drwxr-x--- baton baton", "srw-rw---- baton baton", "drwx------ baton baton"],
        )
        # Nobody has said what the roles run: they wait, and that is no failure.
        self.assertEqual(self.m.ask("systemctl is-active 'baton-worker@*'")[1].strip(), "")
        self.assertEqual(self.m.run("systemctl --failed --no-legend"), "")
        verify = self.m.ask(
            "systemd-analyze verify --man=no /lib/systemd/system/baton*.service "
            "/lib/systemd/system/baton.target 2>&1 | grep -i baton"
        )[1]
        self.assertEqual(verify, "")
        values = self.m.run("baton config --json")
        self.assertIn('"from":"/etc/baton/batond.conf.d/50-test.conf:1"', values)
        for page in ("man1/baton.1", "man1/baton-worker.1", "man8/batond.8", "man5/batond.conf.5",
                     "man5/baton-worker.conf.5", "man5/baton-plan.5"):
            self.m.run(f"test -s /usr/share/man/{page}.gz")

    def roles(self):
        self.m.write("/usr/local/bin/agent", AGENT, 0o755)
        for role in ROLES:
            self.m.write(f"/etc/baton/roles.d/{role}.conf", "command = /usr/local/bin/agent\n")
        self.m.run("systemctl start baton.target")
        for role in ROLES:
            self.assertEqual(self.m.run(f"systemctl is-active baton-worker@{role}"), "active")
            user = self.m.run(f"stat -c %U /proc/{self.pid(f'baton-worker@{role}')}")
            self.assertEqual(user, f"baton-{role}")
        self.await_("systemctl status --no-pager baton-worker@infra", "Takes tasks; 0 of 1 at work")

    def plan_while_things_break(self):
        rows = [f"  - {{id: {role}-{i}, role: {role}, title: t" +
                (f", after: {ROLES[k - 1]}-{i}" if k else "") + "}"
                for i in range(3) for k, role in enumerate(ROLES)]
        self.m.write("/root/plan.yaml", "tasks:\n" + "\n".join(rows) + "\n")
        for task in ("infra-0", "backend-1"):
            self.close_gate(task)
        self.m.run("baton apply /root/plan.yaml")
        self.await_("baton show infra-0 --json", '"state":"running"')
        # Live names for the shell.
        names = self.m.run(
            "source /usr/share/bash-completion/completions/baton; COMP_WORDS=(baton show infra); "
            "COMP_CWORD=2; COMP_LINE='baton show infra'; COMP_POINT=16; _baton; echo ${COMPREPLY[*]}"
        )
        self.assertIn("infra-0", names.split())

        agent, broker = self.agent("infra-0"), self.pid("batond")
        self.assertGreater(agent, 0)
        # It has a control group of its own below its worker's.
        group = self.m.run(f"grep ^0:: /proc/{agent}/cgroup")
        self.assertRegex(group, r"/baton-worker@infra\.service/run-\d+$")
        beside = self.m.run(f"grep ^0:: /proc/{self.pid('baton-worker@infra')}/cgroup")
        self.assertRegex(beside, r"/baton-worker@infra\.service/worker$")
        self.m.run("systemctl kill -s KILL batond")
        self.await_("baton ping")
        self.assertNotEqual(self.pid("batond"), broker)
        self.assertEqual(self.agent("infra-0"), agent, "the agent outlives its broker")

        # An upgrade of everything: the broker begins anew at once, the worker when its agent is done.
        worker = self.pid("baton-worker@infra")
        broker = self.pid("batond")
        self.install(self.newer, "baton-cli", "baton-broker", "baton-worker", "libbaton0")
        self.m.run("baton ping")
        self.assertNotEqual(self.pid("batond"), broker)
        self.assertEqual(self.agent("infra-0"), agent, "the agent outlives an upgrade")
        self.assertEqual(self.pid("baton-worker@infra"), worker)
        self.open_gate("infra-0")
        self.await_("baton wait infra-0 --timeout 20s")
        self.assertEqual(self.show("infra-0")["attempt"], 1, "nothing was done twice")
        wait_until("the new worker", lambda: self.pid("baton-worker@infra") not in (0, worker), 30)

        # A worker that is killed: its agent goes with it, its task is done again by the next one.
        self.await_("baton show backend-1 --json", '"state":"running"')
        agent, worker = self.agent("backend-1"), self.pid("baton-worker@backend")
        self.m.run("systemctl kill --kill-whom=main -s KILL baton-worker@backend")
        wait_until("the next worker", lambda: self.pid("baton-worker@backend") not in (0, worker), 30)
        wait_until("its agent", lambda: self.agent("backend-1") not in (0, agent), 60)
        self.m.run("systemctl restart batond")
        self.open_gate("backend-1")
        self.m.run("baton wait --all --timeout 60s", timeout=90)
        tasks = [json.loads(line) for line in self.m.run("baton list --json").splitlines()]
        self.assertEqual(len(tasks), 18)
        self.assertEqual({t["state"] for t in tasks}, {"done"})
        again = [t["id"] for t in tasks if t["attempt"] > 1]
        self.assertIn(again, ([], ["backend-1"]), "only what was killed was done again")

    def reload(self):
        broker = self.pid("batond")
        conf = "/etc/baton/batond.conf.d/60-site.conf"
        self.m.write(conf, "log-level = debug\nrestart-grace = 2m\n")
        self.m.run("systemctl reload batond")
        self.await_("journalctl -u batond -o cat BATON_EVENT=config.loaded",
                    'changed="log-level" waiting_for_restart="restart-grace"')
        self.m.write(conf, "log-level = info\nlaese = 6m\n")
        status, _ = self.m.ask("systemctl reload batond")
        self.assertNotEqual(status, 0, "a mistake is told by systemctl")
        self.await_("journalctl -u batond -o cat", f"{conf}:2: there is no key 'laese'")
        self.assertEqual(self.m.run("systemctl is-active batond"), "active")
        self.m.run("systemctl kill -s HUP batond")
        self.await_("journalctl -u batond -o cat BATON_EVENT=config.refused", "laese")
        self.assertEqual(self.pid("batond"), broker)
        (self.m.root / conf.lstrip("/")).unlink()
        self.m.write("/etc/baton/roles.d/testing.conf",
                     "command = /usr/local/bin/agent\nmax-runtime = 1h\n")
        self.m.run("systemctl reload baton-worker@testing")
        self.await_("journalctl -u baton-worker@testing -o cat BATON_EVENT=config.loaded",
                    'changed="max-runtime"')

    def hang(self):
        """A loop that stands still is seen by the watchdog."""
        self.m.write("/etc/systemd/system/batond.service.d/watchdog.conf",
                     "[Service]\nWatchdogSec=2s\n")
        self.m.run("systemctl daemon-reload && systemctl restart batond")
        broker = self.pid("batond")
        self.m.run(f"kill -STOP {broker}")
        wait_until("the watchdog", lambda: self.pid("batond") not in (0, broker), 30)
        self.await_("baton ping")
        self.m.run("rm -r /etc/systemd/system/batond.service.d && systemctl daemon-reload")

    def drain(self):
        """A stop waits for the agent, longer than the unit's own limit."""
        self.m.write("/etc/systemd/system/baton-worker@testing.service.d/stop.conf",
                     "[Service]\nTimeoutStopSec=1s\n")
        self.m.run("systemctl daemon-reload && systemctl restart baton-worker@testing")
        self.close_gate("last")
        self.m.run("baton add last --role testing")
        self.await_("baton show last --json", '"state":"running"')
        agent = self.agent("last")
        self.m.run("systemctl --no-block stop baton-worker@testing")
        self.await_("journalctl -u baton-worker@testing -o cat", "worker.stopping")
        began = float(self.m.run("cut -d' ' -f1 /proc/uptime"))
        self.await_(f"awk '{{exit !($1 > {began} + 3)}}' /proc/uptime")
        self.assertEqual(self.agent("last"), agent)
        self.open_gate("last")
        self.m.run("baton wait last --timeout 20s")
        self.assertEqual(self.show("last")["attempt"], 1)
        self.await_("systemctl show -P ActiveState baton-worker@testing", "inactive")
        self.assertEqual(self.m.run("systemctl show -P Result baton-worker@testing"), "success")

    def services(self):
        """What is off until somebody wants it."""
        self.assertEqual(self.m.run("systemctl is-active baton-web baton-mirror || true"),
                         "inactive\ninactive")
        self.m.run("systemctl enable --now baton-web baton-mirror")
        ask = (
            "exec 3<>/dev/tcp/127.0.0.1/9464 && "
            "printf 'GET %s HTTP/1.0\\r\\nHost: localhost:9464\\r\\n\\r\\n' >&3 && cat <&3"
        )
        self.await_(ask % "/readyz", " 200 OK")
        self.await_(ask % "/metrics", 'baton_tasks{')
        self.await_("ls /var/lib/baton-mirror/status")
        mode = self.m.run("stat -c '%A %U %G' /var/lib/baton-mirror")
        self.assertEqual(mode, "drwxrws--- baton-mirror baton")

    def credential(self):
        """PostgreSQL's place is the broker's alone to read."""
        self.m.write("/etc/credstore/baton-postgres", "host=/nowhere dbname=metrics\n", 0o600)
        self.m.write("/etc/baton/batond.conf.d/70-export.conf", "export = yes\n")
        self.m.run("systemctl restart batond")
        path = "/run/credentials/batond.service/baton-postgres"
        self.assertIn("dbname=metrics", self.m.run(f"cat {path}"))
        # It serves, whatever becomes of PostgreSQL, and says what that is.
        self.await_("baton ping")
        self.await_("baton status", "/nowhere")
        self.m.run("rm /etc/baton/batond.conf.d/70-export.conf; systemctl restart batond")

    def limits(self):
        """Limits are the kernel's, or the worker says that they can't be held."""
        self.m.write("/etc/baton/roles.d/testing.conf",
                     "command = /usr/local/bin/agent\ntasks-max = 50\n")
        self.m.run("systemctl start baton-worker@testing || true")
        top = "cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null"
        if "pids" in self.m.ask(top)[1]:
            self.close_gate("held")
            self.m.run("baton add held --role testing")
            self.await_("baton show held --json", '"state":"running"')
            groups = "/sys/fs/cgroup/baton.slice/baton-workers.slice/baton-worker@testing.service"
            self.assertEqual(self.m.run(f"cat {groups}/run-*/pids.max"), "50")
            self.open_gate("held")
            self.m.run("baton wait held --timeout 20s")
        else:
            print("SKIPPED: memory, pids and cpu are bound to control groups of version 1 here, so limits are refused"
                  " (test_limits has them held)", flush=True)
            self.await_("journalctl -u baton-worker@testing -o cat BATON_EVENT=worker.no_scope",
                        "pids")
            status = self.m.run("systemctl show -P ExecMainStatus baton-worker@testing")
            self.assertEqual(status, "78")
        self.m.run("rm /etc/baton/roles.d/testing.conf; systemctl reset-failed")

    def journal(self):
        text = self.m.run("journalctl --no-pager -o json BATON_TASK=backend-1")
        entries = [json.loads(line) for line in text.splitlines()]
        self.assertIn("task.started", {e.get("BATON_EVENT") for e in entries})
        self.assertEqual({e["BATON_ROLE"] for e in entries if "BATON_ROLE" in e}, {"backend"})
        self.assertEqual(self.m.run("journalctl -q --no-pager -o cat BATON_EVENT=worker.bug"), "")
        self.assertEqual(self.m.run("systemctl --failed --no-legend"), "")

    def leave(self):
        self.close_gate("left")
        self.m.run("baton add left --role backend")
        self.await_("baton show left --json", '"state":"running"')
        names = "baton-worker baton-broker baton-cli libbaton0"
        self.m.run(f"dpkg -r {names}", timeout=120)
        self.assertEqual(self.agent("left"), 0, "no agent is left behind")
        self.m.run("test -s /var/lib/baton/baton.db -a -s /etc/baton/batond.conf")
        self.m.run("test -d /var/lib/baton-worker/backend")
        for path in ("/usr/sbin/batond", "/lib/systemd/system/batond.service", "/usr/bin/baton"):
            self.m.run(f"test ! -e {path}")
        # Back again, with all that it knew.
        self.install(self.newer, "baton-cli", "baton-broker", "baton-worker", "libbaton0")
        self.await_("baton show left --json", '"state":"running"')
        self.open_gate("left")
        self.m.run("baton wait left --timeout 30s")
        self.assertEqual(self.show("infra-0")["state"], "done")
        self.m.run(f"dpkg -P {names}", timeout=120)
        for path in ("/var/lib/baton", "/var/lib/baton-worker", "/etc/baton/batond.conf",
                     "/etc/baton/worker.conf", "/run/baton"):
            self.m.run(f"test ! -e {path}")
        self.assertEqual(self.m.run("systemctl --failed --no-legend"), "")


if __name__ == "__main__":
    unittest.main()
