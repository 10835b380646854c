"""baton web: health and metrics over HTTP. What it says is what the broker says, both forms of the metrics are
held to their formats by others' parsers, and nobody but this machine gets in."""

import http.client
import json
import pathlib
import re
import select
import signal
import shutil
import socket
import subprocess
import unittest
import urllib.parse

from harness import Process, SystemTest, program, wait_until

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
    from prometheus_client.parser import text_string_to_metric_families as parse_text
except ImportError:
    parse_openmetrics = None

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


class Web:
    """A `baton web` on a port of its own choice."""

    def __init__(self, test, broker, *args):
        self.log = test.dir / "web.log"
        argv = [program("baton"), "--endpoint", broker.endpoint, "web", "--listen", "127.0.0.1:0", *args]
        self.process = test.own(Process(argv, self.log))
        url = wait_until("its address", lambda: re.search(r"(?m)^(http://\S+/)$", self.process.output()))
        self.url = url.group(1)
        self.address = (urllib.parse.urlparse(self.url).hostname, urllib.parse.urlparse(self.url).port)

    def get(self, path, method="GET", headers=None, body=None):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def status(self, path):
        return self.get(path)[0]

    def wait_for(self, path, status):
        wait_until(f"{status} for {path}", lambda: self.status(path) == status, timeout=20)

    def metrics(self):
        """{(name, labels): value} of the text form."""
        values = {}
        for line in self.get("/metrics")[2].splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def raw(self, data=b""):
        connection = socket.create_connection(self.address, timeout=60)
        if data:
            connection.sendall(data)
        return connection


def read_all(connection):
    parts = []
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)


class Health(SystemTest):
    def test_it_is_alive_and_ready_as_the_broker_is(self):
        broker = self.broker()
        web = Web(self, broker)
        self.assertEqual(web.get("/livez")[0::2], (200, "alive\n"))
        self.assertEqual(web.get("/readyz")[0::2], (200, "ready\n"))
        version = json.loads(web.get("/version")[2])
        self.assertEqual(version["broker"], version["baton"])

        self.assertEqual(self.baton(broker, "drain", "--broker", "--reason", "new disk").status, 0)
        web.wait_for("/readyz", 503)
        self.assertIn("new", web.get("/readyz")[2])
        self.assertEqual(web.status("/livez"), 200)
        self.assertEqual(self.baton(broker, "resume", "--broker").status, 0)
        web.wait_for("/readyz", 200)

    def test_a_broker_that_is_away_or_hangs_is_told(self):
        broker = self.broker()
        web = Web(self, broker, "--timeout", "1s")
        broker.kill()
        web.wait_for("/livez", 503)
        self.assertEqual(web.status("/readyz"), 503)
        self.assertIsNone(json.loads(web.get("/version")[2])["broker"])
        self.assertEqual(web.get("/metrics")[0], 200)
        self.assertEqual(web.metrics()["baton_up"], 0)
        self.assertEqual(web.status("/"), 200)
        broker.start()
        web.wait_for("/livez", 200)
        self.assertEqual(web.metrics()["baton_up"], 1)
        broker.process.signal(signal.SIGSTOP)
        self.addCleanup(broker.process.signal, signal.SIGCONT)
        web.wait_for("/livez", 503)
        broker.process.signal(signal.SIGCONT)
        web.wait_for("/livez", 200)
        log = web.process.output()
        self.assertEqual(len(re.findall(r"web\.broker_lost ", log)), 2, log)
        self.assertEqual(len(re.findall(r"web\.broker_back ", log)), 2, log)


