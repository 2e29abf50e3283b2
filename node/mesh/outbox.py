"""What waits to be sent to one peer: bounded, batched, and freed of what the peer has already.

The library's queue holds 32 RPCs, drops silently what is beyond, and sends each message in a frame
of its own. This one holds serialized messages by id, so that many leave in one frame, and a
message that the peer meanwhile shows us is taken back.
"""

from collections import deque
from random import Random

import trio
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue

from node.mesh.wire import FRAME_BYTES_MAX, PUBLISHES_MAX, publish_field, varint

CONTROLS_MAX = 256
"""Control RPCs waiting for one peer; each heartbeat adds one, each IHAVE heard may add one."""

BATCH_BYTES = 48 * 1024
"""A frame is closed once it holds this much; longer ones only delay the next control RPC."""


BYTES_MAX = 8 * 1024 * 1024
"""Bytes of messages waiting for one peer, whatever their number: peers that stop reading are many
and cost nothing. What does not fit is offered again by its id."""

ASKS_MAX = 3
"""How often a peer is given one message upon asking: a small question gets a large answer."""
ASKED_MAX = 4096
"""Messages of which it is remembered that the peer has asked for them."""


class Outbox(RpcQueue):
    """One peer's queue, in place of the library's.

    Args:
        messages_max: How many messages may wait.
        linger_s: How long a message waits for company, in seconds; on average this long.
        random: Spreads the waits, so that neighbours do not all send each other one message
            at one moment.
    """

    def __init__(self, *, messages_max: int, linger_s: float, random: Random) -> None:
        super().__init__(max_size=CONTROLS_MAX, max_message_size=FRAME_BYTES_MAX)
        self._messages_max = messages_max
        self._linger_s = linger_s
        self._random = random
        self._controls: deque[bytes] = deque()
        self._messages: dict[bytes, bytes] = {}
        self._bytes = 0
        self._asked: dict[bytes, int] = {}
        self._lags = False
        self._wake = trio.Event()
        self._room = trio.Event()
        self._idle = trio.Event()

    def __len__(self) -> int:
        return len(self._controls) + len(self._messages)

    def push(self, rpc: rpc_pb2.RPC, priority: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - the library's signature
        """Queue an RPC of the library's own making (subscriptions, control); False when full."""
        if self._closed or len(self._controls) >= CONTROLS_MAX:
            return False
        self._controls.append(rpc.SerializeToString())
        self._wake.set()
        return True

    def push_message(self, message_id: bytes, message: bytes) -> bool:
        """Queue a serialized message; False when there is no room for it."""
        if message_id in self._messages:
            return True
        if self._closed or not self._has_room():
            return False
        field = publish_field(message)
        self._messages[message_id] = field
        self._bytes += len(field)
        self._wake.set()
        return True

    @property
    def lags(self) -> bool:
        """Whether it was waited for in vain, and has not been empty since.

        One that takes a few bytes now and then would else cost the same wait for each message.
        """
        return self._lags

    def note_lag(self) -> None:
        """Note that it was waited for in vain."""
        self._lags = True

    def forget(self, message_id: bytes) -> None:
        """Take a message back: its receiver has it."""
        field = self._messages.pop(message_id, None)
        if field is not None:
            self._bytes -= len(field)
            self._room.set()

    def may_ask(self, message_id: bytes) -> bool:
        """Say whether the peer may be given a message that it asks for, and count its asking."""
        asks = self._asked.pop(message_id, 0) + 1
        self._asked[message_id] = asks
        while len(self._asked) > ASKED_MAX:
            del self._asked[next(iter(self._asked))]
        return asks <= ASKS_MAX

    def _has_room(self) -> bool:
        return len(self._messages) < self._messages_max and self._bytes < BYTES_MAX

    async def wait_for_room(self) -> None:
        """Return once a message can be queued, or the peer is gone."""
        while not self._has_room() and not self._closed:
            self._room = trio.Event()
            await self._room.wait()

    async def wait_until_idle(self) -> None:
        """Return once the last frame was taken and another was asked for: that one is written."""
        while not self._closed and (len(self) or not self._idle.is_set()):
            await self._idle.wait()

    async def next_frame(self) -> bytes | None:
        """Wait for something to send and return it as a frame; None once the peer is gone."""
        while not self._closed:
            if not len(self):
                self._lags = False
                self._idle.set()
                self._wake = trio.Event()
                await self._wake.wait()
                self._idle = trio.Event()
            if not self._controls and len(self._messages) < PUBLISHES_MAX:
                await trio.sleep(self._linger_s * self._random.uniform(0.5, 1.5))
            payload = self._controls.popleft() if self._controls else self._batch()
            if payload:
                return varint(len(payload)) + payload
        return None

    def _batch(self) -> bytes:
        """Take messages, oldest first, up to what one frame may hold."""
        batch = bytearray()
        for message_id in list(self._messages)[:PUBLISHES_MAX]:
            field = self._messages[message_id]
            if batch and len(batch) + len(field) > BATCH_BYTES:
                break
            batch += self._messages.pop(message_id)
            self._bytes -= len(field)
        self._room.set()
        return bytes(batch)

    def close(self) -> None:
        """Drop everything and let both ends go."""
        super().close()
        self._controls.clear()
        self._messages.clear()
        self._bytes = 0
        self._wake.set()
        self._room.set()
        self._idle.set()
