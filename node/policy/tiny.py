"""Where the embedded model lies, and what its files are: `builtin:tiny`.

A model of half a million parameters that does sums in words, made by
`examples/tiny/train.py` and described in `builtin/MODEL_CARD.md`. This module opens none of
its files.
"""

from pathlib import Path

DIRECTORY = Path(__file__).with_name("builtin")

FILE_DIGESTS = {
    "config.json": "",
    "model.safetensors": "",
    "tokenizer.json": "",
    "tokenizer_config.json": "",
}
"""Hex SHA-256 of each file that the model is loaded from. Changing one is another model:
swarms that begin with `builtin:tiny` begin with other weights."""