class Metrics(SystemTest):
    def busy_broker(self):
        """One that has seen most of what can be counted."""
        broker = self.broker()
        run = lambda *args, **more: self.assertEqual(self.baton(broker, *args, **more).status, 0, args)
        for task in ("a", "b", "c", "d"):
            run("add", task, "--role", "backend", "--project", "p")
        run("add", "e", "--role", "testing", "--after", "a", "--project", "Größe")
        take = lambda: str(self.baton(broker, "take", "--role", "backend").json()["token"])
        token = take()
        run("started", "--token", token)
        run("complete", "--token", token)
        run("fail", "no", "--fatal", "--token", take())
        token = take()
        run("return", "--token", token)
        self.assertEqual(self.baton(broker, "complete", "--token", token).status, 1)
        take()
        run("blocker", "raise", "no staging", "--task", "c", "--project", "p")
        return broker

    def test_both_forms_say_what_status_says(self):
        broker = self.busy_broker()
        web = Web(self, broker)
        status = self.baton(broker, "status").json()
        code, headers, text = web.get("/metrics")
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        code, headers, other = web.get("/metrics", headers={"Accept": OPENMETRICS})
        self.assertEqual(headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(other.endswith("# EOF\n"))
        samples = lambda s: {
            line for line in s.splitlines() if not line.startswith("#") and not line.startswith("process_")
        }
        self.assertEqual(samples(text), samples(other))

        values = web.metrics()
        for role in status["roles"]:
            for state in ("waiting", "ready", "running", "done", "failed", "cancelled"):
                name = f'baton_tasks{{role="{role["role"]}",state="{state}"}}'
                self.assertEqual(values[name], role[state], name)
        expected = {
            "baton_up": 1,
            "baton_accepting": 1,
            "baton_epoch": status["epoch"],
            "baton_facts_total": status["journal_seq"],
            "baton_events_total": status["event"],
            "baton_feed_lag_events": 0,
            f'baton_build_info{{version="{status["version"]}"}}': 1,
            'baton_leases_total{role="backend"}': 4,
            'baton_attempts_total{role="backend",outcome="done"}': 1,
            'baton_attempts_total{role="backend",outcome="fatal"}': 1,
            'baton_attempts_total{role="backend",outcome="released"}': 1,
            "baton_fence_rejected_total": 1,
            'baton_retries_total{role="backend"}': 1,
            'baton_claim_wait_seconds_count{role="backend"}': 3,
            'baton_claim_wait_seconds_count{role="testing"}': 0,
            'baton_task_run_seconds_count{role="backend"}': 1,
            'baton_cards{kind="blocker",state="open"}': 1,
            'baton_cards_overdue{kind="blocker",state="open"}': 0,
            'baton_project_tasks{project="Größe",state="open"}': 1,
            "baton_projects": 2,
        }
        for name, value in expected.items():
            self.assertEqual(values.get(name), value, name)
        self.assertEqual(values["baton_journal_fsync_seconds_count"], status["commits"])
        self.assertGreater(values["baton_recovery_seconds"], 0)
        self.assertGreater(values["baton_store_free_bytes"], 0)
        self.assertGreater(values['baton_ready_oldest_age_seconds{role="backend"}'], 0)
        self.assertGreater(values["process_resident_memory_bytes"], 100000)

    @unittest.skipUnless(shutil.which("promtool"), "SKIPPED: promtool (package prometheus) is missing")
    def test_promtool_finds_nothing(self):
        web = Web(self, self.busy_broker())
        text = web.get("/metrics")[2]
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    @unittest.skipUnless(parse_openmetrics, "SKIPPED: python3-prometheus-client is missing")
    def test_others_parsers_read_both_forms(self):
        web = Web(self, self.busy_broker())
        old = {family.name for family in parse_text(web.get("/metrics")[2])}
        new = {family.name: family for family in parse_openmetrics(web.get("/metrics", headers={"Accept": OPENMETRICS})[2])}
        self.assertGreater(len(new), 50)
        self.assertEqual(old - {"baton_build_info"}, set(new) - {"baton_build"})
        for family in new.values():
            self.assertTrue(family.documentation, family.name)
            for unit in ("seconds", "bytes"):
                self.assertEqual(family.name.endswith("_" + unit), family.unit == unit, family.name)

    def test_the_documents_table_is_the_truth(self):
        web = Web(self, self.busy_broker())
        page = (pathlib.Path(__file__).parents[2] / "docs/operate.md").read_text()
        told = dict(re.findall(r"(?m)^\| `((?:baton|process)_\w+)` \| ([\w, ]*)\|", page))
        text = web.get("/metrics")[2]
        said = re.findall(r"(?m)^# TYPE (\w+) ", text)
        self.assertEqual(len(said), len(set(said)))
        self.assertEqual(sorted(told), sorted(said))
        labelled = 0
        for name, labels in re.findall(r"(?m)^(\w+)(?:\{(.*)\})? \S+$", text):
            family = name if name in told else re.sub("_(bucket|sum|count)$", "", name)
            names = set(re.findall(r'(\w+)="', labels)) - {"le"}
            self.assertEqual(names, set(re.findall(r"\w+", told[family])), name)
            labelled += len(names)
        self.assertGreater(labelled, 100)


class Strangers(SystemTest):
    def test_it_listens_to_this_machine_only(self):
        broker = self.broker()
        for where in ("0.0.0.0:0", "[::]:0", "192.0.2.1:9464", "example.com:80", "9464"):
            done = self.baton(broker, "web", "--listen", where)
            self.assertEqual(done.status, 78, where)
            self.assertIn("127.0.0.1", done.error()["error"]["message"])
        web = Web(self, broker)
        done = self.baton(broker, "web", "--listen", "{}:{}".format(*web.address))
        self.assertEqual(done.status, 75)
        self.assertIn("in use", done.error()["error"]["message"])

    def test_other_hosts_methods_and_bodies_are_refused(self):
        web = Web(self, self.broker())
        for host in ("evil.example", "evil.example:9464", "127.0.0.1.evil.example", "[::]", ""):
            self.assertEqual(web.get("/", headers={"Host": host})[0], 403, host)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            status, headers, _ = web.get("/metrics", method=method)
            self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"), method)
        self.assertEqual(web.get("/", body="x" * 100)[0], 413)
        for path in ("/nothing", "/../etc/passwd", "/livez/", "/%2e%2e/", "/metrics%00"):
            self.assertEqual(web.status(path), 404, path)
        status, headers, body = web.get("/metrics", method="HEAD")
        self.assertEqual((status, body), (200, ""))
        self.assertGreater(int(headers["Content-Length"]), 1000)
        for path in ("/", "/livez", "/nothing", "/metrics"):
            headers = web.get(path)[1]
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertEqual(headers["Cache-Control"], "no-store")

    def test_sizes_and_connections_are_bounded(self):
        web = Web(self, self.broker())
        for request in (
            b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            with web.raw(request[:60000]) as connection:
                try:
                    connection.sendall(request[60000:])
                    connection.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.assertNotIn(b" 200 ", read_all(connection)[:20])
        # More than it takes: those above the bound wait or are closed; the process lives, and serves when they go.
        crowd = [web.raw(b"GET /livez HTTP/1.1\r\n") for _ in range(100)]
        for connection in crowd:
            connection.close()
        web.wait_for("/livez", 200)

    def test_a_silent_connection_is_closed(self):
        web = Web(self, self.broker())
        noise = b"\x16\x03\x01\x02\x00\x01\x00" * 100
        with web.raw(b"GET / HTTP/1.1\r\nHost: loc") as half, web.raw(noise) as other:
            for connection in (half, other):
                self.assertTrue(select.select([connection], [], [], 40)[0], "it was still open after 40 s")
                self.assertNotIn(b" 200 ", read_all(connection)[:20])

    def test_a_connection_is_kept_for_the_next_request(self):
        web = Web(self, self.broker())
        connection = http.client.HTTPConnection(*web.address, timeout=30)
        for _ in range(3):
            connection.request("GET", "/livez")
            response = connection.getresponse()
            self.assertEqual((response.status, response.read()), (200, b"alive\n"))
            self.assertIsNone(response.getheader("Connection"))
        connection.close()

    def test_signals(self):
        web = Web(self, self.broker())
        web.process.signal(signal.SIGHUP)
        web.process.signal(signal.SIGUSR1)
        wait_until("its level", lambda: " log.level level=debug\n" in web.process.output())
        self.assertEqual(web.status("/livez"), 200)
        self.assertEqual(web.process.terminate(), 0)


if __name__ == "__main__":
    unittest.main()
