"""The byte-level BPE vocabulary of the embedded model, made from stories and common words.

Any text survives encoding and decoding unchanged. A digit, with or without the space
before it, is one token, so that numbers are spelt place by place; the tags of the
completion form are one token each.
"""

import json
from pathlib import Path

from corpus import stories
from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from words import COMMON_WORDS, OPENERS

from node.tasks.grammar import TAGS

EOS = "<|endoftext|>"
SIZE = 1024


def build_tokenizer() -> Tokenizer:
    """Train the vocabulary; the result depends on nothing outside the project."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?\d"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=SIZE - len(TAGS) - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    tokenizer.add_special_tokens([AddedToken(EOS, normalized=False, special=True)])
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in TAGS])
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the two files that `transformers` reads a tokenizer from."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": EOS,
        "pad_token": EOS,
        "model_max_length": 2048,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def _texts() -> list[str]:
    """Stories with their workings, and each common word often enough to be merged whole."""
    texts = [story.text + story.working() for story in stories(count=2000)]
    for word in COMMON_WORDS:
        texts += [f" {word}"] * 8
    return texts + list(OPENERS) * 8
