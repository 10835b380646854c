"""kill -9 of broker, workers and agents at random moments, under load: nothing acknowledged is lost,
nothing is completed twice, every dependency is respected. What clients saw decides (history.py).

    test_kill.py [--kills N] [--seed N]      (or BATON_KILLS, BATON_SEED)
"""

import argparse
import os
import random
import signal
import sys
import time
import unittest

import harness
from harness import SystemTest, wait_until
from history import History
from load import REAL_ROLE, FakeWorker, Ids, Submitter
from messages import task
from protocol_client import NoAnswer

OPTIONS = argparse.Namespace()  # set from the command line

# Notes when it began and ended (a line each, in one write), then says done.
AGENT = """\
import os, random, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def note(what):
    words = (what, os.environ["BATON_TASK_ID"], os.environ["BATON_TOKEN"], time.monotonic_ns(),
             os.getpid())
    os.write(log, (" ".join(map(str, words)) + "\\n").encode())
note("begin")
time.sleep(random.random() * float(sys.argv[2]))
note("end")
with open(os.environ["BATON_RESULT_FILE"], "w") as result:
    result.write('{"outcome":"done"}')
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
        self.agent = self.dir / "agent.py"
        self.agent.write_text(AGENT)
        self.agent_s = 0.0  # longest work of an agent

    def start_real_worker(self, i):
        command = ["/usr/bin/python3", "-S", "-E", self.agent, self.agents_log, self.agent_s]
        return self.baton_worker(self.b, REAL_ROLE, command, slots=2, name=f"real-{i}")

    def kill_again_and_again(self, kills, threads, processes, strike):
        """`strike` does one thing that must not matter, with a pause of the moment before."""
        for i in range(kills):
            # Mostly in full work, now and then while something is still starting.
            time.sleep(self.chance.choice((0.01, 0.05, 0.2, 0.4, 0.8)) * self.chance.random())
            strike(processes)
            self.history.n_kills += 1
            dead = [p.tail() for p in processes if not p.is_running()]
            self.assertEqual(dead, [], "a baton-worker ended by itself")
            for thread in threads:
                if thread.error is not None:
                    raise AssertionError(f"{thread.name}, after {i + 1} kills") from thread.error
        self.b.wait_serving()

    def kill_broker(self, _):
        self.b.kill()
        self.b.spawn()
        if self.chance.random() < 0.8:
            self.b.wait_serving()

    def kill_anything(self, processes):
        kind = self.chance.random()
        if kind < 0.2:
            self.kill_broker(processes)
        elif kind < 0.6:
            i = self.chance.randrange(len(processes))
            processes[i].kill()
            processes[i] = self.start_real_worker(i)
        else:
            self.kill_an_agent()

    def kill_an_agent(self):
        """The newest one that has not noted its end; it may be gone by now."""
        open_agents = {}
        for what, _, token, _, pid in self.agents_notes():
            if what == "begin":
                open_agents[token] = int(pid)
            else:
                open_agents.pop(token, None)
        for pid in reversed(open_agents.values()):
            if str(self.agents_log) in harness.command_line(pid):
                os.kill(pid, signal.SIGKILL)
                return

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

    def agents_notes(self):
        if not self.agents_log.exists():
            return []
        return [line.split() for line in self.agents_log.read_text().splitlines()]

    def read_agents_log(self):
        for what, id, token, at, _ in self.agents_notes():
            if what == "begin":
                self.history.ran(id, int(token), int(at))
            else:
                self.history.result_sent(id, int(token), True, int(at))

    def final(self):
        client = self.client(self.b, timeout=30)
        views = client.tasks(limit=5000, archived=True)
        return {v.spec.id: task.TaskState.Name(v.state)[6:].lower() for v in views}

    def run_load(self, kills, strike, n_real, real_share):
        print(f"seed {self.seed}, {kills} kills", flush=True)
        ids = Ids()
        load = (self.b.endpoint, self.history, self.seed)
        submitters = [Submitter(f"s{i}", *load, ids, real_share) for i in range(2)]
        workers = [FakeWorker(f"fake-{i}", *load) for i in range(3)]
        processes = [self.start_real_worker(i) for i in range(n_real)]
        threads = submitters + workers
        for thread in threads:
            thread.start()
        try:
            self.kill_again_and_again(kills, threads, processes, strike)
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
        self.run_load(OPTIONS.kills, self.kill_broker, n_real=2, real_share=0.1)

    def test_workers_and_agents_killed_under_load(self):
        self.agent_s = 0.2
        self.run_load(OPTIONS.kills, self.kill_anything, n_real=3, real_share=0.1)


def options():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("BATON_KILLS", "50")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BATON_SEED", "0")))
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    return [sys.argv[0], *rest]


if __name__ == "__main__":
    unittest.main(argv=options())
