"""What is measured: works (a) to (f), and the floors of the machine. In each round each contender has its turn, and
another one begins, so that the moods of disk and neighbours fall on all of them."""
import json
import os
import sys
import time

import contenders

FULL, QUICK, SMOKE = "full", "quick", "smoke"
# Of a full run's tasks, what the others run.
PART = {FULL: 1, QUICK: 5, SMOKE: 100}
# Low load: a task, or a sync, each so often.
PACE_US = 5000


class Bench:
    """A run: who takes part, how large, and what has been measured."""

    def __init__(self, place, peers, size, rounds, shared):
        self.place = place
        self.peers = peers
        self.size = size
        self.rounds = rounds
        self.shared = shared
        self.results = {}  # work -> label -> metric -> values, one a round
        self.failures = []

    def sized(self, n, least=100):
        """A multiple of 60: six producers, ten layers."""
        return max(n // PART[self.size], least) // 60 * 60 if n % 60 == 0 else max(n // PART[self.size], least)

    def add(self, work, label, metric, value):
        self.results.setdefault(work, {}).setdefault(label, {}).setdefault(metric, []).append(value)

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)

    def turns(self, work, names):
        """(round, contender) of all that take part in any of `names`, alternating."""
        able = [peer for peer in self.peers if any(name in peer.sizes for name in names)]
        for number in range(self.rounds):
            start = number % max(1, len(able))
            for peer in able[start:] + able[:start]:
                self.say(f"{work}, round {number + 1} of {self.rounds}: {peer.label}")
                yield peer

    def each(self, work, names, run):
        for peer in self.turns(work, names):
            try:
                run(peer)
            except Exception as error:  # pylint: disable=broad-except
                if peer.name == "Baton":
                    raise
                self.failures.append(f"{work}: {peer.label}: {error}")
                self.say(f"FAILED: {error}")


def floors_once(bench):
    place = bench.place
    n = {FULL: 500, QUICK: 300, SMOKE: 20}[bench.size]
    pace = ["--gap-us", 100 if bench.size == SMOKE else PACE_US]
    loads = {
        "fdatasync of a 512-byte append": ["fdatasync", "--n", n, *pace],
        "fdatasync of 512 bytes overwritten": ["overwrite", "--n", n, *pace],
        "ZeroMQ route, client to broker to worker": ["route", "--n", n, *pace],
        "SQLite, rows of 200 bytes, 1,000 a commit": ["sqlite", "--n", n * 400, "--batch", 1000],
    }
    for name, load in loads.items():
        found = contenders.run_load([f"{place.binaries}/baton-bench", *map(str, load), "--dir", place.directory], "")
        for metric, value in found.items():
            bench.add("floors", name, metric, value)


def floors(bench):
    for _ in range(bench.rounds):
        floors_once(bench)


def throughput(bench):
    verbs = ("enqueue", "consume", "both")

    def run(peer):
        with peer.running(bench.place) as server:
            first = 0
            for verb in verbs:
                if verb not in peer.sizes:
                    continue
                n = bench.sized(peer.sizes[verb])
                bench.place.touch_memory()
                found = peer.run(bench.place, server, verb, n=n, **({"first": first} if first else {}))
                bench.add("throughput", peer.label, verb, found["rate"])
                first = n if server else 0

    bench.each("throughput", verbs, run)


def latency(bench):
    def run(peer):
        if peer.name == "Baton":
            floors_once(bench)  # beside it, since disks have moods
        with peer.running(bench.place) as server:
            n = bench.sized(peer.sizes["latency"], 50)
            for metric, value in peer.run(bench.place, server, "latency", n=n, gap_us=PACE_US).items():
                bench.add("latency", peer.label, metric, value)

    bench.each("latency", ["latency"], run)


def graphs(bench):
    def run(peer):
        n = bench.sized(peer.sizes["chain"], 50)
        with peer.running(bench.place) as server:
            found = peer.run(bench.place, server, "chain", n=n)
            bench.add("graphs", peer.label, "edge_us", found["run_s"] * 1e6 / (n - 1))
            bench.add("graphs", peer.label, "edge_added_us", found["seconds"] * 1e6 / (n - 1))
        n = bench.sized(peer.sizes["layers"], 500)
        with peer.running(bench.place) as server:
            found = peer.run(bench.place, server, "layers", n=n, layers=10)
            bench.add("graphs", peer.label, "layers_rate", n / found["seconds"])

    bench.each("graphs", ["chain"], run)


