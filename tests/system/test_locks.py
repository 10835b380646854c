"""Locks: parts of the work tree that tasks reserve, and what running tasks ask for more."""

import unittest

from harness import SystemTest

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


if __name__ == "__main__":
    unittest.main()
