"""Bytes without sense and bytes with some, at everything that reads bytes of strangers.

    python examples/hostile/fuzzing.py --decoders 1000000 --envelopes 1000000 \
        --frames 100000 --sequences 5000 [--seed 1]

Four parts: random and mutated bytes at each decoder; mutated envelopes and evidence, some signed
anew, at one admission after another; frames at the reader of a live mesh; and random sequences of
calls (hypothesis) at the tables that remember peers and messages. Whatever is raised besides the
refusal that belongs there ends the run, with the input that did it.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import ground
import trio
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from tables import sequences

from node.mesh import Decision, MeshSettings
from node.mesh.addresses import Address, decode_announcement, encode_announcement
from node.mesh.gossip import GossipMesh, open_gossip_mesh
from node.mesh.wire import (
    FrameError,
    FrameReader,
    parse_frame,
    publish_field,
    signed_message,
    varint,
)
from protocol.admission import Admission
from protocol.envelope import open_envelope, open_part
from protocol.errors import Refused
from protocol.evidence import Evidence, is_evidence, open_evidence
from protocol.exchange import Question, answer_to, open_answer, open_question
from protocol.identity import Keypair, PeerId
from protocol.payload import open_payload

RSS_MB_MAX = 32.0
BATCH = 32
"""Frames that one stream brings; the first that is refused ends it."""

Decoder = Callable[[bytes], object]

INTERESTING = (0x00, 0x01, 0x7F, 0x80, 0x90, 0x97, 0x9A, 0xC0, 0xC4, 0xC6, 0xCF, 0xD9, 0xDD, 0xFF)


def mutated(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """Return a copy with one to four changes: bits, bytes, runs, lengths, splices."""
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(out) + 1)
        match random.randrange(8):
            case 0 if out:
                out[at % len(out)] ^= 1 << random.randrange(8)
            case 1 if out:
                out[at % len(out)] = random.choice(INTERESTING)
            case 2:
                out[at:at] = random.randbytes(random.randint(1, 8))
            case 3:
                del out[at : at + random.randint(1, 16)]
            case 4:
                other = random.choice(others)
                out[at:] = other[random.randrange(len(other) + 1) :]
            case 5:
                out[at:at] = out[: random.randint(0, 64)]
            case 6:
                out[at : at + 4] = random.choice((0, 1, 2**16, 2**31, 2**32 - 1)).to_bytes(4, "big")
            case _:
                out[at : at + 1] = bytes([random.choice(INTERESTING)])
    return bytes(out[:65_000])


def corpus() -> dict[str, list[bytes]]:
    """Return valid inputs, by the decoder that reads them."""
    key = ground.keypair("fuzz")
    messages = [ground.message(key, 0, place, salt=place) for place in range(4)]
    parts = [open_part(data, ground.PARAMETERS) for data in messages]
    other = open_part(ground.message(key, 0, 0, salt=9), ground.PARAMETERS)
    proof = Evidence.of(other, parts[0].statement()).to_bytes()
    place = Address("ip4", "192.0.2.1", 4001, key.peer_id)
    gossip = [
        signed_message(data, topic=ground.TOPIC, seqno=number, keypair=key)[1]
        for number, data in enumerate(messages)
    ]
    control = rpc_pb2.ControlMessage(
        ihave=[rpc_pb2.ControlIHave(topicID=ground.TOPIC, messageIDs=[b"x" * 46] * 3)],
        iwant=[rpc_pb2.ControlIWant(messageIDs=[b"y" * 46] * 3)],
        graft=[rpc_pb2.ControlGraft(topicID=ground.TOPIC)],
        prune=[rpc_pb2.ControlPrune(topicID=ground.TOPIC, backoff=9)],
    )
    hello = rpc_pb2.RPC(
        subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=ground.TOPIC)], control=control
    )
    question = Question.about(ground.PARAMETERS.digest(), 0, messages[:2])
    digests = sorted(part.digest for part in parts)
    return {
        "envelope": messages,
        "payload": [part.payload for part in parts],
        "evidence": [proof],
        "question": [question.to_bytes()],
        "answer": [answer_to(question, messages, one).to_bytes() for one in (None, digests)],
        "announcement": [encode_announcement([place, place])],
        "frame": [publish_field(one) for one in gossip] + [hello.SerializeToString()],
    }


def decoders() -> dict[str, tuple[Decoder, tuple[type[Exception], ...]]]:
    """Return what reads strangers' bytes, and what each may raise."""
    key = ground.keypair("fuzz")
    part = open_part(ground.message(key, 0, 0), ground.PARAMETERS)
    swarm = ground.PARAMETERS.digest()
    question = Question.about(swarm, 0, [])
    longest = ground.PARAMETERS.message_bytes_max

    def payload(data: bytes) -> object:
        return open_payload(
            data,
            digest=part.digest,
            author=part.author,
            round_index=0,
            prompt_index=part.prompt_index,
            parameters=ground.PARAMETERS,
        )

    return {
        "envelope": (lambda data: open_envelope([data], ground.PARAMETERS), (Refused,)),
        "payload": (payload, (Refused,)),
        "evidence": (open_evidence, (Refused,)),
        "question": (lambda data: open_question(data, swarm), (Refused,)),
        "answer": (
            lambda data: open_answer(data, question, message_bytes_max=longest),
            (Refused,),
        ),
        "announcement": (lambda data: decode_announcement(data, key.peer_id), (ValueError,)),
        "frame": (parse_frame, (FrameError,)),
    }


