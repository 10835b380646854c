"""baton-worker and real agents against a real broker: what a run leaves, who survives whom."""

import os
import signal
import unittest

from harness import Process, SystemTest, program, wait_until
from messages import task, wire

DONE = """echo '{"outcome":"done"}' > "$BATON_RESULT_FILE" """
TERMINAL = (
    task.STATE_DONE,
    task.STATE_FAILED,
    task.STATE_CANCELLED,
    task.STATE_ABORTED,
    task.STATE_EXPIRED,
)


def spec(id, **fields):
    fields.setdefault("role", "backend")
    return task.Spec(id=id, **fields)


class WorkerTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.ran = self.dir / "ran"  # a line for each start of an agent
        self.ran.write_text("")
        self.go = self.dir / "go"  # agents that wait, wait for this file

    def start_worker(self, broker, script, *args, name="w1", slots=1):
        """A worker whose agent notes that it ran, then runs the script."""
        line = f'echo "$BATON_TASK_ID $BATON_ATTEMPT $$" >> {self.ran}\n{script}'
        return self.baton_worker(
            broker, "backend", ["sh", "-c", line], slots=slots, name=name,
            args=["--grace", "500ms", *args],
        )

    def wait_for(self):
        return f"while [ ! -e {self.go} ]; do sleep 0.02; done\n"

    def lines(self):
        return [line.split() for line in self.ran.read_text().splitlines()]

    def wait_ran(self, n):
        return wait_until(f"{n} agents to start", lambda: len(self.lines()) >= n and self.lines())

    def wait_state(self, client, id, *states, timeout=20):
        def reached():
            view = client.get(id)
            return view if view.state in (states or TERMINAL) else None

        return wait_until(f"{id} to end", reached, timeout)

    def is_alive(self, pid):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    def spooled(self, name="w1"):
        spool = self.dir / name / "state/baton/worker" / name / "spool"
        # Not the half-written file that is renamed when it is whole and synced.
        return sorted(p.name for p in spool.iterdir() if p.name[0] != ".") if spool.exists() else []


