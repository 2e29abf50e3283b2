"""Where the embedded model lies, and what its files are: `builtin:tiny`.

A model of half a million parameters that does sums in words, made by
`examples/tiny/train.py` and described in `builtin/MODEL_CARD.md`. This module opens none of
its files.
"""

from pathlib import Path

DIRECTORY = Path(__file__).with_name("builtin")

FILE_DIGESTS = {
    "config.json": "4a15eae552748bf5779d34bceb38eb375dad6dc5c4a84b760e326acadf04f141",
    "model.safetensors": "ebecb3b69aea3941540acb0345b80336ab5feb56dd03ad36a595680a0a3cd04d",
    "tokenizer.json": "f131d8aeb5ebb018f37d2125b0433d5a0082bacbd31c20147815aa2d28864697",
    "tokenizer_config.json": "29635fbc58654bb1525166fe7de1f21103ffecca1f0a767df255a2c5d5c887e1",
}
"""Hex SHA-256 of each file that the model is loaded from. Changing one is another model:
swarms that begin with `builtin:tiny` begin with other weights."""
