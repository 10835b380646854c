"""batond as a daemon: what it tells the service manager, signals, exit statuses, modes of its sockets,
and that nobody pays for its own slowness."""

import itertools
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import time
import unittest

from harness import SystemTest, program, wait_until
from messages import task, wire


def run(*args, env=None):
    done = subprocess.run(
        [program("batond"), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout + done.stderr


class CommandLine(SystemTest):
    def test_help_and_version(self):
        status, text = run("--help")
        self.assertEqual(status, 0)
        self.assertIn("--listen", text)
        self.assertEqual(run("--version")[0], 0)

    def test_wrong_options(self):
        for expected, *args in (
            (64, "--nonsense"),
            (64, "--lease", "soon"),
            (64, "--lease", "0"),
            (64, "--hot-ended", "-1"),
            (64, "--reserve", "1X"),
            (64, "--log-level", "loud"),
            (64, "extra"),
            (64, "--zone", "Mars/Olympus"),
            (78, "--listen", "tcp://127.0.0.1:5555"),
            (78, "--listen", "inproc://x"),
            (78, "--listen", "ipc://" + "x" * 200),
        ):
            with self.subTest(args):
                status, text = run("--data", self.dir / "data", *args)
                self.assertEqual(status, expected, text)
                self.assertTrue(text.strip())
        self.assertFalse((self.dir / "data").exists())

    def test_places_where_nothing_can_be(self):
        (self.dir / "file").write_text("")
        status, text = run("--data", self.dir / "d", "--listen", f"ipc://{self.dir}/file")
        self.assertEqual(status, 78, text)
        self.assertIn("not a socket", text)
        status, text = run("--data", self.dir / "file", "--listen", f"ipc://{self.dir}/s")
        self.assertGreater(status, 0)


class Sockets(SystemTest):
    def test_modes(self):
        broker = self.broker(start=False)
        broker.endpoint = f"ipc://{self.dir}/run/broker.sock"
        broker.start()
        self.assertEqual(stat.S_IMODE((self.dir / "run").stat().st_mode), 0o750)
        for name in ("broker.sock", "broker.sock.feed"):
            self.assertEqual(stat.S_IMODE((self.dir / "run" / name).stat().st_mode), 0o660)
        broker.stop()
        self.assertEqual(list((self.dir / "run").iterdir()), [])

    def test_two_brokers_get_in_no_ones_way(self):
        broker = self.broker()
        status, text = run("--data", broker.data, "--listen", f"ipc://{self.dir}/other")
        self.assertEqual(status, 75, text)
        self.assertIn(str(broker.process.pid), text)
        status, text = run("--data", self.dir / "other", "--listen", broker.endpoint)
        self.assertEqual(status, 75, text)
        self.assertIn(str(broker.process.pid), text)
        self.client(broker).ping()


class ServiceManager(SystemTest):
    def test_ready_watchdog_stopping(self):
        manager = self.own(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(str(self.dir / "notify"))
        manager.settimeout(10)
        variables = {"NOTIFY_SOCKET": str(self.dir / "notify"), "WATCHDOG_USEC": "200000"}
        self.addCleanup(lambda: [os.environ.pop(name, None) for name in variables])
        os.environ.update(variables)
        broker = self.broker(start=False)
        broker.spawn()
        self.assertIn(b"READY=1", manager.recv(1000))
        for _ in range(3):
            self.assertEqual(manager.recv(1000), b"WATCHDOG=1")
        broker.process.signal(signal.SIGTERM)
        wait_until("STOPPING", lambda: b"STOPPING=1" in manager.recv(1000))
        self.assertEqual(broker.process.wait(), 0)

    def test_lines_for_the_journal_have_levels(self):
        broker = self.broker(start=False)
        log = self.dir / "batond.log"
        log.touch()
        info = log.stat()
        self.addCleanup(lambda: os.environ.pop("JOURNAL_STREAM", None))
        os.environ["JOURNAL_STREAM"] = f"{info.st_dev}:{info.st_ino}"
        broker.start()
        self.assertRegex(broker.process.output(), r"(?m)^<5>broker.serving ")

    def test_hangup_is_ignored(self):
        broker = self.broker()
        broker.process.signal(signal.SIGHUP)
        self.client(broker).ping()
        self.assertTrue(broker.is_running())

    def test_both_signals_end_it(self):
        broker = self.broker()
        broker.process.signal(signal.SIGINT)
        self.assertEqual(broker.process.wait(), 0)


class Slowness(SystemTest):
    """The broker stands still, or its disk does: no worker is punished for it."""

    def leased(self, broker, worker):
        """A task that runs at the worker; its token."""
        self.client(broker).submit([task.Spec(id="a", role="backend")])
        worker.credit(1)
        (assignment,) = worker.assigned(1)
        self.assertEqual(worker.started(assignment.token).code, wire.CODE_OK)
        return assignment.token

    def stand_still(self, broker, seconds):
        broker.process.signal(signal.SIGSTOP)
        time.sleep(seconds)  # this is what is tested
        broker.process.signal(signal.SIGCONT)

    def test_a_stopped_broker_loses_no_session(self):
        broker = self.broker(args=["--heartbeat", "250ms"])
        worker = self.worker(broker, "w")
        token = self.leased(broker, worker)
        self.stand_still(broker, 1.5)
        # Its message of before the stop is six intervals old; the next one comes in time.
        line = worker.report([wire.Line(token=token, beat=True)])[0]
        self.assertEqual((line.code, line.state), (wire.CODE_OK, task.STATE_RUNNING))
        worker.credit(0)  # refused without a session
        self.assertIn("broker.late", broker.process.output())

    def test_after_a_long_stop_leases_are_announced_again(self):
        options = ["--heartbeat", "250ms", "--lease", "1s", "--suspect", "1s"]
        broker = self.broker(args=options)
        worker = self.worker(broker, "w")
        token = self.leased(broker, worker)
        # Long even when the broker had meant to sleep until the lease's end.
        self.stand_still(broker, 2.5)
        self.assertRefused(wire.CODE_HELLO_FIRST, worker.ping)
        welcome = worker.greet(held=[(token, True)])
        self.assertEqual(list(welcome.lost), [])
        self.assertEqual(worker.finish(token).state, task.STATE_DONE)
        self.assertEqual(self.client(broker).get("a").attempt, 1)

    def slow_down(self, broker):
        """From now on each sync of the broker lasts a second longer."""
        argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(broker.process.pid)]
        argv += ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_enter=1000000"]
        tracer = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.terminate)
        threads = pathlib.Path(f"/proc/{broker.process.pid}/task")

        def traced():
            states = [(t / "status").read_text() for t in threads.iterdir()]
            return not any("TracerPid:\t0" in state for state in states)

        wait_until("strace", traced)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_a_slow_disk_pushes_back_and_loses_nothing(self):
        broker = self.broker(args=["--heartbeat", "500ms", "--snapshot-bytes", "1G"])
        self.slow_down(broker)
        worker = self.worker(broker, "w")
        client = self.client(broker, timeout=60)
        # 96 MiB, asked for without waiting for answers: more than the broker takes on credit.
        requests = []
        for i in range(96):
            specs = [
                task.Spec(id=f"t{i}-{j}", role="backend", payload=bytes(200_000)) for j in range(5)
            ]
            request = client.numbered("submit", wire.Submit(tasks=specs))
            request.id = client.new_id()
            requests.append(request)
            client.send(request)
            worker.send(wire.ToBroker(ping=wire.Ping()))
        for request in requests:
            answer = None
            while answer is None:
                answer = client.wait(request.id, 0.2)
                worker.send(wire.ToBroker(ping=wire.Ping()))
            self.assertEqual(answer.submitted.created, 5, answer)
        worker.credit(0)  # the session lives
        self.assertGreater(client.counter("turns_not_reading"), 0)


def processors(pid):
    """Those that each of the broker's own three threads may run on, by the thread's name."""
    found = {}
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        lines = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line)
        if lines["Name"] in ("batond", "disk", "ZMQbg/IO/0"):
            found[lines["Name"]] = lines["Cpus_allowed_list"]
    return found


