"""From a directory to a model and a tokenizer in memory, or to a sentence that says why not.

Weights are read from safetensors alone and no code that comes with a model is run, because
both a pickle and a model's own code can do anything to the machine that loads them. It fetches
nothing, and does not ask what the model is good for.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import torch
import transformers

from node.faults import ConfigFault, ModelFault
from node.policy.source import TOKENIZER_FILES

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
_AGAIN = "fetch or save the model again"
_FIRST_WITH_DTYPE = (4, 56)
"""The release of `transformers` that renamed `torch_dtype` to `dtype`."""


def load_model(directory: Path, *, device: str, dtype: str) -> Any:
    """Return the model of a directory, on a device, in a number type.

    Args:
        directory: Holds config.json and safetensors.
        device: "auto" (the best there is), "cpu", "cuda", "cuda:N" or "mps".
        dtype: "float32", "bfloat16" or "float16".

    Raises:
        ConfigFault: There is no such device or number type.
        ModelFault: The files are missing, pickled, damaged or of an unknown architecture.
    """
    number_type, place = dtype_named(dtype), device_named(device)
    _check_files(directory)
    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    renamed = "dtype" if (major, minor) >= _FIRST_WITH_DTYPE else "torch_dtype"
    models: Any = transformers.AutoModelForCausalLM
    try:
        with _quiet():
            model, loading = models.from_pretrained(
                directory,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                **{renamed: number_type},
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelFault(
            f"{directory} cannot be loaded as a causal language model: {_first_line(error)}",
            fix=f"{_AGAIN}, or choose an architecture that transformers knows without remote code",
        ) from error
    if missing := sorted(loading["missing_keys"]):
        # Left alone, transformers would go on with random numbers in their place.
        raise ModelFault(
            f"{directory} lacks {len(missing)} of the model's tensors, {missing[0]} for one",
            fix=_AGAIN,
        )
    return model.to(place)


def load_tokenizer(directory: Path) -> Any:
    """Return the fast tokenizer of a directory.

    Raises:
        ModelFault: It is missing or damaged, is no fast one, or names no EOS token.
    """
    if TOKENIZER_FILES.isdisjoint(path.name for path in directory.iterdir()):
        # Asked for it, newer transformers would make up an empty tokenizer.
        raise ModelFault(
            f"{directory} holds no tokenizer (none of {', '.join(sorted(TOKENIZER_FILES))})",
            fix="save it beside the model with `tokenizer.save_pretrained(PATH)`",
        )
    # By a model's type, transformers 5 may replace what tokenizer.json says (how it splits, for
    # one) by what the first models of that type did. The general class takes the file's word.
    has_whole_file = (directory / "tokenizer.json").is_file()
    kinds: Any = (
        transformers.PreTrainedTokenizerFast if has_whole_file else transformers.AutoTokenizer
    )
    try:
        with _quiet():
            tokenizer = kinds.from_pretrained(
                directory, trust_remote_code=False, local_files_only=True
            )
    except Exception as error:  # tokenizers raises a bare Exception on damaged files
        raise ModelFault(
            f"the tokenizer in {directory} cannot be loaded: {_first_line(error)}",
            fix="fetch or save the tokenizer again",
        ) from error
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise ModelFault(
            f"the tokenizer in {directory} has no fast form",
            fix="convert it to tokenizer.json with the release of transformers that made it",
        )
    if tokenizer.eos_token_id is None:
        raise ModelFault(
            f"the tokenizer in {directory} names no EOS token, so no completion could end",
            fix='set "eos_token" in its tokenizer_config.json',
        )
    return tokenizer


def dtype_named(name: str) -> torch.dtype:
    """Return a number type by name.

    Raises:
        ConfigFault: Weights do not come in it.
    """
    if name not in _DTYPES:
        raise ConfigFault(f"unknown number type {name!r}", fix=f"choose from {', '.join(_DTYPES)}")
    return _DTYPES[name]


def device_named(name: str) -> torch.device:
    """Return a device by name.

    Raises:
        ConfigFault: It is unknown, or this machine has none.
    """
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((kind for kind, here in found.items() if here), "cpu")
    kind, _, number = name.partition(":")
    if kind not in {"cpu", *found} or (number and not (kind == "cuda" and number.isdecimal())):
        raise ConfigFault(f"unknown device {name!r}", fix="choose auto, cpu, cuda, cuda:N or mps")
    if not found.get(kind, True) or (number and int(number) >= torch.cuda.device_count()):
        raise ConfigFault(
            f"this machine, or its build of torch, has no device {name}",
            fix="choose auto or cpu, or install the build of torch for the device",
        )
    return torch.device(name)


def _check_files(directory: Path) -> None:
    names = sorted(path.name for path in directory.iterdir())
    if "config.json" not in names:
        raise ModelFault(f"{directory} holds no config.json", fix="give a model's own directory")
    weights = [name for name in names if name.endswith(".safetensors")]
    pickled = [name for name in names if Path(name).suffix in _PICKLES]
    if not weights:
        found = f"only pickled weights ({pickled[0]})" if pickled else "no weights"
        raise ModelFault(
            f"{directory} holds {found}; weights are read from safetensors alone, "
            "since a pickle can run any code",
            fix="save it with `model.save_pretrained(PATH, safe_serialization=True)`",
        )
    for name in weights:
        _check_weights(directory / name)


def _check_weights(path: Path) -> None:
    """Read one file's index, which must cover the file to its last byte."""
    try:
        with safetensors.safe_open(path, framework="pt"):
            pass
    except (safetensors.SafetensorError, OSError) as error:
        raise ModelFault(f"{path} is damaged: {_first_line(error)}", fix=_AGAIN) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' progress bars and load reports off the terminal: faults say it all."""
    logging: Any = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
