"""The exporter and a PostgreSQL that is there but no good: its disk is full, a firewall eats its packets, it takes no
writing, the rights are gone, there is no connection left. The queue goes on, status and /metrics say it, and when it
is mended every row comes, once."""

import os
import signal
import subprocess
import unittest

from harness import wait_until
from postgres import BIN, Postgres
from test_export import Export
from test_web import Web

# The exporter tries again after a minute at the latest.
MENDED_S = 100


def can(*command):
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


class Broken(Export):
    def watched(self):
        """A broker that has exported something, its client, and its /metrics."""
        return self.with_work(self.exporting())

    def with_work(self, b):
        self.web = Web(self, b)
        c = self.client(b)
        self.work(c, 50, "before")
        self.wait_exported(c)
        return b, c

    def check_told(self, b, c, words, name="meanwhile"):
        """The queue works, and everybody who asks is told what is wrong."""
        position = self.exporter(c).position
        for i in range(3):
            self.work(c, 200, f"{name}{i}")  # each answered by the broker alone
        wait_until(f"{words!r} to be said", lambda: words in self.exporter(c).error, 90)
        status = self.exporter(c)
        self.assertEqual(status.position, position)
        self.assertGreater(status.lag_facts, 1500)
        shown = self.baton(b, "status", json_out=False).out
        self.assertIn("the exporter to Postgres", shown)
        self.assertIn(words, shown)
        self.assertIn(words, self.baton(b, "status").json()["exporter"]["error"])
        metrics = wait_until("the metrics to say it", self.failing_metrics)
        self.assertGreater(metrics["baton_exporter_lag_facts"], 1500)
        self.assertGreater(metrics["baton_exporter_failures_total"], 0)

    def failing_metrics(self):
        """None while it is between two attempts."""
        metrics = self.web.metrics()
        return metrics if metrics['baton_exporter_state{state="failing"}'] == 1 else None

    def check_mended(self, c):
        self.wait_exported(c, MENDED_S)
        self.check_same(c)
        status = self.exporter(c)
        self.assertEqual((status.loads, status.error, status.cut), (0, "", False))
        wait_until("the metrics to be well", lambda: (m := self.web.metrics())["baton_exporter_lag_facts"] == 0
                   and m['baton_exporter_state{state="failing"}'] == 0)


