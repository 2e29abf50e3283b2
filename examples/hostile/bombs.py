"""Small messages that would cost much: how soon each is refused, and how long the node stalls."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import ground
import msgpack
from intruder import HUNG_UP, frame, intruder
from libp2p.pubsub.pb import rpc_pb2
from live import Live, live_node

from node.mesh.wire import varint
from protocol.admission import Admission
from protocol.constants import ANSWER_BYTES_MAX
from protocol.envelope import open_part
from protocol.errors import Refused
from protocol.exchange import Question, open_answer
from protocol.hashing import digest as hashed
from protocol.hashing import u64
from protocol.identity import Keypair
from protocol.packing import pack
from protocol.parameters import VERSION, Encoding

REFUSED_MS_MAX = 100.0


def on_the_wire() -> dict[str, bytes]:
    """Return frames that must end the connection."""
    subscriptions = [
        rpc_pb2.RPC.SubOpts(subscribe=True, topicid=f"/{number}") for number in range(5000)
    ]
    nest = b"\x0b" * 50_000
    return {
        "10000 empty publishes": frame(b"\x12\x00" * 10_000),
        "30000 empty publishes": frame(b"\x12\x00" * 30_000),
        "5000 subscriptions": frame(rpc_pb2.RPC(subscriptions=subscriptions).SerializeToString()),
        "a length of 2^40": varint(2**40) + b"x",
        "a mebibyte announced": varint(1 << 20) + bytes(70_000),
        "50000 groups, one in another": frame(nest),
    }


def in_envelopes(key: Keypair) -> dict[str, bytes]:
    """Return messages that must be refused by their decoder."""
    digest = ground.PARAMETERS.digest()
    head = b"\x9a\x01\xc4\x20" + digest
    good = open_part(ground.message(key, 0, 0), ground.PARAMETERS)

    def with_payload(payload: bytes) -> bytes:
        named = hashed(
            "drl/contribution/1",
            key.peer_id.public_key,
            u64(good.round_index),
            u64(good.prompt_index),
            payload,
        )
        part = replace(good, payload=payload, digest=named)
        return replace(part, signature=key.sign(part.signing_bytes())).to_bytes()

    policy = b"\x92\xc4\x20" + bytes(32)
    return {
        "a nest as deep as the message": head + b"\x91" * 49_000,
        "4294967295 elements announced": head + b"\xdd\xff\xff\xff\xff",
        "4294967295 bytes announced": head + b"\xc6\xff\xff\xff\xff",
        "40000 empty maps": head + b"\x80" * 40_000,
        "a payload nested 48000 deep": with_payload(policy + b"\x91" * 48_000),
        "48000 tokens in one completion": with_payload(
            policy + b"\x91\xdc" + (47_000).to_bytes(2, "big") + b"\x02" * 47_000
        ),
        "48000 empty completions": with_payload(
            policy + b"\xdc" + (47_000).to_bytes(2, "big") + b"\x90" * 47_000
        ),
        "a text of 48000 bytes": with_payload(
            msgpack.packb([bytes(32), [["x" * 48_000, True]]], use_bin_type=True)
        ),
    }


def timed(refuse: Callable[[], object]) -> float:
    """Return the milliseconds until something is refused; infinite if it is not."""
    began_s = time.perf_counter()
    try:
        refuse()
    except Refused:
        return 1000 * (time.perf_counter() - began_s)
    return float("inf")


def decoders() -> dict[str, float]:
    """Return the milliseconds that admission takes to refuse each bomb in an envelope."""
    key = ground.keypair("bomber")
    found = {}
    for name, data in in_envelopes(key).items():
        admission = Admission(ground.PARAMETERS, ground.SCHEDULE)
        found[name] = timed(lambda data=data, one=admission: one.admit(data, round_index=0))
    text = replace(ground.PARAMETERS, encoding=Encoding.TEXT)
    admission = Admission(text, ground.SCHEDULE)
    huge = (
        b"\x9a\x01\xc4\x20"
        + text.digest()
        + b"\xdb"
        + (1 << 20).to_bytes(4, "big")
        + b"x" * (1 << 20)
    )
    found["a text of a mebibyte"] = timed(lambda: admission.admit(huge, round_index=0))
    question = Question.about(text.digest(), 0, [])
    header = b"\x96" + pack([VERSION, text.digest(), 0, True])[1:]
    for name, rest in in_answers().items():
        data = (header + rest).ljust(ANSWER_BYTES_MAX, b"\xc0")[:ANSWER_BYTES_MAX]
        found[f"an answer of {name}"] = timed(
            lambda data=data: open_answer(data, question, message_bytes_max=48 * 1024)
        )
    return found


def in_answers() -> dict[str, bytes]:
    """Return what could follow the header of a neighbour's answer, as long as one may be."""
    return {
        "a million digests": b"\xdd" + (1_000_000).to_bytes(4, "big"),
        "nested arrays": b"\x91" * ANSWER_BYTES_MAX,
        "many empty messages": b"\x90\xdc\x10\x00" + b"\xc4\x00" * 4096,
        "one long message": b"\x90\x91\xc6" + (1_000_000).to_bytes(4, "big"),
    }


async def thrown(data: bytes, number: int, live: Live) -> float:
    """Return the milliseconds between sending a bomb and its refusal by a node."""
    key = ground.keypair(f"bomber {number}")
    async with intruder(key, f"127.40.{number}.1", live.address) as one:
        stream = await one.stream()
        began_ns = time.monotonic_ns()
        with suppress(HUNG_UP):
            await stream.write(data)
        await one.is_cut(2.0)
    cut = (await live.ask("report"))["cut"]
    refused = [fields["at_ns"] for fields in cut if fields["peer"] == str(key.peer_id)]
    return (refused[0] - began_ns) / 1e6 if refused else float("inf")


async def measure(*, short: bool) -> dict[str, object]:  # noqa: ARG001 - it is short enough
    """Return how soon bombs are refused, by the decoders alone and by a live node."""
    found = decoders()
    with live_node() as live:
        await live.ask("report")
        for number, (name, data) in enumerate(on_the_wire().items()):
            found[name] = await thrown(data, number, live)
    slowest = max(found, key=lambda name: found[name])
    return {
        "bombs": len(found),
        "refused": sum(one < float("inf") for one in found.values()),
        "refused_ms_max": round(found[slowest], 1),
        "refused_ms": {name: round(one, 2) for name, one in found.items()},
        "slowest": slowest,
        "passed": found[slowest] <= REFUSED_MS_MAX,
    }
