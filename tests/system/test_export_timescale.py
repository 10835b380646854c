"""The exporter and TimescaleDB, where PostgreSQL has it (Debian has no package of it): samples are a hypertable, old
ones go by the chunk, and a plain table becomes one while the exporter writes."""

import unittest

from harness import wait_until
from postgres import Postgres
from test_export import Export


class Timescale(Export):
    def postgres(self):
        pg = Postgres(self.dir / "p")
        version = pg.sql("SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'")
        if not version:
            pg.close()
            print("SKIPPED: PostgreSQL has no TimescaleDB here", flush=True)
            self.skipTest("no TimescaleDB")
        print(f"TimescaleDB {version}", flush=True)
        pg.stop()
        pg.settings += ["shared_preload_libraries=timescaledb", "timescaledb.telemetry_level=off"]
        pg.start()
        return pg

    def n_samples(self, where="true"):
        return int(self.pg.sql(f"SELECT count(*) FROM baton.sample WHERE {where}"))

    def n_chunks(self):
        return int(self.pg.sql("SELECT count(*) FROM timescaledb_information.chunks"
                               " WHERE hypertable_schema = 'baton' AND hypertable_name = 'sample'"))

    def check_samples_come(self):
        before = self.n_samples()
        wait_until("samples", lambda: self.n_samples() > before + 20)

    def check_retention(self, b):
        """Old chunks go, of the one in between the old rows, and of what is new not one."""
        b.stop()
        self.pg.sql("INSERT INTO baton.sample SELECT now() - d, 'infra', 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL FROM (VALUES"
                    " (interval '900 days'), ('800 days'), ('400 days 2 hours'), ('400 days 1 hour'), ('399 days')) v(d)")
        newest = self.pg.sql("SELECT max(at) FROM baton.sample")
        is_young = f"at > now() - interval '400 days' AND at <= '{newest}'"
        young = self.n_samples(is_young)
        chunks = self.n_chunks()
        self.assertGreaterEqual(chunks, 4)
        b.start()  # it looks at once
        wait_until("old samples to go", lambda: self.n_samples("at < now() - interval '400 days'") == 0)
        self.assertEqual(self.n_samples(is_young), young)
        self.assertGreater(young, 20)
        self.assertLessEqual(self.n_chunks(), chunks - 2)
        self.check_same(self.client(b))

    def check_hypertable(self, extension):
        self.pg.sql(extension)
        b = self.exporting()
        c = self.client(b)
        self.work(c, 50, "a")
        self.check_same(c)
        self.assertEqual(self.n_chunks(), 1)
        self.check_samples_come()
        self.check_retention(b)

    def test_samples_are_a_hypertable(self):
        self.check_hypertable("CREATE EXTENSION timescaledb")

    def test_the_extension_is_in_a_schema_of_its_own(self):
        self.check_hypertable('CREATE SCHEMA "its Own"; CREATE EXTENSION timescaledb SCHEMA "its Own"')

    def test_a_plain_table_becomes_one_while_it_is_written(self):
        b = self.exporting()
        c = self.client(b)
        self.work(c, 50, "a")
        self.wait_exported(c)
        self.check_samples_come()
        self.pg.sql("CREATE EXTENSION timescaledb")
        before = self.n_samples()
        # As docs/operate.md has it.
        self.pg.sql("SELECT create_hypertable('baton.sample', 'at', migrate_data => true)")
        self.assertGreaterEqual(self.n_samples(), before)
        self.assertEqual(self.n_chunks(), 1)
        self.work(c, 50, "b")
        self.check_same(c)
        self.check_samples_come()
        self.check_retention(b)


if __name__ == "__main__":
    unittest.main()
