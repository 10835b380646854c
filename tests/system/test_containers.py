"""docker-compose.yml for real, with podman: images are built, a plan runs through to its end, its rows stand in
PostgreSQL; everybody is locked in, healthy, and stopped without work lost.

No image is pulled: the base is made by debootstrap, once, into the cache of the user. podman-compose of Debian 12 knows
neither profiles nor network_mode beside networks, so the services are named, and `web` is put into the network of all."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import wait_until

TOP = pathlib.Path(__file__).parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "baton-test"
BASE = "docker.io/library/debian:bookworm-slim"
POSTGRES = "docker.io/library/postgres:15-bookworm"
IMAGE = "localhost/baton-test:latest"
ROLES = ("infra", "backend", "frontend", "realtime", "integration", "testing")
PROJECT = f"batontest{os.getpid()}"
CONF = """[engine]
cgroup_manager="cgroupfs"
runtime="runc"
events_logger="file"
[containers]
default_ulimits=["nofile=20000:20000","nproc=10000:10000"]
"""


def missing():
    """What it would take; "" when everything is there."""
    if os.geteuid() != 0:
        return "root"
    tools = ("podman", "podman-compose", "runc", "debootstrap", "nsenter")
    return ", ".join(tool for tool in tools if not shutil.which(tool))


def run(*argv, check=True, timeout=240, env=None):
    done = subprocess.run(
        [str(a) for a in argv], capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})}
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))} ended with {done.returncode}\n{(done.stdout + done.stderr)[-6000:]}")
    return done


def have_image(name):
    return run("podman", "image", "exists", name, check=False).returncode == 0


def make_base():
    """A tree of its own: that of debian.py has libraries in it that a Dockerfile could forget."""
    if have_image(BASE):
        return
    tree = CACHE / "bookworm-base"
    if not tree.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        new = tempfile.mkdtemp(prefix="bookworm-", dir=CACHE)
        run("debootstrap", "--variant=minbase", "bookworm", new, timeout=600)
        os.rename(new, tree)
    with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(["podman", "import", "-", BASE], stdin=tar.stdout, check=True, capture_output=True)


@unittest.skipIf(missing(), f"SKIPPED: containers need {missing()}")
class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(prefix="bt-")
        cls.addClassCleanup(cls.dir.cleanup)
        conf = pathlib.Path(cls.dir.name, "containers.conf")
        conf.write_text(CONF)
        os.environ["CONTAINERS_CONF"] = str(conf)
        make_base()
        run("podman", "build", "--network=host", "-t", IMAGE, TOP, timeout=600)
        if not have_image(POSTGRES):
            run("podman", "build", "--network=host", "-t", POSTGRES, TOP / "tests/system/postgres-image", timeout=600)
        text = (TOP / "docker-compose.yml").read_text()
        text = text.replace("localhost/baton:latest", IMAGE).replace("build: .", f"build: {TOP}")
        text = text.replace("    network_mode: host\n", "")
        cls.file = pathlib.Path(cls.dir.name, "docker-compose.yml")
        cls.file.write_text(text)
        cls.env = {
            "BATON_AGENT": str(TOP / "examples/agents/agent.sh"),
            "BATON_PLANS": str(TOP / "examples"),
            "BATON_EXPORT": "yes",
        }
        cls.addClassCleanup(cls.remove)
        cls.services = ["postgres", "broker", *(f"worker-{role}" for role in ROLES), "web"]
        cls.compose("up", "-d", "--no-build", *cls.services)
        for service in cls.services:
            cls.wait_healthy(service)

    @classmethod
    def remove(cls):
        """Whatever there is of this project; podman-compose leaves some of it."""
        label = f"label=io.podman.compose.project={PROJECT}"
        for what, remove in (
            (("ps", "-aq"), ("rm", "-f", "-t", "5")),
            (("volume", "ls", "-q"), ("volume", "rm", "-f")),
            (("network", "ls", "-q"), ("network", "rm", "-f")),
        ):
            names = run("podman", *what, "--filter", label, check=False).stdout.split()
            if names:
                run("podman", *remove, *names, check=False)

    @classmethod
    def compose(cls, *args, **more):
        return run("podman-compose", "-f", cls.file, "-p", PROJECT, *args, env=cls.env, **more)

    @classmethod
    def container(cls, service):
        return f"{PROJECT}_{service}_1"

    @classmethod
    def is_healthy(cls, service):
        return run("podman", "healthcheck", "run", cls.container(service), check=False).returncode == 0

    @classmethod
    def wait_healthy(cls, service):
        wait_until(f"{service} to be healthy", lambda: cls.is_healthy(service), timeout=60)

    def baton(self, *args, check=True):
        """By the command line in the broker's container."""
        return run("podman", "exec", self.container("broker"), "baton", *args, check=check)

    def http(self, path):
        pid = run("podman", "inspect", "--format", "{{.State.Pid}}", self.container("web")).stdout.strip()
        code = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9464{path}', timeout=20).read().decode())"
        return run("nsenter", "-n", "-t", pid, sys.executable, "-c", code).stdout

    def query(self, sql):
        done = run("podman", "exec", self.container("postgres"), "psql", "-U", "baton", "-Atc", sql, check=False)
        return done.stdout.strip()

    def test_a_plan_runs_through_and_its_rows_are_in_postgres(self):
        done = self.compose("run", "--rm", "--no-deps", "cli", "--json", "apply", "/plans/candlefish.yaml", "--wait", "--timeout", "180s")
        status = json.loads(self.baton("--json", "status").stdout)
        self.assertEqual({r["role"]: r["workers"] for r in status["roles"]}, {role: 1 for role in ROLES}, done.stdout)
        ended = sum(r["done"] for r in status["roles"])
        self.assertGreater(ended, 20)
        self.assertEqual(sum(r["waiting"] + r["ready"] + r["running"] + r["failed"] for r in status["roles"]), 0)
        # The agents' work lies in the volume that they share.
        files = run("podman", "exec", self.container("worker-infra"), "find", "/workspace", "-type", "f").stdout
        self.assertGreater(len(files.splitlines()), 20)
        self.assertEqual(self.http("/readyz").strip(), "ready")
        self.assertRegex(self.http("/metrics"), r"(?m)^baton_workers 6$")
        self.assertRegex(self.http("/metrics"), r"(?m)^baton_exporter_lag_facts \d+$")

        def rows():
            return self.query("SELECT count(*) FROM baton.task WHERE state = 'done' AND role IS NOT NULL") == str(ended)

        wait_until("its rows in PostgreSQL", rows, timeout=60)
        self.assertEqual(self.query("SELECT count(DISTINCT worker) FROM baton.attempt"), "6")

    def test_everybody_is_locked_in(self):
        for service in self.services:
            found = json.loads(run("podman", "inspect", self.container(service)).stdout)[0]
            self.assertTrue(found["HostConfig"]["ReadonlyRootfs"], service)
            self.assertEqual(found["EffectiveCaps"] or [], [], service)
            self.assertIn("no-new-privileges", found["HostConfig"]["SecurityOpt"], service)
            uid = run("podman", "exec", self.container(service), "id", "-u").stdout.strip()
            self.assertNotEqual(uid, "0", service)
            touched = run("podman", "exec", self.container(service), "touch", "/usr/x", check=False)
            self.assertIn("Read-only", touched.stderr, service)

    def test_a_broker_that_hangs_is_not_healthy(self):
        run("podman", "kill", "-s", "STOP", self.container("broker"))
        try:
            self.assertFalse(self.is_healthy("broker"))
            self.assertFalse(self.is_healthy("worker-infra"))
        finally:
            run("podman", "kill", "-s", "CONT", self.container("broker"))
        self.wait_healthy("broker")

    def test_a_worker_that_is_stopped_finishes_what_runs(self):
        command = "while [ ! -e /workspace/go ]; do sleep 0.1; done; echo '{\"outcome\":\"done\"}' >$BATON_RESULT_FILE"
        self.baton("add", "long", "--project", "stop", "--role", "testing", "--", "sh", "-c", command)
        state = lambda: json.loads(self.baton("--json", "--project", "stop", "show", "long").stdout)["state"]
        wait_until("it runs", lambda: state() == "running", timeout=30)
        name = self.container("worker-testing")
        with subprocess.Popen(["podman", "stop", "-t", "150", name], stdout=subprocess.DEVNULL) as stop:
            wait_until("it drains", lambda: "worker.stopping" in run("podman", "logs", name).stderr, timeout=30)
            run("podman", "exec", self.container("worker-infra"), "touch", "/workspace/go")
            self.assertEqual(stop.wait(60), 0)
        self.assertEqual(state(), "done")
        found = json.loads(run("podman", "inspect", name).stdout)[0]
        self.assertEqual(found["State"]["ExitCode"], 0)
        run("podman", "start", name)
        self.wait_healthy("worker-testing")

    def test_a_broker_that_is_killed_comes_back_with_everything(self):
        self.baton("add", "kept", "--project", "kill", "--role", "infra", "--held")
        run("podman", "kill", self.container("broker"))
        run("podman", "start", self.container("broker"))
        self.wait_healthy("broker")
        self.baton("--project", "kill", "show", "kept")
        self.baton("--project", "kill", "cancel", "kept", "--reason", "it was only to be kept")

    def test_more_time_to_stop_than_to_drain(self):
        text = (TOP / "docker-compose.yml").read_text()
        self.assertEqual(set(re.findall(r"--drain, (\w+)", text)), {"2m"})
        self.assertIn("stop_grace_period: 150s", text.split("x-worker:")[1].split("\nservices:")[0])


if __name__ == "__main__":
    unittest.main()
