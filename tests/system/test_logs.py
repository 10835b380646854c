"""The log of the real programs: with fields to a journal's socket, readable without one, its level changed
while they run."""

import os
import signal
import socket
import struct
import unittest

from harness import SystemTest, wait_until


def parse(datagram):
    """The fields of an entry in journald's native protocol."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (n,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + n], rest[8 + n :]
            assert rest[:1] == b"\n", datagram
            rest = rest[1:]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


class Journal:
    """Listens where journald would."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.entries = []

    def close(self):
        self.socket.close()

    def read(self):
        try:
            while True:
                self.entries.append(parse(self.socket.recv(65536)))
        except BlockingIOError:
            return self.entries

    def wait_for(self, event, **fields):
        def found():
            for entry in self.read():
                if entry.get("BATON_EVENT") == event and fields.items() <= entry.items():
                    return entry
            return None

        return wait_until(f"{event} {fields} in the journal", found)


class Logs(SystemTest):
    def journal_env(self, log):
        """As systemd has it for a service whose standard error is `log`."""
        log.parent.mkdir(exist_ok=True)
        log.touch()
        info = log.stat()
        return {"JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}", "BATON_JOURNAL_SOCKET": str(self.dir / "journal")}

    def journaled_broker(self):
        broker = self.broker(start=False)
        env = self.journal_env(self.dir / "batond.log")
        for name, value in env.items():
            os.environ[name] = value
            self.addCleanup(os.environ.pop, name, None)
        broker.start()
        for name in env:
            os.environ.pop(name)
        return broker

    def agent(self, broker, env):
        return self.baton_worker(broker, "backend", ["true"], name="w", env=env)

    def test_events_have_fields_in_the_journal(self):
        journal = self.own(Journal(self.dir / "journal"))
        broker = self.journaled_broker()
        serving = journal.wait_for("broker.serving")
        self.assertEqual((serving["PRIORITY"], serving["SYSLOG_IDENTIFIER"]), ("5", "batond"))
        self.assertTrue(serving["MESSAGE"].startswith("broker.serving version="))

        worker = self.agent(broker, self.journal_env(self.dir / "w/worker.log"))
        self.assertEqual(self.baton(broker, "add", "FIX-1", "--role", "backend", "--project", "p").status, 0)
        started = journal.wait_for("task.started")
        expected = {
            "SYSLOG_IDENTIFIER": "baton-worker",
            "BATON_TASK": "FIX-1",
            "BATON_PROJECT": "p",
            "BATON_ROLE": "backend",
            "BATON_WORKER": "w",
            "BATON_ATTEMPT": "1",
        }
        self.assertLessEqual(expected.items(), started.items())
        ended = journal.wait_for("task.ended", BATON_TASK="FIX-1")
        self.assertEqual(ended["BATON_TOKEN"], started["BATON_TOKEN"])
        journal.wait_for("worker.connected", BATON_WORKER="w", SYSLOG_IDENTIFIER="batond")
        worker.terminate()
        journal.wait_for("worker.left", BATON_WORKER="w")
        broker.process.terminate()
        journal.wait_for("broker.stopped")
        for log in ("batond.log", "w/worker.log"):
            self.assertEqual((self.dir / log).read_text(), "")

    def test_the_level_changes_while_it_runs(self):
        journal = self.own(Journal(self.dir / "journal"))
        broker = self.journaled_broker()
        journal.wait_for("broker.serving")
        broker.process.signal(signal.SIGUSR1)
        journal.wait_for("log.level", MESSAGE="log.level level=debug")
        broker.process.signal(signal.SIGUSR2)
        journal.wait_for("log.level", MESSAGE="log.level level=info")
        self.assertTrue(broker.is_running())

    def test_without_a_journal_lines_are_readable(self):
        broker = self.broker()
        worker = self.agent(broker, {})
        wait_until("ready", lambda: " worker.ready name=w " in worker.output())
        worker.signal(signal.SIGUSR1)
        wait_until("its level", lambda: " log.level level=debug\n" in worker.output())
        self.assertRegex(broker.process.output(), r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z broker\.serving version=")
        self.assertEqual(worker.terminate(), 0)
        self.assertRegex(worker.output(), r"Z worker\.ended undelivered=0 status=0\n$")


if __name__ == "__main__":
    unittest.main()
