"""Reservations by hand as their users see them: beside locks, for a time, under a lease, in hooks."""

import datetime
import unittest

from harness import BrokerTest, Clock


class Reservations(BrokerTest):
    def start_broker(self):
        self.clock = Clock(self.dir, datetime.datetime(2025, 8, 12, 8, 0, 0))
        return self.broker(env=self.clock.env)

    def ask(self, *args, **fields):
        return self.baton(self.running, *args, env={**self.clock.env, **fields.pop("env", {})}, **fields)

    def no(self, status, word, *args, **fields):
        before = self.ask("reserve", "list", "--all").out
        done = self.ask(*args, **fields)
        self.assertEqual(done.status, status, done.out + done.err)
        self.assertIn(word, done.out + str(done.err))
        self.assertEqual(self.ask("reserve", "list", "--all").out, before)

    def lease(self, id, *args):
        self.ok("add", id, "--role", "backend", *args)
        return self.ok("take", "--role", "backend", "--task", id).json()["token"]

    def is_taken(self, id):
        return self.ask("take", "--role", "backend", "--task", id).status == 0

    def test_what_is_reserved_nobody_is_given_until_it_is_released(self):
        number = self.ok("reserve", "staging", "path:src/db/**", "--reason", "migration", "--owner",
                         "ann", "--for", "2h").json()["number"]
        self.ok("add", "deploy", "--role", "backend", "--resource", "staging")
        self.ok("add", "schema", "--role", "backend", "--resource", "path:src/db/schema.sql")
        self.ok("add", "other", "--role", "backend", "--resource", "path:src/api")
        self.assertEqual(self.ok("take", "--role", "backend").json()["id"], "other")
        self.assertEqual(self.ask("take", "--role", "backend").status, 75)
        why = [c for c in self.ok("why", "schema").json()["causes"] if c["reason"] == "lock"]
        self.assertIn(f"reserved by ann (#{number}): migration", str(why))
        self.assertIn(f"ann, by baton reserve release {number}", str(why))
        held = {r["name"]: r["reservations"] for r in self.ok("resources").lines()}
        self.assertEqual(held["staging"], [number])
        self.assertIn(f"#{number}", self.ok("resources", json_out=False).out)
        self.assertIn("staging", self.ok("reserve", "list", json_out=False).out)
        self.running.kill()  # whose it is is the same after a crash
        self.running.start()
        self.assertFalse(self.is_taken("schema"))
        self.ok("reserve", "release", f"#{number}", "done with it")
        self.assertTrue(self.is_taken("schema"))
        self.assertTrue(self.is_taken("deploy"))
        self.no(1, "it has ended", "reserve", "release", number)
        self.assertEqual(self.ask("reserve", "list").status, 1)

    def test_what_is_held_is_not_reserved_and_the_holders_are_named(self):
        token = self.lease("api", "--resource", "path:src/api")
        self.no(65, "held by api", "reserve", "path:src/**")
        number = self.ok("reserve", "staging").json()["number"]
        self.no(65, f"reservation #{number}", "reserve", "gpu", "staging")
        self.no(65, "a task that claims it does", "reserve", "staging")
        until = self.ok("reserve", "prod", "--owner", "ann", "--for", "2h").json()["number"]
        self.no(65, f"reservation #{until} of ann until 2025-08-12T10:0", "reserve", "prod")
        self.lease("shop//api", "--resource", "cart")
        self.no(65, "held by shop//api", "reserve", "cart")
        self.ok("reserve", "gpu")  # the refused one took nothing
        self.ok("complete", "--token", token)
        self.ok("reserve", "path:src/**", "--shared")
        self.ok("reserve", "path:src/api", "--shared")
        self.no(65, "held by", "reserve", "path:src/api/users.c")

    def test_units_of_a_resource_are_counted_with_those_of_tasks(self):
        self.ok("resources", "gpu=3")
        self.lease("train", "--resource", "gpu=1")
        self.ok("reserve", "gpu=2")
        self.no(65, "held by", "reserve", "gpu=1")
        self.no(65, "never that much", "reserve", "gpu=4")
        self.ok("add", "more", "--role", "backend", "--resource", "gpu=1")
        self.assertFalse(self.is_taken("more"))

    def test_it_ends_with_its_time_once(self):
        feed = self.feed(self.running, 0)
        number = self.ok("reserve", "staging", "--until", "2025-08-12T10:00:00Z").json()["number"]
        self.ok("add", "deploy", "--role", "backend", "--resource", "staging")
        self.assertFalse(self.is_taken("deploy"))
        self.clock.move(self.running, datetime.datetime(2025, 8, 12, 9, 59, 58))
        self.assertFalse(self.is_taken("deploy"))
        self.clock.move(self.running, datetime.datetime(2025, 8, 12, 10, 0, 1))
        self.assertEqual(self.ok("reserve", "show", number).lines()[0]["state"], "expired")
        self.assertTrue(self.is_taken("deploy"))
        self.running.restart()
        self.clock.move(self.running, datetime.datetime(2025, 8, 12, 11, 0, 0))
        rings = 0
        while True:
            event = feed.next(20)
            rings += event.HasField("card") and event.card.number == number and not event.text
            if event.kind == event.EPOCH and rings:
                break
        self.assertEqual(rings, 1)

    def test_what_an_agent_reserves_ends_with_its_lease_and_it_frees_no_other(self):
        token = self.lease("api")
        env = {"BATON_TOKEN": str(token)}
        number = self.ok("reserve", "staging", env=env).json()["number"]
        other = self.ok("reserve", "prod").json()["number"]
        self.no(77, "not of this task", "reserve", "release", other, env=env)
        self.ok("add", "deploy", "--role", "backend", "--resource", "staging")
        self.assertFalse(self.is_taken("deploy"))
        self.ok("complete", "--token", token)
        self.assertEqual(self.ok("reserve", "show", number).lines()[0]["state"], "expired")
        self.assertTrue(self.is_taken("deploy"))
        self.no(1, "stale", "reserve", "x", env=env)

    def test_a_hook_asks_whether_a_path_is_anothers(self):
        token = self.lease("api", "--resource", "path:src/api/**")
        self.ok("reserve", "path:docs")
        self.ok("reserve", "check", "src/db.sql", "README.md")
        held = self.ask("reserve", "check", "README.md", "src/api/users.c")
        self.assertEqual(held.status, 1)
        self.assertIn("api", str(held.json()["holders"]))
        env = {"BATON_TOKEN": str(token)}
        self.ok("reserve", "check", "src/api/users.c", env=env)  # its own
        self.ok("reserve", "path:lib", env=env)
        self.ok("reserve", "check", "lib/a.c", env=env)
        self.assertEqual(self.ask("reserve", "check", "lib/a.c").status, 1)
        self.ok("reserve", "check", "docs/a.md")  # who reserved it may
        self.assertEqual(self.ask("reserve", "check", "docs/a.md", env=env).status, 1)
        self.assertEqual(self.ask("reserve", "check", "../etc/passwd").status, 65)

    def test_mistakes_are_told_and_change_nothing(self):
        self.no(64, "what is reserved", "reserve")
        self.no(65, "path", "reserve", "path:../up")
        self.no(65, "twice", "reserve", "path:src", "path:src/api")
        self.no(65, "passed", "reserve", "x", "--until", "2025-08-12T07:00:00Z")
        self.no(65, "amount", "reserve", "path:src", "--shared", "x=3")
        self.no(65, "not a role", "reserve", "x", "--role", "plumber")


if __name__ == "__main__":
    unittest.main()
