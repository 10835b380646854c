"""scripts/bench can't rot: everything that it measures still runs, at sizes that mean nothing; a task that ran twice or not
at all ends it; ratios and goals are judged right. Peers that are not installed are left out, by name."""

import json
import os
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree

from harness import BIN, ROOT, SLOWNESS, SystemTest
from messages import task

SUITE = ROOT / "bench" / "suite"
sys.path.insert(0, str(SUITE))
import report  # noqa: E402 # pylint: disable=wrong-import-position

# Those whose clients are ours: the libraries of the others take seconds to start.
QUICK_PEERS = "beanstalkd,gearmand,redis list,nats"


def bench(*args, **fields):
    command = ["/usr/bin/python3", "-B", str(SUITE), "--bin", str(BIN), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120 * SLOWNESS, check=False, **fields)


class Smoke(SystemTest):
    def test_all_is_measured_and_drawn(self):
        done = bench("--smoke", "--peers", QUICK_PEERS, "--dir", str(self.dir), "--out", f"{self.dir}/out",
                     "--json", f"{self.dir}/figures.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(f"{self.dir}/figures.json", encoding="utf-8") as file:
            figures = json.load(file)
        for work, metrics in {"throughput": ("enqueue", "consume", "both"), "latency": ("p50_us", "p99_us"),
                              "graphs": ("edge_us", "layers_rate"), "memory": ("bytes_all", "restart_s")}.items():
            found = figures["results"][work][report.baton_label(figures["results"][work])]
            for metric in metrics:
                self.assertGreater(found[metric][0], 0, f"{work} {metric}")
        self.assertEqual(list(figures["results"]["length"]), ["1,000 queued", "10,000 queued"])
        for found in figures["results"]["length"].values():
            self.assertGreater(min(found[metric][0] for metric in ("cpu_us", "wall_us", "rested_us")), 0)
        self.assertEqual(list(figures["results"]["workers"]), ["6 workers", "20 workers"])
        failed = [words for words in figures["left_out"] if "not installed" not in words and "BATON_SHARED" not in words]
        self.assertEqual(failed, [])
        for peer, program in (("beanstalkd, no log", "beanstalkd"), ("gearmand, memory", "gearmand"),
                              ("Redis list, no AOF", "redis-server"), ("NATS JetStream, memory", "nats-server")):
            if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
                self.assertGreater(figures["results"]["throughput"][peer]["both"][0], 0, peer)
        self.assertIn("### Goals", done.stdout)
        pictures = [name for name in os.listdir(f"{self.dir}/out") if name.endswith(".svg")]
        self.assertGreaterEqual(len(pictures), 10)
        for name in pictures:
            xml.etree.ElementTree.parse(f"{self.dir}/out/{name}")
        # Nothing is left: no data, no server.
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("baton-bench")], [])

    def test_who_is_not_installed_is_left_out_by_name(self):
        done = bench("--smoke", "--only", "floors", "--dir", str(self.dir), "--out", f"{self.dir}/out",
                     env={**os.environ, "PATH": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("BullMQ, no AOF: node is not installed", done.stdout)

    def test_mistakes_are_named(self):
        for args, words in ((("--only", "x"), "none of"), (("--peers", "kafka"), "nobody is called kafka")):
            done = bench("--smoke", *args)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)


class Once(SystemTest):
    def consume(self, broker, n):
        command = [str(BIN / "baton-bench"), "consume", "--endpoint", broker.endpoint, "--n", str(n), "--slots", "10"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30 * SLOWNESS, check=False)

    def test_a_task_that_comes_twice_ends_the_run(self):
        broker = self.broker()
        payload = (7).to_bytes(8, sys.byteorder).ljust(100, b"x")
        self.client(broker).submit([task.Spec(id=id, role="backend", payload=payload) for id in ("a", "b")])
        done = self.consume(broker, 10)
        self.assertEqual((done.returncode, done.stderr), (1, "bench: tasks: one ran twice\n"))

    def test_a_task_of_others_ends_the_run(self):
        broker = self.broker()
        payload = (10).to_bytes(8, sys.byteorder).ljust(100, b"x")
        self.client(broker).submit([task.Spec(id="a", role="backend", payload=payload)])
        done = self.consume(broker, 10)
        self.assertEqual(done.returncode, 1)
        self.assertIn("that this run did not add", done.stderr)


class Judgement(unittest.TestCase):
    def test_ratios_are_of_the_same_round(self):
        self.assertEqual(report.ratios([10, 30], [5, 10]), [2, 3])
        self.assertEqual(report.ratios([10, 30, 20], [10]), [2])
        self.assertEqual(report.ratios([], [1]), [])

    def test_goals(self):
        results = {"throughput": {"Baton, x": {"both": [300, 200, 100]}, "gearmand, memory": {"both": [100, 100, 100]},
                                  "BullMQ, AOF, fsync always": {"both": [10, 10, 10]}},
                   "length": {"1,000 queued": {"cpu_us": [10, 10]}, "10,000 queued": {"cpu_us": [14, 14]}}}
        goals = report.Goals(results)
        goals.table()
        verdicts = {(row[0], row[1]): row[3:] for row in goals.rows}
        self.assertEqual(verdicts["end to end, durable", "gearmand, memory"], ["2 (1–3)", "met"])
        self.assertEqual(verdicts["end to end, durable", "BullMQ, fsync always"], ["20 (10–30)", "MISSED"])
        self.assertNotIn(("end to end, durable", "beanstalkd, fsync each"), verdicts)
        self.assertIn("end to end, durable against beanstalkd, fsync each", goals.unmeasured)
        self.assertEqual(verdicts["cost a task", "from 1,000 to 10,000 queued, the dearest ÷ at 1,000"][1], "MISSED")

    def test_an_earlier_run_is_compared(self):
        before = {"w": {"a": {"m": [1, 2, 3]}, "b": {"m": [1, 2, 3]}}}
        now = {"w": {"a": {"m": [3, 3, 9]}, "b": {"m": [4, 5, 6]}}}
        text = report.compare(before, now)
        self.assertIn("1 of 2 figures lie within", text)
        self.assertIn("w: b", text)


if __name__ == "__main__":
    unittest.main()
