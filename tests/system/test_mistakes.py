"""What people and scripts get wrong: each mistake ends with the promised exit status, says what is
wrong and what to do, is one object under --json, and leaves the broker as it was."""

import json
import os
import subprocess
import unittest

from harness import SLOWNESS, SystemTest, program

# The command line behind `baton`, its exit status, and a word of the message.
MISTAKES = [
    ("", 64, "which verb"),
    ("frob", 64, "no verb frob"),
    ("lisst", 64, "list"),
    ("--frob list", 64, "--frob"),
    ("list --frob", 64, "--frob"),
    ("list --timeout soon", 64, "duration"),
    ("list --timeout -5", 64, "duration"),
    ("list --timeout 99999999999999999999", 64, "duration"),
    ("list --state happy", 64, "waiting, ready"),
    ("list --role chef", 65, "infra, backend"),
    ("list --limit -1", 64, "number"),
    ("list --limit 99999999999999999999", 64, "number"),
    ("list --label x", 64, "NAME=VALUE"),
    ("list --project a//b", 64, "not a name"),
    ("show", 64, "which task"),
    ("show ghost", 1, "no task ghost"),
    ("show O", 1, "PROJECT//ID"),
    ("show nowhere//A", 1, "project nowhere"),
    ("show ../A", 65, "not a task's name"),
    ("show //A", 65, "not a name"),
    ("why", 64, "which task"),
    ("why ghost", 1, "no task ghost"),
    ("wait", 64, "--all"),
    ("wait ghost", 1, "no task ghost"),
    ("wait --all A", 64, "not both"),
    ("wait A --for happy", 64, "terminal"),
    ("add C", 64, "--role"),
    ("add C --role chef", 65, "infra, backend"),
    ("add C --role infra extra", 64, "extra"),
    ("add C --role infra --deadline 2025-02-30", 64, "2025-08-12"),
    ("add C --role infra --deadline 99999-01-01", 64, "2025-08-12"),
    ("add C --role infra --not-before soon", 64, "2025-08-12"),
    ("add C --role infra --priority urgent", 64, "critical"),
    ("add C --role infra --max-attempts -1", 64, "number"),
    ("add C --role infra --resource gpu=-1", 64, "number"),
    ("add C --role infra --resource gpu=99999999999", 64, "number"),
    ("add C --role infra --max-runtime -3s", 64, "duration"),
    ("add C --role infra --estimate 1e9", 64, "duration"),
    ("add C --role infra --env BATON_X=1", 65, "BATON_"),
    ("add C --role infra --workdir ../..", 65, "workdir"),
    ("add C --role infra --after C", 65, "itself"),
    ("add A --role backend --title other", 65, "A"),
    ("set A", 64, "--priority"),
    ("set ghost --priority high", 1, "no task ghost"),
    ("set A --after A", 65, "itself"),
    ("set A --after B", 65, "B -> A -> B"),
    ("set A --deadline never", 64, "2025-08-12"),
    ("graph svg", 64, "mermaid"),
    ("graph --from ghost", 1, "no task ghost"),
    ("graph --depth -1", 64, "number"),
    ("watch --since -1", 64, "number"),
    ("watch --since abc", 64, "number"),
    ("watch --role chef", 65, "infra, backend"),
    ("export /nonexistent/x", 73, "can't be made"),
    ("export dir", 73, "can't be made"),
    ("cancel A", 64, "--reason"),
    ("cancel ghost --reason x", 1, "no task ghost"),
    ("cancel A --reason x --grace -1", 64, "duration"),
    ("cancel --all --reason x", 64, "--yes"),
    ("retry", 64, "which tasks"),
    ("retry A", 1, "failed, cancelled"),
    ("retry ghost", 1, "no task ghost"),
    ("hold ghost", 1, "no task ghost"),
    ("release ghost", 1, "no task ghost"),
    ("reopen A", 1, "done"),
    ("project", 64, "show, close, open"),
    ("project shut shop", 64, "show, close, open"),
    ("project close", 64, "which project"),
    ("project close ghost", 1, "no project ghost"),
    ("project show ../x", 65, "name"),
    ("pause", 64, "--broker"),
    ("pause --role chef", 65, "infra, backend"),
    ("pause --role infra --until 2001-01-01", 65, "passed"),
    ("pause --role infra --until soon", 64, "2025-08-12"),
    ("resume", 64, "--broker"),
    ("drain --resource x", 64, "pause"),
    ("drain --worker ghost", 1, "ever been here"),
    ("status x", 64, "baton show"),
    ("workers x", 64, "not expected"),
    ("resources x", 64, "NAME=CAPACITY"),
    ("resources gpu=-1", 64, "number"),
    ("ping x", 64, "not expected"),
    ("backup", 64, "file"),
    ("backup /nonexistent/x", 65, "another path"),
    ("backup dir", 65, "exists"),
    ("take", 64, "--role"),
    ("take --role chef", 65, "infra, backend"),
    ("take --role testing", 75, "nothing to take"),
    ("take --role testing --wait -1", 64, "duration"),
    ("take --task ghost", 1, "no task ghost"),
    ("take --task B", 1, "not ready"),
    ("started", 64, "--token"),
    ("progress 50 x", 64, "--token"),
    ("progress 150 x --token 7", 64, "0 to 100"),
    ("progress many x --token 7", 64, "0 to 100"),
    ("progress 50 x --token abc", 64, "baton take"),
    ("progress 50 x --token 999999", 1, "this token"),
    ("complete --token 999999", 1, "this token"),
    ("complete --token 999999 --result /nonexistent", 65, "can't be read"),
    ("complete --token 999999 --result dir", 65, "directory"),
    ("complete --token 999999 --result empty", 65, "JSON"),
    ("fail --token 7", 64, "why"),
    ("fail --token 999999 broken", 1, "this token"),
    ("return --token 999999", 1, "this token"),
    ("completion csh", 64, "bash"),
    ("help frob", 64, "baton help"),
    ("apply", 64, "file"),
    ("apply /nonexistent", 65, "/nonexistent"),
    ("apply dir", 65, "directory"),
    ("apply empty", 65, "empty"),
    ("apply latin.yaml", 65, "UTF-8"),
    ("apply bad.yaml", 65, "bad.yaml:2:"),
    ("apply --format xls good.yaml", 64, "wfformat"),
    ("apply --role chef good.yaml", 64, "infra, backend"),
    ("apply --role-map /nonexistent good.yaml", 65, "/nonexistent"),
    ("apply --zone Mars/Olympus good.yaml", 64, "Europe/Berlin"),
    ("apply good.yaml good.yaml", 65, "already"),
    ("apply --strict strict.yaml", 65, "ghost"),
    ("check", 64, "file"),
    ("check bad.yaml", 65, "bad.yaml:2:"),
    ("list --endpoint ipc:///nonexistent/x --timeout 100ms", 69, "batond"),
    ("list --endpoint tcp://127.0.0.1:1", 78, "keys"),
    ("list --endpoint foo", 78, "ipc://PATH"),
    ("list --endpoint ipc://", 78, "ipc://PATH"),
    ("list --endpoint ipc:///" + "x" * 200, 78, "107"),
]

