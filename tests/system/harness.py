"""Starts, kills and asks real batond, baton-worker and baton processes, on ipc in a temporary
directory. Nothing here sleeps blindly: every wait is for something, with a bound.

Programs come from $BATON_BIN (default build/dev/bin). Processes die with the test: each gets
SIGKILL when its parent's main thread ends, and cleanup kills whole process groups."""

import ctypes
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from protocol_client import Client, Feed, NoAnswer, Refused, Worker  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BATON_BIN") or ROOT / "build" / "dev" / "bin").resolve()
# A sanitizer's or valgrind's build is slower: every bound is multiplied.
SLOWNESS = float(os.environ.get("BATON_TEST_SLOWNESS", "1"))
START_S = 20 * SLOWNESS
STOP_S = 20 * SLOWNESS

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def program(name):
    path = BIN / name
    if not path.exists():
        raise AssertionError(f"{path} is not built (BATON_BIN names the folder of programs)")
    return str(path)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_marked(mark):
    """SIGKILL for every process that has `mark` in its environment: agents of a killed worker have
    left its process group, but they know the test's endpoint."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            pass  # gone, or not ours


def command_line(pid):
    """Of a process; empty when there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def wait_until(what, condition, timeout=10.0):
    """Asks `condition` with short pauses until it is true; what it gave. Fails with `what`."""
    end = time.monotonic() + timeout * SLOWNESS
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout * SLOWNESS:.0f} s for: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


class Clock:
    """A clock of the test's own, standing still until it is moved: libfaketime gives it to the programs that get
    its `env`. Weeks pass in seconds, and the same test gives the same times to the millisecond."""

    LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1"
    # A step of a heartbeat is no surprise to the broker; after a longer one it waits two of them for news of those
    # that it did not hear, before it does anything that is due.
    STEP = datetime.timedelta(seconds=5)

    def __init__(self, dir, now):
        self.path = pathlib.Path(dir) / "clock"
        self.now = None
        self._write(now)
        self.env = {
            "LD_PRELOAD": self.LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "TZ": "UTC",
            # AddressSanitizer wants to be the first library that is loaded, and works as the second.
            "ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"])),
        }

    def _write(self, now):
        self.now = now
        new = self.path.with_suffix(".new")
        new.write_text(now.strftime("%Y-%m-%d %H:%M:%S\n"))
        new.rename(self.path)

    def set(self, now):
        """While no broker has it."""
        self._write(now)

    def move(self, broker, to):
        """To this moment (a datetime in UTC); returns when the broker has done all that was due by then. It
        forgives everybody the time that it did not see, so the last of it comes in steps."""
        if to <= self.now:
            raise AssertionError(f"{to} is not later than {self.now}")
        with Client(broker.endpoint) as client:
            # libzmq gives a handshake 30 s: one that is under way when the clock moves is broken off, and what was
            # sent with it is lost.
            client.ping()
            for moment in (to - n * self.STEP for n in (3, 2, 1, 0)):
                if moment > self.now:
                    self._write(moment)
                    # Pings are answered within a turn, and many in one turn, which may have looked at the clock
                    # before. The next step is not to come before this one was seen.
                    ms = moment.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000
                    wait_until(f"the broker to see {moment}", lambda ms=ms: client.ping().now >= ms)
            # What was due was done in that turn, or is in the turns after. The answer of a status is the end of one.
            for _ in range(10):
                client.status()


class Process:
    """A child in its own process group, with its output in files."""

    def __init__(self, argv, log, env=None, cwd=None):
        self.argv = [str(a) for a in argv]
        self.log = pathlib.Path(log)
        out = open(self.log, "ab")
        self.log_begin = out.tell()
        try:
            self.child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        finally:
            out.close()

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.is_running():
            self.child.send_signal(number)

    def wait(self, timeout=STOP_S):
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.argv[0]} (pid {self.pid}) still runs after {timeout:.0f} s\n{self.tail()}"
            ) from None

    def kill(self):
        """SIGKILL for the process alone, as a crash would; returns when it is gone."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def terminate(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def destroy(self):
        """SIGKILL for everything it started."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.child.wait()

    def output(self):
        """What this process wrote (others may have written to the same log before)."""
        with open(self.log, "rb") as log:
            log.seek(self.log_begin)
            return log.read().decode(errors="replace")

    def tail(self, n=4000):
        return f"--- end of {self.log.name}\n{self.output()[-n:]}\n---"


