"""Signals as their users see them: raised by hand and by handoffs, before and after somebody waits."""

import unittest

from test_board import BoardTest

PLAN = """
project: launch
tasks:
  - {id: DB, role: infra}
  - {id: API, role: backend, after: ["signal:Database Ready"]}
  - {id: UI, role: frontend, after: ["deliverable:API Endpoints", API]}
  - {id: CACHE, role: backend, after: [{task: "signal:Redis Ready", any: 1}, {task: "signal:Memcached Ready", any: 1}]}
  - {id: done, milestone: true, after: ["signal:Database Ready"]}
"""


class Signals(BoardTest):
    def apply(self, text, *args):
        path = self.dir / "plan.yaml"
        path.write_text(text)
        return self.baton(self.running, "apply", path, *args)

    def test_one_that_is_raised_by_hand_releases_all_that_wait_once(self):
        for n in range(3):
            self.ok("add", f"API-{n}", "--role", "backend", "--after", "signal:Database Ready")
        self.ok("add", "UI", "--role", "frontend", "--after", "API-0",
                "--after", "signal:database ready!")
        self.assertEqual(self.reason("API-0"), ("waiting", "gate"))
        self.assertEqual(self.reason("UI"), ("waiting", "deps"))
        self.assertEqual(self.baton(self.running, "take", "--role", "backend").status, 75)
        why = self.ok("why", "API-1").json()["causes"][0]
        self.assertEqual(why["reason"], "gate")
        self.assertIn("signal database-ready", why["text"])
        self.assertIn("baton signal raise database-ready", why["who"])
        feed = self.feed(self.running, self.ok("status").json()["event"])
        raised = self.ok("signal", "raise", "Database Ready", "--text", "port 5433").json()
        self.assertEqual((raised["name"], raised["state"], raised["changed"]),
                         ("database-ready", "in_force", True))
        ids = [feed.next(10).id for _ in range(4)][1:]
        self.assertEqual(ids, ["API-0", "API-1", "API-2"])
        again = self.ok("signal", "raise", "database-ready").json()
        self.assertEqual((again["number"], again["changed"]), (raised["number"], False))
        self.assertEqual(self.reason("API-2")[0], "ready")
        self.running.restart()
        self.assertEqual(self.reason("API-2")[0], "ready")
        self.assertEqual([c["name"] for c in self.ok("signal", "list").lines()],
                         ["database-ready"])

    def test_what_is_raised_before_is_known_to_those_who_come_later(self):
        self.ok("signal", "raise", "Database Ready")
        self.ok("add", "API", "--role", "backend", "--after", "signal:database-ready", "--strict")
        self.assertEqual(self.reason("API")[0], "ready")

    def test_a_withdrawn_one_takes_back_what_has_not_started(self):
        self.ok("signal", "raise", "Database Ready")
        for name in ("A", "B"):
            self.ok("add", name, "--role", "backend", "--after", "signal:Database Ready")
        token = self.ok("take", "--role", "backend", "--task", "A").json()["token"]
        self.ok("signal", "withdraw", "Database Ready", "the disk is full")
        self.assertEqual(self.reason("A")[0], "leased")
        self.assertEqual(self.reason("B"), ("waiting", "gate"))
        self.ok("complete", "--token", token)
        self.no(1, "no such card", "signal", "withdraw", "Database Ready")
        self.assertEqual(self.baton(self.running, "signal", "list").status, 1)
        for verb in ("signal", "decision", "incident", "blocker", "handoff", "reserve"):
            done = self.baton(self.running, verb, "list", "everything")
            self.assertEqual((done.status, "everything" in done.err), (64, True), verb)
        self.assertEqual(self.ok("signal", "list", "--all").lines()[0]["outcome"],
                         "the disk is full")
        self.running.restart()
        self.assertEqual(self.reason("B"), ("waiting", "gate"))
        self.ok("signal", "raise", "Database Ready")
        self.assertEqual(self.reason("B")[0], "ready")
        self.assertEqual(len(self.ok("signal", "list", "--all").lines()), 2)

    def test_a_handoff_raises_what_it_says_to_be_ready(self):
        self.ok("add", "DB", "--role", "infra")
        self.ok("add", "API", "--role", "backend", "--after", "signal:Database Ready")
        token = self.ok("take", "--role", "infra").json()["token"]
        self.ok("handoff", "give", "--ready", "Database Ready", "--ready", "x" * 200,
                "--ready", "Redis Ready", env={"BATON_TOKEN": str(token)})
        self.assertEqual(self.reason("API")[0], "ready")
        cards = {c["name"]: c for c in self.ok("signal", "list").lines()}
        self.assertEqual(sorted(cards), ["database-ready", "redis-ready"])
        self.assertEqual((cards["redis-ready"]["task"], cards["redis-ready"]["role"]),
                         ("DB", "infra"))

    def test_plans_wait_for_signals_by_name_in_their_own_project(self):
        self.assertEqual(self.apply(PLAN, "--strict").status, 0)
        launch = ("--project", "launch")
        self.ok("signal", "raise", "Database Ready")  # of another project
        self.assertEqual(self.ok("show", "API", *launch).json()["reason"], "gate")
        self.ok("signal", "raise", "Database Ready", *launch)
        self.ok("signal", "raise", "Memcached Ready", *launch)
        self.assertEqual(self.ok("show", "done", *launch).json()["state"], "done")
        self.assertEqual(self.ok("show", "CACHE", *launch).json()["state"], "ready")
        self.assertEqual(self.apply(PLAN).status, 0)
        exported = self.ok("export", *launch, json_out=False).out
        self.assertIn('"signal:api-endpoints"', exported)
        self.ok("set", "API", "--after", "decision:Use Postgres", *launch)
        why = self.ok("why", "API", *launch).json()["causes"][0]
        self.assertIn("decision use-postgres, which nobody has proposed", why["text"])
        self.ok("set", "API", "--after", "default//signal:Database Ready", *launch)
        self.assertEqual(self.ok("show", "API", *launch).json()["state"], "ready")

    def test_what_is_wrong_is_told_and_changes_nothing(self):
        self.no(64, "what is ready", "signal", "raise")
        self.no(65, "the name is missing", "signal", "raise", "!!!")
        self.no(65, "card.name", "signal", "raise", "../../etc/passwd")
        self.no(65, "characters", "signal", "raise", "x", "--text", "\x1b[2J")
        self.no(65, "", "signal", "raise", "x" * 129)
        self.no(65, "has no name", "add", "A", "--role", "backend", "--after", "signal:?")
        self.no(65, "are not tasks'", "add", "signal:x", "--role", "backend")
        done = self.apply(PLAN.replace('after: ["signal:Database Ready"]}\n  - {id: UI',
                                       'after: [{task: "signal:x", else: abort}]}\n  - {id: UI'))
        self.assertEqual(done.status, 65)
        self.assertIn("does not end or fail", done.out + done.err)
        self.assertEqual(self.baton(self.running, "signal", "list", "--all").status, 1)
        self.assertEqual(self.baton(self.running, "list").status, 1)


del BoardTest

if __name__ == "__main__":
    unittest.main()