class Processors(SystemTest):
    """The broker's threads share a processor at low load, and only then."""

    def trickle(self, client, condition):
        """Tasks one by one, each after the commit of the one before it, until the condition holds."""

        def step():
            client.submit([task.Spec(id=f"t{next(self.numbers)}", role="backend")])
            return condition()

        return wait_until("the threads moved", step, 60)

    def setUp(self):
        super().setUp()
        self.numbers = itertools.count()

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two processors")
    def test_together_at_low_load_apart_under_load(self):
        broker = self.broker()
        client = self.client(broker)

        def places():
            return processors(broker.process.pid)

        all_of_them = places()
        self.assertEqual(sorted(all_of_them), ["ZMQbg/IO/0", "batond", "disk"])
        self.assertEqual(len(set(all_of_them.values())), 1)

        def is_together():
            where = set(places().values())
            return len(where) == 1 and where.pop().isdigit()

        self.trickle(client, is_together)

        client.submit([task.Spec(id=f"long{i}", role="backend") for i in range(1000)])

        def is_apart_after_a_flood():
            # Of questions: nothing is committed, so they do not move because another place is tried.
            for _ in range(200):
                client.send(wire.ToBroker(id=client.new_id(), list=wire.List()))
            client.ping()
            client.answers.clear()
            return places() == all_of_them

        wait_until("the threads are apart", is_apart_after_a_flood, 60)
        self.trickle(client, is_together)

    def test_only_where_it_was_started(self):
        cpu = str(min(os.sched_getaffinity(0)))
        broker = self.broker(start=False)
        broker.start(prefix=("taskset", "-c", cpu))
        client = self.client(broker)
        for _ in range(200):
            client.submit([task.Spec(id=f"t{next(self.numbers)}", role="backend")])
        self.assertEqual(set(processors(broker.process.pid).values()), {cpu})


if __name__ == "__main__":
    unittest.main()
