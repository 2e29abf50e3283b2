"""What a node is made of: nothing that runs a stranger's code, and one socket for strangers."""

import ast
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import trio

ROOT = Path(__file__).parents[2]
IMPORTS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
CALLS = {"torch.load", "torch.save", "eval", "exec", "np.load", "numpy.load", "compile"}
LISTENING = "0A"
"""How Linux writes the state of a listening socket."""

WATCH = """
import sys
def watch(name, arguments):
    if name == "pickle.find_class":
        print("pickle.find_class", arguments, file=open({path!r}, "a"))
sys.addaudithook(watch)
"""


def offences(path: Path) -> list[str]:
    """Return what a module imports, calls or allows that could run a stranger's code."""
    tree = ast.parse(path.read_text("utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [f"imports {name}" for name in names if name.split(".")[0] in IMPORTS]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            found += [f"calls {called}"] if called in CALLS else []
            found += [
                "trusts remote code"
                for keyword in node.keywords
                if keyword.arg == "trust_remote_code"
                and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            ]
    return [f"{path.relative_to(ROOT)}: {one}" for one in found]


def listening_sockets(pids: list[int]) -> list[str]:
    """Return the TCP addresses on which processes listen."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                if found := re.match(r"socket:\[(\d+)\]", str(link.readlink())):
                    inodes.add(found[1])
            except OSError:
                continue  # closed in the meantime
    places = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (fields[3] == LISTENING or table.startswith("udp")):
                host, _, port = fields[1].partition(":")
                places.append(f"{table} {_readable(host)}:{int(port, 16)}")
    return sorted(set(places))


def _readable(host: str) -> str:
    if len(host) == 8:  # noqa: PLR2004 - an IPv4 address in hexadecimal, its bytes reversed
        return ".".join(str(one) for one in bytes.fromhex(host)[::-1])
    return host


def children(pid: int) -> list[int]:
    """Return a process and those that it has started, and they."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += children(int(child))
    return found


async def started_node(directory: Path, listen: str) -> dict[str, Any]:
    """Start a node as a person would; return what it listens on and what it unpickled."""
    hook = directory / "hook"
    hook.mkdir()
    seen = directory / "unpickled"
    (hook / "sitecustomize.py").write_text(WATCH.format(path=str(seen)))
    command = [sys.executable, "-m", "node", "start", "--data-dir", str(directory / "node")]
    command += ["--listen", listen, "--set", "swarm.test_swarm=true"]
    command += ["--set", "swarm.prompts_per_round=4", "--set", "evaluate.every=0"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - this very program
            command,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(hook)},
        )
    try:
        with trio.move_on_after(90):
            while not any((directory / "node").glob("swarms/*/metrics.jsonl")):  # noqa: ASYNC110 - another process
                await trio.sleep(0.2)
        await trio.sleep(3)
        listening = listening_sockets(children(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        await trio.to_thread.run_sync(process.wait)
    return {
        "listening": listening,
        "unpickled": seen.read_text().splitlines() if seen.exists() else [],
        "private": oct((directory / "node" / "identity.key").stat().st_mode & 0o777) == "0o600",
    }


async def measure(*, short: bool) -> dict[str, Any]:
    """Return what the sources hold and, in the long form, what a started node does."""
    sources = sorted([*(ROOT / "node").rglob("*.py"), *(ROOT / "protocol").rglob("*.py")])
    found = [one for path in sources for one in offences(path)]
    node: dict[str, Any] = {"listening": [], "unpickled": [], "private": True}
    if not short:
        with tempfile.TemporaryDirectory() as directory:
            node = await started_node(Path(directory), "/ip4/0.0.0.0/tcp/0")
    outside = [place for place in node["listening"] if " 127." not in place]
    return {
        "modules": len(sources),
        "offences": found,
        **node,
        "passed": (
            not found
            and not node["unpickled"]
            and node["private"]
            and len(outside) == (0 if short else 1)
        ),
    }
