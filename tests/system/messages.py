"""The protocol's messages for Python: proto/*.proto run through protoc into a directory that is
removed at exit. Needs Debian's protobuf-compiler and python3-protobuf, so run tests with
/usr/bin/python3. `wire` and `task` are the two generated modules."""

import atexit
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def _generate():
    out = tempfile.mkdtemp(prefix="baton-proto-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    subprocess.run(
        ["protoc", f"-I{PROTO}", f"--python_out={out}", "task.proto", "card.proto", "wire.proto"],
        cwd=PROTO,
        check=True,
        timeout=60,
    )
    return out


sys.path.insert(0, _generate())
import card_pb2 as card  # noqa: E402
import task_pb2 as task  # noqa: E402
import wire_pb2 as wire  # noqa: E402

sys.path.pop(0)
