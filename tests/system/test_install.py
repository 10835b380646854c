"""What `cmake --install` gives is complete: the installed programs run a plan by themselves, and others
can build against the installed library, shared and static, with pkg-config alone."""

import os
import shutil
import subprocess
import unittest

from harness import BIN, ROOT, SLOWNESS, START_S, Process, SystemTest, wait_until

BUILD = BIN.parent

FILES = (
    "bin/baton",
    "bin/baton-worker",
    "sbin/batond",
    "libexec/baton/baton-exec",
    "include/baton.h",
    "share/baton/proto/task.proto",
    "share/baton/proto/card.proto",
    "share/baton/proto/wire.proto",
    "share/bash-completion/completions/baton",
    "share/zsh/vendor-completions/_baton",
    "share/fish/vendor_completions.d/baton.fish",
    "share/doc/baton/protocol.md",
    "share/doc/baton/operate.md",
    "share/doc/baton/examples/prometheus/baton.rules.yml",
    "share/doc/baton/examples/prometheus/baton-dashboard.json",
    "share/doc/baton/examples/candlefish.yaml",
    "share/doc/baton/examples/agents/agent.sh",
)
PAGES = (
    "man1/baton.1",
    "man1/baton-worker.1",
    "man5/baton-plan.5",
    "man5/baton-worker.conf.5",
    "man5/batond.conf.5",
    "man8/batond.8",
)
LIBRARIES = ("libbaton.so", "libbaton.so.0", "libbaton.a", "pkgconfig/baton.pc")

PROGRAM = r"""
#include <baton.h>
#include <stdio.h>

int
main(void)
{
    baton *client;
    if (baton_open(NULL, NULL, &client) != BATON_OK) {
        return 2;
    }
    baton_spec *spec = baton_spec_new();
    spec->id = "from-c";
    spec->role = "backend";
    baton_submitted *submitted;
    baton_status status = baton_submit(client, &spec, 1, NULL, &submitted);
    if (status != BATON_OK) {
        fprintf(stderr, "%s: %s\n", baton_status_name(status), baton_error(client));
        return 1;
    }
    printf("%u created, %u unchanged\n", submitted->created, submitted->unchanged);
    baton_submitted_free(submitted);
    baton_spec_free(spec);
    baton_close(&client);
    return 0;
}
"""


def cached(name):
    """A variable of the build; "" when it is not set."""
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split("=", 1)[1]
    return ""


