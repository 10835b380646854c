"""Measures that agents report, the metrics that are counted of roles, targets, and check-token."""

import json
import os
import re
import subprocess
import unittest

from harness import BIN, ROOT, BrokerTest

TARGETS = """
agent_metrics:
  task_completion_rate:
    target: 90%
    measurement: "Tasks completed on time / Total tasks"
  handoff_quality:
    target: 95%
  blocker_resolution_time:
    target: "< 4 hours"
  test_coverage:
    target: 80%
  api_response_time:
    target: "< 200"
"""


class Measures(BrokerTest):
    def take(self, role="backend", *args):
        token = self.ok("take", "--role", role, *args).json()["token"]
        return token, {"BATON_TOKEN": str(token)}

    def metrics(self, *args):
        done = self.ask("metrics", *args)
        self.assertIn(done.status, (0, 1), done.err)
        return done.json()

    def target(self, name):
        return [t for t in self.metrics("--window", "all")["targets"] if t["name"] == name][0]

    def row(self, role, *args):
        return [r for r in self.metrics(*args)["rows"] if r["role"] == role][0]

    def test_measures_of_a_task_are_shown_summed_and_kept(self):
        self.ok("add", "A", "--role", "backend", "--max-attempts", "3", "--backoff", "1ms")
        token, env = self.take()
        self.ok("progress", "10", "reading", "--measure", "tokens=100", env=env)
        self.ok("progress", "50", "writing", "--measure", "tokens=300", env=env)
        self.ok("fail", "no luck", "--measure", "tokens=400", "--measure", "cost=0.25 USD", env=env)
        self.ok("wait", "A", "--for", "state=ready", "--timeout", "20s")
        token, env = self.take()
        result = self.dir / "result.json"
        result.write_text(json.dumps({"measures": {"tokens": 50,
                                                   "coverage": {"value": 83.5, "unit": "%"}}}))
        self.ok("complete", "--result", result, env=env)
        shown = self.ok("show", "A").json()["measures"]
        self.assertEqual(shown["tokens"], {"value": 50.0, "unit": "", "total": 450.0})
        self.assertEqual(shown["cost"], {"value": None, "unit": "USD", "total": 0.25})
        self.assertEqual(shown["coverage"]["value"], 83.5)
        self.assertIn("tokens 50  (450 in all attempts)", self.ok("show", "A", json_out=False).out)
        before = self.metrics("--window", "all")
        sums = {m["name"]: (m["n"], m["sum"], m["last"]) for m in before["measures"]}
        self.assertEqual(sums["tokens"], (2, 450.0, 50.0))
        self.assertEqual(sums["cost"], (1, 0.25, 0.25))
        self.running.restart()
        after = self.metrics("--window", "all")
        self.assertEqual(after["measures"], before["measures"])
        self.assertEqual(after["rows"], before["rows"])
        self.assertEqual(self.ok("show", "A").json()["measures"], shown)

    def test_a_worker_reads_them_from_the_result_file(self):
        self.ok("add", "A", "--role", "backend")
        script = ("echo '{\"outcome\": \"done\", \"measures\": [{\"name\": \"coverage\", "
                  "\"value\": \"91%\"}, {\"name\": \"lines\", \"value\": 200}]}' "
                  "> $BATON_RESULT_FILE")
        self.baton_worker(self.running, "backend", ["sh", "-c", script])
        self.ok("wait", "A", "--timeout", "30s")
        measures = self.ok("show", "A").json()["measures"]
        self.assertEqual(measures["coverage"]["value"], 91)
        self.assertEqual(measures["lines"]["value"], 200)
        self.assertEqual(self.row("backend")["test_coverage"], 91)

    def test_wrong_measures_change_nothing(self):
        self.ok("add", "A", "--role", "backend")
        token, env = self.take()
        for wrong in ("tokens", "tokens=", "tokens=many", "=5", "-x=5", "../x=5", "a=1e300",
                      "a=nan", "a=0x10", "a=5 \033[2J", "a=5 " + "u" * 40, "a" * 65 + "=5"):
            self.no(64, "measure", "complete", "--measure", wrong, env=env)
        many = [a for i in range(17) for a in ("--measure", f"m{i}=1")]
        self.no(64, "16", "complete", *many, env=env)
        result = self.dir / "result.json"
        for wrong in ([1], {"a": []}, {"a": {"unit": "%"}}, 5, [{"value": 5}]):
            result.write_text(json.dumps({"measures": wrong}))
            self.no(65, "measures", "complete", "--result", result, env=env)
        self.no(65, "twice", "complete", "--measure", "a=1", "--measure", "a=2", env=env)
        self.assertEqual(self.ok("show", "A").json()["state"], "leased")
        self.assertEqual(self.ok("show", "A").json()["measures"], {})

    def test_metrics_against_the_targets(self):
        path = self.dir / "targets.yaml"
        path.write_text(TARGETS)
        self.ok("apply", path)
        self.assertIsNone(self.target("test_coverage")["met"])
        for i in range(4):
            self.ok("add", f"T{i}", "--role", "backend", "--deadline", "+1h")
            token, env = self.take()
            self.ok("complete", "--measure", f"coverage={60 + 10 * i}%",
                    "--measure", "lines=" + str(100 if i == 3 else 300), env=env)
        self.ok("add", "LATE", "--role", "backend", "--max-attempts", "1")
        token, env = self.take()
        self.ok("fail", "no", "--fatal", env=env)
        self.ok("add", "NEXT", "--role", "frontend", "--after", "T0")
        handoff = self.ok("handoff", "give", "--task", "T0", "--completed", "all of it").json()
        self.ok("handoff", "accept", handoff["number"])
        blocker = self.ok("blocker", "raise", "no database", "--role", "backend").json()["number"]
        self.ok("blocker", "resolve", blocker, "there it is")
        row = self.row("backend")
        self.assertEqual((row["tasks_ended"], row["tasks_on_time"]), (5, 4))
        self.assertEqual(row["task_completion_rate"], 80)
        self.assertEqual(row["handoff_quality"], 100)
        self.assertEqual(row["test_coverage"], (60 * 300 + 70 * 300 + 80 * 300 + 90 * 100) / 1000)
        met = {t["name"]: t["met"] for t in self.metrics("--window", "30d")["targets"]}
        self.assertEqual(met, {"task_completion_rate": False, "handoff_quality": True,
                               "blocker_resolution_time": True, "test_coverage": False,
                               "api_response_time": None})
        self.assertEqual(self.ask("metrics").status, 1)
        self.ok("add", "PERF", "--role", "testing")
        token, env = self.take("testing")
        self.ok("complete", "--measure", "api_response_time=180 ms", env=env)
        self.assertTrue(self.target("api_response_time")["met"])
        self.assertEqual([r["role"] for r in self.metrics("--role", "testing")["rows"]],
                         ["testing"])
        text = self.ask("metrics", json_out=False).out
        self.assertIn("task_completion_rate", text)
        self.assertIn("missed", text)

    def test_wrong_questions(self):
        self.no(64, "31d", "metrics", "--window", "90d")
        self.no(64, "soon", "metrics", "--window", "soon")
        self.no(65, "plumber", "metrics", "--role", "plumber")
        self.no(64, "expected", "metrics", "backend")

    def test_a_token_is_checked(self):
        self.ok("add", "A", "--role", "backend")
        token, env = self.take()
        yes = self.ok("check-token", env=env).json()
        self.assertEqual((yes["live"], yes["task"], yes["state"]), (True, "A", "leased"))
        self.ok("check-token", str(token))
        self.running.restart()
        self.ok("check-token", str(token))
        self.ok("cancel", "A", "--reason", "no longer wanted")
        self.assertEqual(self.ask("check-token", env=env).status, 1)
        self.ok("fail", "stopped", "--cancelled", env=env)
        self.ok("retry", "A")
        done = self.ask("check-token", env=env)
        self.assertEqual((done.status, done.json()["live"]), (1, False))
        newer, _ = self.take()
        self.assertEqual(self.ask("check-token", str(token)).status, 1)
        self.ok("check-token", str(newer))
        self.no(64, "token", "check-token", "seven")
        self.no(64, "token", "check-token", "0")
        self.assertEqual(self.ask("check-token").status, 64)

    def git(self, *args, status=0, env=None):
        done = subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *args],
                              cwd=self.dir / "repo", capture_output=True, text=True,
                              env={**os.environ, **(env or {})})
        self.assertEqual(done.returncode != 0, status != 0, done.stdout + done.stderr)
        return done

    def test_the_hook_of_the_page(self):
        page = (ROOT / "docs" / "agent.md").read_text()
        hook = re.search(r"^```sh hook\n(.*?)^```$", page, re.M | re.S).group(1)
        (self.dir / "repo").mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("init", "-q", "--bare", str(self.dir / "remote"))
        self.git("remote", "add", "origin", str(self.dir / "remote"))
        path = self.dir / "repo" / ".git" / "hooks" / "pre-push"
        path.write_text(hook)
        path.chmod(0o755)
        self.ok("add", "A", "--role", "backend")
        token, _ = self.take()
        env = {"BATON_TOKEN": str(token), "BATON_ENDPOINT": self.running.endpoint,
               "PATH": f"{BIN}:{os.environ['PATH']}"}
        self.git("commit", "-q", "--allow-empty", "-m", "one")
        self.git("push", "-q", "origin", "main", env=env)
        self.git("commit", "-q", "--allow-empty", "-m", "two")
        self.ok("return", "--token", token)
        self.git("push", "-q", "origin", "main", status=1, env=env)
        self.running.stop()
        self.git("push", "-q", "origin", "main", status=1,
                 env={**env, "BATON_TIMEOUT": "1s"})
        self.git("push", "-q", "origin", "main", env={**env, "BATON_TOKEN": ""})


if __name__ == "__main__":
    unittest.main()