class Broker:
    """A batond on a data directory; start and kill it as often as you like."""

    def __init__(self, dir, data=None, args=(), env=None):
        self.dir = pathlib.Path(dir)
        self.env = dict(env or {})
        self.data = pathlib.Path(data) if data else self.dir / "data"
        self.endpoint = f"ipc://{self.dir}/broker.sock"
        self.args = list(args)
        self.process = None
        self.n_starts = 0

    def spawn(self, prefix=(), args=()):
        """Starts it without waiting that it serves. `prefix`: strace and its like."""
        self.n_starts += 1
        argv = [*prefix, program("batond"), "--data", self.data, "--listen", self.endpoint]
        env = dict(self.env)
        if prefix:
            # A build with the address sanitizer can't look for leaks while it is traced.
            env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        self.process = Process([*argv, *self.args, *args], self.dir / "batond.log", env=env)
        return self.process

    def start(self, prefix=(), args=()):
        self.spawn(prefix, args)
        self.wait_serving()
        return self

    def wait_serving(self, timeout=START_S):
        """Asks `ping` until it is answered."""
        end = time.monotonic() + timeout
        with Client(self.endpoint) as client:
            while True:
                try:
                    return client.ping(0.25)
                except NoAnswer:
                    pass
                if not self.process.is_running():
                    status = self.process.child.returncode
                    raise AssertionError(f"batond ended with {status}\n{self.process.tail()}")
                if time.monotonic() > end:
                    raise AssertionError(f"batond does not serve\n{self.process.tail()}")

    def kill(self):
        return self.process.kill()

    def stop(self):
        """SIGTERM; fails unless it ends with 0."""
        status = self.process.terminate()
        if status != 0:
            raise AssertionError(f"batond ended with {status} after SIGTERM\n{self.process.tail()}")

    def restart(self):
        self.stop()
        return self.start()

    def is_running(self):
        return self.process is not None and self.process.is_running()


class Cli:
    """What `baton` answered."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def error(self):
        return json.loads(self.err.splitlines()[-1])


def baton(endpoint, *args, json_out=True, timeout=30.0, stdin=None, env=None, cwd=None):
    """Runs `baton --json ARGS`; a Cli. Does not look at the exit status."""
    argv = [program("baton"), *(["--json"] if json_out else []), *[str(a) for a in args]]
    return Cli(
        subprocess.run(
            argv,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout * SLOWNESS,
            env={**os.environ, "BATON_ENDPOINT": endpoint, **(env or {})},
            cwd=cwd,
        )
    )


class SystemTest(unittest.TestCase):
    """A test with a temporary directory whose processes and connections go with it."""

    def setUp(self):
        base = os.environ.get("TMPDIR", "/tmp")
        # Short: the path of an ipc socket has room for 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bt-", dir=base))
        self.brokers = []
        self.addCleanup(self._remove)

    def _remove(self):
        for broker in self.brokers:
            if broker.process is not None:
                broker.process.destroy()
        _kill_marked(str(self.dir))
        if os.environ.get("BATON_TEST_KEEP"):
            print(f"kept: {self.dir}", file=sys.stderr)
            return
        shutil.rmtree(self.dir, ignore_errors=True)

    def own(self, thing):
        """`thing` is closed (or destroyed) when the test ends."""
        self.addCleanup(thing.destroy if isinstance(thing, Process) else thing.close)
        return thing

    def broker(self, start=True, **fields):
        fields.setdefault("dir", self.dir)
        broker = Broker(**fields)
        self.brokers.append(broker)
        return broker.start() if start else broker

    def client(self, broker, **fields):
        return self.own(Client(broker.endpoint, **fields))

    def worker(self, broker, name, roles=("backend",), slots=10, greet=True, **fields):
        worker = self.own(Worker(broker.endpoint, name, list(roles), slots, **fields))
        if greet:
            worker.greet()
        return worker

    def feed(self, broker, after=None):
        return self.own(Feed(broker.endpoint, after))

    def baton_worker(self, broker, role, command, slots=1, name=None, args=(), env=None):
        """A real baton-worker; owned by the test."""
        name = name or f"real-{role}"
        work = self.dir / name
        work.mkdir(exist_ok=True)
        argv = [program("baton-worker"), "--role", role, "--slots", slots, "--name", name]
        argv += [*args, "--", *command]
        env = {"BATON_ENDPOINT": broker.endpoint, "HOME": str(work), **(env or {})}
        env["XDG_STATE_HOME"] = str(work / "state")
        return self.own(Process(argv, work / "worker.log", env=env, cwd=work))

    def baton(self, broker, *args, **fields):
        return baton(broker.endpoint, *args, **fields)

    def assertRefused(self, code, call, *args, **fields):
        """The call is refused with this code; the Error."""
        try:
            answer = call(*args, **fields)
        except Refused as refused:
            self.assertEqual(refused.code, code, str(refused))
            return refused.error
        self.fail(f"not refused: {answer}")
        return None


class BrokerTest(SystemTest):
    """One broker from the start, `running`, and baton asks it."""

    def setUp(self):
        super().setUp()
        self.running = self.start_broker()

    def start_broker(self):
        return self.broker()

    def ask(self, *args, **fields):
        return self.baton(self.running, *args, **fields)

    def ok(self, *args, **fields):
        done = self.ask(*args, **fields)
        self.assertEqual(done.status, 0, done.out + done.err)
        return done

    def no(self, status, word, *args, **fields):
        """It ends with this status, and its error has this word."""
        done = self.ask(*args, **fields)
        self.assertEqual(done.status, status, done.out + done.err)
        self.assertIn(word, str(done.error()))
