"""A causal language model that writes completions and says how likely completions are.

Any one that `transformers` knows; the Llama family takes a leaner way to the same numbers.
It knows no swarm, round or reward: a request's key is all that ties a completion to them.

Shapes: B completions, T tokens of the longest, V vocabulary.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from node.faults import ModelFault
from node.policy.decoding import CacheDecoder, Decoder, TransformerDecoder
from node.policy.digests import family_digest, tokenizer_digest, weights_digest
from node.policy.head import LOGITS_MAX, token_logprobs
from node.policy.loading import load_model, load_tokenizer
from node.policy.padding import right_padded
from node.policy.probe import check_model, head_of
from node.policy.reading import Read, read_behind_prompts, read_whole
from node.policy.sampling import SamplingParameters
from node.policy.source import directory_of
from node.policy.transformer import is_supported, transformer_of
from node.policy.writing import Sampled, SampleRequest, write

Tokens = tuple[int, ...]


class CompletionLogits(NamedTuple):
    """The scores that some completion tokens were chosen from.

    Args:
        rows: (n,) int64, which completion.
        positions: (n,) int64, 0-based, which token of it.
        logits: (n, V) float32, before temperature and filters.
    """

    rows: Tensor
    positions: Tensor
    logits: Tensor


class CausalPolicy:
    """A model with its tokenizer.

    The model stays in evaluation mode, in training too: without dropout, log-probabilities
    depend on weights and tokens alone, and every peer computes the same.

    Args:
        model: A Hugging Face causal language model. Train its parameters in place, freely.
        tokenizer: Its fast tokenizer, with an EOS token.
        source: Where they came from, for messages.

    Attributes:
        family_digest: 64 hex digits, of the architecture.
        tokenizer_digest: 64 hex digits.
        vocabulary_size: V, how many logits the model gives.
        eos_token: The id that ends a completion.
        is_lean: Whether the Llama family's own forward pass serves it, not `transformers`'.

    Raises:
        ModelFault: The pair cannot serve as a policy.
    """

    def __init__(self, model: Any, tokenizer: Any, *, source: str = "the model") -> None:
        check_model(model, source)
        self.model: Any = model.eval()
        self.tokenizer: Any = tokenizer
        self.source = source
        self.vocabulary_size: int = len(model.get_output_embeddings().weight)
        self.eos_token: int = tokenizer.eos_token_id
        if len(tokenizer) > self.vocabulary_size or self.eos_token >= self.vocabulary_size:
            raise ModelFault(
                f"the tokenizer of {source} has {len(tokenizer)} tokens, "
                f"but its model only {self.vocabulary_size}",
                fix="give a model and the tokenizer that it was trained with",
            )
        self.family_digest: str = family_digest(model)
        self.tokenizer_digest: str = tokenizer_digest(tokenizer)
        self.is_lean: bool = is_supported(model)

    @classmethod
    def load(
        cls, source: str, *, device: str = "auto", dtype: str = "float32", offline: bool = False
    ) -> Self:
        """Return the policy of a name.

        Args:
            source: ``builtin:tiny``, a directory, or a hub id.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            dtype: "float32", "bfloat16" or "float16".
            offline: Never ask the network; so does HF_HUB_OFFLINE in the environment.

        Raises:
            ConfigFault: There is no such device or number type.
            ModelFault: There is no such model, or it cannot be used.
        """
        directory = directory_of(source, offline=offline)
        tokenizer = load_tokenizer(directory)
        return cls(load_model(directory, device=device, dtype=dtype), tokenizer, source=source)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.get_output_embeddings().weight.device
        return device

    def digest(self) -> bytes:
        """Return the 32-byte digest of the weights as they are now."""
        return weights_digest(self.model)

    def encode(self, text: str) -> Tokens:
        """Return the tokens of a prompt, opened as the tokenizer opens texts (BOS, if any)."""
        tokens = tuple(self.tokenizer(text).input_ids)
        return tokens[:-1] if tokens[-1:] == (self.eos_token,) else tokens

    def encode_completion(self, text: str, *, ended: bool) -> Tokens:
        """Return the tokens of a completion's text, closed by EOS if it ended.

        The names of special tokens in the text are text: nobody ends a completion by
        spelling EOS.
        """
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return (*encoded.input_ids, *((self.eos_token,) if ended else ()))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of a completion, without its closing EOS."""
        tokens = list(tokens)
        if tokens[-1:] == [self.eos_token]:
            tokens.pop()
        text: str = self.tokenizer.decode(
            tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    @torch.inference_mode()
    def sample(
        self,
        requests: Sequence[SampleRequest],
        sampling: SamplingParameters,
        *,
        batch_size: int = 128,
    ) -> list[Sampled]:
        """Return a completion of each request, in their order.

        A completion depends on its prompt, its key, the weights and `sampling`, and not on
        what else is asked for, up to the last bits of matrix products.

        Args:
            requests: What to write. Requests that share a prompt share its reading.
            sampling: How to draw.
            batch_size: How many to write at once, above 0.

        Raises:
            ModelFault: A prompt and its completion would not fit the model's positions.
            ValueError: A prompt is empty or holds a token that the model does not have.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        self._check({r.prompt_tokens: sampling.tokens_max for r in requests}.items(), kind="prompt")
        # Prompts of like length need little padding, and equal ones meet in one batch.
        order = sorted(
            range(len(requests)),
            key=lambda i: (len(requests[i].prompt_tokens), requests[i].prompt_tokens),
        )
        sampled: dict[int, Sampled] = {}
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            decoder = self._decoder()
            written = write(
                decoder,
                [requests[i] for i in batch],
                sampling,
                eos_token=self.eos_token,
                device=self.device,
            )
            sampled.update(zip(batch, written, strict=True))
        return [sampled[i] for i in range(len(requests))]

    def logprobs(
        self,
        prompts: Sequence[Tokens],
        completions: Sequence[Tokens],
        *,
        temperature: float = 1.0,
        logits_max: int = LOGITS_MAX,
    ) -> Tensor:
        """Return how likely each completion token is after what precedes it.

        Gradients flow to the model's parameters where autograd is on.

        Args:
            prompts: B prompts; equal ones are read once.
            completions: B completions.
            temperature: What logits are divided by, above 0. Top-k and top-p do not apply.
            logits_max: How many logits may exist at once.

        Returns:
            (B, T) float32 log-probabilities in nats, 0 after each completion's end.

        Raises:
            ModelFault: A prompt and its completion do not fit the model's positions.
            ValueError: One is empty or holds a token that the model does not have.
        """
        shape = (len(completions), max(map(len, completions), default=0))
        if not completions:
            return torch.zeros(shape, device=self.device)
        reads = list(self._reads(prompts, completions))
        rows = torch.cat([read.rows for read in reads])
        positions = torch.cat([read.positions for read in reads])
        logprobs = token_logprobs(
            head_of(self.model),
            torch.cat([read.hidden for read in reads]),
            right_padded(completions, self.device)[0][rows, positions],
            temperature=temperature,
            logits_max=logits_max,
        )
        return logprobs.new_zeros(shape).index_put((rows, positions), logprobs)

    def completion_logits(
        self,
        prompts: Sequence[Tokens],
        completions: Sequence[Tokens],
        *,
        logits_max: int = LOGITS_MAX,
    ) -> Iterator[CompletionLogits]:
        """Yield the logits that completion tokens were chosen from, some at a time.

        Each yield is what `node.policy.sampling` takes: a row a token. Every token of every
        completion comes once, in no order that means anything.

        Args:
            prompts: B prompts; equal ones are read once.
            completions: B completions.
            logits_max: How many logits one yield may hold.

        Raises:
            ModelFault: A prompt and its completion do not fit the model's positions.
            ValueError: One is empty or holds a token that the model does not have.
        """
        head = head_of(self.model)
        count = max(1, logits_max // self.vocabulary_size)
        for read in self._reads(prompts, completions):
            for start in range(0, len(read.rows), count):
                part = slice(start, start + count)
                logits = head.logits(read.hidden[part])
                yield CompletionLogits(read.rows[part], read.positions[part], logits)

    def _decoder(self) -> Decoder:
        head = head_of(self.model)
        if self.is_lean:
            return TransformerDecoder(transformer_of(self.model), head)
        return CacheDecoder(self.model, head)

    def _reads(self, prompts: Sequence[Tokens], completions: Sequence[Tokens]) -> Iterator[Read]:
        self._check([(p, len(c)) for p, c in zip(prompts, completions, strict=True)], kind="prompt")
        self._check([(c, 0) for c in completions], kind="completion")
        if self.is_lean:
            return read_behind_prompts(transformer_of(self.model), prompts, completions)
        return read_whole(self.model, prompts, completions)

    def _check(self, texts: Iterable[tuple[Tokens, int]], *, kind: str) -> None:
        """Check texts (tokens, and how many more follow) before the model meets them."""
        positions = getattr(self.model.config, "max_position_embeddings", None)
        for tokens, following in texts:
            if not tokens:
                raise ValueError(f"a {kind} has no tokens")
            if min(tokens) < 0 or max(tokens) >= self.vocabulary_size:
                raise ValueError(f"a {kind} holds a token outside 0..{self.vocabulary_size - 1}")
            if positions is not None and len(tokens) + following > positions:
                raise ModelFault(
                    f"a prompt of {len(tokens)} tokens and a completion of {following} exceed "
                    f"the {positions} positions of {self.source}",
                    fix="lower completion_tokens_max, or choose a task or model that fits",
                )
