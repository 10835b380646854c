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
    """{name of a sample: its labels} in the table of operate.md, which test_web holds to /metrics."""
    rows = re.findall(r"(?m)^\| `((?:baton|process)_\w+)` \| ([\w, ]*)\|", (TOP / "docs/operate.md").read_text())
    told = {name: set(re.findall(r"\w+", labels)) for name, labels in rows}
    for name in [name for name in told if name.endswith("_seconds")]:
        told |= {f"{name}_sum": told[name], f"{name}_count": told[name], f"{name}_bucket": told[name] | {"le"}}
    return told


def asked_labels(query):
    """Labels that a query names: in braces, and behind `by`."""
    plain = re.sub(r'"[^"]*"', '""', query)
    told = ",".join(re.findall(r"\{([^}]*)\}", plain) + re.findall(r"\bby \(([^)]*)\)", plain))
    return set(re.findall(r"\w+", told.replace('""', "")))


def asked_metrics(query):
    return re.findall(r"[a-z]*:?baton_\w+(?::\w+)*|baton:\w+:\w+", re.sub(r'"[^"]*"', '""', query))


def recorded():
    """{name of a recording rule: the labels that are left}"""
    found = re.findall(r"(?m)^ *- record: (\S+)\n +expr: (?:>-\n)?((?:.|\n)*?)(?=\n +(?:- |labels:)|\n\S|\Z)", (FILES / "baton.rules.yml").read_text())
    return {name: asked_labels(expr) - {"le"} for name, expr in found}


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
    """Grafana is not in Debian, so no test loads it: what can be said without it is held here."""

    # What Grafana reads of a panel of each kind; without them it draws nothing, or something else.
    PANEL = {"id", "type", "title", "gridPos"}
    DRAWN = PANEL | {"description", "datasource", "targets", "fieldConfig", "options"}
    TARGET = {"prometheus": {"expr", "legendFormat"}, "grafana-postgresql-datasource": {"rawSql", "format", "rawQuery"}}

    def setUp(self):
        super().setUp()
        self.dashboard = json.loads((FILES / "baton-dashboard.json").read_text())
        self.panels = self.dashboard["panels"]

    def test_it_is_one(self):
        dashboard = self.dashboard
        wanted = {"uid", "title", "schemaVersion", "version", "time", "refresh", "templating", "annotations", "panels"}
        self.assertLessEqual(wanted, set(dashboard))
        self.assertNotIn("__inputs", dashboard)  # those ask whoever provisions it, who can't answer
        self.assertGreaterEqual(dashboard["schemaVersion"], 38)
        self.assertEqual(dashboard["uid"], "baton")
        self.assertEqual(set(dashboard["time"]), {"from", "to"})
        variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
        self.assertEqual({v["type"] for v in variables.values()}, {"datasource"})
        self.assertEqual({v["query"] for v in variables.values()}, set(self.TARGET))
        ids = [panel["id"] for panel in self.panels]
        self.assertEqual(len(ids), len(set(ids)))
        for panel in self.panels:
            is_row = panel["type"] == "row"
            self.assertIn(panel["type"], {"row", "stat", "timeseries", "bargauge", "table"})
            self.assertLessEqual(self.PANEL | {"collapsed", "panels"} if is_row else self.DRAWN, set(panel), panel["title"])
            if not is_row:
                self.check_drawn(panel, variables)

    def check_drawn(self, panel, variables):
        title = panel["title"]
        self.assertLessEqual({"defaults", "overrides"}, set(panel["fieldConfig"]), title)
        self.assertTrue(panel["targets"], title)
        names = [target["refId"] for target in panel["targets"]]
        self.assertEqual(len(names), len(set(names)), title)
        for target in panel["targets"]:
            source = target["datasource"]
            self.assertEqual(source, panel["datasource"], title)
            self.assertEqual(variables[source["uid"].strip("${}")]["query"], source["type"], title)
            self.assertLessEqual(self.TARGET[source["type"]], set(target), title)

    def test_no_panel_covers_another(self):
        covered = {}
        for panel in self.panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
                self.assertNotIn(cell, covered, f"{panel['title']} and {covered.get(cell)}")
                covered[cell] = panel["title"]

    def test_it_asks_for_metrics_and_labels_that_there_are(self):
        known = told_metrics() | recorded()
        asked = 0
        for panel, query in queries():
            names = asked_metrics(query)
            for name in names:
                self.assertIn(name, known, f"{panel}: {query}")
                asked += 1
            if names:
                self.assertLessEqual(asked_labels(query), set.union(*(known[name] for name in names)), f"{panel}: {query}")
        self.assertGreater(asked, 30)

    def test_what_stands_beside_a_line_is_left_by_its_query(self):
        known = told_metrics() | recorded()
        for panel in self.panels:
            for target in panel.get("targets", []):
                legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
                if legend:
                    summed = re.search(r"\bby \(([^)]*)\)", target["expr"])
                    left = set(re.findall(r"\w+", summed.group(1))) if summed else known[asked_metrics(target["expr"])[0]]
                    self.assertLessEqual(legend, left, panel["title"])

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
        asked = 0
        for panel in self.panels:
            for target in panel.get("targets", []):
                if target["datasource"]["type"] != "prometheus":
                    sql = re.sub(r"\$__timeFilter\(([^()]*)\)", r"\1 BETWEEN now() - interval '1 day' AND now()", target["rawSql"])
                    pg.sql(sql)
                    asked += 1
        self.assertGreaterEqual(asked, 4)


if __name__ == "__main__":
    unittest.main()
