"""The exporter to PostgreSQL: what the journal says is in the tables, once, whatever dies or hangs.

    test_export.py [--kills N] [--seed N]    (or BATON_EXPORT_KILLS, BATON_SEED)
"""

import itertools
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import unittest

from harness import SystemTest, wait_until
from messages import task, wire
from postgres import Postgres
from protocol_client import Client, NoAnswer, Refused

KILLS = int(os.environ.get("BATON_EXPORT_KILLS", "10"))
SEED = int(os.environ.get("BATON_SEED", "0")) or random.SystemRandom().getrandbits(32)
DONE = task.STATE_DONE  # the first of those that have ended

HOSTILE = [
    "a\tb\nc", "back\\slash \\N \\. \\t", "quote ' \" ; DROP TABLE baton.task; --", "{\"a\":1}",
    "$$ $1 %s", "\u202e\u2066 \U0001f600 é", "NULL", "\\.",
]


class Export(SystemTest):
    def setUp(self):
        super().setUp()
        self.pg = self.own(self.postgres())

    def postgres(self):
        return Postgres(self.dir / "p")

    def exporting(self, *args, start=True, **fields):
        args = ["--export", "--export-sample", "200ms", "--backoff", "10ms", *args]
        return self.broker(args=args, env=self.pg.env, start=start, **fields)

    def exporter(self, client):
        return client.status().exporter

    def wait_exported(self, client, timeout=60):
        try:
            wait_until("all facts to be exported",
                       lambda: (e := self.exporter(client)).lag_facts == 0 and not e.error, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.exporter(client)}") from None

    def work(self, client, n, prefix, outcome=task.OUTCOME_DONE):
        """n tasks from beginning to end."""
        client.submit([task.Spec(id=f"{prefix}-{i}", role="backend") for i in range(n)])
        while taken := client.take(["backend"], max=200, worker="w"):
            client.report([wire.Line(token=a.token, started=True) for a in taken])
            client.report([wire.Line(token=a.token, result=task.Result(outcome=outcome))
                           for a in taken])

    def check_same(self, client):
        """Rows and the broker's own list, archive and all, say the same of each task and attempt."""
        self.wait_exported(client)
        views = {v.key: v for v in client.tasks(archived=True, limit=2000, specs=True)}
        rows = {r["key"]: r for r in self.pg.rows("SELECT * FROM baton.task")}
        self.assertEqual(set(rows), set(views))
        for key, view in views.items():
            row, spec = rows[key], view.spec
            ended = view.state >= DONE
            self.assertEqual(
                (row["project"], row["id"], row["role"], row["title"] or "", row["labels"] or {},
                 row["state"], row["ended_at"] is not None),
                (spec.project, spec.id, spec.role or None, spec.title, dict(spec.labels),
                 task.TaskState.Name(view.state)[6:].lower() if ended else "open", ended))
        self.check_attempts(client, views)

    def check_attempts(self, client, views):
        rows = {(r["task"], r["token"]): r for r in self.pg.rows("SELECT * FROM baton.attempt")}
        per_task = {}
        for key, token in rows:
            per_task[key] = per_task.get(key, 0) + 1
        for key, view in views.items():
            self.assertEqual(per_task.get(key, 0), view.attempt, view.spec.id)
        some = list(views.values())[:: max(1, len(views) // 50)]
        for view in some:
            for attempt in client.get(view.spec.id).attempts:
                row = rows[view.key, attempt.token]
                name = task.Outcome.Name(attempt.outcome)[8:].lower()
                self.assertEqual((row["outcome"], row["summary"] or "", row["exit_status"]),
                                 (name, attempt.summary, attempt.exit_status))
                self.assertIsNotNone(row["ended_at"])


class Rows(Export):
    def test_every_kind_of_row_and_hostile_text(self):
        b = self.exporting()
        c = self.client(b)
        specs = [
            task.Spec(id=f"h{i}", role="frontend", title=text.replace("\n", " ").replace("\t", " "),
                      labels={"x": text.replace("\n", " ").replace("\t", " ")})
            for i, text in enumerate(HOSTILE)
        ]
        c.submit(specs)
        taken = c.take(["frontend"], max=len(specs), worker="w@1")
        for text, a in zip(HOSTILE, taken, strict=True):
            c.started(a.token)
            result = task.Result(outcome=task.OUTCOME_DONE, summary=text, runtime_ms=5,
                                 measures=[task.Measure(name="tokens", value=12.5, unit="n")])
            c.report_one(a.token, result=result)
        done = self.baton(b, "blocker", "raise", HOSTILE[2], "--role", "infra")
        self.assertEqual(done.status, 0, done.err)
        c.submit([task.Spec(id="later", role="infra", after=[task.Edge(id="h0")],
                            deadline=4102444800000)])
        self.check_same(c)
        rows = self.pg.rows("SELECT summary, worker_name FROM baton.attempt_list ORDER BY token")
        self.assertEqual([r["summary"] for r in rows], HOSTILE)
        self.assertEqual({r["worker_name"] for r in rows}, {"w@1"})
        self.assertEqual(self.pg.sql("SELECT count(*), min(value) FROM baton.measure"),
                         f"{len(HOSTILE)}|12.5")
        self.assertEqual(self.pg.sql("SELECT state, title FROM baton.blocker"),
                         f"open|{HOSTILE[2]}")
        wait_until("samples", lambda: self.pg.sql("SELECT count(*) > 6 FROM baton.sample") == "t")
        for view in ("metric_completion", "metric_handoff", "metric_blocker", "metric_coverage",
                     "wait_by_day", "run_by_day", "throughput_by_day", "handoff", "decision",
                     "incident"):
            self.pg.rows(f"SELECT * FROM baton.{view}")
        self.assertEqual(self.pg.sql("SELECT role, total, on_time FROM baton.metric_completion"),
                         f"frontend|{len(HOSTILE)}|{len(HOSTILE)}")

    def test_what_changes_later_is_changed_in_the_row(self):
        b = self.exporting()
        c = self.client(b)
        c.submit([task.Spec(id="a", role="backend", max_attempts=1)])
        self.wait_exported(c)
        (a,) = c.take(["backend"], worker="w")
        self.wait_exported(c)
        c.started(a.token)
        self.wait_exported(c)
        c.finish(a.token, task.OUTCOME_FAILED, summary="first")
        self.check_same(c)
        c.change(wire.Change.RETRY, ["a"])
        self.check_same(c)
        self.assertEqual(self.pg.sql("SELECT state, revivals FROM baton.task"), "open|1")
        c.change(wire.Change.SET, ["a"], fields=["title"], spec=task.Spec(title="other"))
        (a,) = c.take(["backend"], worker="w")
        c.finish(a.token)
        self.check_same(c)
        self.assertEqual(
            self.pg.sql("SELECT outcome, waited_ms IS NOT NULL, number FROM baton.attempt_list"
                        " ORDER BY token"), "failed|t|1\ndone|t|2")
        c.submit([task.Spec(id="r", role="backend", approval=True)])
        (a,) = c.take(["backend"], worker="w")
        c.finish(a.token)
        self.check_same(c)  # in review: not ended
        self.assertEqual(self.baton(b, "approve", "r").status, 0)
        self.check_same(c)
        self.assertEqual(self.pg.sql("SELECT state FROM baton.task WHERE id = 'r'"), "done")
        b.restart()
        self.check_same(self.client(b))


class Kill(Export):
    """kill -9 of either side in the midst of it all."""

    def load(self, b, stop, errors):
        n = 0
        try:
            with Client(b.endpoint, timeout=1) as client:
                while not stop.is_set():
                    n += 1
                    specs = [task.Spec(id=f"k{n}-{i}", role="backend") for i in range(30)]
                    client.submit(specs, timeout=120)
                    self.finish_some(client)
        except Exception as error:  # the test raises it again
            errors.append(error)

    def finish_some(self, client):
        try:
            take = wire.Take(roles=["backend"], max=25, worker="w")
            for a in client.change_safely("take", take, 60, 1).assign.tasks:
                client.finish(a.token, random.choice([task.OUTCOME_DONE, task.OUTCOME_FAILED]))
        except (NoAnswer, Refused):
            client.connect()

    def test_rows_equal_the_journal_after_kills(self):
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        chance = random.Random(SEED)
        b = self.exporting("--hot-ended", "200", "--snapshot-bytes", "64K")
        stop, errors = threading.Event(), []
        thread = threading.Thread(target=self.load, args=(b, stop, errors), daemon=True)
        thread.start()
        for _ in range(KILLS):
            time.sleep(chance.random() * 0.4)  # the moment
            if chance.random() < 0.5:
                b.kill()
                b.start()
            else:
                self.pg.kill()
                self.pg.start()
            self.assertEqual(errors, [])
        stop.set()
        thread.join(150)
        self.assertEqual(errors, [])
        c = self.client(b, timeout=60)
        while taken := c.take(["backend"], max=100, worker="w"):
            for a in taken:
                c.finish(a.token)
        self.check_same(c)
        self.assertEqual(self.exporter(c).loads, 0)
        print(self.pg.sql("SELECT count(*), count(ended_at) FROM baton.task"), flush=True)


class Away(Export):
    def test_catches_up_from_the_journal(self):
        b = self.exporting("--hot-ended", "100", "--snapshot-bytes", "64K")
        c = self.client(b)
        self.work(c, 100, "before")
        self.wait_exported(c)
        self.pg.stop()
        for i in range(5):
            self.work(c, 800, f"away{i}")
        b.restart()  # and remembers what is needed still
        c = self.client(b)
        self.work(c, 800, "again")
        self.assertGreater(c.counter("snapshots"), 0)
        status = wait_until("it to be said", lambda: (e := self.exporter(c)).error and e)
        self.assertGreater(status.lag_facts, 10000)
        self.assertEqual(status.state, "failing")
        self.assertIn("Postgres", self.baton(b, "status", json_out=False).out)
        self.pg.start()
        self.check_same(c)
        self.assertEqual(self.exporter(c).loads, 0)
        self.assertEqual(self.exporter(c).error, "")

    def test_too_far_behind_begins_again_and_loses_no_ended_task(self):
        b = self.exporting("--hot-ended", "100", "--snapshot-bytes", "64K", "--export-journal",
                           "100K")
        c = self.client(b)
        self.work(c, 100, "before")
        self.wait_exported(c)
        self.pg.stop()
        for i in range(10):
            self.work(c, 500, f"away{i}")
        wait_until("the journal to be cut", lambda: self.exporter(c).cut)
        b.restart()  # the newest facts are in no memory any more
        c = self.client(b)
        self.pg.start()
        self.wait_exported(c)
        self.assertEqual(self.exporter(c).loads, 1)
        self.assertFalse(self.exporter(c).cut)
        self.work(c, 100, "after")
        self.check_same(c)

    def test_an_older_store_is_loaded_at_first(self):
        b = self.broker(args=["--hot-ended", "100", "--snapshot-bytes", "64K"])
        c = self.client(b)
        for i in range(5):
            self.work(c, 500, f"old{i}")
        c.submit([task.Spec(id="open", role="backend")])
        b.stop()
        b = self.exporting("--hot-ended", "100", "--snapshot-bytes", "64K")
        c = self.client(b)
        self.wait_exported(c)
        self.assertEqual(self.exporter(c).loads, 1)
        self.check_same(c)

    def test_cards_of_the_archive_are_loaded_too(self):
        options = ["--hot-cards", "3", "--snapshot-bytes", "4K"]
        b = self.broker(args=options)
        numbers = []
        for i in range(12):
            raised = self.baton(b, "blocker", "raise", f"b{i}", "--role", "infra")
            numbers.append(raised.json()["number"])
            self.assertEqual(self.baton(b, "blocker", "resolve", numbers[-1]).status, 0)
        self.work(self.client(b), 200, "more")  # a snapshot
        wait_until("a snapshot", lambda: "snapshot.written" in b.process.tail(400))
        b.stop()
        b = self.exporting(*options)
        c = self.client(b)
        self.wait_exported(c)
        rows = self.pg.rows("SELECT number, state, removed_at FROM baton.card ORDER BY number")
        self.assertEqual([r["number"] for r in rows], numbers)
        self.assertEqual({r["state"] for r in rows}, {"resolved"})
        self.assertEqual([r["removed_at"] is not None for r in rows], [True] * 9 + [False] * 3)

    def test_a_restored_backup_takes_back_what_came_after_it(self):
        b = self.exporting()
        c = self.client(b)
        self.work(c, 50, "before")
        copy = self.dir / "copy.db"
        self.assertEqual(self.baton(b, "backup", copy).status, 0)
        self.work(c, 50, "lost")
        self.wait_exported(c)
        b.stop()
        (self.dir / "data2").mkdir(mode=0o700)
        copy.rename(self.dir / "data2" / "baton.db")
        b = self.exporting(data=self.dir / "data2")
        c = self.client(b)
        self.work(c, 50, "after")
        self.check_same(c)
        self.assertEqual(self.pg.sql("SELECT count(*) FROM baton.task WHERE id LIKE 'lost%'"), "0")


class Broken(Export):
    def test_a_hanging_server_moves_nothing(self):
        b = self.exporting()
        c = self.client(b)
        self.work(c, 50, "before")
        self.wait_exported(c)
        self.pg.signal(signal.SIGSTOP)
        position = self.exporter(c).position
        for i in range(10):
            self.work(c, 200, f"meanwhile{i}")  # each answered by the broker alone
        status = self.exporter(c)
        self.assertEqual(status.position, position)
        self.assertGreater(status.lag_facts, 5000)
        b.stop()  # fails unless it ends in good order
        b.start()
        c = self.client(b)
        self.pg.signal(signal.SIGCONT)
        self.check_same(c)

    def test_wrong_server_credential_or_schema_is_said_and_survived(self):
        b = self.exporting(start=False)
        b.env = {**self.pg.env, "PGHOST": str(self.dir / "nowhere")}
        b.start()
        c = self.client(b)
        self.work(c, 10, "a")
        wait_until("an error", lambda: "nowhere" in self.exporter(c).error)
        wait_until("a line in the log", lambda: "export.failing" in b.process.output())
        b.stop()
        # The credential comes before the environment, and is never shown.
        (self.dir / "baton-postgres").write_text("secret-word")
        b.env["CREDENTIALS_DIRECTORY"] = str(self.dir)
        b.start()
        c = self.client(b)
        error = wait_until("an error", lambda: self.exporter(c).error)
        self.assertIn("baton-postgres", error)
        self.assertNotIn("secret-word", error + b.process.output())
        (self.dir / "baton-postgres").write_text(f"host={self.pg.dir} user=postgres dbname=baton\n")
        self.check_same(c)
        # Somebody drops it all: it is made again, of what is stored.
        self.pg.sql("DROP SCHEMA baton CASCADE")
        self.work(c, 10, "b")
        wait_until("the schema", lambda: self.pg.sql("SELECT to_regclass('baton.task')") != "")
        self.check_same(c)

    def test_a_server_that_says_nothing_moves_nothing(self):
        silent = self.dir / "silent"
        silent.mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(silent / ".s.PGSQL.5432"))
            listener.listen()
            b = self.exporting(start=False)
            b.env = {**self.pg.env, "PGHOST": str(silent)}
            b.start()
            c = self.client(b)
            self.work(c, 100, "a")
            self.assertEqual(self.exporter(c).state, "connecting")
            b.stop()

    def test_a_look_up_that_hangs_holds_up_no_stop_and_loses_no_row(self):
        """A name server that says nothing: the one place where the thread can't be told to stop."""
        if os.geteuid() != 0:
            print("SKIPPED: only root gives a process a resolv.conf of its own", flush=True)
            self.skipTest("not root")
        asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(asked.close)
        asked.bind(("127.0.0.77", 53))
        asked.settimeout(60)
        resolv = self.dir / "resolv.conf"
        resolv.write_text("nameserver 127.0.0.77\noptions timeout:30 attempts:1\n")
        mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        b = self.exporting()
        for i in range(2):
            self.work(self.client(b), 100, f"told{i}")
            self.check_same(self.client(b))
            b.stop()
            self.assertNotIn("export.impatient", b.process.output())
            b.env = {**self.pg.env, "PGHOST": "database.example"}
            b.start(prefix=["unshare", "-m", "sh", "-c", mount, resolv])
            asked.recv(512)
            self.work(self.client(b), 100, f"untold{i}")
            self.assertEqual(self.exporter(self.client(b)).state, "connecting")
            b.stop()  # fails unless it ends, and with 0
            self.assertIn("export.impatient", b.process.output())
            b.env = self.pg.env
            b.start()
            self.check_same(self.client(b))

    def test_a_reload_goes_where_the_credential_says_now(self):
        self.pg.sql("CREATE DATABASE other")
        credential = self.dir / "baton-postgres"
        credential.write_text(f"host={self.pg.dir} user=postgres dbname=baton\n")
        conf = self.dir / "batond.conf"
        conf.write_text("")
        b = self.exporting("--config", conf, start=False)
        b.env = {"CREDENTIALS_DIRECTORY": str(self.dir)}
        b.start()
        c = self.client(b)
        self.work(c, 20, "a")
        self.wait_exported(c)
        credential.write_text(f"host={self.pg.dir} user=postgres dbname=other\n")
        self.assertEqual(self.pg.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'batond'"
                                     " AND datname = 'other'"), "0")
        conf.write_text("export-keep = 10d\n")
        b.process.signal(signal.SIGHUP)
        count = "SELECT count(*) FROM baton.task WHERE ended_at IS NOT NULL"
        wait_until("the other database to have it",
                   lambda: self.pg.sql("SELECT to_regclass('baton.task')", "other")
                   and self.pg.sql(count, "other") == "20", 30)
        self.work(c, 20, "b")
        wait_until("what comes, too", lambda: self.pg.sql(count, "other") == "40", 30)
        self.assertEqual((self.pg.sql(count), self.exporter(c).failures), ("20", 0))

    def test_a_plain_role_with_a_password(self):
        self.pg.sql("CREATE ROLE exporter LOGIN PASSWORD 'right';"
                    "GRANT CREATE ON DATABASE baton TO exporter")
        hba = self.pg.data / "pg_hba.conf"
        hba.write_text("local all exporter scram-sha-256\n" + hba.read_text())
        os.kill(self.pg.pid, signal.SIGHUP)
        passes = self.dir / "pgpass"
        passes.write_text("*:*:*:exporter:wrong\n")
        passes.chmod(0o600)
        b = self.exporting(start=False)
        b.env = {**self.pg.env, "PGUSER": "exporter", "PGPASSFILE": str(passes)}
        b.start()
        c = self.client(b)
        self.work(c, 10, "a")
        wait_until("an error", lambda: "password authentication failed" in self.exporter(c).error)
        passes.write_text("*:*:*:exporter:right\n")
        self.check_same(c)
        self.assertNotIn("right", b.process.output())

    def test_a_newer_schema_or_another_store_is_refused(self):
        b = self.exporting()
        c = self.client(b)
        self.work(c, 10, "a")
        self.wait_exported(c)
        b.stop()
        self.pg.sql("INSERT INTO baton.migration (version, name) VALUES (999, 'later')")
        b.start()
        c = self.client(b)
        wait_until("an error", lambda: "version 999" in self.exporter(c).error)
        b.stop()
        self.pg.sql("DELETE FROM baton.migration WHERE version = 999")
        other = self.exporting(data=self.dir / "other")
        c = self.client(other)
        wait_until("an error", lambda: "another store" in self.exporter(c).error)
        other.stop()
        self.assertEqual(self.pg.sql("SELECT count(*) FROM baton.task"), "10")

    def test_an_older_schema_is_migrated(self):
        b = self.exporting(start=False)
        versions = json.loads(self.baton_schema())["versions"]
        self.pg.sql("CREATE SCHEMA baton; CREATE TABLE baton.migration (version integer PRIMARY KEY,"
                    " name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())")
        for version in versions[:-1]:
            self.pg.sql(version["sql"])
            self.pg.sql(f"INSERT INTO baton.migration VALUES ({version['version']}, 'x')")
        b.start()
        c = self.client(b)
        self.work(c, 10, "a")
        self.check_same(c)
        self.assertEqual(self.pg.sql("SELECT count(*), max(version) FROM baton.migration"),
                         f"{len(versions)}|{len(versions)}")
        self.pg.rows("SELECT * FROM baton.throughput_by_day")

    def baton_schema(self):
        from harness import baton

        done = baton("ipc:///nowhere", "schema")
        self.assertEqual(done.status, 0, done.err)
        return done.out

    def test_old_rows_are_deleted(self):
        b = self.exporting("--export-keep", "1ms")
        c = self.client(b)
        self.work(c, 20, "a")
        c.submit([task.Spec(id="open", role="infra")])
        self.wait_exported(c)
        b.stop()
        self.pg.sql("INSERT INTO baton.sample VALUES ('2000-01-01', 'infra', 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL)")
        b.start()  # it looks at once
        wait_until("old rows to go",
                   lambda: self.pg.sql("SELECT string_agg(id, ' ') FROM baton.task") == "open")
        self.assertEqual(self.pg.sql("SELECT count(*) FROM baton.attempt"), "0")
        self.assertEqual(self.pg.sql("SELECT count(*) FROM baton.sample WHERE at < '2001-01-01'"), "0")

    def test_old_rows_are_deleted_while_new_ones_never_cease(self):
        b = self.exporting("--export-keep", "2s")
        c = self.client(b)
        self.wait_exported(c)
        over = threading.Event()
        self.addCleanup(over.set)

        def submit():
            busy = self.client(b)
            for n in itertools.count():
                busy.submit([task.Spec(id=f"busy-{n}", role="infra")])
                if over.wait(0.02):
                    return

        stream = threading.Thread(target=submit)
        stream.start()
        try:
            self.work(c, 20, "a")
            wait_until("the rows of a to come",
                       lambda: self.pg.sql("SELECT count(*) FROM baton.task WHERE ended_at IS NOT NULL") != "0")
            wait_until("the rows of a to go", lambda: c.status().exporter.purged >= 20, 30)
        finally:
            over.set()
            stream.join()


if __name__ == "__main__":
    for i, word in enumerate(sys.argv):
        if word == "--kills":
            KILLS = int(sys.argv[i + 1])
            del sys.argv[i : i + 2]
            break
    unittest.main()
