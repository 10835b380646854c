"""A backup that is put back begins a life of its own: nothing of the original counts in it. And the
store of an older program goes on with all that is in it."""

import gzip
import shutil
import unittest

from harness import ROOT, SystemTest


class Restore(SystemTest):
    def copy_of(self, broker, name):
        copy = self.dir / f"{name}.db"
        self.assertEqual(self.baton(broker, "backup", str(copy)).status, 0)
        data = self.dir / name
        data.mkdir(mode=0o700)
        shutil.copy(copy, data / "baton.db")
        return data

    def test_tokens_of_the_original_are_stale_in_the_copy(self):
        original = self.broker()
        self.assertEqual(self.baton(original, "add", "--role", "infra", "first").status, 0)
        token = self.baton(original, "take", "--role", "infra").json()["token"]
        data = self.copy_of(original, "copy")
        self.assertEqual(self.baton(original, "complete", "--token", token).status, 0)
        newer = None
        for i in range(20):
            self.assertEqual(self.baton(original, "add", "--role", "infra", f"later{i}").status, 0)
            newer = self.baton(original, "take", "--role", "infra").json()["token"]
        original.stop()

        copy = self.broker(data=data)
        self.assertEqual(self.baton(copy, "show", "first").json()["state"], "ready")
        for stale in (token, newer):
            late = self.baton(copy, "complete", "--token", stale)
            self.assertNotEqual(late.status, 0)
        again = self.baton(copy, "take", "--role", "infra").json()
        self.assertEqual(again["id"], "first")
        self.assertGreater(int(again["token"]), int(newer))
        # And the copy starts again as any store does.
        copy.stop()
        copy.start()
        self.assertEqual(self.baton(copy, "complete", "--token", again["token"]).status, 0)
        self.assertEqual(self.baton(copy, "show", "first").json()["state"], "done")


class OlderStore(SystemTest):
    """tests/data/store/format-1.db.gz was written by a program of format 1: six tasks of a plan, thirty
    more, three of them in the archive, a snapshot, a blocker, a pause, and a lease of a day."""

    def test_goes_on_as_if_nothing_were(self):
        data = self.dir / "older"
        data.mkdir(mode=0o700)
        store = data / "baton.db"
        store.write_bytes(gzip.decompress((ROOT / "tests/data/store/format-1.db.gz").read_bytes()))
        store.chmod(0o600)
        forever = ("--keep-ended", "3650d", "--keep-failed", "3650d")
        broker = self.broker(args=forever, data=data)
        states = {t["id"]: (t["state"], t["reason"]) for t in self.baton(broker, "list").lines()}
        self.assertEqual(states["b"], ("ready", "no_worker"))
        self.assertEqual(states["c"], ("waiting", "deps"))
        self.assertEqual(states["d"][0], "waiting")
        self.assertEqual(states["n4"], ("ready", "role_paused"))
        shown = self.baton(broker, "show", "a").json()
        self.assertEqual(shown["result"]["summary"], "the schema is there")
        self.assertEqual(self.baton(broker, "show", "n3").json()["state"], "cancelled")
        self.assertEqual(self.baton(broker, "show", "bad").json()["state"], "failed")
        self.assertIn("no key", self.baton(broker, "blocker", "list", json_out=False).out)
        # The lease of then counts, and so does what this program can do beside.
        self.assertEqual(self.baton(broker, "complete", "--token", "86").status, 0)
        self.assertEqual(self.baton(broker, "signal", "raise", "ready").status, 0)
        self.assertEqual(self.baton(broker, "show", "d").json()["state"], "ready")
        broker.kill()
        broker.start()
        self.assertEqual(self.baton(broker, "show", "run").json()["state"], "done")
        self.assertEqual(self.baton(broker, "show", "d").json()["state"], "ready")
        broker.stop()
        self.assertEqual(store.read_bytes()[60:64], b"\0\0\0\4")


if __name__ == "__main__":
    unittest.main()