class Runs(WorkerTest):
    def test_chain_hands_results_on(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit(
            [
                spec("a", prompt="first", command=["sh", "-c", """
                    echo '{"outcome":"done","summary":"drawn","file":"a.md"}' > "$BATON_RESULT_FILE"
                """]),
                spec("b", prompt="second", after=[task.Edge(id="a")], command=["sh", "-c",
                     f"cat > {self.dir}/prompt; {DONE}"]),
            ]
        )
        self.start_worker(broker, "exit 1")
        self.assertEqual(self.wait_state(client, "b").state, task.STATE_DONE)
        a = client.get("a")
        self.assertEqual((a.result.summary, a.result.document), ("drawn", b'{"file":"a.md"}'))
        prompt = (self.dir / "prompt").read_text()
        self.assertIn("second", prompt)
        self.assertIn("drawn", prompt)
        self.assertIn('"a.md"', prompt)

    def test_exit_status_0_is_no_proof(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a", max_attempts=1), spec("b", max_attempts=1, check=["true"])])
        self.start_worker(broker, "echo nothing done; exit 0")
        a = self.wait_state(client, "a")
        self.assertEqual(a.state, task.STATE_FAILED)
        self.assertIn("nothing proves", a.result.summary)
        self.assertIn("nothing done", a.result.output_tail)
        self.assertEqual(self.wait_state(client, "b").state, task.STATE_DONE)

    def test_agent_reports_and_completes_itself(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a"), spec("b")])
        self.start_worker(
            broker,
            'echo "30 by descriptor" >&3\nbaton progress 60 "by command"\n'
            'baton complete --summary "all by itself"\n',
        )
        for id in ("a", "b"):
            view = self.wait_state(client, id)
            self.assertEqual(view.state, task.STATE_DONE)
            self.assertEqual(view.result.summary, "all by itself")
            self.assertEqual(len(view.orphans), 0)
        self.assertEqual(client.get("a").progress, 60)
        self.assertEqual([line[:2] for line in self.lines()], [["a", "1"], ["b", "1"]])

    def test_cancel_reaches_the_agent(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a")])
        self.start_worker(broker, "trap '' TERM\nwhile :; do sleep 1; done")
        pid = self.wait_ran(1)[0][2]
        client.change(wire.Change.CANCEL, ["a"], reason="not needed")
        self.assertEqual(self.wait_state(client, "a").state, task.STATE_CANCELLED)
        wait_until("the agent to be gone", lambda: not self.is_alive(pid))

    def test_many_tasks_each_once(self):
        broker = self.broker()
        client = self.client(broker)
        ids = [f"t{i:03}" for i in range(200)]
        client.submit([spec(id) for id in ids])
        for name in ("w1", "w2"):
            self.start_worker(broker, DONE, name=name, slots=4)
        wait_until(
            "all tasks",
            lambda: all(v.state == task.STATE_DONE for v in client.tasks()),
            60,
        )
        self.assertEqual(sorted(line[0] for line in self.lines()), ids)


class Deaths(WorkerTest):
    def test_broker_restarts_while_agents_run(self):
        broker = self.broker()
        self.client(broker).submit([spec("a"), spec("b")])
        self.start_worker(broker, self.wait_for() + DONE, slots=2)
        self.wait_ran(2)
        for _ in range(3):
            broker.kill()
            broker.start()
        self.go.write_text("")
        client = self.client(broker)
        for id in ("a", "b"):
            view = self.wait_state(client, id)
            self.assertEqual((view.state, view.attempt), (task.STATE_DONE, 1))
        self.assertEqual(len(self.lines()), 2)

    def test_result_waits_for_the_broker(self):
        broker = self.broker()
        self.client(broker).submit([spec("a")])
        self.start_worker(broker, self.wait_for() + DONE)
        self.wait_ran(1)
        broker.kill()
        self.go.write_text("")
        wait_until("the result in the spool", self.spooled)
        broker.start()
        view = self.wait_state(self.client(broker), "a")
        self.assertEqual((view.state, view.attempt), (task.STATE_DONE, 1))
        wait_until("an empty spool", lambda: not self.spooled())

    def test_result_outlives_worker_and_broker(self):
        broker = self.broker()
        self.client(broker).submit([spec("a")])
        worker = self.start_worker(broker, self.wait_for() + DONE)
        self.wait_ran(1)
        broker.kill()
        self.go.write_text("")
        wait_until("the result in the spool", self.spooled)
        worker.kill()
        broker.start()
        self.start_worker(broker, self.wait_for() + DONE)
        view = self.wait_state(self.client(broker), "a")
        self.assertEqual((view.state, view.attempt), (task.STATE_DONE, 1))
        self.assertEqual(len(self.lines()), 1)

    def test_agents_die_with_their_worker(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a")])
        fled = self.dir / "fled"
        worker = self.start_worker(
            broker,
            f"[ -e {self.go} ] && {{ {DONE}; exit; }}\n"
            f"env -i setsid sh -c 'trap \"\" TERM; echo $$ > {fled}; while :; do sleep 1; done' &\n"
            "sleep 1000",
        )
        agent = self.wait_ran(1)[0][2]
        wait_until("the fled process", lambda: fled.exists() and fled.read_text())
        worker.kill()
        wait_until("the agent to be gone", lambda: not self.is_alive(agent))
        wait_until("the fled one to be gone", lambda: not self.is_alive(fled.read_text().strip()))
        self.go.write_text("")
        self.start_worker(broker, f"[ -e {self.go} ] && {DONE}")
        # Given back at once by the new life, not when the lease runs out.
        self.assertEqual(self.wait_state(client, "a", timeout=15).state, task.STATE_DONE)

    def test_leftovers_of_killed_supervisors_are_swept(self):
        """Worker and supervisor are killed at once: nobody is left to end what had fled."""
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a")])
        fled = self.dir / "fled"
        script = (
            f"[ -e {self.go} ] && {{ {DONE}; exit; }}\n"
            f"setsid sh -c 'trap \"\" TERM; echo $$ > {fled}; while :; do sleep 1; done' &\n"
            "echo $PPID > supervisor; sleep 1000"
        )
        worker = self.start_worker(broker, script)
        wait_until("the fled process", lambda: fled.exists() and fled.read_text())
        run = self.dir / "w1/state/baton/worker/w1/run"
        supervisor = int(next(run.glob("*/supervisor")).read_text())
        worker.signal(signal.SIGSTOP)
        os.kill(supervisor, signal.SIGKILL)
        worker.kill()
        pid = fled.read_text().strip()
        self.assertTrue(self.is_alive(pid))
        self.go.write_text("")
        second = self.start_worker(broker, script)
        self.assertEqual(self.wait_state(client, "a", timeout=15).state, task.STATE_DONE)
        self.assertFalse(self.is_alive(pid))
        self.assertIn("leftovers_killed", second.output())

    def test_worker_killed_again_and_again(self):
        """Every task is done, and never do two agents of one task run at a time."""
        broker = self.broker()
        client = self.client(broker)
        ids = [f"t{i:02}" for i in range(40)]
        client.submit([spec(id, crash_limit=100, max_attempts=50, backoff_ms=1) for id in ids])
        overlaps = self.dir / "overlaps"
        script = (
            f'exec 9> "{self.dir}/lock-$BATON_TASK_ID"\n'
            f'flock -n 9 || echo "$BATON_TASK_ID" >> {overlaps}\n'
            f"sleep 0.05; {DONE}"
        )
        for life in range(8):
            worker = self.start_worker(broker, script, slots=4)
            n = len(self.lines())
            wait_until("some more agents", lambda: len(self.lines()) >= min(n + 4, len(ids)))
            worker.kill()
        self.start_worker(broker, script, slots=4)
        wait_until(
            "all tasks",
            lambda: all(v.state in TERMINAL for v in client.tasks()),
            60,
        )
        # Three deaths in a row during one task are a failed attempt; it is tried again.
        self.assertEqual({v.state for v in client.tasks()}, {task.STATE_DONE})
        self.assertFalse(overlaps.exists())

    def test_killed_agent_is_tried_again(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a", max_attempts=2, backoff_ms=10)])
        self.start_worker(broker, f'[ "$BATON_ATTEMPT" = 2 ] && {{ {DONE}; exit; }}\nsleep 1000')
        os.kill(int(self.wait_ran(1)[0][2]), signal.SIGKILL)
        view = self.wait_state(client, "a")
        self.assertEqual((view.state, view.attempt), (task.STATE_DONE, 2))
        self.assertEqual(view.attempts[0].exit_status, -9)


class Life(WorkerTest):
    def test_drain_finishes_what_runs(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a"), spec("b")])
        worker = self.start_worker(broker, self.wait_for() + DONE)
        self.wait_ran(1)
        worker.signal(signal.SIGTERM)
        wait_until("the drain", lambda: "stopping" in worker.output())
        self.go.write_text("")
        self.assertEqual(worker.wait(), 0)
        self.assertEqual(client.get("a").state, task.STATE_DONE)
        self.assertEqual(client.get("b").state, task.STATE_READY)

    def test_second_term_gives_back(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a")])
        worker = self.start_worker(broker, "sleep 1000")
        pid = self.wait_ran(1)[0][2]
        worker.signal(signal.SIGTERM)
        wait_until("the drain", lambda: "stopping" in worker.output())
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 0)
        self.assertFalse(self.is_alive(pid))
        view = client.get("a")
        self.assertEqual((view.state, len(self.lines())), (task.STATE_READY, 1))

    def test_two_with_one_name(self):
        broker = self.broker()
        first = self.start_worker(broker, DONE)
        wait_until("the first worker", lambda: "ready" in first.output())
        second = self.start_worker(broker, DONE)
        self.assertEqual(second.wait(), 75)
        self.assertTrue(first.is_running())

    def test_no_broker_is_waited_for(self):
        broker = self.broker(start=False)
        worker = self.start_worker(broker, DONE)
        wait_until("the worker", lambda: "ready" in worker.output())
        broker.start()
        client = self.client(broker)
        client.submit([spec("a")])
        self.assertEqual(self.wait_state(client, "a").state, task.STATE_DONE)

    def test_usage(self):
        for args, status in (
            (["--help"], 0), (["--version"], 0), ([], 64), (["--role", "cook"], 64),
            (["--role", "backend", "--slots", "0"], 64), (["--frobnicate"], 64),
            (["--role", "backend", "--name", "../x"], 64),
            (["--role", "backend", "--workdir", "/nowhere", "--", "true"], 78),
            (["--role", "backend", "--rate-limit-pattern", "((", "--", "true"], 64),
            (["--role", "backend", "--state", "/proc/no", "--", "true"], 73),
        ):
            with self.subTest(args):
                worker = self.own(self.process([program("baton-worker"), *args]))
                self.assertEqual(worker.wait(), status, worker.tail())

    def process(self, argv):
        return Process(argv, self.dir / "usage.log", env={"XDG_STATE_HOME": str(self.dir / "x")})


if __name__ == "__main__":
    unittest.main(verbosity=2)
