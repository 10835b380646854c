"""Faults of the machine around the broker: a full disk, a failing fdatasync, a second broker on the
same store, signals, and a backup taken while it runs."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import Process, SystemTest, program, wait_until
from messages import task, wire
from protocol_client import NoAnswer, Refused


def spec(id, **fields):
    return task.Spec(id=id, role="backend", **fields)


def strace(inject, log="/dev/null", calls="fdatasync,fsync"):
    """A prefix that makes the program's own syncs (or other calls) fail or last. The tracer is a grandchild (-D), so
    that the process started is the program itself."""
    path = shutil.which("strace")
    if path is None:
        raise unittest.SkipTest("strace is missing: apt-get install strace")
    arguments = [path, "-D", "-f", "-qq", "-ttt", "-T", "-o", log]
    return [*arguments, "-e", f"trace={calls}", "-e", f"inject={calls}:{inject}"]


def good_syncs(log):
    """(begin, end) of every sync that succeeded, in seconds of the wall clock."""
    whole = r"\d+ +([\d.]+) f\w*sync\(\d+\) += 0 .*?<([\d.]+)>"
    begun = r"(\d+) +([\d.]+) f\w*sync\(\d+ <unfinished"
    ended = r"(\d+) +([\d.]+) <\.\.\. f\w*sync resumed>\) += 0 "
    found, open_calls = [], {}
    for line in log.read_text().splitlines():
        if match := re.match(whole, line):
            begin, lasted = map(float, match.groups())
            found.append((begin, begin + lasted))
        elif match := re.match(begun, line):
            open_calls[match[1]] = float(match[2])
        elif match := re.match(ended, line):
            found.append((open_calls[match[1]], float(match[2])))
    return found


class FailingSync(SystemTest):
    def submit_until_silent(self, client):
        """One submission after the other until there is no answer: (id, sent, acknowledged)."""
        acknowledged = []
        for i in range(500):
            sent = time.time()
            try:
                client.request("submit", wire.Submit(tasks=[spec(f"t{i}")]), 3)
            except (NoAnswer, Refused):
                return acknowledged
            acknowledged.append((f"t{i}", sent, time.time()))
        self.fail("the disk fails, and the broker goes on acknowledging")
        return None

    def test_failing_fdatasync_stops_the_broker_and_loses_nothing(self):
        n_acknowledged = 0
        for n, error in ((1, "EIO"), (4, "EIO"), (17, "EIO"), (9, "ENOSPC"), (40, "EIO")):
            with self.subTest(n=n, error=error):
                n_acknowledged += self.one_failing_sync(n, error)
        self.assertGreater(n_acknowledged, 30)

    def one_failing_sync(self, n, error):
        broker = self.broker(data=self.dir / f"data-{n}-{error}", start=False)
        broker.start()
        self.client(broker).submit([spec("before")])
        broker.stop()
        log = self.dir / f"strace-{n}-{error}"
        broker.spawn(prefix=strace(f"error={error}:when={n}+", log))
        acknowledged = self.submit_until_silent(self.client(broker))
        status = broker.process.wait()
        self.assertGreater(status, 0, f"not an end by itself\n{broker.process.tail()}")
        words = "sync|i/o error|input/output|disk|no space"
        self.assertRegex(broker.process.output().lower(), words)
        failed = log.read_text().count(" = -1 ")
        self.assertEqual(failed, 1, "it synced again after a sync had failed")

        syncs = good_syncs(log)
        for id, sent, answered in acknowledged:
            durable = any(sent <= begin and end <= answered for begin, end in syncs)
            self.assertTrue(durable, f"{id} was acknowledged before it was synced")
        broker.start()
        there = {view.spec.id for view in self.client(broker).tasks()}
        self.assertLessEqual({id for id, _, _ in acknowledged} | {"before"}, there)
        broker.stop()
        return len(acknowledged)

    def test_slow_fdatasync_delays_answers_but_not_pings(self):
        broker = self.broker(start=False)
        broker.start(prefix=strace("delay_enter=400000"))
        client, other = self.client(broker), self.client(broker)
        request = client.numbered("submit", wire.Submit(tasks=[spec("a")]))
        request.id = client.new_id()
        client.send(request)
        begin = time.monotonic()
        pings = 0
        while request.id not in client.answers and time.monotonic() - begin < 20:
            asked = time.monotonic()
            other.ping()
            self.assertLess(time.monotonic() - asked, 0.3, "a ping waited for the disk")
            pings += 1
            client.pump(0.02)
        self.assertIn(request.id, client.answers)
        self.assertGreater(time.monotonic() - begin, 0.3, "answered before it was durable")
        self.assertGreater(pings, 3)


class FullDisk(SystemTest):
    """A small tmpfs as the data directory."""

    size_mib = 48

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("mounting a tmpfs needs root")
        self.disk = self.dir / "disk"
        self.disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self.size_mib}m", "tmpfs", self.disk]
        subprocess.run(mount, check=True, timeout=30)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False, timeout=30)

    def fill(self, client):
        """Submits until the broker takes no more; ids acknowledged."""
        acknowledged = []
        for i in range(self.size_mib * 10):
            try:
                client.submit([spec(f"t{i}", payload=os.urandom(200_000))], timeout=30)
            except Refused as refused:
                self.assertEqual(refused.code, wire.CODE_FULL, refused)
                self.assertTrue(refused.error.message)
                return acknowledged
            acknowledged.append(f"t{i}")
        self.fail("the disk is full, and submissions are still taken")
        return None

    def test_full_disk_refuses_new_work_and_finishes_the_old(self):
        broker = self.broker(data=self.disk / "data")
        client = self.client(broker)
        acknowledged = self.fill(client)
        self.assertGreater(len(acknowledged), 10)
        self.assertFalse(client.ping().accepting)
        ended = 0
        while ended < len(acknowledged):
            taken = client.take(["backend"], max=10, worker="w")
            self.assertTrue(taken, "there is work, and none is given")
            for assignment in taken:
                self.assertEqual(client.started(assignment.token).code, wire.CODE_OK)
                self.assertEqual(client.finish(assignment.token).state, task.STATE_DONE)
            ended += len(taken)
        self.assertTrue(broker.is_running(), broker.process.tail())
        broker.kill()
        broker.start()
        views = self.client(broker).tasks(archived=True)
        self.assertEqual({v.spec.id for v in views}, set(acknowledged))
        self.assertEqual({v.state for v in views}, {task.STATE_DONE})

    def test_room_again_takes_new_work_again(self):
        ballast = self.disk / "ballast"
        broker = self.broker(data=self.disk / "data")
        client = self.client(broker)
        client.submit([spec("first")])
        ballast.write_bytes(bytes((self.size_mib - 8) << 20))
        wait_until("new work to be refused", lambda: not client.ping().accepting, 15)
        self.assertRefused(wire.CODE_FULL, client.submit, [spec("second")])
        ballast.unlink()
        wait_until("new work to be taken again", lambda: client.ping().accepting, 15)
        client.submit([spec("third")])


class Life(SystemTest):
    def test_second_broker_on_the_same_store_is_refused(self):
        broker = self.broker()
        client = self.client(broker)
        client.submit([spec("a")])
        other = self.dir / "other"
        other.mkdir()
        second = self.broker(dir=other, data=broker.data, start=False)
        self.assertGreater(second.spawn().wait(), 0)
        self.assertIn(str(broker.data), second.process.output())
        client.submit([spec("b")])
        broker.kill()
        broker.start()
        self.assertEqual(len(self.client(broker).tasks()), 2)

    def test_second_broker_on_the_same_endpoint_is_refused(self):
        """Binding to an ipc path takes it from whoever listens there: to be found out before."""
        broker = self.broker()
        second = self.broker(data=self.dir / "other", start=False)
        self.assertGreater(second.spawn().wait(), 0)
        self.assertIn("broker.sock", second.process.output())
        self.client(broker).ping()

    def test_socket_left_by_a_killed_broker_is_no_hindrance(self):
        broker = self.broker()
        broker.kill()
        self.assertTrue(pathlib.Path(broker.endpoint.removeprefix("ipc://")).exists())
        broker.start()

    def test_terminates_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                broker = self.broker(data=self.dir / f"data-{number}")
                client = self.client(broker)
                client.submit([spec(f"t{i}") for i in range(100)])
                client.take(["backend"], max=10, worker="w")
                broker.process.signal(number)
                self.assertEqual(broker.process.wait(), 0, broker.process.tail())
                broker.start()
                views = self.client(broker).tasks()
                self.assertEqual(len(views), 100)
                self.assertEqual(sum(v.state == task.STATE_LEASED for v in views), 10)
                broker.stop()

    def test_answers_on_the_way_are_given_before_it_terminates(self):
        """What came before SIGTERM is either answered or wholly absent."""
        broker = self.broker()
        client = self.client(broker)
        ids = {}
        for i in range(200):
            request = wire.ToBroker(id=client.new_id(), submit=wire.Submit(tasks=[spec(f"t{i}")]))
            client.send(request)
            ids[request.id] = f"t{i}"
        client.pump(5)
        broker.process.signal(signal.SIGTERM)
        self.assertEqual(broker.process.wait(), 0, broker.process.tail())
        while client.pump(0.1):
            pass
        acknowledged = {ids[id] for id, a in client.answers.items() if a.HasField("submitted")}
        self.assertTrue(acknowledged)
        broker.start()
        there = {v.spec.id for v in self.client(broker).tasks()}
        self.assertEqual(acknowledged - there, set())

    def test_store_of_rubbish_is_refused(self):
        data = self.dir / "data"
        data.mkdir(mode=0o700)
        (data / "baton.db").write_bytes(b"this is no database\n" * 1000)
        broker = self.broker(start=False)
        self.assertGreater(broker.spawn().wait(), 0)
        self.assertIn("baton.db", broker.process.output())
        self.assertEqual((data / "baton.db").read_bytes()[:7], b"this is")

    def test_no_right_to_the_directory(self):
        (self.dir / "file").write_text("a file, not a directory")
        broker = self.broker(data=self.dir / "file" / "data", start=False)
        self.assertGreater(broker.spawn().wait(), 0)
        self.assertIn(str(self.dir / "file"), broker.process.output())


class Backup(SystemTest):
    def backup(self, client, path):
        return client.request("backup", wire.Backup(path=str(path)), 60).backup

    def test_backup_while_running_opens_as_a_store(self):
        broker = self.broker()
        client, busy = self.client(broker), self.client(broker)
        client.submit([spec(f"t{i}", payload=b"p" * 500) for i in range(2000)])
        (assignment,) = client.take(["backend"], worker="w")
        client.finish(assignment.token)
        copy = self.dir / "copy"
        copy.mkdir(mode=0o700)
        # Work goes on meanwhile.
        ids = []
        for i in range(50):
            request = wire.ToBroker(id=busy.new_id(), submit=wire.Submit(tasks=[spec(f"u{i}")]))
            busy.send(request)
            ids.append(request.id)
        done = self.backup(client, copy / "baton.db")
        self.assertEqual(done.bytes, (copy / "baton.db").stat().st_size)
        for id in ids:
            self.assertIsNotNone(busy.wait(id, 20))
        broker.stop()

        other = self.dir / "o"
        other.mkdir()
        restored = self.client(self.broker(dir=other, data=copy))
        views = {v.spec.id: v.state for v in restored.tasks(limit=5000)}
        for i in range(2000):
            self.assertIn(f"t{i}", views)
        self.assertEqual(views[assignment.id], task.STATE_DONE)

    def test_backup_never_overwrites(self):
        broker = self.broker()
        client = self.client(broker)
        path = self.dir / "there"
        path.write_text("precious")
        for bad in (path, "relative.db", self.dir / "none" / "x.db", ""):
            with self.subTest(bad=str(bad)):
                with self.assertRaises(Refused):
                    self.backup(client, bad)
        self.assertEqual(path.read_text(), "precious")
        client.ping()


def limited(n):
    """A prefix: the program may have n descriptors."""
    return ["prlimit", f"--nofile={n}:{n}"]


class Descriptors(SystemTest):
    def fill(self, broker):
        """Clients, until one more is not let in; that one waits outside."""
        inside = []
        while True:
            client = self.client(broker)
            try:
                client.ping(1)
            except NoAnswer:
                return inside, client
            inside.append(client)

    def test_a_full_broker_turns_connections_away_and_goes_on(self):
        broker = self.broker(start=False)
        broker.start(prefix=limited(96))
        first = self.client(broker)
        first.submit([spec("before")])
        inside, outside = self.fill(broker)
        self.assertGreater(len(inside), 10)
        wait_until("a line in the log", lambda: "connections.full" in broker.process.output())
        # Those who are in notice nothing, and what needs a descriptor has one.
        inside[-1].submit([spec(f"t{i}") for i in range(200)])
        tokens = [a.token for a in inside[0].take(["backend"], max=100, worker="w")]
        replies = first.report([wire.Line(token=t, result=task.Result(outcome=task.OUTCOME_DONE)) for t in tokens])
        self.assertEqual({r.code for r in replies}, {wire.CODE_OK})
        first.request("backup", wire.Backup(path=str(self.dir / "copy.db")), 20)
        self.assertGreater(first.counter("connections_refused"), 0)
        # Room for one: it comes in by itself.
        inside.pop().close()
        outside.ping(20)
        wait_until("a line in the log", lambda: "connections.ok" in broker.process.output(), 30)
        states = {v.spec.id: v.state for v in first.tasks()}
        broker.kill()
        broker.start()
        self.assertEqual({v.spec.id: v.state for v in self.client(broker).tasks()}, states)
        self.assertEqual(list(states.values()).count(task.STATE_DONE), 100)

    def worker_with(self, broker, n, slots, agent):
        argv = [*limited(n), program("baton-worker"), "--role", "backend", "--slots", slots, "--name", "w", "--state",
                self.dir / "state", "--", "sh", "-c", agent]
        return self.own(Process(argv, self.dir / f"worker-{n}.log", env={"BATON_ENDPOINT": broker.endpoint}))

    def test_a_worker_knows_at_its_start_whether_its_descriptors_are_enough(self):
        broker = self.broker()
        client = self.client(broker)
        needed = 96 + 20 * 10
        worker = self.worker_with(broker, needed - 1, 20, "true")
        self.assertEqual(worker.wait(), os.EX_CONFIG)
        self.assertRegex(worker.output(), f"no_descriptors allowed={needed - 1} needed={needed}")
        # With just so many all slots run at once, twice over, and no attempt is in vain.
        gate = self.dir / "gate"
        os.mkfifo(gate)
        client.submit([spec(f"t{i}") for i in range(40)])
        worker = self.worker_with(broker, needed, 20, f"read line < {gate}; echo '{{\"outcome\":\"done\"}}' > $BATON_RESULT_FILE")
        wait_until("all slots to run", lambda: sum(v.state == task.STATE_RUNNING for v in client.tasks()) == 20, 30)
        self.assertLess(len(os.listdir(f"/proc/{worker.pid}/fd")), needed)
        with open(gate, "r+b", buffering=0) as opener:
            def let_go():
                opener.write(b"go\n")
                return all(v.state == task.STATE_DONE for v in client.tasks())
            wait_until("all to be done", let_go, 60)
        self.assertEqual({v.attempt for v in client.tasks()}, {1})


class Watchdog(SystemTest):
    """A loop that is stuck is seen by the service manager, whatever its other threads do."""

    def setUp(self):
        super().setUp()
        self.manager = self.own(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.manager.bind(str(self.dir / "notify"))
        self.env = {"NOTIFY_SOCKET": str(self.dir / "notify"), "WATCHDOG_USEC": "200000"}
        # Of all threads only the loop polls; ZeroMQ's have epoll.
        self.stuck = strace("delay_enter=600000000:when=60+", calls="poll")

    def check_silence(self):
        self.manager.settimeout(20)
        words = [self.manager.recv(1000) for _ in range(6)]
        self.assertIn(b"WATCHDOG=1", words)
        self.manager.settimeout(3)
        with self.assertRaises(TimeoutError):
            end = time.monotonic() + 20
            while time.monotonic() < end:
                self.manager.recv(1000)

    def test_of_a_broker(self):
        broker = self.broker(start=False, env=self.env)
        broker.spawn(prefix=self.stuck)
        self.check_silence()
        self.assertTrue(broker.is_running())

    def test_of_a_worker(self):
        broker = self.broker()
        argv = [*self.stuck, program("baton-worker"), "--role", "backend", "--name", "w", "--state", self.dir / "state",
                "--", "true"]
        env = {"BATON_ENDPOINT": broker.endpoint, **self.env}
        worker = self.own(Process(argv, self.dir / "worker.log", env=env))
        self.check_silence()
        self.assertTrue(worker.is_running())


if __name__ == "__main__":
    unittest.main()
