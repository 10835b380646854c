"""Locks: parts of the work tree that tasks reserve, and what running tasks ask for more."""

import os
import subprocess
import unittest

from harness import SystemTest, program, wait_until

PLAN = """
defaults: {role: backend}
tasks:
- {id: api, resources: ["path:src/api/**"]}
- {id: users, resources: ["path:src/api/users.c"], after: []}
- {id: docs, resources: [{name: "path:docs/", shared: true}]}
- {id: guide, resources: [{name: "path:docs/guide.md", shared: true}]}
- {id: all, resources: ["path:**"]}
"""


class LockTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()

    def ok(self, *args, **fields):
        done = self.baton(self.b, *args, **fields)
        self.assertEqual(done.status, 0, f"baton {args}: {done.err}")
        return done

    def take(self, id):
        return self.ok("take", "--task", id, "--role", "backend").json()["token"]


class Paths(LockTest):
    def test_a_plan_reserves_parts_of_the_tree(self):
        plan = self.dir / "plan.yaml"
        plan.write_text(PLAN)
        self.ok("apply", plan)
        self.assertEqual(self.ok("apply", plan).json()["unchanged"], 5)
        api = self.take("api")
        for id in ("docs", "guide"):  # beside it, and beside each other
            self.take(id)
        for id in ("users", "all"):
            self.assertNotEqual(self.baton(self.b, "take", "--task", id).status, 0)
        why = self.ok("why", "users").json()["causes"]
        self.assertEqual([(c["reason"], c["name"]) for c in why if c["reason"] == "lock"],
                         [("lock", "path:src/api/users.c")])  # fmt: skip
        self.assertIn("api holds path:src/api", str(why))
        held = {r["name"]: r for r in self.ok("resources").lines()}
        self.assertEqual(set(held), {"path:src/api", "path:src/api/users.c", "path:docs",
                                     "path:docs/guide.md", "path:**"})  # fmt: skip
        self.assertEqual(held["path:src/api"]["used"], 1)
        self.assertEqual(held["path:src/api/users.c"]["used"], 0)
        self.b.kill()  # who holds what is the same after a crash
        self.b.start()
        self.assertNotEqual(self.baton(self.b, "take", "--task", "users").status, 0)
        self.ok("complete", "--token", api)
        self.take("users")

    def test_pause_and_refusals(self):
        self.ok("add", "a", "--role", "backend", "--resource", "path:src/db/schema.sql")
        self.ok("pause", "--resource", "path:src/**", "--reason", "freeze")
        why = self.ok("why", "a").json()["causes"]
        self.assertEqual([c["reason"] for c in why if c["reason"] == "lock_paused"], ["lock_paused"])
        self.ok("resume", "--resource", "path:src")
        self.take("a")
        for name in ("path:/etc", "path:../x", "path:src/*.c", "path:a//b", "path:"):
            refused = self.baton(self.b, "add", "b", "--role", "backend", "--resource", name)
            self.assertEqual(refused.status, 64, name)
        self.assertNotEqual(self.baton(self.b, "resources", "path:src=2").status, 0)