BROKER_MISTAKES = [
    ("--frob", 64, "--help"),
    ("x", 64, "unexpected"),
    ("--data", 64, "--help"),
    ("--lease 0", 64, "duration"),
    ("--lease -1", 64, "duration"),
    ("--lease 99999w", 64, "duration"),
    ("--reserve -1", 64, "size"),
    ("--reserve 99999999999999999999", 64, "size"),
    ("--hot-ended 0", 64, "number"),
    ("--log-level loud", 64, "notice"),
    ("--zone Mars/Olympus", 64, "Europe/Berlin"),
    ("--listen tcp://0.0.0.0:1", 78, "ipc://PATH"),
    ("--listen foo", 78, "ipc://PATH"),
    ("--listen ipc:///" + "x" * 200, 78, "at most"),
    ("--listen ipc://{dir}/dir", 78, "not a socket"),
    ("--listen ipc:///proc/x/y", 78, "/proc/x"),
    ("--data {dir}/empty", 78, "{dir}/empty"),
    ("--data /proc/x/y", 78, "/proc/x/y"),
]

WORKER_MISTAKES = [
    ("", 64, "--role"),
    ("--frob", 64, "--frob"),
    ("--role chef -- x", 64, "infra, backend"),
    ("--role infra --slots 0 -- x", 64, "from 1"),
    ("--role infra --slots 99999999 -- x", 64, "from 1"),
    ("--role infra --name a//b -- x", 64, "not a name"),
    ("--role infra --no-task-commands", 64, "COMMAND"),
    ("--role infra --max-runtime soon -- x", 64, "duration"),
    ("--role infra --output-max -1 -- x", 64, "size"),
    ("--role infra --adapter gpt -- x", 64, "claude-json"),
    ("--role infra --env A=B -- x", 64, "NAME"),
    ("--role infra --rate-limit-pattern ( -- x", 64, "regular expression"),
    ("--role infra --workdir /nonexistent -- x", 78, "/nonexistent"),
    ("--role infra --endpoint foo -- x", 78, "ipc://PATH"),
    ("--role infra --endpoint tcp://127.0.0.1:1 -- x", 78, "keys"),
    ("--role infra --state /proc/x -- x", 73, "--state"),
]