def run(*argv, **fields):
    """A program that must end with 0; what it wrote."""
    done = subprocess.run(
        [str(a) for a in argv],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120 * SLOWNESS,
        **fields,
    )
    if done.returncode != 0:
        raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Install(SystemTest):
    @classmethod
    def setUpClass(cls):
        if not (BUILD / "CMakeCache.txt").exists():
            print(f"SKIPPED: {BUILD} is not a build tree: nothing to install from", flush=True)
            raise unittest.SkipTest("no build tree")

    def setUp(self):
        super().setUp()
        self.prefix = self.dir / "prefix"
        run("cmake", "--install", BUILD, "--prefix", self.prefix)
        self.lib = self.prefix / (cached("CMAKE_INSTALL_LIBDIR") or "lib")

    def files(self, prefix):
        return {str(p.relative_to(prefix)) for p in prefix.rglob("*") if not p.is_dir()}

    def env(self, **more):
        """Only what is installed is found."""
        path = f"{self.prefix}/bin:{self.prefix}/sbin:/usr/bin:/bin"
        endpoint = f"ipc://{self.dir}/broker.sock"
        return {"PATH": path, "HOME": str(self.dir), "BATON_ENDPOINT": endpoint, **more}

    def start_broker(self):
        argv = ["batond", "--data", self.dir / "data", "--listen", self.env()["BATON_ENDPOINT"]]
        broker = self.own(Process(["env", *argv], self.dir / "batond.log", env=self.env()))
        wait_until("the broker", lambda: self.ping(broker), START_S)
        return broker

    def ping(self, broker):
        self.assertTrue(broker.is_running(), broker.tail())
        argv = ["baton", "ping", "--timeout", "1s"]
        return subprocess.run(argv, env=self.env(), capture_output=True).returncode == 0

    # -- what is where --

    def test_layout(self):
        for name in FILES:
            path = self.prefix / name
            self.assertTrue(path.is_file() and path.stat().st_size > 0, f"{name} is missing")
        for name in LIBRARIES:
            self.assertTrue((self.lib / name).exists(), f"{name} is missing")
        for name in FILES[:4] + FILES[-1:]:
            self.assertTrue(os.access(self.prefix / name, os.X_OK), f"{name} can't be run")
        for name in self.files(self.prefix):
            self.assertFalse(name.endswith((".pb-c.h", ".pb-c.c")), f"{name} is ours alone")

    def test_manual(self):
        if not shutil.which("scdoc"):
            print("SKIPPED: scdoc is missing (scripts/deps)", flush=True)
            self.skipTest("no scdoc")
        for name in PAGES:
            self.assertIn(".TH", (self.prefix / "share/man" / name).read_text())

    def test_completion_is_read_by_the_shells(self):
        for shell, name in zip(("bash", "zsh", "fish"), FILES[8:11]):
            if shutil.which(shell):
                run(shell, "-n", self.prefix / name)
            else:
                print(f"left out: {shell} is missing", flush=True)

    def test_destdir(self):
        """A package is made so; the same files, below the prefix that was configured."""
        root = self.dir / "root"
        run("cmake", "--install", BUILD, env={**os.environ, "DESTDIR": str(root)})
        prefix = root / cached("CMAKE_INSTALL_PREFIX").lstrip("/")
        self.assertEqual(self.files(prefix), self.files(self.prefix))
        for path in prefix.rglob("*"):
            if path.suffix in (".pc", ".md", ".1", ".5", ".8", ".yaml") or "completion" in str(path):
                text = path.read_text() if path.is_file() else ""
                self.assertNotIn(str(ROOT), text, f"{path} knows the source's place")

    # -- running what is installed --

    def test_hello(self):
        self.start_broker()
        for role in ("infra", "backend"):
            argv = ["env", "baton-worker", "--role", role, "--state", self.dir / role, "--", "false"]
            self.own(Process(argv, self.dir / f"{role}.log", env=self.env()))
        plan = self.prefix / "share/doc/baton/examples/hello.yaml"
        run("baton", "apply", plan, env=self.env())
        run("baton", "wait", "hello", "answer", "--timeout", "30s", env=self.env())
        shown = run("baton", "show", "answer", env=self.env())
        self.assertIn("hello back", shown)

    def compile(self, name, *libraries):
        source = self.dir / "program.c"
        source.write_text(PROGRAM)
        flags = self.pkg_config("--cflags", "baton")
        sanitize = cached("BATON_SANITIZE")
        extra = [f"-fsanitize={sanitize}"] if sanitize else []
        if cached("BATON_COVERAGE") == "ON":
            extra.append("--coverage")
        warnings = ["-Wall", "-Wextra", "-Werror", "-std=c11", "-pedantic"]
        compiler = cached("CMAKE_C_COMPILER") or "cc"
        run(compiler, *warnings, *extra, *flags, source, "-o", self.dir / name, *libraries)
        return self.dir / name

    def pkg_config(self, *args):
        env = {**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}
        return run("pkg-config", *args, env=env).split()

    def test_a_program_with_the_library(self):
        self.start_broker()
        shared = self.compile("shared", *self.pkg_config("--libs", "baton"))
        env = self.env(LD_LIBRARY_PATH=str(self.lib))
        self.assertIn("libbaton.so.0", run("readelf", "-d", shared))
        self.assertEqual(run(shared, env=env), "1 created, 0 unchanged\n")

        private = self.pkg_config("--print-requires-private", "baton")
        names = [word for word in private if word.startswith("lib")]
        self.assertTrue(names)
        static = self.compile("static", self.lib / "libbaton.a", *self.pkg_config("--libs", *names))
        self.assertNotIn("libbaton", run("readelf", "-d", static))
        self.assertEqual(run(static, env=self.env()), "0 created, 1 unchanged\n")

    def test_the_library_exports_only_its_own(self):
        rows = run("nm", "-D", "--defined-only", self.lib / "libbaton.so.0").splitlines()
        names = {row.split()[-1].split("@")[0] for row in rows}
        others = {n for n in names if not n.startswith(("baton_", "BATON_"))}
        self.assertIn("baton_open", names)
        self.assertEqual(others, set())


class Units(unittest.TestCase):
    def test_each_line_that_locks_in_has_its_reason(self):
        units = sorted((ROOT / "systemd").glob("*.service.in"))
        self.assertEqual(len(units), 4)
        for unit in units:
            lines = unit.read_text().split("# ---- what")[1].split("\n\n[Install]")[0].splitlines()[1:]
            settings = [i for i, line in enumerate(lines) if not line.startswith("#")]
            self.assertGreater(len(settings), 20, unit)
            for i in settings:
                self.assertTrue(i > 0 and lines[i - 1].startswith("# "), f"{unit.name}: {lines[i]}")


if __name__ == "__main__":
    unittest.main()
