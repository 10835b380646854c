"""The files of examples/prometheus: rules that ring when they should, a paragraph for whoever is called, and a
dashboard whose every query means something."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import SystemTest, baton
from postgres import BIN, Postgres

TOP = pathlib.Path(__file__).parents[2]
FILES = TOP / "examples" / "prometheus"
NEEDS_PROMTOOL = unittest.skipUnless(shutil.which("promtool"), "SKIPPED: promtool (package prometheus) is missing")


def promtool(*args, cwd=FILES):
    return subprocess.run(["promtool", *args], cwd=cwd, capture_output=True, text=True, timeout=60)


def told_metrics():
    """Names of samples in the table of operate.md, which test_web holds to /metrics."""
    names = set(re.findall(r"(?m)^\| `((?:baton|process)_\w+)`", (TOP / "docs/operate.md").read_text()))
    return names | {f"{name}_{part}" for name in names if name.endswith("_seconds") for part in ("bucket", "sum", "count")}


def recorded():
    return set(re.findall(r"(?m)^ *- record: (\S+)$", (FILES / "baton.rules.yml").read_text()))


def queries():
    """(panel, query) of the dashboard, for Prometheus."""
    dashboard = json.loads((FILES / "baton-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            if target["datasource"]["type"] == "prometheus":
                yield panel["title"], target["expr"].replace("$__rate_interval", "5m")
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


class Rules(unittest.TestCase):
    @NEEDS_PROMTOOL
    def test_they_are_valid_and_ring_when_they_should(self):
        for args in (
            ("check", "rules", "baton.rules.yml"),
            ("check", "config", "prometheus.yml"),
            ("test", "rules", "baton.rules.test.yml"),
        ):
            done = promtool(*args)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @NEEDS_PROMTOOL
    def test_a_rule_that_is_wrong_is_found(self):
        with tempfile.TemporaryDirectory() as dir:
            for name in ("baton.rules.yml", "baton.rules.test.yml"):
                shutil.copy(FILES / name, dir)
            rules = pathlib.Path(dir, "baton.rules.yml")
            rules.write_text(rules.read_text().replace("baton_accepting == 0", "baton_accepting == 1"))
            self.assertNotEqual(promtool("test", "rules", "baton.rules.test.yml", cwd=dir).returncode, 0)

    def test_each_alert_is_tested_both_ways_and_has_its_paragraph(self):
        rules = (FILES / "baton.rules.yml").read_text()
        tests = (FILES / "baton.rules.test.yml").read_text()
        page = (TOP / "docs/operate.md").read_text()
        section = page.split("\n## Alerts\n", 1)[1].split("\n## ", 1)[0]
        alerts = re.findall(r"(?m)^ *- alert: (\w+)$", rules)
        self.assertGreater(len(alerts), 10)
        self.assertEqual(sorted(alerts), sorted(re.findall(r"(?m)^### (\w+)$", section)))
        self.assertEqual([f"docs/operate.md#{a.lower()}" for a in alerts], re.findall(r"runbook: (\S+)", rules))
        rings = set(re.findall(r"alertname: (\w+)\n +exp_alerts:", tests))
        quiet = set(re.findall(r"alertname: (\w+)}", tests))
        self.assertEqual((rings, quiet), (set(alerts), set(alerts)))

    def test_they_ask_for_metrics_that_there_are(self):
        text = (FILES / "baton.rules.yml").read_text()
        for expr in re.findall(r"expr: (?:>-\n)?((?:.|\n)*?)(?=\n +(?:for|labels|-|annotations))", text):
            for name in re.findall(r"(?<![\w:])baton_\w+", expr):
                self.assertIn(name, told_metrics(), expr)


class Dashboard(SystemTest):
    def test_it_is_one(self):
        dashboard = json.loads((FILES / "baton-dashboard.json").read_text())
        self.assertGreaterEqual(dashboard["schemaVersion"], 38)
        self.assertEqual(dashboard["uid"], "baton")
        self.assertEqual({v["type"] for v in dashboard["templating"]["list"]}, {"datasource"})
        variables = {"${%s}" % v["name"] for v in dashboard["templating"]["list"]}
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            for target in panel.get("targets", []):
                self.assertIn(target["datasource"]["uid"], variables, panel["title"])

    def test_it_asks_for_metrics_that_there_are(self):
        known = told_metrics() | recorded()
        asked = 0
        for panel, query in queries():
            plain = re.sub(r'"[^"]*"', '""', query)
            for name in re.findall(r"[a-z]*:?baton_\w+(?::\w+)*|baton:\w+:\w+", plain):
                self.assertIn(name, known, f"{panel}: {query}")
                asked += 1
        self.assertGreater(asked, 30)

    @NEEDS_PROMTOOL
    def test_prometheus_takes_every_query(self):
        with tempfile.TemporaryDirectory() as dir:
            rules = [{"record": f"query:{n}", "expr": query} for n, (_, query) in enumerate(queries())]
            path = pathlib.Path(dir, "queries.json")  # JSON is YAML
            path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
            done = promtool("check", "rules", str(path))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(f"{len(rules)} rules found", done.stdout)

    def test_postgres_takes_the_others(self):
        if not (BIN / "initdb").exists():
            self.skipTest("SKIPPED: postgresql-15 is missing")
        pg = self.own(Postgres(self.dir / "p"))
        schema = baton("ipc:///nonexistent", "schema", json_out=False)
        self.assertEqual(schema.status, 0, schema.err)
        pg.sql("CREATE SCHEMA baton;" + schema.out)
        dashboard = json.loads((FILES / "baton-dashboard.json").read_text())
        asked = 0
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["type"] != "prometheus":
                    sql = re.sub(r"\$__timeFilter\(([^()]*)\)", r"\1 BETWEEN now() - interval '1 day' AND now()", target["rawSql"])
                    pg.sql(sql)
                    asked += 1
        self.assertGreaterEqual(asked, 4)


if __name__ == "__main__":
    unittest.main()
