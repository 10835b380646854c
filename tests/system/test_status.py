"""What each role does, as their users see it: from its tasks, from its own word, and when it falls silent."""

import re
import unittest

from harness import BrokerTest, wait_until


class Status(BrokerTest):
    def no(self, status, word, *args, **fields):
        before = self.roles()
        done = self.ask(*args, **fields)
        self.assertEqual(done.status, status, done.out + done.err)
        self.assertIn(word, str(done.error()))
        self.assertEqual(self.roles(), before)

    def roles(self, *args):
        keys = ("current_task", "task", "progress", "text", "blockers", "last_updated",
                "next_update", "stale")
        return {role["role"]: {key: role[key] for key in keys}
                for role in self.ok(*args, "status").json()["roles"]}

    def take(self, role):
        task = self.ok("take", "--role", role).json()
        env = {"BATON_TOKEN": str(task["token"])}
        self.ok("started", env=env)
        return env

    def test_it_comes_from_what_agents_report(self):
        self.ok("add", "DB", "--role", "infra", "--title", "PostgreSQL deployment")
        env = self.take("infra")
        self.ok("progress", "60", "replicas are up", "--next-update", "2035-08-10T18:00Z", env=env)
        infra = self.roles()["infra"]
        self.assertEqual((infra["current_task"], infra["task"], infra["progress"], infra["text"]),
                         ("PostgreSQL deployment", "DB", 60, "replicas are up"))
        self.assertTrue(infra["next_update"].startswith("2035-08-10T18:00"))
        self.assertFalse(infra["stale"])
        self.running.restart()
        self.assertEqual(self.roles()["infra"]["progress"], 60)
        self.assertIn("PostgreSQL", self.ok("status", json_out=False).out)
        self.ok("complete", env=env)
        self.assertIsNone(self.roles()["infra"]["current_task"])

    def test_blockers_of_the_role_and_of_its_tasks_are_shown(self):
        self.ok("add", "API", "--role", "backend")
        self.ok("blocker", "raise", "Database not ready", "--task", "API")
        self.ok("blocker", "raise", "no licence", "--role", "backend")
        roles = self.roles()
        self.assertEqual(roles["backend"]["blockers"], ["Database not ready", "no licence"])
        self.assertEqual(roles["infra"]["blockers"], [])
        self.assertEqual(self.roles("--project", "other")["backend"]["blockers"], ["no licence"])

    def test_its_own_word_and_the_newest_counts(self):
        self.ok("status", "set", "--role", "QA Agent", "--text", "writing the test plan",
                "--progress", "10%", "--next-update", "+2h")
        testing = self.roles()["testing"]
        self.assertEqual((testing["current_task"], testing["progress"]),
                         ("writing the test plan", 10))
        self.ok("add", "T", "--role", "testing", "--title", "Load test")
        env = self.take("testing")
        self.ok("progress", "30", "going", env=env)
        self.assertEqual(self.roles()["testing"]["current_task"], "Load test")
        self.ok("status", "set", "--text", "waiting for a machine", env={**env,
                                                                         "BATON_ROLE": "testing"})
        self.assertEqual(self.roles()["testing"]["current_task"], "waiting for a machine")

    def test_silence_is_stale_once_and_the_next_word_is_fresh(self):
        self.ok("add", "A", "--role", "backend")
        env = self.take("backend")
        feed = self.feed(self.running)
        self.ok("status", "set", "--role", "backend", "--text", "thinking", "--next-update", "+1s")
        states = []
        while "CARD_STALE" not in states:
            event = feed.next(10)
            if event.HasField("card"):
                states.append(type(event.card).DESCRIPTOR.fields_by_name["state"].enum_type
                              .values_by_number[event.card.state].name)
        self.assertEqual(states, ["CARD_IN_FORCE", "CARD_STALE"])
        self.running.restart()
        self.assertTrue(self.roles()["backend"]["stale"])
        self.ok("progress", "5", "here I am", env=env)
        self.assertFalse(self.roles()["backend"]["stale"])
        self.ok("status", "set", "--role", "backend", "--text", "thinking", "--next-update", "+1s")
        self.ok("progress", "6", "sooner", "--next-update", "2035-01-01", env=env)

        def moved_on():
            return self.roles()["backend"]["next_update"].startswith("2035")
        wait_until("the promise of the task counts", moved_on)
        self.assertFalse(self.roles()["backend"]["stale"])

    def test_the_page_is_in_just_the_strategys_form(self):
        self.ok("add", "DB", "--role", "infra", "--title", "PostgreSQL <deployment>")
        env = self.take("infra")
        self.ok("progress", "60", "going", "--next-update", "2035-08-10T18:00Z", env=env)
        self.ok("add", "API", "--role", "backend")
        self.ok("blocker", "raise", "Database not ready", "--role", "backend")
        self.ok("mirror", self.dir / "m", "--once", env={"TZ": "UTC"})
        page = (self.dir / "m/status/current-status.md").read_text()
        page = re.sub(r"(Last Updated\*\*: )20\d\d-\d\d-\d\d \d\d:\d\d", r"\g<1>NOW", page)
        sections = page.split("\n\n")
        self.assertEqual(sections[0],
                         "## Infrastructure Agent Status\n"
                         "**Last Updated**: NOW\n"
                         "**Current Task**: PostgreSQL &lt;deployment>\n"
                         "**Progress**: 60%\n"
                         "**Blockers**: None\n"
                         "**Next Update**: 2035-08-10 18:00")
        self.assertEqual(sections[1],
                         "## Backend Agent Status\n"
                         "**Last Updated**: -\n"
                         "**Current Task**: Waiting\n"
                         "**Progress**: 0%\n"
                         "**Blockers**: Database not ready\n"
                         "**Next Update**: When unblocked")
        self.assertEqual(len(sections), 6)

    def test_mistakes_change_nothing(self):
        self.no(64, "--role R --text", "status", "set", "--role", "infra")
        self.no(65, "not a role", "status", "set", "--role", "plumber", "--text", "x")
        self.no(64, "0 to 100", "status", "set", "--role", "infra", "--text", "x", "--progress",
                "101")
        self.no(65, "has passed", "status", "set", "--role", "infra", "--text", "x",
                "--next-update", "2020-01-01")
        self.no(65, "", "status", "set", "--role", "infra", "--text", "\033[2Jgone")
        self.no(64, "was not expected", "status", "set", "--role", "infra", "--text", "x", "y")
        self.ok("add", "UI", "--role", "frontend")
        env = self.take("frontend")
        self.no(77, "can't speak for infra", "status", "set", "--role", "infra", "--text", "x",
                env=env)


if __name__ == "__main__":
    unittest.main()
