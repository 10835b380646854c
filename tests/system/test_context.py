"""The document that an agent gets with its task: the same for the agent and for whoever asks."""

import json
import unittest

from harness import BIN, BrokerTest, wait_until


class Context(BrokerTest):
    def setUp(self):
        super().setUp()
        self.ok("add", "DB", "--role", "infra")
        self.ok("add", "API", "--role", "backend", "--after", "DB", "--resource", "schema:shared",
                "--resource", "path:src/api/**", "--prompt", "Build it.")
        self.ok("budget", "set", "night", "tokens=1000", "--role", "backend", "--hard")
        token = self.ok("take", "--role", "infra").json()["token"]
        result = self.dir / "result.json"
        result.write_text(json.dumps({"port": 5433}))
        self.ok("handoff", "give", "--task", "DB", "--completed", "PostgreSQL runs")
        self.ok("complete", "--token", token, "--summary", "it runs", "--result", result)

    def test_whoever_asks_gets_what_the_agent_gets(self):
        shown = self.ok("context", "API").json()
        script = 'cp "$BATON_TASK_FILE" task.json; cat >prompt; baton complete'
        self.baton_worker(self.running, "backend", ["sh", "-c", script], env={
            "PATH": f"{BIN}:/usr/bin:/bin"})
        work = self.dir / "real-backend"
        self.ok("wait", "API", "--timeout", "20s")
        given = json.loads((wait_until("the task file", lambda: next(
            iter(work.rglob("task.json")), None))).read_text())
        for section in ("upstream", "handoffs", "locks", "prompt", "id", "after"):
            self.assertEqual(shown[section], given[section], section)
        self.assertEqual(shown["upstream"][0]["document"], {"port": 5433})
        self.assertEqual(shown["handoffs"][0]["task_completed"], ["PostgreSQL runs"])
        self.assertEqual([l["name"] for l in shown["locks"]], ["schema", "path:src/api"])
        self.assertEqual([(b["name"], b["of"], b["left"], b["hard"]) for b in given["budgets"]],
                         [("night", "tokens", 1000, True)])
        self.assertNotIn("token", shown)
        text = self.ok("context", "API", json_out=False).out
        for part in ("Build it.", "PostgreSQL runs", "path:src/api", "1000 of 1000 tokens left"):
            self.assertIn(part, text)
        prompt = next(iter(work.rglob("prompt"))).read_text()
        for part in ("Build it.", "PostgreSQL runs", "path:src/api", "1000 of 1000 tokens left",
                     "How to report"):
            self.assertIn(part, prompt)

    def test_it_takes_nothing_and_is_safe_to_read(self):
        self.ok("add", "X", "--role", "backend", "--prompt", "see \u202ethere")
        text = self.ok("context", "X", json_out=False).out
        self.assertIn("there", text)
        for escape in ("\033", "\u202e"):
            self.assertNotIn(escape, text)
        self.assertEqual(self.ok("show", "API").json()["state"], "ready")

    def test_an_agent_that_has_only_its_token_gets_its_own(self):
        token = self.ok("take", "--role", "backend").json()["token"]
        env = {"BATON_TOKEN": str(token)}
        self.assertEqual(self.ok("context", env=env).json()["id"], "API")
        named = {**env, "BATON_TASK_ID": "API"}
        self.assertEqual(self.ok("progress", "10", "x", env=named).json()["id"], "API")
        other = {**named, "BATON_TOKEN": "1"}  # of another task: its name is not known here
        self.assertIsNone(self.ok("progress", "10", "x", "--token", token, env=other).json()["id"])
        self.ok("complete", "--token", token)
        self.no(1, "stale_token", "context", env=env)

    def test_wrong_questions(self):
        for args, status in (([], 64), (["A", "B"], 64), (["nobody"], 1), (["../x"], 65)):
            done = self.ask("context", *args)
            self.assertEqual(done.status, status, done.err)
        self.assertEqual(self.ok("context", env={"BATON_TASK_ID": "API"}).json()["id"], "API")


if __name__ == "__main__":
    unittest.main()
