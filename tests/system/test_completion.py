"""Completion as each shell does it itself, with what a broker that runs knows: tasks for every verb that takes them, cards
by kind, projects, resources, workers; words behind verbs, values of options. What each verb offers without a broker is held by
the unit test ctl_complete."""

import os
import pty
import re
import shutil
import subprocess
import unittest

from harness import SystemTest, baton, program, wait_until

TASK = "zebra-1"
ZSHRC = r"""
PS1='> '
autoload -Uz compinit
compinit -u -D
source %s
tell() { zle complete-word; print -r -- "$BUFFER" >$TOLD.new; command mv $TOLD.new $TOLD; BUFFER= }
zle -N tell
bindkey '^T' tell
"""


class Completion(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.ok("add", TASK, "--role", "backend", "--resource", "staging")
        self.ok("--project", "shop", "add", "cart", "--role", "infra")
        self.number = str(self.ok("blocker", "raise", "no disk", "--role", "infra").json()["number"])
        self.ok("signal", "raise", "db-ready")
        self.ok("schedule", "set", "nightly", "--when", "daily 9:00")
        self.ok("reserve", "path:src/$(touch hacked)")
        (self.dir / "plan-one.yaml").write_text("")
        path = f"{os.path.dirname(program('baton'))}:{os.environ['PATH']}"
        self.env = {**os.environ, "PATH": path, "BATON_ENDPOINT": self.b.endpoint, "HOME": str(self.dir), "LANG": "C.UTF-8"}

    def ok(self, *args):
        done = self.baton(self.b, *args)
        self.assertEqual(done.status, 0, done.err)
        return done

    def script(self, shell):
        if not shutil.which(shell):
            print(f"SKIPPED: {shell} is missing (scripts/deps)", flush=True)
            self.skipTest(f"no {shell}")
        file = self.dir / f"completion.{shell}"
        file.write_text(baton("", "completion", shell, json_out=False).out)
        return file

    def verbs(self):
        """Those that take tasks that there are, by their own help."""
        names = re.findall(r"(?m)^  ([a-z]+) ", baton("", "help", json_out=False).out)
        usage = {name: baton("", "help", name, json_out=False).out.splitlines()[0] for name in names}
        found = [name for name, line in usage.items() if re.match(rf"usage: baton {name} \[?ID", line)]
        self.assertGreater(len(found), 12, usage)
        return found

    def check(self, complete, hostile, file="plan-one.yaml"):
        """`complete` gives what the shell offers for, or makes of, a line; `hostile` is how it writes a name that has
        something for shells in it, and `file` what it says of a place where a file may stand."""
        for verb in self.verbs():
            self.assertIn(TASK, complete(f"baton {verb} zeb"), verb)
            self.assertIn(TASK, complete(f"baton --quiet {verb} zeb"), verb)
        self.assertNotIn(TASK, complete("baton add zeb"))
        self.assertIn("backend", complete("baton take --role backe"))
        self.assertIn("critical", complete("baton add x --priority crit"))
        self.assertIn(TASK, complete("baton add x --after zeb"))
        self.assertIn("milestones", complete("baton mileston"))
        self.assertIn("--reason", complete(f"baton cancel {TASK} --reas"))
        self.assertIn("resolve", complete("baton blocker res"))
        self.assertIn("release", complete("baton lock rel"))
        self.assertIn("close", complete("baton project cl"))
        self.assertIn(self.number, complete("baton blocker take "))
        self.assertIn("db-ready", complete("baton signal withdraw db"))
        self.assertIn("nightly", complete("baton schedule run ni"))
        self.assertIn("staging", complete("baton lock try sta"))
        self.assertIn("shop", complete("baton project show sh"))
        self.assertIn("cart", complete("baton --project shop show ca"))
        self.assertIn("shop//cart", complete("baton show shop//ca"))
        self.assertIn("backend", complete("baton add x --role=backe"))
        self.assertIn(file, complete(f"baton apply {self.dir}/plan-o"))
        self.assertIn(hostile, complete("baton lock try path:s"))
        self.assertFalse(os.path.exists("hacked"))
        self.ok("add", "later-2", "--role", "backend")
        self.assertIn("later-2", complete("baton show lat"))  # live

    def run_shell(self, *argv):
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (0, ""), argv)
        return done.stdout

    def test_bash(self):
        script = self.script("bash")
        # Files are the shell's own: that it is told so is seen by what stands in for compopt here.
        ask = 'source "$0"; compopt() { echo "$@"; }; COMP_LINE=$1 COMP_POINT=${#1}; _baton; printf "%s\\n" "${COMPREPLY[@]}"'
        self.check(lambda line: self.run_shell("bash", "--norc", "-c", ask, script, line), r"src/\$\(touch\ hacked\)", "-o default")
        self.assertEqual(self.run_shell("bash", "--norc", "-c", ask, script, "baton take --role=ba"), "backend\n")
        self.assertNotIn("path:", self.run_shell("bash", "--norc", "-c", ask, script, "baton lock try path:s"))

    def test_fish(self):
        script = self.script("fish")
        ask = "source $argv[1]; complete --do-complete $argv[2]"
        self.check(lambda line: self.run_shell("fish", "-c", ask, script, line), "path:src/$(touch hacked)")

    def test_zsh(self):
        """On a terminal: what stands on the line after the key."""
        (self.dir / ".zshrc").write_text(ZSHRC % self.script("zsh"))
        told = self.dir / "told"
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        env = {**self.env, "ZDOTDIR": str(self.dir), "TOLD": str(told), "TERM": "dumb"}
        shell = subprocess.Popen(["zsh", "-d", "-i"], env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        os.set_blocking(ours, False)

        def is_told():
            try:
                os.read(ours, 65536)  # what it draws
            except OSError:
                pass
            return told.exists()

        def complete(line):
            told.unlink(missing_ok=True)
            os.write(ours, line.encode() + b"\x14")
            wait_until(f"zsh to complete {line!r}", is_told, 30)
            return told.read_text()

        self.check(complete, r"path:src/\$\(touch\ hacked\)")


if __name__ == "__main__":
    unittest.main()