def fuzz_decoders(count: int, seed: int) -> int:
    """Give each decoder its share of mutated and random inputs; return how many runs that was."""
    random = Random(seed)  # noqa: S311 - a seeded test
    valid, readers = corpus(), decoders()
    everything = [data for inputs in valid.values() for data in inputs]
    names = list(readers)
    for run in range(count):
        name = names[run % len(names)]
        decode, expected = readers[name]
        data = (
            random.randbytes(random.randrange(200))
            if random.random() < 0.1  # noqa: PLR2004 - a tenth without any sense
            else mutated(random.choice(valid[name]), random, everything)
        )
        attempt(lambda decode=decode, data=data: decode(data), expected, data)
    return count


def attempt(call: Callable[[], object], expected: tuple[type[Exception], ...], data: bytes) -> bool:
    """Call; return whether it was refused. Anything unexpected is raised with its input.

    Raises:
        AssertionError: Something else was raised.
    """
    try:
        call()
    except expected:
        return True
    except Exception as error:  # hostile bytes: exactly what is looked for
        raise AssertionError(f"{type(error).__name__} from {data.hex()}") from error
    return False


def fuzz_envelopes(count: int, seed: int) -> Counter[str]:
    """Mutate envelopes and evidence, sign some of them anew, and ask admission."""
    random = Random(seed)  # noqa: S311 - a seeded test
    valid = corpus()
    inputs = [*valid["envelope"], *valid["evidence"]]
    key = ground.keypair("fuzz")
    outcomes: Counter[str] = Counter()
    admission = Admission(ground.PARAMETERS, ground.SCHEDULE)
    for run in range(count):
        if run % 1000 == 0:
            admission = Admission(ground.PARAMETERS, ground.SCHEDULE)
        data = mutated(random.choice(inputs), random, inputs)
        if random.random() < 0.3:  # noqa: PLR2004 - past the signature, three in ten
            with suppress(Refused):
                data = ground.changed(data, key)
        ask = admission.convict if is_evidence(data) else admission.admit
        try:
            ask(data, round_index=0)
            outcomes["passed"] += 1
        except Refused as refused:
            outcomes[str(refused.reason)] += 1
        except Exception as error:  # hostile bytes: exactly what is looked for
            raise AssertionError(f"{type(error).__name__} from {data.hex()}") from error
    return outcomes


class FromMemory:
    """The part of a stream that a mesh's reader needs, with bytes from a list."""

    def __init__(self, connection: object, chunks: list[bytes]) -> None:
        self.muxed_conn = connection
        self._chunks = chunks

    async def read(self, _n: int | None = None) -> bytes:
        """Return the next chunk, then end."""
        await trio.lowlevel.checkpoint()
        if not self._chunks:
            raise StreamEOF
        return self._chunks.pop(0)

    async def reset(self) -> None:
        """Do nothing: there is no other end."""


class Connection:
    """The part of a connection that a mesh's reader asks."""

    def __init__(self, keypair: Keypair) -> None:
        self.peer_id = ID(keypair.peer_id.to_bytes())


