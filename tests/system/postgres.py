"""A PostgreSQL of the test's own: a cluster in the test's directory, on a unix socket there."""

import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess

from harness import wait_until

BIN = pathlib.Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))


class Postgres:
    """`dir` must be reachable for the user postgres, who runs it when we are root. `prefix`: a command that runs the
    server's, such as one that enters a network namespace."""

    def __init__(self, dir, settings=(), prefix=()):
        self.dir = pathlib.Path(dir)
        self.prefix = list(prefix)
        self.data = self.dir / "pg"
        self.settings = list(settings)
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.dir.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.dir, "postgres", "postgres")
            for parent in [self.dir, *self.dir.parents]:
                if parent.owner() == "root" and parent.stat().st_mode & 0o1 == 0:
                    parent.chmod(parent.stat().st_mode | 0o11)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync", "-N")
        self.start()
        self.sql("CREATE DATABASE baton", database="postgres")

    @property
    def env(self):
        """What tells libpq where it is."""
        return {"PGHOST": str(self.dir), "PGUSER": "postgres", "PGDATABASE": "baton",
                "PGPASSFILE": "/nonexistent", "PGSSLMODE": "disable"}

    def _as_postgres(self, argv):
        runuser = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        return [*self.prefix, *runuser, *[str(a) for a in argv]]

    def _run(self, program, *args):
        done = subprocess.run(self._as_postgres([BIN / program, *args]), cwd="/", text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            log = self.dir / "pg.log"
            tail = log.read_text()[-2000:] if log.exists() else ""
            raise AssertionError(f"{program}: {done.stdout}{done.stderr}{tail}")

    def start(self):
        options = ["-k", str(self.dir), "-h", "", "-F", "-c", "max_wal_size=200MB", "-c",
                   "shared_buffers=32MB"]
        for setting in self.settings:
            options += ["-c", setting]
        log = self.dir / "pg.log"
        self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-t", "60", "-s", "-o",
                  " ".join(f"'{o}'" for o in options), "start")

    @property
    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def processes(self):
        """The postmaster's children."""
        pids = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True)
        return [int(pid) for pid in pids.stdout.split()]

    def signal(self, number):
        """To all of its processes."""
        for pid in [self.pid, *self.processes()]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """As a crash would: no process of it is left."""
        os.kill(self.pid, signal.SIGSTOP)  # it makes no more children
        pids = [self.pid, *self.processes()]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_until("postgres to be gone", lambda: not any(_is_running(pid) for pid in pids))
        # Where nobody reaps it, its number would pass for a server that runs.
        for left in (self.data / "postmaster.pid", self.dir / ".s.PGSQL.5432.lock"):
            left.unlink(missing_ok=True)

    def stop(self):
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "-s", "stop")

    def sql(self, text, database="baton"):
        """The output of psql: a line a row, columns with a bar between."""
        env = {**os.environ, **self.env, "PGDATABASE": database}
        done = subprocess.run(
            [BIN / "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", text],
            capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, timeout=120)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.rstrip("\n")

    def rows(self, text):
        """A query's rows as dictionaries."""
        out = self.sql(f"SELECT coalesce(json_agg(q), '[]') FROM ({text}) q")
        return json.loads(out)

    def close(self):
        try:
            self.signal(signal.SIGCONT)
            self.kill()
        except (OSError, ValueError):
            pass


def _is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
