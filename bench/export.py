"""What the exporter to PostgreSQL costs: tasks through a broker that exports, and the processor's time of each party a
task; and the latency of the queue while PostgreSQL is well, stopped, gone, or not there at all. Starts a PostgreSQL of its
own, with its fsync on.

    BATON_BIN=DIR python3 bench/export.py [TASKS]
"""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "system"))

from harness import SystemTest, command_line, program, wait_until  # noqa: E402
from postgres import Postgres  # noqa: E402

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
LOAD = ("--batch", 500, "--workers", 4, "--slots", 1000, "--producers", 1)
ROUNDS = 5
STARTS = 1000


def cpu_s(stat):
    fields = pathlib.Path(stat).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench(broker, verb, *args):
    argv = [program("baton-bench"), verb, "--endpoint", broker.endpoint, *args]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class Bench(SystemTest):
    def postgres(self):
        return self.own(Postgres(self.dir / "p", settings=["fsync=on"]))

    def test_rate(self):
        pg = self.postgres()
        b = self.broker(args=["--export"], env=pg.env)
        c = self.client(b)
        print(bench(b, "both", "--n", TASKS, *LOAD))
        began = time.monotonic()
        wait_until("all of it to be exported", lambda: c.status().exporter.lag_facts == 0, 600)
        print(f"caught up {time.monotonic() - began:.1f} s later, {c.status().exporter.batches} batches")
        for thread in sorted(pathlib.Path(f"/proc/{b.process.pid}/task").iterdir()):
            print(f"batond {thread.name}: {cpu_s(thread / 'stat') / TASKS * 1e6:.2f} us a task")
        for pid in pg.processes():
            if "baton" in command_line(pid):
                print(f"postgres: {cpu_s(f'/proc/{pid}/stat') / TASKS * 1e6:.2f} us a task")

    def latency(self, name, pg, broken=lambda: None):
        """Of a new broker, with a database of its own."""
        (self.dir / name).mkdir()
        if pg:
            pg.sql(f"CREATE DATABASE {name}", database="postgres")
        b = self.broker(dir=self.dir / name, args=["--export"] if pg else [],
                        env={**pg.env, "PGDATABASE": name} if pg else {})
        if pg:
            c = self.client(b)
            wait_until("the exporter to follow", lambda: c.status().exporter.batches > 0, 60)
        broken()
        found = bench(b, "latency", "--n", STARTS, "--gap-us", 5000)
        b.kill()
        return found

    def test_latency(self):
        """Alternating, so that what the machine does besides meets all of them."""
        pg = self.postgres()
        found = {}
        for k in range(ROUNDS):
            for name, server, broken in (("none", None, lambda: None), ("well", pg, lambda: None),
                                         ("stopped", pg, lambda: pg.signal(signal.SIGSTOP)),
                                         ("gone", pg, pg.kill)):
                found.setdefault(name, []).append(self.latency(f"{name}{k}", server, broken))
                if name == "stopped":
                    pg.signal(signal.SIGCONT)
            pg.start()
        for name, runs in found.items():
            p50, p99 = (statistics.median(run[key] for run in runs) for key in ("p50_us", "p99_us"))
            print(f"PostgreSQL {name}: enqueue to start p50 {p50:.0f} us, p99 {p99:.0f} us "
                  f"(of the rounds {', '.join(str(round(run['p99_us'])) for run in runs)})")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
