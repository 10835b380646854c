"""Configuration of the daemons: files, the environment and options; read again while they run."""

import os
import signal
import socket
import subprocess
import unittest

from harness import Process, SystemTest, baton, program, wait_until
from messages import task, wire


class ConfigTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.conf = self.dir / "etc" / "batond.conf"
        (self.conf.parent / "batond.conf.d").mkdir(parents=True)
        self.conf.write_text("# the site's\nlease = 7m\nreserve = 1M\n")

    def heard(self, process, text):
        return wait_until(text, lambda: text in process.log.read_text())

    def hup(self, process):
        os.kill(process.child.pid, signal.SIGHUP)

    def test_values_and_where_they_are_from(self):
        (self.conf.parent / "batond.conf.d" / "50-local.conf").write_text("reserve = 2M\n")
        rows = baton("ipc:///none", "config", "--config", self.conf, env={"BATON_STALL": "9m"})
        values = {row["key"]: (row["value"], row["from"]) for row in rows.lines()}
        self.assertEqual(values["lease"], ("7m", f"{self.conf}:2"))
        self.assertEqual(values["reserve"], ("2M", f"{self.conf}.d/50-local.conf:1"))
        self.assertEqual(values["stall"], ("9m", "environment BATON_STALL"))
        self.assertEqual(values["zone"], ("UTC", "default"))
        told = baton("ipc:///none", "config", "--config", self.conf, env={"BATON_ENDPOINT": "ipc:///run/b.sock"})
        (listen,) = (row for row in told.lines() if row["key"] == "listen")
        self.assertEqual((listen["value"], listen["from"]), ("ipc:///run/b.sock", "environment BATON_ENDPOINT"))
        changes = {row["key"]: row["changes"] for row in rows.lines()}
        self.assertEqual({key for key, when in changes.items() if when == "at a restart"},
                         {"data", "listen", "export", "restart-grace"})
        self.assertEqual(changes["lease"], "at run time")
        good = baton("ipc:///none", "config", "--check", "--config", self.conf, json_out=False)
        self.assertEqual(good.status, 0, good.err)
        self.assertIn("50-local.conf", good.out)
        self.conf.write_text("lease = 7m\nlaese = 8m\n")
        bad = baton("ipc:///none", "config", "--check", "--config", self.conf, json_out=False)
        self.assertEqual(bad.status, 78)
        self.assertIn(f"{self.conf}:2: there is no key 'laese'; is lease meant?", bad.err)

    def test_mistakes_stop_the_start(self):
        for text in ("laese = 8m\n", "lease\n", "lease = 0\n", "zone = Mars/Olympus\n"):
            self.conf.write_text(text)
            done = subprocess.run(
                [program("batond"), "--config", self.conf, "--data", self.dir / "none"],
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, 78, done.stderr)
            self.assertIn("batond.conf:1: ", done.stderr)
        self.assertFalse((self.dir / "none").exists())

    def test_broker_reads_it_again_whole_or_not(self):
        broker = self.broker(args=["--config", self.conf])
        process = broker.process
        self.assertTrue(self.baton(broker, "ping").json()["accepting"])
        self.conf.write_text("lease = 8m\nreserve = 1000T\nlog-level = debug\nrestart-grace = 2m\nexport = yes\n")
        self.hup(process)
        self.heard(process, 'config.loaded changed="lease reserve log-level" '
                            'waiting_for_restart="export restart-grace"')
        # The reserve counts at once: no disk has as much.
        wait_until("no new tasks", lambda: not self.baton(broker, "ping").json()["accepting"])
        self.conf.write_text("reserve = 1M\nlog-level = info\nlinger = soon\nfoo = 1\n")
        self.hup(process)
        self.heard(process, "batond.conf:3: linger: a duration")
        self.heard(process, "batond.conf:4: there is no key 'foo'")
        self.assertFalse(self.baton(broker, "ping").json()["accepting"])
        self.conf.write_text("reserve = 1M\n")
        self.hup(process)
        wait_until("new tasks", lambda: self.baton(broker, "ping").json()["accepting"])

    def longest_delay(self, client, prefix):
        """Until the next attempt of tasks that failed: each is a chance below the back-off."""
        client.submit([task.Spec(id=f"{prefix}{i}", role="infra") for i in range(20)])
        for a in client.take(["infra"], max=20, worker="x"):
            client.finish(a.token, task.OUTCOME_FAILED)
        now = client.status().now
        return max(client.get(f"{prefix}{i}").next_at - now for i in range(20))

    def test_what_the_broker_takes_while_it_runs(self):
        broker = self.broker(args=["--config", self.conf])
        client = self.client(broker)
        worker = self.worker(broker, "w")
        self.assertEqual((worker.welcome.heartbeat_ms, worker.welcome.zone), (5000, "UTC"))
        self.assertLess(self.longest_delay(client, "a"), 31000)
        self.conf.write_text("lease = 9m\nheartbeat = 2s\nbackoff = 1h\nzone = Europe/Berlin\nstart-timeout = 1m\n"
                             "suspect = 2m\ncancel-grace = 5s\nstall = 1h\nlinger = 1s\nhot-ended = 1\nhot-cards = 5\n"
                             "export-keep = 1d\nexport-sample = 1s\nexport-journal = 1M\n")
        self.hup(broker.process)
        said = self.heard(broker.process, "config.loaded") and broker.process.log.read_text()
        self.assertRegex(said, 'changed="zone lease reserve heartbeat start-timeout suspect cancel-grace stall linger '
                               'backoff hot-ended hot-cards export-keep export-sample export-journal" waiting_for_restart=""')
        # A worker is asked to greet again, and hears the new times.
        self.assertRefused(wire.CODE_HELLO_FIRST, worker.credit, 1)
        worker.greet()
        self.assertEqual((worker.welcome.heartbeat_ms, worker.welcome.zone), (2000, "Europe/Berlin"))
        self.assertGreater(self.longest_delay(client, "b"), 60000)
        client.submit([task.Spec(id="c", role="backend")])
        worker.credit(1)
        (third,) = worker.assigned(1)
        self.assertEqual(third.lease_ms, 9 * 60 * 1000)

    def test_manager_hears_of_the_reload(self):
        path = self.dir / "notify"
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(str(path))
        manager.settimeout(20)
        broker = self.broker(start=False, args=["--config", self.conf])
        broker.spawn(prefix=["env", f"NOTIFY_SOCKET={path}"])
        heard = ""
        while "READY=1" not in heard:
            heard = manager.recv(4096).decode()
        self.hup(broker.process)
        said = manager.recv(4096).decode()
        self.assertRegex(said, r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertIn("READY=1", manager.recv(4096).decode())

    def test_what_is_wrong_is_said_once(self):
        argv = [program("baton-worker"), "--role", "cook", "--slots", "0", "--", "true"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 64)
        said = [line.split(": ")[1] for line in done.stderr.splitlines()]
        self.assertEqual(said[:2], ["--role", "--slots"], done.stderr)
        self.assertEqual(len(said), 3, done.stderr)

    def test_worker_has_its_roles_file(self):
        broker = self.broker()
        etc = self.conf.parent
        (etc / "roles.d").mkdir()
        (etc / "worker.conf").write_text("slots = 2\nmax-runtime = 1h\n")
        agent = self.dir / "an agent.sh"
        agent.write_text(
            '#!/bin/sh\necho "{\\"outcome\\":\\"done\\",\\"summary\\":\\"$1 $COLOUR\\"}" '
            '>"$BATON_RESULT_FILE"\n'
        )
        agent.chmod(0o755)
        (etc / "roles.d" / "backend.conf").write_text(
            f"command = '{agent}' \"of {{role}}:\"\nset-env = COLOUR=green and blue\n"
        )
        (etc / "roles.d" / "testing.conf").write_text("command = /bin/false\n")
        shown = baton("ipc:///none", "config", "worker", "--role", "backend", "--config",
                      etc / "worker.conf")
        values = {row["key"]: (row["value"], row["from"]) for row in shown.lines()}
        self.assertEqual(values["slots"], ("2", f"{etc}/worker.conf:1"))
        self.assertEqual(values["set-env"], ("(hidden)", f"{etc}/roles.d/backend.conf:2"))
        work = self.dir / "w"
        work.mkdir()
        argv = [program("baton-worker"), "--config", etc / "worker.conf", "--role", "backend"]
        argv += ["--state", work / "state", "--endpoint", broker.endpoint]
        worker = self.own(Process(argv, work / "worker.log", cwd=work))
        self.baton(broker, "add", "A", "--role", "backend")
        self.assertEqual(self.baton(broker, "wait", "A", "--timeout", "30s").status, 0)
        self.assertEqual(self.baton(broker, "show", "A").json()["result"]["summary"],
                         "of backend: green and blue")
        (etc / "roles.d" / "backend.conf").write_text("idle = 5m\nslots = many\n")
        self.hup(worker)
        self.heard(worker, "backend.conf:2: slots: a number from 1 to 1000")
        (etc / "roles.d" / "backend.conf").write_text("idle = 5m\nslots = 3\nlog-level = debug\n")
        self.hup(worker)
        self.heard(worker, 'changed="command set-env log-level idle" waiting_for_restart="slots')
        (etc / "roles.d" / "backend.conf").write_text(
            f"command = '{agent}' again\nset-env = COLOUR=red\nadapter = last-json-line\ncheck-command = exit 3\n"
            "rate-limit-pattern = too much\nenv = HOME\n")
        self.hup(worker)
        self.heard(worker, 'changed="command env set-env log-level idle adapter check check-command '
                           'rate-limit-pattern" waiting_for_restart="')
        self.baton(broker, "add", "B", "--role", "backend", "--max-attempts", "1")
        self.baton(broker, "wait", "B", "--timeout", "30s")
        self.assertEqual(self.baton(broker, "show", "B").json()["state"], "failed")  # by its check
        (etc / "roles.d" / "backend.conf").write_text(f"command = '{agent}' last\nset-env = COLOUR=blue\n")
        self.hup(worker)
        self.heard(worker, 'changed="command env set-env adapter check check-command rate-limit-pattern"')
        self.baton(broker, "add", "C", "--role", "backend")
        self.assertEqual(self.baton(broker, "wait", "C", "--timeout", "30s").status, 0)
        self.assertEqual(self.baton(broker, "show", "C").json()["result"]["summary"], "last blue")
        # What can't be held is refused whole.
        (etc / "roles.d" / "backend.conf").write_text("command = /bin/false\ntasks-max = 10\n")
        self.hup(worker)
        self.heard(worker, "can't be held here")
        self.baton(broker, "add", "D", "--role", "backend")
        self.assertEqual(self.baton(broker, "wait", "D", "--timeout", "30s").status, 0)


if __name__ == "__main__":
    unittest.main()
