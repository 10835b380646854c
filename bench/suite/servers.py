"""The servers that are measured: each a child process of this one, with its data in a directory of its own, on a
unix socket where it has one and on a free loopback port where it has not. What is started here is ended here."""
import contextlib
import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def find(program, *more):
    """The path of a program, also of one that is only in root's path."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *more]))


def wait_until(predicate, what, seconds=180, step=0.005):
    until = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} does not come up")
        time.sleep(step)


class Server:
    """A server that can be killed and started again on the same data."""

    def __init__(self, directory):
        self.directory = directory
        self.endpoint = f"{directory}/s"
        self.process = None
        self.started_at = 0.0
        self.prepare()

    def prepare(self):
        """Once, before the first start."""

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(f"{self.directory}/log", "ab") as log:
            self.started_at = time.monotonic()
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent, cwd=self.directory)
        return self

    def is_up(self):
        """Does it take connections? Clients here try again until it does."""
        if self.endpoint.startswith("/"):
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(self.endpoint) == 0
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.endpoint))) == 0

    def wait(self):
        def up():
            if self.process.poll() is not None:
                with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"{self.command()[0]} ended: {log.read()[-500:]}")
            return self.is_up()
        wait_until(up, self.command()[0])
        return self

    @property
    def pid(self):
        return self.process.pid

    def rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    def settled_rss(self, step):
        """When it no longer changes for a while: what is written behind the answers is done."""
        before, same = -1, 0
        for _ in range(100):
            now = self.rss()
            same = same + 1 if abs(now - before) < 1 << 20 else 0
            if same == 4:
                break
            before = now
            time.sleep(step)
        return self.rss()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Batond(Server):
    def __init__(self, directory, binaries, *arguments):
        self.binaries = binaries
        self.arguments = arguments
        super().__init__(directory)
        self.endpoint = f"ipc://{directory}/s"

    def command(self):
        return [f"{self.binaries}/batond", "--data", f"{self.directory}/data", "--listen", self.endpoint, *self.arguments]

    def is_up(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{self.directory}/s") == 0


class Beanstalkd(Server):
    def __init__(self, directory, *arguments):
        self.arguments = arguments
        super().__init__(directory)

    def prepare(self):
        os.mkdir(f"{self.directory}/log.d")

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.endpoint)  # left by the one that was killed
        return super().start()

    def command(self):
        arguments = [word.format(directory=f"{self.directory}/log.d") for word in self.arguments]
        return [find("beanstalkd"), "-l", f"unix:{self.endpoint}", *arguments]


class Gearmand(Server):
    def __init__(self, directory, *arguments):
        self.arguments = arguments
        super().__init__(directory)
        self.endpoint = str(free_port())

    def command(self):
        arguments = [word.format(directory=self.directory) for word in self.arguments]
        user = pwd.getpwuid(os.geteuid()).pw_name
        # The table of unique names has 991 buckets unless told otherwise, and degrades beyond.
        return [find("gearmand"), "--hashtable-buckets=200003", "-L", "127.0.0.1", "-p", self.endpoint, "-u", user,
                "-l", "stderr", "-P", f"{self.directory}/pid", *arguments]


class Redis(Server):
    def __init__(self, directory, *arguments):
        self.arguments = arguments
        super().__init__(directory)

    def command(self):
        return [find("redis-server"), "--port", "0", "--unixsocket", self.endpoint, "--save", "", "--dir", self.directory,
                "--maxmemory-policy", "noeviction", *self.arguments]

    def is_up(self):
        """Answers, and has loaded its data."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            if probe.connect_ex(self.endpoint) != 0:
                return False
            probe.sendall(b"PING\r\n")
            with contextlib.suppress(OSError):
                return probe.recv(100).startswith(b"+PONG")
            return False


class Nats(Server):
    def __init__(self, directory):
        super().__init__(directory)
        self.endpoint = str(free_port())

    def command(self):
        with open(f"{self.directory}/conf", "w", encoding="utf-8") as file:
            file.write(f'listen: "127.0.0.1:{self.endpoint}"\n'
                       f'jetstream {{ store_dir: "{self.directory}/js", max_mem: 8GB, max_file: 20GB }}\n')
        return [find("nats-server"), "-c", f"{self.directory}/conf"]


def postgres_binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    return os.path.dirname(found[-1]) if found else ""


class Postgres(Server):
    """Refuses to run as root: then it runs as its own user."""

    def __init__(self, directory, *settings):
        self.settings = settings
        self.binaries = postgres_binaries()
        self.user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
        super().__init__(directory)
        name = "postgres" if self.user else pwd.getpwuid(os.geteuid()).pw_name
        self.endpoint = f"postgresql:///postgres?host={directory}&user={name}"

    def prepare(self):
        if self.user:
            shutil.chown(self.directory, "postgres")
        subprocess.run([*self.user, f"{self.binaries}/initdb", "-D", f"{self.directory}/data", "-A", "trust", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.directory)
        with open(f"{self.directory}/data/postgresql.conf", "a", encoding="utf-8") as file:
            file.write(f"listen_addresses=''\nunix_socket_directories='{self.directory}'\nshared_buffers=2GB\n"
                       "max_wal_size=8GB\ncheckpoint_timeout=15min\nmax_connections=60\n" + "\n".join(self.settings) + "\n")

    def command(self):
        return [*self.user, f"{self.binaries}/postgres", "-D", f"{self.directory}/data"]

    def is_up(self):
        done = subprocess.run([*self.user, f"{self.binaries}/pg_isready", "-q", "-h", self.directory], check=False)
        return done.returncode == 0

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGQUIT)  # at once, with all its children
            self.process.wait()
            self.process = None