class Asked(LockTest):
    """baton lock, inside of a running task."""

    def setUp(self):
        super().setUp()
        for id in ("A", "B", "C"):
            self.ok("add", id, "--role", "backend", "--resource", f"own-{id}")
        self.tokens = {id: self.take(id) for id in ("A", "B", "C")}

    def lock(self, id, *args, status=0, **fields):
        env = {"BATON_TOKEN": str(self.tokens[id])} if id else None
        done = self.baton(self.b, "lock", *args, env=env, **fields)
        self.assertEqual(done.status, status, done.out + done.err)
        return done

    def test_tried_released_checked_and_given_back_with_the_lease(self):
        self.lock("A", "try", "schema")
        self.lock("A", "try", "schema")  # again is no harm
        no = self.lock("B", "try", "schema", status=1).json()
        self.assertEqual((no["granted"], no["holders"]), (False, ["A"]))
        self.lock("A", "check", "schema")
        self.lock(None, "check", "schema", status=1)
        self.assertIn("held by A", self.lock("B", "check", "schema", status=1,
                                             json_out=False).out)
        self.lock("A", "release", "own-A", status=1)  # declared: ends with the task
        self.lock("A", "release", "schema")
        self.lock("A", "release", "schema", status=1)
        self.lock("B", "try", "schema")
        self.lock("B", "try", "path:src/api/**")
        self.b.kill()
        self.b.start()
        self.lock("A", "try", "schema", status=1)
        self.lock("C", "check", "path:src/api/users.c", status=1)
        self.lock("C", "check", "path:src/db")
        self.ok("complete", "--token", self.tokens["B"])
        self.lock("A", "try", "schema")
        self.lock("B", "try", "schema", status=1)  # stale
        # Who lost its worker may still write there.
        held = {r["name"] for r in self.ok("resources").lines()}
        self.assertIn("schema", held)

    def test_a_ready_task_waits_for_what_a_running_one_took(self):
        self.lock("A", "try", "deploy", "--shared")
        self.lock("B", "try", "deploy", "--shared")
        self.lock("C", "try", "deploy", status=1)
        self.ok("add", "D", "--role", "backend", "--resource", "deploy")
        self.assertNotEqual(self.baton(self.b, "take", "--task", "D").status, 0)
        self.lock("A", "release", "deploy")
        self.ok("complete", "--token", self.tokens["B"])
        self.take("D")

    def test_a_wait_ends_when_the_lock_is_free_and_never_in_a_circle(self):
        self.lock("A", "try", "z1")
        self.lock("B", "wait", "z1", "--for", "50ms", status=75)
        self.lock("B", "try", "z2")
        refused = self.lock("B", "wait", "z1", status=65)  # z1 stands before z2
        self.assertIn("order of names", str(refused.error()))
        env = {**os.environ, "BATON_ENDPOINT": self.b.endpoint,
               "BATON_TOKEN": str(self.tokens["A"])}
        waits = subprocess.Popen([program("baton"), "lock", "wait", "z2", "--for", "60s"], env=env)
        self.addCleanup(waits.kill)
        wait_until("A waits", lambda: self.ok("status").json()["sessions"] == 1)
        self.lock("A", "try", "z5")

        def circle():
            # A waits for B, so B may not wait for A, although z5 stands behind all that B holds.
            done = self.baton(self.b, "lock", "wait", "z5", "--for", "1ms",
                              env={"BATON_TOKEN": str(self.tokens["B"])})
            return done.status == 65 and "for ever" in str(done.error())

        self.assertTrue(circle())
        self.assertIsNone(waits.poll())
        self.lock("B", "release", "z2")
        self.assertEqual(waits.wait(30), 0)
        self.lock("B", "check", "z2", status=1)

    def wait(self, id, name, *more):
        env = {**os.environ, "BATON_ENDPOINT": self.b.endpoint,
               "BATON_TOKEN": str(self.tokens[id])}
        child = subprocess.Popen([program("baton"), "lock", "wait", name, "--for", "60s", *more],
                                 env=env)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def n_waiting(self, n):
        wait_until(f"{n} wait", lambda: self.ok("status").json()["sessions"] == n)

    def test_nothing_is_given_past_a_request_that_waits(self):
        self.lock("B", "try", "z", "--shared")
        first = self.wait("A", "z")
        self.n_waiting(1)
        self.lock("C", "try", "z", "--shared", status=1)  # B's share alone would allow it
        second = self.wait("C", "z", "--shared")
        self.n_waiting(2)
        self.lock("B", "try", "z", "--shared")  # what one has, one has
        self.lock("B", "release", "z")
        self.assertEqual(first.wait(30), 0)
        self.assertIsNone(second.poll())
        self.lock("A", "release", "z")
        self.assertEqual(second.wait(30), 0)

    def test_a_share_does_not_close_a_circle_behind_who_waits(self):
        self.lock("A", "try", "p")
        self.lock("B", "try", "z", "--shared")
        first = self.wait("A", "z")
        self.n_waiting(1)
        second = self.wait("C", "p")  # C waits for A
        self.n_waiting(2)
        self.lock("C", "try", "z", "--shared", status=1)  # else A would wait for C
        self.lock("B", "release", "z")
        self.assertEqual(first.wait(30), 0)
        self.lock("A", "release", "p")
        self.assertEqual(second.wait(30), 0)

    def test_a_circle_over_who_asked_first_is_refused(self):
        self.lock("B", "try", "z", "--shared")
        first = self.wait("A", "z")
        self.n_waiting(1)
        second = self.wait("C", "z", "--shared")  # for A, who asked first, not for B
        self.n_waiting(2)
        self.lock("C", "try", "zz")
        refused = self.lock("B", "wait", "zz", status=65)  # B for C, C for A, A for B
        self.assertIn("for ever", str(refused.error()))
        self.lock("B", "release", "z")
        self.assertEqual(first.wait(30), 0)
        self.lock("A", "release", "z")
        self.assertEqual(second.wait(30), 0)

    def test_mistakes(self):
        self.lock("A", "try", "../etc", status=65)
        self.lock("A", "try", "path:../etc", status=65)
        self.lock("A", "try", "x", "--amount", "5", status=65)
        self.lock("A", "frob", "x", status=64)
        self.lock("A", "try", status=64)
        self.lock(None, "try", "x", status=64)


if __name__ == "__main__":
    unittest.main()
