"""A backup that is put back begins a life of its own: nothing of the original counts in it."""

import shutil
import unittest

from harness import SystemTest


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


if __name__ == "__main__":
    unittest.main()