def memory(bench):
    step = 0.01 if bench.size == SMOKE else 0.25

    def run(peer):
        most = bench.sized(peer.sizes["memory"], 1000)
        fill = {"batch": 1000, "window": 2} if peer.name == "BullMQ" else {}
        with peer.running(bench.place) as server:
            # A little first: what the server needs once is not the tasks'.
            peer.run(bench.place, server, "enqueue", n=120, **fill)
            before, had = server.settled_rss(step), 120
            bench.add("memory", peer.label, "tasks", most)
            for n in (most // 10, most):
                peer.run(bench.place, server, "enqueue", n=n - had, first=had, **fill)
                had = n
                metric = "bytes_tenth" if n < most else "bytes_all"
                bench.add("memory", peer.label, metric, (server.settled_rss(step) - before) / (n - 120))
            if peer.label == "gearmand, memory":
                return
            server.kill()
            bench.place.touch_memory()
            server.start()
            if peer.name == "BullMQ":
                server.wait()
                at = time.monotonic()
            else:
                at = peer.run(bench.place, server, "one", n=most)["at_s"]
            bench.add("memory", peer.label, "restart_s", at - server.started_at)

    bench.each("memory", ["memory"], run)


LENGTHS = {FULL: [10**3, 10**4, 10**5, 10**6, 10**7], QUICK: [10**3, 10**4, 10**5, 10**6], SMOKE: [10**3, 10**4]}
WORKERS = {FULL: [6, 20, 60, 200, 600, 1000], QUICK: [6, 60, 200, 1000], SMOKE: [6, 20]}


def scale(bench):
    peer = next(peer for peer in bench.peers if peer.name == "Baton")
    n = {FULL: 60000, QUICK: 20000, SMOKE: 500}[bench.size]
    rounds = min(bench.rounds, 3)
    warm = 0 if bench.size == SMOKE else 150000  # more ended tasks than the broker keeps in memory
    # A snapshot of the whole queue comes once for as many bytes of facts: a chance that it meets the few tasks measured.
    calm = contenders.baton("--snapshot-bytes", "64G")
    for number in range(rounds):
        bench.say(f"scale, round {number + 1} of {rounds}: lengths")
        with calm.running(bench.place) as server:
            lengths = ",".join(map(str, LENGTHS[bench.size]))
            for found in calm.run(bench.place, server, "lengths", n=n, list=lengths, warm=warm, pid=server.pid):
                label = f"{found['length']:,} queued"
                for metric in ("cpu_us", "wall_us", "rested_us"):
                    bench.add("length", label, metric, found[metric])
        for workers in WORKERS[bench.size]:
            bench.say(f"scale, round {number + 1} of {rounds}: {workers} workers")
            with peer.running(bench.place) as server:
                options = {"n": n, "workers": workers, "slots": max(1, 6000 // workers), "pid": server.pid}
                found = peer.run(bench.place, server, "both", **options)
                bench.add("workers", f"{workers:,} workers", "cpu_us", found["cpu_us"])
                bench.add("workers", f"{workers:,} workers", "wall_us", 1e6 / found["rate"])


# ---- graphs of others ----

def read_wfformat(path):
    """(id, seconds, parents) of the tasks of a WfFormat file, parents first."""
    with open(path, encoding="utf-8") as file:
        workflow = json.load(file)["workflow"]
    seconds = {task["id"]: float(task.get("runtimeInSeconds", 0)) for task in workflow["execution"]["tasks"]}
    tasks = {task["id"]: task for task in workflow["specification"]["tasks"]}
    order, seen = [], set()
    for root in tasks:
        stack = [(root, False)]
        while stack:
            name, is_left = stack.pop()
            if is_left:
                order.append((name, seconds[name], tasks[name]["parents"]))
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend((parent, False) for parent in tasks[name]["parents"] if parent not in seen)
    return order


def write_graph(order, path):
    """As baton-bench reads it; returns how many tasks are on the longest path."""
    numbers, depth = {}, {}
    with open(path, "w", encoding="ascii") as file:
        for name, seconds, parents in order:
            numbers[name] = f"n{len(numbers)}"
            depth[name] = 1 + max((depth[parent] for parent in parents), default=0)
            file.write(f"{numbers[name]}\t{seconds:.6f}\t{','.join(numbers[parent] for parent in parents)}\n")
    return max(depth.values())


def makespan(bench):
    peer = next(peer for peer in bench.peers if peer.name == "Baton")
    folder = f"{bench.shared}/workloads"
    names = sorted(name for name in os.listdir(folder) if name.startswith("wf-") and name.endswith(".json")) \
        if os.path.isdir(folder) else []
    if not names:
        bench.failures.append(f"makespan: no WfFormat graphs in {folder} (BATON_SHARED): left out")
    span = {FULL: 2, QUICK: 0.5, SMOKE: 0.05}[bench.size]
    for number in range(bench.rounds):
        bench.say(f"makespan, round {number + 1} of {bench.rounds}")
        for name in names[:2] if bench.size == SMOKE else names:
            path = f"{bench.place.directory}/graph.tsv"
            depth = write_graph(read_wfformat(f"{folder}/{name}"), path)
            with peer.running(bench.place) as server:
                found = peer.run(bench.place, server, "graph", file=path, span=span, slots=2000)
            label = name.removeprefix("wf-").removesuffix(".json")
            bench.add("makespan", label, "tasks", found["tasks"])
            bench.add("makespan", label, "depth", depth)
            bench.add("makespan", label, "ratio", found["makespan_s"] / found["critical_s"])
            bench.add("makespan", label, "level_us", (found["makespan_s"] - found["critical_s"]) * 1e6 / depth)


WORKS = {
    "floors": floors,
    "a": throughput,
    "b": latency,
    "c": graphs,
    "d": memory,
    "e": scale,
    "f": makespan,
}