async def fuzz_frames(count: int, seed: int) -> Counter[str]:
    """Feed mutated frames to the reader of a live mesh; it must go on serving."""
    random = Random(seed)  # noqa: S311 - a seeded test
    admission = Admission(ground.PARAMETERS, ground.SCHEDULE)

    def validate(data: bytes, _forwarder: PeerId) -> Decision:
        try:
            admission.admit(data, round_index=0)
        except Refused as refused:
            return Decision.REJECT if refused.rejects else Decision.IGNORE
        return Decision.ACCEPT

    async with open_gossip_mesh(
        MeshSettings(),
        ground.keypair("fuzzed"),
        ground.TOPIC,
        validate,
        address_topic=ground.ADDRESS_TOPIC,
    ) as mesh:
        await read_frames(mesh, count, random)
        return Counter(mesh.counters())


async def read_frames(mesh: GossipMesh, count: int, random: Random) -> None:
    """Let the mesh's own handler read streams of frames, each stream of another peer."""
    valid = corpus()
    frames, everything = valid["frame"], [one for inputs in valid.values() for one in inputs]
    read = 0
    while read < count:
        key = Keypair.from_seed(random.randbytes(32))
        chunks = []
        for _ in range(BATCH):
            rpc = mutated(random.choice(frames), random, everything)
            chunks.append(varint(len(rpc)) + rpc)
        if random.random() < 0.2:  # noqa: PLR2004 - some without whole frames
            chunks = [mutated(b"".join(chunks), random, everything)]
        before = mesh.counters().get("frames_received", 0) + mesh.counters().get(
            "frames_refused", 0
        )
        await mesh.pubsub.stream_handler(FromMemory(Connection(key), chunks))
        after = mesh.counters().get("frames_received", 0) + mesh.counters().get("frames_refused", 0)
        read += after - before


async def fuzz_cutting(count: int, seed: int) -> int:
    """Cut random bytes into frames, however they are chunked."""
    random = Random(seed)  # noqa: S311 - a seeded test
    for _ in range(count):
        whole = b"".join(
            varint(random.choice((0, 1, 5, 127, 128, 65_000, 65_001, 2**63))) + random.randbytes(9)
            for _ in range(3)
        )
        cuts = sorted(random.randrange(len(whole)) for _ in range(3))
        chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True) if a < b]
        reader = FrameReader(FromMemory(None, chunks))
        with suppress(FrameError, StreamEOF):
            while True:
                await reader.next_frame()
    return count


def resident_mb() -> float:
    """Return this process's memory, in MB."""
    line = next(
        one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


async def fuzzed(
    *, runs: int, envelopes: int, frames: int, machines: int, seed: int
) -> dict[str, object]:
    """Run all parts and return what was run."""
    warm = min(2000, runs)
    fuzz_decoders(warm, seed)
    fuzz_envelopes(warm, seed)
    await fuzz_frames(min(2000, frames), seed)
    before_mb, began_s = resident_mb(), time.monotonic()
    done = fuzz_decoders(runs, seed + 1) + await fuzz_cutting(runs // 20, seed + 2)
    outcomes = fuzz_envelopes(envelopes, seed + 3)
    counters = await fuzz_frames(frames, seed + 4)
    rss_mb = round(resident_mb() - before_mb, 1)
    stateful = await trio.to_thread.run_sync(sequences, machines, seed)
    return {
        "decoder_runs": done,
        "envelopes": sum(outcomes.values()),
        "outcomes": dict(outcomes),
        "frames": counters["frames_received"] + counters["frames_refused"],
        "counters": dict(counters),
        "sequences": stateful,
        "rss_mb": rss_mb,
        "seed": seed,
        "fuzz_s": round(time.monotonic() - began_s, 1),
        "passed": rss_mb <= RSS_MB_MAX,
    }


async def measure(*, short: bool) -> dict[str, object]:
    """Return what was run; anything uncaught raises."""
    if short:
        return await fuzzed(runs=20_000, envelopes=5_000, frames=2_000, machines=20, seed=1)
    return await fuzzed(
        runs=50_000_000, envelopes=5_000_000, frames=100_000, machines=5_001, seed=21
    )


def main() -> None:
    """Fuzz for as long as was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decoders", type=int, default=1_000_000)
    parser.add_argument("--envelopes", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--sequences", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = trio.run(
        lambda: fuzzed(
            runs=options.decoders,
            envelopes=options.envelopes,
            frames=options.frames,
            machines=options.sequences,
            seed=options.seed,
        )
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