class MistakesTest(SystemTest):
    def setUp(self):
        super().setUp()
        (self.dir / "dir").mkdir()
        (self.dir / "empty").touch()
        (self.dir / "latin.yaml").write_bytes(b"title: \xfcber\n")
        (self.dir / "bad.yaml").write_text("tasks:\n  - {id: a, rolle: infra}\n")
        (self.dir / "good.yaml").write_text("tasks:\n  - {id: g, role: infra}\n")
        (self.dir / "strict.yaml").write_text("tasks:\n  - {id: g, role: infra, after: [ghost]}\n")

    def run_program(self, name, line, env=None, **fields):
        line = line.replace("{dir}", str(self.dir))
        fields.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            [program(name), *line.split()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30 * SLOWNESS,
            cwd=self.dir,
            env={**os.environ, "HOME": str(self.dir), **(env or {})},
            **fields,
        )


class TestMistakes(MistakesTest):
    def test_on_the_command_line(self):
        broker = self.broker()
        env = {"BATON_ENDPOINT": broker.endpoint}
        for line in ("add A --role infra", "add B --role infra --after A", "add O --project o "
                     "--role infra"):  # fmt: skip
            self.assertEqual(self.run_program("baton", line, env).returncode, 0)
        before = self.run_program("baton", "list --json --ids", env).stdout
        for line, status, word in MISTAKES:
            with self.subTest(line):
                done = self.run_program("baton", line, env)
                self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
                self.assertIn(word, done.stderr)
                if line.startswith("graph"):
                    continue  # it has no JSON, and says so
                done = self.run_program("baton", "--json " + line, env)
                self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
                error = json.loads(done.stderr)["error"]
                self.assertRegex(error["code"], "^[a-z_]+$")
                self.assertIn(word, error["message"] + (error["hint"] or ""))
        self.assertEqual(self.run_program("baton", "list --json --ids", env).stdout, before)
        self.assertEqual(self.run_program("baton", "ping", env).returncode, 0)

    def test_of_the_broker(self):
        for line, status, word in BROKER_MISTAKES:
            with self.subTest(line):
                begin = "" if "--data" in line else "--data {dir}/data "
                begin += "" if "--listen" in line else "--listen ipc://{dir}/b.sock "
                done = self.run_program("batond", begin + line)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(word.replace("{dir}", str(self.dir)), done.stderr)

    def test_of_the_worker(self):
        env = {"XDG_STATE_HOME": str(self.dir), "BATON_ENDPOINT": f"ipc://{self.dir}/none"}
        for line, status, word in WORKER_MISTAKES:
            with self.subTest(line):
                done = self.run_program("baton-worker", line, env)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(word, done.stderr)


class TestSurroundings(MistakesTest):
    """The same answer wherever `baton` is called from."""

    def setUp(self):
        super().setUp()
        self.env = {"BATON_ENDPOINT": self.broker().endpoint}
        lines = [f'{{"id":"t{i}","role":"infra","title":"ä{i}"}}\n' for i in range(200)]
        (self.dir / "many").write_text("".join(lines))
        done = self.run_program("baton", "apply --format lines many", self.env)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_reader_that_has_seen_enough_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        with open(write, "w") as pipe:
            done = self.run_program("baton", "list", self.env, stdout=pipe)
        # As other programs: ended by the signal, or quietly.
        self.assertIn(done.returncode, (0, -13))
        self.assertEqual(done.stderr, "")

    def test_output_that_is_lost_is_an_error(self):
        with open("/dev/full", "w") as full:
            self.assertEqual(self.run_program("baton", "list", self.env, stdout=full).returncode, 74)

    def test_closed_streams_take_nothing_of_ours(self):
        done = subprocess.run(
            ["/bin/sh", "-c", '"$0" list >&-', program("baton")],
            stderr=subprocess.PIPE,
            env={**os.environ, **self.env},
            text=True,
        )
        self.assertEqual(done.returncode, 74)
        self.assertIn("Bad file descriptor", done.stderr)

    def test_locale_zone_and_width_do_not_matter_to_programs(self):
        wanted = self.run_program("baton", "list --json", self.env).stdout
        for more in (
            {"LC_ALL": "C"},
            {"LC_ALL": "de_DE.ISO-8859-1"},
            {"TZ": "Asia/Tokyo"},
            {"COLUMNS": "40", "NO_COLOR": "1"},
            {"COLUMNS": "-1", "TERM": "dumb"},
        ):
            done = self.run_program("baton", "list --json", {**self.env, **more})
            self.assertEqual((done.returncode, done.stdout), (0, wanted), more)

    def test_wrong_variables_are_told_by_name(self):
        for name, value in (("BATON_PROJECT", "a b"), ("BATON_ENDPOINT", "tcp://x")):
            done = self.run_program("baton", "list", {**self.env, name: value})
            self.assertEqual(done.returncode, 78)
            self.assertIn(name, done.stderr)
        done = self.run_program("baton", "progress 5 x", {**self.env, "BATON_TOKEN": "x"})
        self.assertEqual(done.returncode, 78)
        self.assertIn("BATON_TOKEN", done.stderr)


if __name__ == "__main__":
    unittest.main()
