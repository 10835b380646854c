"""Who is measured, with which settings and which load: see docs/performance.md for why these are fair."""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile

import machine
import servers

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"


class Place:
    """Where programs are and where data goes."""

    def __init__(self, binaries, directory, modules, touched):
        self.binaries = binaries
        self.directory = directory
        self.modules = modules
        self.touched = touched  # bytes

    def touch_memory(self):
        """Before each turn. A virtual machine gives memory back to its host when it was free for two seconds, and pays up to 3 ms
        a megabyte for having it again: more than the work that is measured, for whoever comes after a pause."""
        _ = b"\1" * self.touched


def run_load(command, modules):
    """Runs a load generator; its line of JSON, or several."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, preexec_fn=servers.die_with_parent,
                          env={**os.environ, "NODE_PATH": modules}, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-600:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return lines if len(lines) > 1 else lines[0]


class Contender:
    """A queue in one setting."""

    def __init__(self, name, setting, durable, make, load, sizes, missing=lambda place: ""):
        self.name = name          # of the queue
        self.setting = setting
        self.durable = durable    # strongest, weakest, or only
        self.make = make          # place, directory -> server, or None
        self.load = load          # place, server, verb -> command
        self.sizes = sizes        # work -> tasks; what is not in it is not measured
        self.missing = missing    # place -> what is not installed

    @property
    def label(self):
        return f"{self.name}, {self.setting}" if self.setting else self.name

    @contextlib.contextmanager
    def running(self, place):
        """A fresh server in an empty directory."""
        place.touch_memory()
        directory = tempfile.mkdtemp(prefix="b", dir=place.directory)
        os.chmod(directory, 0o755)
        server = self.make(place, directory)
        try:
            yield server.start().wait() if server else None
        finally:
            if server:
                server.kill()
            shutil.rmtree(directory, ignore_errors=True)

    def run(self, place, server, verb, **options):
        command = self.load(place, server, verb)
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return run_load(command, place.modules)


# ---- Baton ----

# The load with which each does best on two cores; found by trying.
BATON_TUNING = {
    "enqueue": ["--producers", "8", "--batch", "1000"],
    "consume": ["--slots", "4000", "--threads", "1"],
    "both": ["--producers", "6", "--batch", "2000", "--slots", "4000", "--threads", "1"],
    "chain": ["--slots", "10", "--threads", "6"],
    "layers": ["--slots", "1000"],
    "lengths": ["--producers", "2", "--batch", "1000", "--slots", "1000", "--threads", "1"],
}


def baton_load(place, server, verb):
    return [f"{place.binaries}/baton-bench", verb, "--endpoint", server.endpoint, *BATON_TUNING.get(verb, [])]


def baton(*arguments):
    return Contender("Baton", "fsync before every answer", "only",
                     lambda place, directory: servers.Batond(directory, place.binaries, *arguments), baton_load,
                     {"enqueue": 300000, "consume": 300000, "both": 300000, "latency": 1000, "chain": 1000, "layers": 10000,
                      "memory": 1000000})


# ---- queues with a protocol of bytes: peer-bench ----

PIPELINES = {
    "beanstalkd": ["--window", "256", "--slots", "32"],
    "gearmand": ["--window", "256", "--slots", "128"],
    "redis": ["--window", "1000", "--slots", "100"],
    "nats": ["--window", "1000", "--slots", "200"],
}
# A task at a time where workers compete with producers, or where each command is synced: pipelines starve each other there.
BEANSTALKD_WEAK = {"both": ["--window", "256", "--slots", "1"]}
BEANSTALKD_STRONG = {"both": ["--producers", "6", "--window", "1", "--slots", "1"]}


def peer_load(protocol, extra=(), by_verb=None):
    def load(place, server, verb):
        tuning = (by_verb or {}).get(verb, PIPELINES[protocol])
        return [f"{place.binaries}/peer-bench", verb, "--protocol", protocol, "--endpoint", server.endpoint, *tuning, *extra]
    return load


def program_missing(program):
    return lambda place: "" if servers.find(program) else program


def speed(n, **more):
    return {"enqueue": n, "consume": n, "both": n, "latency": 1000, **more}


def byte_queues():
    yield Contender("beanstalkd", "no log", "weakest", lambda place, d: servers.Beanstalkd(d),
                    peer_load("beanstalkd", by_verb=BEANSTALKD_WEAK), speed(150000), program_missing("beanstalkd"))
    yield Contender("beanstalkd", "log, fsync each (-f0)", "strongest",
                    lambda place, d: servers.Beanstalkd(d, "-b", "{directory}", "-f0"),
                    peer_load("beanstalkd", by_verb=BEANSTALKD_STRONG), speed(6000), program_missing("beanstalkd"))
    yield Contender("beanstalkd", "log, fsync each 50 ms", "", lambda place, d: servers.Beanstalkd(d, "-b", "{directory}"),
                    peer_load("beanstalkd"), {"memory": 1000000}, program_missing("beanstalkd"))
    yield Contender("gearmand", "memory", "weakest", lambda place, d: servers.Gearmand(d), peer_load("gearmand"),
                    speed(300000, memory=1000000), program_missing("gearmand"))
    yield Contender("gearmand", "libsqlite3 queue", "strongest",
                    lambda place, d: servers.Gearmand(d, "-q", "libsqlite3", "--libsqlite3-db={directory}/q.db",
                                                      "--libsqlite3-table=q"),
                    peer_load("gearmand"), speed(3000), program_missing("gearmand"))
    yield Contender("Redis list", "no AOF", "weakest", lambda place, d: servers.Redis(d, "--appendonly", "no"),
                    peer_load("redis", ["--producers", "6"]), speed(480000), program_missing("redis-server"))
    yield Contender("Redis list", "AOF, fsync always", "strongest",
                    lambda place, d: servers.Redis(d, "--appendonly", "yes", "--appendfsync", "always"),
                    peer_load("redis", ["--producers", "6"]), speed(480000), program_missing("redis-server"))
    yield Contender("NATS JetStream", "memory", "weakest", lambda place, d: servers.Nats(d),
                    peer_load("nats", ["--storage", "memory"]), speed(100000), program_missing("nats-server"))
    yield Contender("NATS JetStream", "file, answers before fsync", "strongest", lambda place, d: servers.Nats(d),
                    peer_load("nats", ["--storage", "file"]), speed(100000, memory=1000000), program_missing("nats-server"))


# ---- queues with a library: Node.js, Python ----

def node_load(peer, tuning):
    def load(place, server, verb):
        return ["node", f"{BENCH}/peers/load.js", peer, verb, "--endpoint", server.endpoint, *tuning.get(verb, [])]
    return load


def node_missing(program, package):
    def missing(place):
        if not shutil.which("node"):
            return "node"
        if not machine.npm_version(place.modules, package):
            return f"{package} (npm)"
        return "" if program() else "its server"
    return missing


def library_queues():
    bullmq = node_load("bullmq", {"chain": ["--workers", "1"], "layers": ["--slots", "100"]})
    has_redis = node_missing(lambda: servers.find("redis-server"), "bullmq")
    graphs = {"chain": 1000, "layers": 10000}
    yield Contender("BullMQ", "no AOF", "weakest", lambda place, d: servers.Redis(d, "--appendonly", "no"), bullmq,
                    speed(30000, **graphs), has_redis)
    yield Contender("BullMQ", "AOF, fsync always", "strongest",
                    lambda place, d: servers.Redis(d, "--appendonly", "yes", "--appendfsync", "always"), bullmq,
                    speed(30000, **graphs), has_redis)
    yield Contender("BullMQ", "AOF, fsync each second", "",
                    lambda place, d: servers.Redis(d, "--appendonly", "yes", "--appendfsync", "everysec"), bullmq,
                    {"memory": 1000000}, has_redis)
    graphile = node_load("graphile", {verb: ["--slots", "24"] for verb in ("consume", "both", "latency")})
    has_postgres = node_missing(servers.postgres_binaries, "graphile-worker")
    for setting, durable, value in (("commit not waited for", "weakest", "off"), ("commit on", "strongest", "on")):
        yield Contender("graphile-worker", setting, durable,
                        lambda place, d, value=value: servers.Postgres(d, f"synchronous_commit={value}"), graphile,
                        speed(40000), has_postgres)
    yield Contender("Dask", "memory", "weakest", lambda place, d: None,
                    lambda place, server, verb: [PYTHON, "-B", f"{BENCH}/peers/dask_graph.py", verb],
                    {"both": 10000, "latency": 500, "chain": 1000, "layers": 10000},
                    lambda place: "" if machine.debian_version("python3-distributed") else "python3-distributed")


def everybody():
    return [baton(), *byte_queues(), *library_queues()]


def versions(place):
    found = {name: machine.debian_version(name)
             for name in ("beanstalkd", "gearman-job-server", "redis-server", "nats-server", "postgresql-15",
                          "python3-distributed", "libzmq5", "libsqlite3-0")}
    found.update({f"{name} (npm)": machine.npm_version(place.modules, name) for name in ("bullmq", "graphile-worker")})
    found["node"] = machine.run_text("node", "--version")
    return {name: version for name, version in found.items() if version}
