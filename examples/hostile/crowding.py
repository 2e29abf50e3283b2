"""Too many at the door: silent ones, one address with many names, a crowd around one node."""

import socket
from contextlib import AsyncExitStack, suppress
from typing import Any

import ground
import trio
from intruder import HUNG_UP, control, hello, intruder
from libp2p.pubsub.pb import rpc_pb2
from live import Live, honest_peer, live_node

DIAL_S_MAX = 2.0
CALLERS_MAX = 8
CROWDED_AT = "127.50.0.1"


async def half_open(live: Live, count: int, source: str) -> list[trio.SocketStream]:
    """Connect and say nothing, so many times."""
    opened: list[trio.SocketStream] = []
    for _ in range(count):
        one = trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        await one.bind((source, 0))
        with suppress(OSError), trio.move_on_after(1):
            await one.connect(("127.0.0.1", live.port))
            opened.append(trio.SocketStream(one))
    return opened


async def dial(live: Live, name: str, source: str) -> float:
    """Return how long an honest dial takes, trying again as a node does; infinite if above 10 s."""
    began_s = trio.current_time()
    with trio.move_on_after(10):
        while True:
            with suppress(HUNG_UP):
                async with intruder(ground.keypair(name), source, live.address) as one:
                    await one.stream()
                    return trio.current_time() - began_s
            await trio.sleep(0.1)
    return float("inf")


async def silent_callers(live: Live, count: int) -> dict[str, float]:
    """Return how long honest dials take while so many connections are held half open."""
    held = await half_open(live, count, CROWDED_AT)
    elsewhere = await dial(live, "from elsewhere", "127.0.0.1")
    same = await dial(live, "from the same", CROWDED_AT)
    for one in held:
        with suppress(OSError, trio.BrokenResourceError):
            await one.aclose()
    return {"elsewhere_s": round(elsewhere, 3), "same_address_s": round(same, 3)}


async def many_names(live: Live, count: int) -> dict[str, Any]:
    """Return how many identities of one address are let in, and how long an honest dial takes."""
    let_in = 0
    async with AsyncExitStack() as stack:
        for number in range(count):
            with suppress(HUNG_UP):
                key = ground.keypair(f"name {number}")
                one = await stack.enter_async_context(intruder(key, "127.51.0.1", live.address))
                if await one.is_cut(0.05) is None:
                    let_in += 1
        seconds = await dial(live, "honest among names", "127.0.0.1")
    return {"let_in": let_in, "dial_s": round(seconds, 3)}


async def surrounded(live: Live, crowd: int, messages: int) -> dict[str, Any]:
    """Return what share of messages passes a crowd that takes everything and says nothing."""
    graft = control(graft=[rpc_pb2.ControlGraft(topicID=ground.TOPIC)])
    async with AsyncExitStack() as stack:
        for number in range(crowd):
            source = f"127.{60 + number}.0.1"
            key = ground.keypair(f"crowd {number}")
            one = await stack.enter_async_context(intruder(key, source, live.address, listens=True))
            stream = await one.stream()
            await stream.write(hello() + graft)
        honest = await stack.enter_async_context(honest_peer(live, "one honest link"))
        marks = set()
        for _ in range(messages):
            marks.add(await honest.say())
            await trio.sleep(0.02)
        heard: set[str] = set()
        with trio.move_on_after(15):
            while not marks <= heard:
                heard = {mark for mark, _ in (await live.ask("heard"))["heard"]}
                await trio.sleep(0.2)
        peers = (await live.ask("report"))["peers"]
    return {"delivered": len(marks & heard) / len(marks), "peers": peers}


async def measure(*, short: bool) -> dict[str, Any]:
    """Return all three."""
    with live_node() as live:
        silent = await silent_callers(live, 100 if short else 500)
        names = await many_names(live, 12 if short else 60)
        callers = (await live.ask("report"))["callers_per_address_max"]
    with live_node() as live:
        eclipse = await surrounded(live, 6 if short else 20, 20 if short else 100)
    dial_s_max = max(silent["elsewhere_s"], silent["same_address_s"], names["dial_s"])
    return {
        "half_open": silent,
        "names": names,
        "eclipse": eclipse,
        "dial_s_max": dial_s_max,
        "callers_max": callers,
        "eclipse_delivered": eclipse["delivered"],
        "stock": {} if short else await stock_beside(),
        "passed": (
            dial_s_max <= DIAL_S_MAX
            and callers <= CALLERS_MAX
            and names["let_in"] <= CALLERS_MAX
            and eclipse["delivered"] >= 0.99  # noqa: PLR2004 - the aim
        ),
    }


async def stock_beside() -> dict[str, Any]:
    """Return the first two for py-libp2p's own classes."""
    with live_node(stock=True) as live:
        silent = await silent_callers(live, 500)
    with live_node(stock=True) as live:
        names = await many_names(live, 60)
    return {"half_open": silent, "names": names}
