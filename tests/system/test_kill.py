"""kill -9 of the broker at random moments, under load: nothing acknowledged is lost, nothing is
completed twice, every dependency is respected. What clients saw decides (history.py).

    test_kill.py [--kills N] [--seed N]      (or BATON_KILLS, BATON_SEED)
"""

import argparse
import os
import random
import sys
import time
import unittest

from harness import SystemTest, wait_until
from history import History
from load import REAL_ROLE, FakeWorker, Ids, Submitter
from messages import task
from protocol_client import NoAnswer

OPTIONS = argparse.Namespace()  # set from the command line

# Notes when it began and ended, then says done: a line each, in one write.
AGENT = """\
import os, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def note(what):
    words = (what, os.environ["BATON_TASK_ID"], os.environ["BATON_TOKEN"], time.monotonic_ns())
    os.write(log, (" ".join(map(str, words)) + "\\n").encode())
note("begin")
with open(os.environ["BATON_RESULT_FILE"], "w") as result:
    result.write('{"outcome":"done"}')
note("end")
"""

OPEN = (
    task.STATE_WAITING,
    task.STATE_READY,
    task.STATE_LEASED,
    task.STATE_RUNNING,
    task.STATE_CANCELLING,
)


class Kill(SystemTest):
    def setUp(self):
        super().setUp()
        self.seed = OPTIONS.seed or random.SystemRandom().getrandbits(32)
        self.chance = random.Random(self.seed)
        self.history = History()
        self.b = self.broker()
        self.agents_log = self.dir / "agents.log"

    def start_real_workers(self, n):
        script = self.dir / "agent.py"
        script.write_text(AGENT)
        command = ["/usr/bin/python3", "-S", "-E", script, self.agents_log]
        return [
            self.baton_worker(self.b, REAL_ROLE, command, slots=2, name=f"real-{i}")
            for i in range(n)
        ]

    def kill_again_and_again(self, kills, threads, processes):
        for i in range(kills):
            # Mostly in full work, now and then while it is still starting.
            time.sleep(self.chance.choice((0.01, 0.05, 0.2, 0.4, 0.8)) * self.chance.random())
            self.b.kill()
            self.history.n_kills += 1
            self.b.spawn()
            if self.chance.random() < 0.8:
                self.b.wait_serving()
            self.assertTrue(all(p.is_running() for p in processes), "a baton-worker died")
            for thread in threads:
                if thread.error is not None:
                    raise AssertionError(f"{thread.name}, after {i + 1} kills") from thread.error
        self.b.wait_serving()

    def open_tasks(self, client):
        try:
            return client.tasks(states=OPEN)
        except NoAnswer:
            return None

    def drain(self, submitters, processes):
        """Lets everything come to its end."""
        for submitter in submitters:
            submitter.finish(60)
        client = self.client(self.b)
        try:
            wait_until("all tasks to end", lambda: self.open_tasks(client) == [], 150)
        except AssertionError as error:
            views = self.open_tasks(client)
            words = [f"{v.spec.id} {task.TaskState.Name(v.state)} {v.worker}" for v in views[:20]]
            raise AssertionError(f"{error}\n{len(views)} open: {words}") from None
        for process in processes:
            self.assertEqual(process.terminate(), 0, process.tail())

    def read_agents_log(self):
        if not self.agents_log.exists():
            return
        for line in self.agents_log.read_text().splitlines():
            what, id, token, at = line.split()
            if what == "begin":
                self.history.ran(id, int(token), int(at))
            else:
                self.history.result_sent(id, int(token), True, int(at))

    def final(self):
        client = self.client(self.b, timeout=30)
        views = client.tasks(limit=5000, archived=True)
        return {v.spec.id: task.TaskState.Name(v.state)[6:].lower() for v in views}

    def run_load(self, kills, n_real):
        print(f"seed {self.seed}, {kills} kills", flush=True)
        ids = Ids()
        share = 0.1 if n_real else 0
        load = (self.b.endpoint, self.history, self.seed)
        submitters = [Submitter(f"s{i}", *load, ids, share) for i in range(2)]
        workers = [FakeWorker(f"fake-{i}", *load) for i in range(3)]
        processes = self.start_real_workers(n_real)
        threads = submitters + workers
        for thread in threads:
            thread.start()
        try:
            self.kill_again_and_again(kills, threads, processes)
            self.drain(submitters, processes)
        finally:
            for thread in threads:
                thread.stopping.set()
        for worker in workers:
            worker.finish(20)
        self.read_agents_log()
        self.check()

    def check(self):
        final = self.final()
        faults = self.history.faults(final)
        print(self.history.summary(), flush=True)
        self.assertEqual(faults[:20], [], f"seed {self.seed}: {len(faults)} faults")
        self.b.restart()
        self.assertEqual(self.final(), final, "a clean restart changed the state")
        self.b.kill()
        self.b.start()
        self.assertEqual(self.final(), final, "kill -9 at rest changed the state")
        self.assertGreater(len(self.history.acknowledged), 5 * self.history.n_kills)

    def test_broker_killed_under_load(self):
        self.run_load(OPTIONS.kills, n_real=2)


def options():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("BATON_KILLS", "50")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BATON_SEED", "0")))
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    return [sys.argv[0], *rest]


if __name__ == "__main__":
    unittest.main(argv=options())
