"""What the exporter to PostgreSQL costs: tasks through a broker that exports, and the processor's time of each party a
task. Starts a PostgreSQL of its own.

    BATON_BIN=DIR python3 bench/export.py [TASKS]
"""

import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "system"))

from harness import SystemTest, command_line, program, wait_until  # noqa: E402
from postgres import Postgres  # noqa: E402

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
LOAD = ("--batch", 500, "--workers", 4, "--slots", 1000, "--producers", 1)


def cpu_s(stat):
    fields = pathlib.Path(stat).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench(SystemTest):
    def test(self):
        pg = self.own(Postgres(self.dir / "p"))
        b = self.broker(args=["--export"], env=pg.env)
        c = self.client(b)
        argv = [program("baton-bench"), "both", "--endpoint", b.endpoint, "--n", TASKS, *LOAD]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True)
        print(done.stdout.strip())
        began = time.monotonic()
        wait_until("all of it to be exported", lambda: c.status().exporter.lag_facts == 0, 600)
        print(f"caught up {time.monotonic() - began:.1f} s later, {c.status().exporter.batches} batches")
        for thread in sorted(pathlib.Path(f"/proc/{b.process.pid}/task").iterdir()):
            print(f"batond {thread.name}: {cpu_s(thread / 'stat') / TASKS * 1e6:.2f} us a task")
        for pid in pg.processes():
            if "baton" in command_line(pid):
                print(f"postgres: {cpu_s(f'/proc/{pid}/stat') / TASKS * 1e6:.2f} us a task")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