class FullDisk(Broken):
    """The whole cluster on a small tmpfs; a ballast takes what is left of it."""

    def postgres(self):
        disk = self.dir / "p"
        disk.mkdir()
        if not can("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", disk):
            self.skipTest("SKIPPED: no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        return Postgres(disk, ["max_wal_size=32MB", "min_wal_size=32MB"])

    def fill(self):
        with open(self.dir / "p" / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(65536))
            except OSError:
                pass

    def empty(self):
        (self.dir / "p" / "ballast").unlink()

    def test_a_full_disk_of_rows(self):
        b, c = self.watched()
        self.fill()
        self.check_told(b, c, "No space left on device")
        self.empty()
        self.check_mended(c)

    def test_a_full_disk_of_its_journal_stops_the_server(self):
        b, c = self.watched()
        self.fill()
        try:
            for _ in range(10):
                self.pg.sql("CREATE TABLE more (); DROP TABLE more; SELECT pg_switch_wal()")
        except AssertionError:
            pass  # it can't make the next file, and panics
        else:
            self.fail("the server still has room")
        # Whether it comes up again by itself is its business: its last words are in the status, or that it is gone.
        self.check_told(b, c, "")
        self.assertNotEqual(self.exporter(c).error, "")
        self.empty()
        try:
            os.kill(self.pg.pid, signal.SIGQUIT)
        except (OSError, ValueError):
            pass
        wait_until("the server to be gone", lambda: not (self.pg.data / "postmaster.pid").exists(), 30)
        self.pg.start()
        self.check_mended(c)


class Firewall(Broken):
    """Both in a network namespace of their own, over TCP, where a rule drops every packet to the server."""

    def postgres(self):
        self.net = f"bt{os.getpid()}"
        inside = ("ip", "netns", "exec", self.net)
        if not can("ip", "netns", "add", self.net):
            self.skipTest("SKIPPED: no network namespace can be made here")
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", self.net], check=False)
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        if not can(*inside, "iptables", "-w", "-L"):
            self.skipTest("SKIPPED: iptables does not work here")
        return Postgres(self.dir / "p", ["listen_addresses=127.0.0.1"], prefix=inside)

    def rule(self, what, *target):
        subprocess.run(["ip", "netns", "exec", self.net, "iptables", "-w", what, "INPUT", "-p", "tcp", "--dport",
                        "5432", "-j", *target], check=True)

    def credential(self, more=""):
        """As a service has it; read again for each connection."""
        (self.dir / "baton-postgres").write_text(f"host=127.0.0.1 user=postgres dbname=baton {more}\n")

    def watched(self):
        hba = self.pg.data / "pg_hba.conf"
        hba.write_text("host all all 127.0.0.1/32 trust\n" + hba.read_text())
        os.kill(self.pg.pid, signal.SIGHUP)
        self.credential("tcp_user_timeout=3000")
        b = self.exporting(start=False)
        b.env["CREDENTIALS_DIRECTORY"] = str(self.dir)
        b.start(prefix=("ip", "netns", "exec", self.net))
        return self.with_work(b)

    def test_packets_are_dropped(self):
        b, c = self.watched()
        rule = ("DROP",)
        self.rule("-I", *rule)
        # First the connection that there was is given up, by the kernel, since the credential says so; then none
        # comes about, and that is the exporter's own patience.
        self.work(c, 50, "into-nothing")
        wait_until("the connection to be given up", lambda: "timed out" in self.exporter(c).error, 30)
        self.credential()
        self.check_told(b, c, "did not answer in time")
        self.rule("-D", *rule)
        self.check_mended(c)

    def test_packets_are_refused(self):
        b, c = self.watched()
        rule = ("REJECT", "--reject-with", "tcp-reset")
        self.rule("-I", *rule)
        self.check_told(b, c, "onnection refused")
        self.rule("-D", *rule)
        self.check_mended(c)


class Refusing(Broken):
    """A server that is well, and says no."""

    def postgres(self):
        return Postgres(self.dir / "p", ["max_connections=6", "max_wal_senders=0"])

    def watched(self):
        self.pg.sql("CREATE ROLE exporter LOGIN; GRANT CREATE ON DATABASE baton TO exporter;"
                    "CREATE ROLE other LOGIN")
        b = self.exporting(start=False)
        b.env = {**self.pg.env, "PGUSER": "exporter"}
        return self.with_work(b.start())

    def cut_off(self):
        """Ends the exporter's connection; what it may do is asked anew."""
        self.pg.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'exporter'")

    def check(self, broken, mended, words, cut_off=True):
        b, c = self.watched()
        self.pg.sql(broken)
        if cut_off:
            self.cut_off()
        self.check_told(b, c, words)
        self.pg.sql(mended)
        self.check_mended(c)

    def read_only(self, to):
        self.pg.sql(f"ALTER SYSTEM SET default_transaction_read_only = {to}")
        self.pg.sql("SELECT pg_reload_conf()")
        wait_until("it to be so", lambda: self.pg.sql("SHOW default_transaction_read_only") == to)

    def test_it_takes_no_writing_from_one_moment_on(self):
        b, c = self.watched()
        self.read_only("on")
        self.check_told(b, c, "in a read-only transaction")
        self.read_only("off")
        self.check_mended(c)

    def test_a_table_is_of_somebody_else(self):
        self.check("ALTER TABLE baton.task OWNER TO postgres", "ALTER TABLE baton.task OWNER TO exporter",
                   "permission denied for table task", cut_off=False)

    def test_the_schema_is_of_somebody_else(self):
        self.check("ALTER SCHEMA baton OWNER TO postgres", "ALTER SCHEMA baton OWNER TO exporter",
                   "permission denied for schema baton", cut_off=False)

    def test_no_temporary_tables(self):
        self.check("REVOKE TEMPORARY ON DATABASE baton FROM PUBLIC", "GRANT TEMPORARY ON DATABASE baton TO PUBLIC",
                   "permission denied to create temporary tables")

    def test_the_role_may_not_log_in(self):
        self.check("ALTER ROLE exporter NOLOGIN", "ALTER ROLE exporter LOGIN", "not permitted to log in")

    def test_the_role_has_too_many_connections(self):
        self.check("ALTER ROLE exporter CONNECTION LIMIT 0", "ALTER ROLE exporter CONNECTION LIMIT -1",
                   "too many connections")

    def hold_connection(self):
        """Of another role, until the test ends it; None: there was none left."""
        psql = subprocess.Popen([BIN / "psql", "-X", "-A", "-t", "-q"], env={**os.environ, **self.pg.env, "PGUSER": "other"},
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            psql.stdin.write("SELECT 1;\n")
            psql.stdin.flush()
        except BrokenPipeError:
            pass
        if psql.stdout.readline() == "1\n":
            self.addCleanup(self.release, psql)
            return psql
        self.release(psql)
        return None

    def release(self, psql):
        psql.kill()
        psql.wait()
        psql.stdin.close()
        psql.stdout.close()

    def test_others_have_all_connections(self):
        b, c = self.watched()
        held = []
        for _ in range(20):  # until it is the exporter who comes too late
            self.cut_off()
            while psql := self.hold_connection():
                held.append(psql)
            if len(held) >= 3:
                break
        self.assertEqual(len(held), 3)
        self.check_told(b, c, "remaining connection slots are reserved")
        for psql in held:
            self.release(psql)
        self.check_mended(c)


if __name__ == "__main__":
    unittest.main()
