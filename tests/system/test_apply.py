"""`baton apply`: the broker's tasks become what the plan says, whole or not at all; and the three
programs with nothing but their defaults."""

import json
import os
import pathlib
import subprocess
import unittest

from harness import SLOWNESS, Process, SystemTest, program, wait_until

NOBODY = 65534


class Apply(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()

    def write(self, text, name="plan.yaml"):
        (self.dir / name).write_text(text)
        return name

    def apply(self, *args, **fields):
        return self.baton(self.b, "apply", *args, cwd=self.dir, **fields)

    def ok(self, *args, **fields):
        done = self.apply(*args, **fields)
        self.assertEqual(done.status, 0, done.err)
        return done.json()

    def show(self, id):
        return self.baton(self.b, "show", id).json()

    def ids(self):
        return self.baton(self.b, "list", "--ids", json_out=False).out.split()

    def test_dry_run_says_what_would_change_and_changes_nothing(self):
        plan = self.write("tasks:\n  - {id: a, role: infra}\n  - {id: b, role: infra, after: [a]}\n")
        said = self.ok("--dry-run", plan)
        self.assertEqual((said["dry_run"], said["created"]), (True, 2))
        self.assertEqual([d["task"] for d in said["differences"]], ["a", "b"])
        self.assertEqual(self.ids(), [])
        self.ok(plan)
        self.write("tasks:\n  - {id: a, role: infra, title: new}\n  - {id: c, role: infra}\n")
        said = self.ok("--dry-run", plan)
        self.assertEqual((said["created"], said["updated"]), (1, 1))
        kinds = {d["task"]: (d["kind"], d["fields"]) for d in said["differences"]}
        self.assertEqual(kinds["a"], ("updated", ["title"]))
        self.assertEqual(kinds["c"][0], "created")
        self.assertEqual(self.ids(), ["a", "b"])
        self.assertFalse(self.show("a")["title"])

    def test_an_attached_task_is_the_other(self):
        self.ok(self.write("tasks:\n  - {id: fetch, role: infra, unique_key: k}\n", "one.yaml"))
        plan = self.write(
            "tasks:\n  - {id: mine, role: infra, unique_key: k, on_conflict: attach}\n"
            "  - {id: use, role: backend, after: [mine]}\n"
        )
        for created in (1, 0):
            said = self.ok(plan)
            self.assertEqual((said["created"], said["updated"]), (created, 0))
            differences = [(d["kind"], d["task"]) for d in said["differences"]]
            self.assertEqual(differences, [("existing", "fetch")])
        self.assertEqual(self.ids(), ["fetch", "use"])
        self.assertEqual(self.show("use")["depends_on"], ["fetch"])
        late = self.apply("--wait", "--timeout", "50ms", plan)
        self.assertEqual(late.status, 75, late.err)
        self.assertIn("2 of 2 tasks", late.err)

    def test_again_changes_only_what_differs(self):
        plan = self.write("tasks:\n  - {id: a, role: infra}\n  - {id: b, role: infra, after: [a]}\n")
        self.ok(plan)
        again = self.ok(plan)
        self.assertEqual((again["created"], again["updated"], again["unchanged"]), (0, 0, 2))
        self.write("tasks:\n  - {id: a, role: infra, priority: high}\n")
        refused = self.apply("--no-update", plan)
        self.assertEqual((refused.status, refused.error()["error"]["code"]), (65, "conflict"))
        self.assertEqual(self.show("a")["priority"], "medium")
        self.ok(plan)
        self.assertEqual(self.show("a")["priority"], "high")
        # What a plan no longer names stays.
        self.assertEqual(self.ids(), ["a", "b"])

    def test_whole_or_not_at_all(self):
        """A cycle that only the broker can see takes the whole plan with it."""
        self.ok(self.write("tasks:\n  - {id: a, role: infra, after: [z]}\n"))
        plan = "tasks:\n  - {id: new, role: infra}\n  - {id: z, role: infra, after: [a]}\n"
        refused = self.apply(self.write(plan))
        self.assertEqual((refused.status, refused.error()["error"]["code"]), (65, "cycle"))
        self.assertIn("a", refused.error()["error"]["cycle"])
        self.assertEqual(self.ids(), ["a"])

    def test_files_standard_input_and_project(self):
        first = self.write("tasks:\n  - {id: a, role: infra}\n", "1.yaml")
        more = "project: own\ntasks:\n  - {id: b, role: infra, after: [shop//a]}\n"
        self.ok(first, "-", "--project", "shop", stdin=more)
        self.assertEqual(sorted(self.ids()), ["own//b", "shop//a"])
        self.assertEqual(self.show("own//b")["depends_on"], ["shop//a"])

    def test_an_added_dependency_reaches_a_running_graph(self):
        plan = self.write("tasks:\n  - {id: a, role: infra}\n  - {id: b, role: testing, after: [a]}\n")
        self.ok(plan)
        self.assertEqual(self.baton(self.b, "take", "--role", "infra").status, 0)
        self.write(
            "tasks:\n  - {id: a, role: infra}\n  - {id: n, role: backend}\n"
            "  - {id: b, role: testing, after: [a, n]}\n"
        )
        self.ok(plan)
        why = self.baton(self.b, "why", "b").json()
        self.assertEqual({c["task"] for c in why["causes"]}, {"a", "n"})

    def test_wait_ends_as_the_plan_does(self):
        plan = self.write("tasks:\n  - {id: a, role: infra}\n")
        late = self.apply("--wait", "--timeout", "100ms", plan)
        self.assertEqual(late.status, 75)
        self.baton_worker(self.b, "infra", ["/bin/sh", "-c", 'echo \'{"outcome":"done"}\' >'
                          '"$BATON_RESULT_FILE"'])  # fmt: skip
        self.assertEqual(self.apply("--wait", plan).status, 0)
        self.write("tasks:\n  - {id: bad, role: infra, retries: 0, command: ['false']}\n")
        self.assertEqual(self.apply("--wait", plan).status, 1)


class Defaults(SystemTest):
    """No option, no BATON_ variable: a user's broker, worker and client find each other."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.run = self.dir / "run"
        for path in (self.home, self.run):
            path.mkdir()
            path.chmod(0o700)
        # For root the defaults are the system's directories, which are not ours to touch.
        self.prefix = []
        if os.geteuid() == 0:
            self.dir.chmod(0o755)
            ids = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
            self.prefix = ["setpriv", *ids, "--"]
            for path in (self.home, self.run):
                os.chown(path, NOBODY, NOBODY)
            # Not by running one: a checkout below a private directory is looked through before the
            # rights are given up.
            can = subprocess.run([*self.prefix, "test", "-x", program("baton-exec")])
            if can.returncode != 0:
                self.skipTest("no other user may run the programs here")

    def environment(self):
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        return {**kept, "XDG_RUNTIME_DIR": str(self.run)}

    def start(self, *argv):
        """With no variables but `environment`."""
        clear = ["env", "-i", *(f"{n}={v}" for n, v in self.environment().items())]
        log = self.dir / f"{pathlib.Path(argv[0]).name}.log"
        return self.own(Process([*clear, *self.prefix, *argv], log, cwd=self.home))

    def ask(self, *args):
        return subprocess.run(
            [*self.prefix, program("baton"), *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment(),
            cwd=self.home,
            timeout=60 * SLOWNESS,
        )

    def test_find_each_other(self):
        if pathlib.Path("/run/baton").exists():
            self.skipTest("/run/baton is there: who comes first waits for the system's broker")
        worker = self.start(program("baton-worker"), "--role", "infra", "--", "true")
        wait_until("the worker", lambda: "ready" in worker.output())
        broker = self.start(program("batond"))
        wait_until("the socket", (self.run / "baton" / "broker.sock").is_socket)
        added = self.ask("add", "a", "--role", "infra", "--check", "true")
        self.assertEqual(added.returncode, 0, added.stderr)
        waited = self.ask("wait", "a", "--timeout", "30s")
        self.assertEqual(waited.returncode, 0, waited.stderr + worker.tail() + broker.tail())
        self.assertEqual(worker.terminate(), 0)
        self.assertEqual(broker.terminate(), 0)
        self.assertTrue((self.home / ".local/state/baton/baton.db").exists())
        self.assertEqual(len(list((self.home / ".local/state/baton/worker").iterdir())), 1)



class UniqueKeys(SystemTest):
    def test_an_update_cannot_take_the_key_of_another_task(self):
        broker = self.broker()
        plan = self.dir / "plan.json"

        def apply(key):
            tasks = [{"id": "A", "role": "infra", "unique_key": "K"},
                     {"id": "B", "role": "infra", "unique_key": key}]
            plan.write_text(json.dumps({"tasks": tasks}))
            return self.baton(broker, "apply", plan)

        self.assertEqual(apply("L").status, 0)
        one = plan.with_name("one.json")
        one.write_text(json.dumps({"tasks": [{"id": "B", "role": "infra", "unique_key": "K"}]}))
        refused = self.baton(broker, "apply", one)
        self.assertEqual(refused.status, 65, refused.out)
        self.assertIn("unique key", str(refused.error()))


if __name__ == "__main__":
    unittest.main()
