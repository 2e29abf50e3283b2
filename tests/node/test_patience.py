import pytest
import trio
from trio.testing import MockClock

from node.faults import DataDirFault, DiskFault
from node.patience import RETRY_S, Patience


class Told:
    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, _fields: object) -> None:
        self.names.append(name)


class Disk:
    """Refuses a number of times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.asked = 0

    async def write(self) -> str:
        self.asked += 1
        if self.asked <= self.refusals:
            raise DiskFault("The ledger cannot be written.", fix="Free some space.")
        return "written"


async def test_what_is_written_at_once_is_told_to_nobody(autojump_clock: MockClock) -> None:
    told = Told()

    assert await Patience(told).until_written(Disk(0).write) == "written"
    assert told.names == []


async def test_a_full_disk_is_waited_out_and_told_once(autojump_clock: MockClock) -> None:
    told, disk = Told(), Disk(3)
    patience = Patience(told)
    began_s = trio.current_time()

    assert await patience.until_written(disk.write) == "written"
    assert trio.current_time() - began_s == pytest.approx(3 * RETRY_S)
    assert told.names == ["degraded", "recovered"]
    assert not patience.is_degraded


async def test_a_node_is_degraded_as_long_as_it_waits_and_can_be_ended(
    autojump_clock: MockClock,
) -> None:
    patience = Patience(Told())
    with trio.move_on_after(10 * RETRY_S):
        await patience.until_written(Disk(1_000).write)

    assert patience.is_degraded


async def test_other_faults_are_not_waited_out(autojump_clock: MockClock) -> None:
    async def damaged() -> None:
        raise DataDirFault("The ledger is damaged.", fix="Move it away.")

    with pytest.raises(DataDirFault):
        await Patience(Told()).until_written(damaged)
