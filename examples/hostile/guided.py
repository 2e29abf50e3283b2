"""The decoders under atheris, which sees which branches an input takes and breeds from those.

    pip install atheris        # in an environment of its own: it is none of this project's needs
    python examples/hostile/guided.py -runs=1000000 [-seed=1]

Arguments are libFuzzer's. An input that raises anything but its decoder's refusal ends the run, and
is written down beside it.
"""

import sys

import atheris  # type: ignore[import-not-found]  # only whoever runs this needs it

with atheris.instrument_imports(include=["protocol", "node.mesh"]):
    import fuzzing

READERS = fuzzing.decoders()
NAMES = list(READERS)


def one(data: bytes) -> None:
    """Let the first byte choose a decoder, and give it the rest."""
    if data:
        decode, expected = READERS[NAMES[data[0] % len(NAMES)]]
        fuzzing.attempt(lambda: decode(data[1:]), expected, data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
