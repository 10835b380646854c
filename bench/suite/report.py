"""Medians, spreads, ratios, and whether the goals are met."""
import statistics


def number(value):
    """About three digits, as people read them."""
    if value == int(value) and abs(value) < 1e4:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def spread(values):
    """"median (least–most)"."""
    if not values:
        return "–"
    text = number(statistics.median(values))
    return text if len(values) == 1 else f"{text} ({number(min(values))}–{number(max(values))})"


def ratios(ours, theirs):
    """One a round, since each round saw its own mood of the machine; of medians where a round is missing."""
    if len(ours) == len(theirs):
        return [a / b for a, b in zip(ours, theirs)]
    return [statistics.median(ours) / statistics.median(theirs)] if ours and theirs else []


def table(head, rows):
    """Markdown, padded so that it also reads in a terminal."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = ["| " + " | ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) + " |" for row in [head, *rows]]
    rule = "| " + " | ".join("-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


# work -> title, what a row is, metrics (key, heading, is it compared with Baton's)
TABLES = {
    "floors": ("Floors of the machine", "floor", [("p50_us", "p50, µs", False), ("p99_us", "p99, µs", False),
                                                   ("max_us", "max, µs", False), ("rate", "a second", False)]),
    "throughput": ("(a) Tasks a second, 100-byte payload, 6 workers", "queue",
                   [("enqueue", "enqueue", True), ("consume", "consume", True), ("both", "both at once", True)]),
    "latency": ("(b) Latency from enqueue to start, a task each 5 ms, µs", "queue",
                [("p50_us", "p50", True), ("p99_us", "p99", True), ("max_us", "max", False)]),
    "graphs": ("(c) A chain of 1,000; 10 layers of 1,000 with a barrier after each", "scheduler",
               [("edge_us", "µs an edge", True), ("edge_added_us", "the same with adding", True),
                ("layers_rate", "layers, tasks/s with adding", True)]),
    "memory": ("(d) Memory of the server a queued task, bytes; restart after kill -9 until the first task is had", "queue",
               [("tasks", "tasks", False), ("bytes_tenth", "with a tenth queued", True), ("bytes_all", "with all", True), ("restart_s", "restart, s", True)]),
    "length": ("(e) Cost of a task in Baton against the length of the queue, µs", "queue",
               [("cpu_us", "broker's CPU", False), ("wall_us", "wall", False), ("rested_us", "CPU, first after the filling", False)]),
    "workers": ("(e) Cost of a task in Baton against connected workers, µs", "workers",
                [("cpu_us", "broker's CPU", False), ("wall_us", "wall", False)]),
    "makespan": ("(f) Graphs of others, run times simulated, workers for all that is ready", "graph",
                 [("tasks", "tasks", False), ("depth", "tasks on the longest path", False),
                  ("ratio", "makespan / critical path", False), ("level_us", "µs over it a level", False)]),
}


def baton_label(results):
    return next((label for label in results if label.startswith("Baton")), None)


def work_table(work, results):
    title, what, metrics = TABLES[work]
    metrics = [metric for metric in metrics if any(metric[0] in row for row in results.values())]
    baton = baton_label(results)
    head = [what]
    for _, heading, compared in metrics:
        head += [heading] + (["Baton ÷ it"] if compared and baton else [])
    rows = []
    for label, found in results.items():
        row = [label]
        for key, _, compared in metrics:
            row.append(spread(found.get(key, [])))
            if compared and baton:
                row.append("" if label == baton else spread(ratios(results[baton].get(key, []), found.get(key, []))))
        rows.append(row)
    return f"### {title}\n\n{table(head, rows)}\n"


# ---- goals ----

class Goals:
    """The goals of the issue, each as a ratio."""

    def __init__(self, results, judges=True):
        self.results = results
        self.judges = judges  # a smoke test has no figures worth a verdict
        self.rows = []
        self.unmeasured = []

    def get(self, work, name, metric):
        for label, found in self.results.get(work, {}).items():
            if label.startswith(name):
                return found.get(metric, [])
        return []

    def judge(self, work, goal, relation, bound, values):
        unit = f"{relation} {bound}"
        if not values:
            self.unmeasured.append(f"{work} against {goal}")
            return
        median = statistics.median(values)
        is_met = median >= bound if relation == "≥" else median <= bound
        verdict = "met" if is_met else "MISSED"
        self.rows.append([work, goal, unit, spread(values), verdict if self.judges else ""])

    def ratio(self, work, goal, relation, bound, ours, theirs):
        self.judge(work, goal, relation, bound, ratios(self.get(*ours), theirs) if theirs else [])

    def throughput(self):
        ours = ("throughput", "Baton", "both")
        for goal, bound, name in (("gearmand, memory", 1.0, "gearmand, memory"),
                                  ("graphile-worker, batches, commit on", 14, "graphile-worker, commit on"),
                                  ("BullMQ, fsync always", 25, "BullMQ, AOF, fsync always"),
                                  ("beanstalkd, fsync each", 100, "beanstalkd, log, fsync each (-f0)")):
            self.ratio("end to end, durable", goal, "≥", bound, ours, self.get("throughput", name, "both"))
        self.ratio("enqueue, durable", "Redis LPUSH, pipelined, fsync always", "≥", 1.0, ("throughput", "Baton", "enqueue"),
                   self.get("throughput", "Redis list, AOF, fsync always", "enqueue"))

    def latency(self):
        for metric, name in (("p50_us", "p50"), ("p99_us", "p99")):
            ours = ("latency", "Baton", metric)
            self.ratio(f"enqueue to start, {name}", "beanstalkd, fsync each", "≤", 1.0, ours,
                       self.get("latency", "beanstalkd, log, fsync each (-f0)", metric))
            both = [a + b for a, b in zip(self.get("floors", "fdatasync of a 512-byte append", metric),
                                             self.get("floors", "ZeroMQ route", metric))]
            self.ratio(f"enqueue to start, {name}", "fdatasync of an append + ZeroMQ route", "≤", 1.5, ours, both)

    def graphs(self):
        self.ratio("an edge of a chain", "Dask, memory (with adding)", "≤", 0.1, ("graphs", "Baton", "edge_added_us"),
                   self.get("graphs", "Dask", "edge_added_us"))
        self.ratio("an edge of a chain", "BullMQ, fsync always (without adding)", "≤", 0.5, ("graphs", "Baton", "edge_us"),
                   self.get("graphs", "BullMQ, AOF, fsync always", "edge_us"))
        others = [self.get("graphs", name, "layers_rate") for name in ("Dask", "BullMQ, no AOF", "BullMQ, AOF, fsync always")]
        best = max((values for values in others if values), key=statistics.median, default=[])
        self.ratio("fan-out and barrier", "the best of Dask, BullMQ, BullMQ fsync always", "≥", 20,
                   ("graphs", "Baton", "layers_rate"), best)

    def memory(self):
        name = "beanstalkd, log, fsync each 50 ms"
        self.ratio("memory a queued task", "beanstalkd", "≤", 1.0, ("memory", "Baton", "bytes_all"),
                   self.get("memory", name, "bytes_all"))
        ours = ("memory", "Baton", "restart_s")
        self.ratio("restart to serving", "beanstalkd", "≤", 0.2, ours, self.get("memory", name, "restart_s"))
        self.ratio("restart to serving", "NATS JetStream, file", "≤", 2, ours,
                   self.get("memory", "NATS JetStream, file", "restart_s"))

    def scale(self):
        costs = [found["cpu_us"] for found in self.results.get("length", {}).values()]
        worst = max((values for values in costs), key=statistics.median, default=[])
        labels = list(self.results.get("length", {}))
        last = labels[-1].removesuffix(" queued") if labels else "10,000,000"
        self.judge("cost a task", f"from 1,000 to {last} queued, the dearest ÷ at 1,000", "≤", 1.3,
                   ratios(worst, costs[0]) if costs else [])

    def table(self):
        for part in (self.throughput, self.latency, self.graphs, self.memory, self.scale):
            part()
        parts = ["### Goals: Baton ÷ the other\n"]
        if self.rows:
            parts.append(table(["work", "against", "goal", "measured", ""], self.rows) + "\n")
        if self.unmeasured:
            parts.append(f"Not measured in this run: {'; '.join(self.unmeasured)}.\n")
        return "\n".join(parts)


def compare(before, now):
    """Which medians of this run lie outside of an earlier run's spread, and the other way round."""
    outside, n = [], 0
    for work, labels in now.items():
        for label, metrics in labels.items():
            for metric, values in metrics.items():
                old = before.get(work, {}).get(label, {}).get(metric)
                if not old:
                    continue
                n += 1
                here, there = statistics.median(values), statistics.median(old)
                if not (min(old) <= here <= max(old) or min(values) <= there <= max(values)):
                    outside.append([f"{work}: {label}", metric, spread(old), spread(values)])
    text = f"### Compared with the earlier run\n\n{n - len(outside)} of {n} figures lie within the other run's spread.\n"
    return text + ("\n" + table(["figure", "metric", "earlier", "now"], outside) + "\n" if outside else "")
