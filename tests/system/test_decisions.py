"""Decisions as their users see them: proposed, reviewed, made by who may, given to who works there."""

import json
import unittest

from harness import BrokerTest

RULES = """
conflict_resolution:
  database_schema:
    owner: "Backend Agent"
    reviewers: ["Infrastructure Agent"]
    decision_maker: "Backend Agent"
  api_contracts:
    owner: "Backend Agent"
    reviewers: ["Frontend Agent", "Integration Agent"]
    decision_maker: "Backend Agent"
"""


class Decisions(BrokerTest):
    def setUp(self):
        super().setUp()
        rules = self.dir / "rules.yaml"
        rules.write_text(RULES)
        self.ok("apply", rules)

    def no(self, status, word, *args, **fields):
        before = self.cards()
        done = self.ask(*args, **fields)
        self.assertEqual(done.status, status, done.out + done.err)
        self.assertIn(word, str(done.error()))
        self.assertEqual(self.cards(), before)

    def cards(self):
        return self.ask("decision", "list", "--all").out

    def propose(self, name="db-engine", *args, **fields):
        return self.ok("decision", "propose", name, "--area", "database_schema", "--title",
                       "Which database?", *args, **fields).json()

    def show(self, name):
        return self.ok("decision", "show", name).lines()[-1]

    def items(self, card, tag):
        return [item for item in card["items"] if item["tag"] == tag]

    def take(self, role, *args):
        task = self.ok("take", "--role", role, *args).json()
        return task, {"BATON_TOKEN": str(task["token"])}

    def test_an_objection_is_recorded_and_the_decision_maker_decides(self):
        card = self.propose("db-engine", "--role", "frontend", "--option",
                            "PostgreSQL=with TimescaleDB", "--option", "MySQL")
        self.assertEqual((card["state"], card["owner"], card["role"]),
                         ("open", "backend", "frontend"))
        self.assertIn("due_at", card)
        self.assertEqual([o["name"] for o in self.items(card, "option")], ["PostgreSQL", "MySQL"])
        self.assertEqual(self.items(card, "reviewer")[0]["name"], "infra")
        self.ok("decision", "review", "db-engine", "object", "nobody runs it here", "--role",
                "infra")
        self.running.restart()
        card = self.ok("decision", "decide", "db-engine", "PostgreSQL", "--role", "backend").json()
        self.assertEqual((card["state"], card["outcome"]), ("in_force", "PostgreSQL"))
        self.assertNotIn("due_at", card)
        review = self.items(card, "review")[0]
        self.assertEqual((review["name"], review["unit"], review["text"]),
                         ("infra", "object", "nobody runs it here"))
        decided = self.items(card, "decided")[0]
        self.assertEqual(decided["name"], "backend")
        self.assertNotIn("unit", decided)
        self.running.restart()
        self.assertEqual(self.show("db-engine")["state"], "in_force")

    def test_only_the_decision_maker_and_an_override_is_shown(self):
        self.propose()
        decide = ("decision", "decide", "db-engine", "MySQL")
        self.no(77, "is backend's, not infra's", *decide, "--role", "infra")
        self.no(77, "operator can override", *decide)
        self.ok("add", "F", "--role", "frontend")
        _, agent = self.take("frontend")
        self.no(77, "is backend's", *decide, env=agent)
        self.no(77, "is backend's", *decide, "--force", env=agent)
        self.no(77, "can't speak for backend", *decide, "--role", "backend", env=agent)
        card = self.ok(*decide, "--force").json()
        self.assertEqual(self.items(card, "decided")[0]["unit"], "override")
        self.assertEqual(self.items(card, "review")[0]["unit"], "silent")
        text = self.ask("decision", "show", "db-engine",
                          json_out=False).out
        self.assertIn("override", text)

    def test_a_newer_one_supersedes_when_it_is_decided(self):
        first = self.propose()["number"]
        self.ok("decision", "decide", "db-engine", "MySQL", "--role", "backend")
        second = self.propose("db-engine", "--role", "backend")["number"]
        states = {c["number"]: c["state"] for c in self.ok("decision", "list").lines()}
        self.assertEqual(states, {first: "in_force", second: "open"})
        self.no(65, "proposed already", "decision", "propose", "db-engine", "--owner", "backend",
                "--title", "x")
        self.ok("decision", "decide", f"#{second}", "PostgreSQL", "--role", "backend")
        states = {c["number"]: c["state"] for c in self.ok("decision", "list", "--all").lines()}
        self.assertEqual(states, {first: "superseded", second: "in_force"})
        self.propose("storage", "--role", "backend", "--supersedes", str(second))
        self.running.restart()
        self.ok("decision", "decide", "storage", "S3", "--role", "backend")
        self.assertEqual(self.ok("decision", "show", f"#{second}").json()["state"], "superseded")
        self.ok("decision", "withdraw", "storage", "no need", "--role", "backend")
        self.assertEqual(self.ask("decision", "list").status, 1)

    def test_without_an_area_the_owner_decides(self):
        self.ok("decision", "propose", "name", "--owner", "ann", "--reviewer", "QA Agent",
                "--title", "How is it called?")
        self.no(77, "is no reviewer", "decision", "review", "name", "approve")
        self.ok("decision", "review", "name", "approve", "--role", "testing")
        self.no(77, "is ann's", "decision", "decide", "name", "Baton", "--role", "testing")
        self.ok("--actor", "ann", "decision", "decide", "name", "Baton")

    def test_reviewers_are_reminded_and_their_silence_is_recorded(self):
        feed = self.feed(self.running)
        number = self.propose("db-engine", "--due", "+1s")["number"]
        rungs = []
        while not rungs or rungs[-1] < 2:
            event = feed.next(10)
            if event.HasField("card") and event.card.number == number:
                rungs.append(event.card.rung)
        self.assertEqual(rungs, [0, 1, 2])
        card = self.show("db-engine")
        self.assertEqual(card["state"], "open")
        self.assertEqual([(r["name"], r["unit"]) for r in self.items(card, "review")],
                         [("infra", "silent")])

    def test_those_who_work_there_get_it(self):
        self.propose()
        self.ok("add", "API", "--role", "backend")
        self.ok("add", "UI", "--role", "frontend")
        self.ok("add", "UI2", "--role", "frontend", "--label", "area=database_schema")
        self.ok("add", "DB", "--role", "infra")
        task, _ = self.take("backend")
        self.assertEqual(task["decisions"], [])
        self.ok("return", "--token", task["token"])
        self.ok("decision", "decide", "db-engine", "PostgreSQL", "--role", "backend")
        self.running.restart()
        given = {}
        for role, name in (("backend", "API"), ("frontend", "UI"), ("frontend", "UI2"),
                           ("infra", "DB")):
            task, _ = self.take(role, "--task", name)
            given[name] = [d["name"] for d in task["decisions"]]
        self.assertEqual(given, {"API": ["db-engine"], "UI": [], "UI2": ["db-engine"],
                                 "DB": ["db-engine"]})

    def test_an_areas_rule_says_who_gets_what_was_decided_before(self):
        self.propose()
        self.ok("decision", "decide", "db-engine", "PostgreSQL", "--role", "backend")
        for role in ("frontend", "infra"):
            self.ok("add", role, "--role", role)
        rules = self.dir / "rules.yaml"
        rules.write_text(RULES.replace("Infrastructure Agent", "Frontend Agent"))
        self.ok("apply", rules)
        for _ in range(2):  # from the facts, and from a restart
            for role, n in (("frontend", 1), ("infra", 0)):
                task, _ = self.take(role)
                self.assertEqual(len(task["decisions"]), n, role)
                self.ok("return", "--token", task["token"])
            self.running.restart()

    def test_a_worker_tells_the_agent(self):
        self.propose()
        self.ok("decision", "decide", "db-engine", "PostgreSQL, 16 or later", "--role", "backend")
        self.ok("add", "API", "--role", "backend")
        script = "cat \"$BATON_PROMPT_FILE\" > {0}/prompt; cat \"$BATON_TASK_FILE\" > {0}/task; " \
                 "echo '{{\"outcome\":\"done\"}}' > \"$BATON_RESULT_FILE\"".format(self.dir)
        self.baton_worker(self.running, "backend", ["sh", "-c", script])
        self.ok("wait", "API")
        self.assertIn("PostgreSQL, 16 or later", (self.dir / "prompt").read_text())
        decision = json.loads((self.dir / "task").read_text())["decisions"][0]
        self.assertEqual((decision["name"], decision["area"], decision["decision"],
                          decision["decision_maker"]),
                         ("db-engine", "database_schema", "PostgreSQL, 16 or later", "backend"))

    def test_the_mirror_writes_them_down(self):
        self.propose()
        self.ok("decision", "review", "db-engine", "object", "too <big>", "--role", "infra")
        self.ok("decision", "decide", "db-engine", "PostgreSQL", "--force")
        self.ok("decision", "propose", "css", "--owner", "frontend", "--tech", "--title",
                "Which CSS framework?")
        self.ok("mirror", self.dir / "m", "--once")
        page = (self.dir / "m/decisions/architecture-decisions.md").read_text()
        for line in ("**Status**: in_force", "**Area**: database_schema",
                     "**Decision maker**: Backend Agent", "(override)", "**Decision**: PostgreSQL",
                     "- Infrastructure Agent: object: too &lt;big>"):
            self.assertIn(line, page)
        self.assertNotIn("CSS", page)
        self.assertIn("Which CSS", (self.dir / "m/decisions/tech-choices.md").read_text())

    def test_mistakes_change_nothing(self):
        propose = ("decision", "propose")
        self.no(64, "propose, review", "decision")
        self.no(64, "--title", *propose, "x")
        self.no(65, "who decides", *propose, "x", "--title", "x")
        self.no(1, "no area 'ghost'", *propose, "x", "--title", "x", "--area", "ghost")
        self.no(65, "is decided by backend", *propose, "x", "--title", "x", "--area",
                "database_schema", "--owner", "infra")
        self.no(65, "", *propose, "x", "--owner", "ann", "--title", "\033[2Jgone")
        self.no(65, "", *propose, "../x y", "--owner", "ann", "--title", "x")
        self.no(65, "has passed", *propose, "x", "--area", "database_schema", "--title", "x",
                "--due", "2020-01-01")
        self.no(65, "no decision in force", *propose, "x", "--owner", "ann", "--title", "x",
                "--supersedes", "12")
        self.no(65, "not a role", *propose, "x", "--owner", "ann", "--title", "x", "--role",
                "plumber")
        self.no(1, "no such card", "decision", "decide", "ghost", "x", "--role", "backend")
        self.propose()
        self.no(64, "why", "decision", "review", "db-engine", "object")
        self.no(64, "approve or object", "decision", "review", "db-engine", "perhaps")
        self.no(77, "is no reviewer", "decision", "review", "db-engine", "approve", "--role",
                "testing")
        self.no(65, "", "decision", "decide", "db-engine", "\033]0;x\007", "--role", "backend")
        self.ok("decision", "decide", "db-engine", "MySQL", "--role", "backend")
        self.no(1, "propose it anew", "decision", "decide", "db-engine", "x", "--role", "backend")
        self.no(1, "not open to reviews", "decision", "review", "db-engine", "approve", "--role",
                "infra")
        self.no(77, "is backend's", "decision", "withdraw", "db-engine")
        self.no(65, "is another's", *propose, "db-engine", "--owner", "ann", "--title", "x")


if __name__ == "__main__":
    unittest.main()
