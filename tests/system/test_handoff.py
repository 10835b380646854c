"""Handoffs as their users see them: given by agents and by hand, answered, accepted by themselves."""

import json
import unittest

from harness import BrokerTest

TEMPLATE = """
handoff_template:
  from_agent: "Infrastructure Agent"
  to_agent: "Backend Agent"
  timestamp: "2025-08-13T14:00:00Z"
  task_completed:
    - "PostgreSQL deployed"
  dependencies_ready:
    - "Database Ready"
  blockers: []
  next_steps:
    - "Run the migrations"
  artifacts:
    - path: "no-such-file/schema.sql"
      description: "The schema"
  notes: "Port 5433"
"""


class Handoffs(BrokerTest):
    def setUp(self):
        super().setUp()
        self.ok("add", "DB", "--role", "infra")
        self.ok("add", "API", "--role", "backend", "--after", "DB")
        self.ok("add", "UI", "--role", "frontend")

    def state(self, number):
        return self.ok("handoff", "show", number).json()["state"]

    def take(self, role):
        token = self.ok("take", "--role", role).json()["token"]
        return token, {"BATON_TOKEN": str(token)}

    def test_the_template_is_given_kept_and_accepted_when_the_receiver_is_done(self):
        path = self.dir / "handoff.yaml"
        path.write_text(TEMPLATE)
        token, env = self.take("infra")
        card = self.ok("handoff", "give", path, env=env).json()
        self.assertEqual((card["task"], card["role"], card["to_role"], card["text"]),
                         ("DB", "infra", "backend", "Port 5433"))
        artifact = [i for i in card["items"] if i["tag"] == "artifact"][0]
        self.assertEqual((artifact["name"], artifact["unit"]),
                         ("no-such-file/schema.sql", "missing"))
        self.ok("complete", "--token", token)
        self.running.restart()
        unanswered = self.ok("handoff", "list").lines()
        self.assertEqual([c["number"] for c in unanswered], [card["number"]])
        token, _ = self.take("backend")
        self.assertEqual(self.state(card["number"]), "submitted")
        self.ok("complete", "--token", token)
        self.assertEqual(self.state(card["number"]), "accepted")
        self.assertEqual(self.ask("handoff", "list").status, 1)
        self.running.restart()
        self.assertIn("'API' is done",
                      self.ok("handoff", "show", card["number"]).json()["outcome"])

    def test_json_is_taken_too_and_a_newer_one_supersedes(self):
        path = self.dir / "handoff.json"
        path.write_text(json.dumps({"handoff": {"task": "DB", "task_completed": ["done"]}}))
        first = self.ok("handoff", "give", path).json()["number"]
        second = self.ok("handoff", "give", "--task", "DB", "--completed", "more",
                         "--artifact", "a.sql=the tables").json()["number"]
        self.assertEqual([self.state(first), self.state(second)], ["superseded", "submitted"])
        self.assertEqual(self.ok("handoff", "reject", second, "no tables").json()["outcome"],
                         "no tables")
        self.no(1, "it has ended", "handoff", "accept", second)

    def test_done_with_a_handoff_is_whole_or_not_at_all(self):
        rules, path = self.dir / "rules.yaml", self.dir / "handoff.yaml"
        rules.write_text("roles: {infra: {handoff: required}}\n")
        self.ok("apply", rules)
        _, env = self.take("infra")
        for wrong, word in ((TEMPLATE.replace("Infrastructure Agent", "Backend Agent"), "role"),
                            (TEMPLATE.replace("no-such-file/", "../"), "artifact"),
                            ("handoff: {task: UI, notes: x}\n", "not of 'DB'"),
                            ("handoff: {from_agent: Infrastructure Agent}\n", "")):
            path.write_text(wrong)
            self.no(65, word, "complete", "--handoff", path, env=env)
            self.assertEqual(self.ok("show", "DB").json()["state"], "leased")
            self.assertEqual(self.ask("handoff", "list").status, 1)
        self.no(65, "opened", "complete", "--handoff", self.dir / "none.yaml", env=env)
        self.no(64, "standard input", "complete", "--handoff", "-", "--result", "-", env=env)
        path.write_text(TEMPLATE)
        self.ok("complete", "all of it", "--handoff", path, env=env)
        self.running.restart()
        self.assertEqual(self.ok("show", "DB").json()["state"], "done")
        (given,) = self.ok("handoff", "list").lines()
        self.assertEqual((given["task"], given["role"], given["to_role"], given["state"], given["text"]),
                         ("DB", "infra", "backend", "submitted", "Port 5433"))
        self.assertEqual([i["unit"] for i in given["items"] if i["tag"] == "artifact"], ["missing"])
        # Said again, as after an answer that was lost: it is done, and given once.
        self.ok("complete", "all of it", "--handoff", path, env=env)
        self.assertEqual(len(self.ok("handoff", "list").lines()), 1)
        self.assertEqual(self.ok("take", "--role", "backend").json()["handoffs"][0]["text"], "Port 5433")

    def test_a_list_has_what_nobody_has_answered_and_with_all_the_rest(self):
        first = self.ok("handoff", "give", "--task", "DB", "--notes", "one").json()["number"]
        other = self.ok("handoff", "give", "--task", "UI", "--notes", "two").json()["number"]
        self.ok("handoff", "accept", first)
        numbers = lambda *args: [c["number"] for c in self.ok("handoff", "list", *args).lines()]
        self.assertEqual(numbers(), [other])
        self.assertEqual(numbers("--all"), [first, other])
        self.assertEqual(numbers("--all", "--task", "DB"), [first])

    def test_the_receiver_answers_and_nobody_else(self):
        token, env = self.take("infra")
        self.no(77, "another's", "handoff", "give", "--task", "UI", "--notes", "x", env=env)
        number = self.ok("handoff", "give", "--notes", "x", env=env).json()["number"]
        self.ok("complete", "--token", token)
        _, other = self.take("frontend")
        self.no(77, "is not for task", "handoff", "accept", number, env=other)
        _, receiver = self.take("backend")
        self.ok("handoff", "accept", f"#{number}", "thanks", env=receiver)
        self.assertEqual(self.state(number), "accepted")

    def test_whoever_takes_the_dependent_gets_it(self):
        token, env = self.take("infra")
        self.ok("handoff", "give", "--notes", "old", env=env)
        number = self.ok("handoff", "give", "--notes", "Port 5433", env=env).json()["number"]
        self.ok("complete", "--token", token)
        self.running.restart()
        task = self.ok("take", "--role", "backend").json()
        self.assertEqual([(c["number"], c["text"]) for c in task["handoffs"]],
                         [(number, "Port 5433")])
        self.ok("handoff", "reject", number, "no")
        self.ok("return", "--token", task["token"])
        self.assertEqual(self.ok("take", "--role", "backend").json()["handoffs"], [])

    def test_one_of_no_task_goes_from_role_to_role_until_it_is_answered(self):
        path = self.dir / "handoff.yaml"
        path.write_text("""
handoff_template:
  from_agent: "Infrastructure Agent"
  to_agent: "Backend Agent"
  timestamp: "2025-08-12T10:00:00Z"
  task_completed: ["PostgreSQL is up"]
  dependencies_ready: ["Database Ready"]
  notes: "Port 5433"
""")
        self.ok("add", "W", "--role", "backend", "--after", "signal:database-ready")
        self.ok("add", "I", "--role", "infra")
        number = self.ok("handoff", "give", path).json()["number"]
        self.assertEqual(self.ok("show", "W").json()["state"], "ready")
        self.assertEqual([c["number"] for c in self.ok("handoff", "list").lines()],
                         [number])
        self.running.restart()
        self.assertEqual(self.ok("take", "--role", "infra").json()["handoffs"], [])
        task = self.ok("take", "--role", "backend").json()
        self.assertEqual([(c["number"], c["text"]) for c in task["handoffs"]],
                         [(number, "Port 5433")])
        self.ok("complete", "--token", task["token"])
        self.assertEqual(self.state(number), "submitted")
        self.ok("add", "W2", "--role", "backend")
        task = self.ok("take", "--role", "backend").json()
        self.assertEqual(len(task["handoffs"]), 1)
        self.ok("handoff", "accept", number, env={"BATON_TOKEN": str(task["token"])})
        self.ok("add", "W3", "--role", "backend")
        self.assertEqual(self.ok("take", "--role", "backend").json()["handoffs"], [])
        self.no(64, "from which role to which", "handoff", "give", "--from", "infra", "--notes", "x")

    def test_a_worker_hands_it_to_the_agent(self):
        self.ok("handoff", "give", "--task", "DB", "--notes", "Port 5433", "--next", "migrate",
                "--artifact", "gone.sql=the tables")
        token, _ = self.take("infra")
        self.ok("complete", "--token", token)
        script = "cat \"$BATON_PROMPT_FILE\" > {0}/prompt; cat \"$BATON_TASK_FILE\" > {0}/task; " \
                 "echo '{{\"outcome\":\"done\"}}' > \"$BATON_RESULT_FILE\"".format(self.dir)
        self.baton_worker(self.running, "backend", ["sh", "-c", script])
        self.ok("wait", "API")
        prompt = (self.dir / "prompt").read_text()
        self.assertIn("Port 5433", prompt)
        self.assertIn("artifact: gone.sql: the tables (missing)", prompt)
        handoff = json.loads((self.dir / "task").read_text())["handoffs"][0]
        self.assertEqual((handoff["from_agent"], handoff["next_steps"], handoff["notes"]),
                         ("infra", ["migrate"], "Port 5433"))
        self.assertEqual(handoff["artifacts"],
                         [{"path": "gone.sql", "description": "the tables", "missing": True}])
        self.assertEqual(self.state(handoff["number"]), "accepted")

    def test_mistakes_change_nothing(self):
        give = ("handoff", "give", "--task", "DB")
        self.no(64, "give, list", "handoff")
        self.no(64, "which task", "handoff", "give", "--notes", "x")
        self.no(65, "says nothing", *give)
        self.no(1, "no task 'ghost'", "handoff", "give", "--task", "ghost", "--notes", "x")
        self.no(65, "of the role infra", *give, "--from", "backend", "--notes", "x")
        self.no(65, "infra, backend", *give, "--to", "plumber", "--notes", "x")
        for path in ("../up", "/etc/passwd", "a/../../b"):
            self.no(65, "without '..'", *give, "--artifact", path)
        self.no(65, "", *give, "--notes", "\033[2J")
        self.no(64, "why", "handoff", "reject", "12")
        self.no(1, "no such card", "handoff", "accept", "99")
        plan = self.dir / "plan.yaml"
        plan.write_text("tasks: [{id: X, role: infra}]\n")
        self.no(65, "one handoff", "handoff", "give", plan)
        plan.write_text(TEMPLATE.replace("2025-08-13T14:00:00Z", "yesterday-ish"))
        self.no(65, "", "handoff", "give", plan, "--task", "DB")
        self.assertEqual(self.ask("handoff", "list", "--all").status, 1)


if __name__ == "__main__":
    unittest.main()
