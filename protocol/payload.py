"""Payload to completions: the schema and the rules of what a contribution may hold.

The rules are objective: any peer with the same parameters comes to the same answer. Whether
a policy could have written the completions is not known here.
"""

from typing import Any

from protocol.constants import DIGEST_BYTES
from protocol.contribution import Completion, Contribution, contribution_digest
from protocol.errors import Reason, Rejected
from protocol.identity import PeerId
from protocol.packing import is_bytes, is_count, unpack
from protocol.parameters import Encoding, Parameters

_FIELDS = 2  # of the payload, and of a text completion


def open_payload(
    payload: bytes,
    *,
    digest: bytes,
    author: PeerId,
    round_index: int,
    prompt_index: int,
    parameters: Parameters,
) -> Contribution:
    """Return the contribution that a whole payload holds, having checked every rule of content.

    Raises:
        Rejected: BAD_DIGEST, BAD_PAYLOAD, INCOMPLETE, BAD_TOKEN or BAD_ENDING.
    """
    # [REJECT] The payload is the one that the signed digest names.
    if contribution_digest(author, round_index, prompt_index, payload) != digest:
        raise Rejected(Reason.BAD_DIGEST)
    policy_digest, raw_completions = _decode(payload, parameters)
    # [REJECT] It holds every completion that its author owes, so that none can be left out.
    if len(raw_completions) != parameters.completions_per_author:
        owed = parameters.completions_per_author
        raise Rejected(Reason.INCOMPLETE, f"{len(raw_completions)} completions, {owed} owed")
    contribution = Contribution(
        author=author,
        round_index=round_index,
        prompt_index=prompt_index,
        policy_digest=policy_digest,
        completions=tuple(_completion(raw, parameters) for raw in raw_completions),
    )
    # [REJECT] The same contribution has no other encoding.
    if contribution.payload() != payload:
        raise Rejected(Reason.BAD_PAYLOAD, "not canonical")
    return contribution


def _decode(payload: bytes, parameters: Parameters) -> tuple[bytes, list[Any]]:
    """Return the policy digest and the still untyped completions."""
    # [REJECT] It is no larger than honest completions can be; this also bounds the decoder.
    if len(payload) > parameters.payload_bytes_max:
        raise Rejected(Reason.BAD_PAYLOAD, f"{len(payload)} bytes")
    tokens_max = parameters.completion_tokens_max
    try:
        fields = unpack(
            payload,
            array_max=max(_FIELDS, parameters.completions_per_prompt, tokens_max),
            bin_max=DIGEST_BYTES,
            str_max=parameters.text_bytes_max,
        )
    except ValueError as error:
        raise Rejected(Reason.BAD_PAYLOAD, str(error)) from error
    # [REJECT] It is an array of the policy's digest and the array of completions.
    if type(fields) is not list or len(fields) != _FIELDS:
        raise Rejected(Reason.BAD_PAYLOAD, "not an array of two")
    policy_digest, completions = fields
    if not is_bytes(policy_digest, length=DIGEST_BYTES) or type(completions) is not list:
        raise Rejected(Reason.BAD_PAYLOAD, "not a digest and an array")
    return policy_digest, completions


def _completion(raw: Any, parameters: Parameters) -> Completion:
    if type(raw) is not list:
        raise Rejected(Reason.BAD_PAYLOAD, "a completion is not an array")
    if parameters.encoding is Encoding.TEXT:
        return _text_completion(raw)
    return _token_completion(raw, parameters)


def _text_completion(raw: list[Any]) -> Completion:
    # [REJECT] It is a text and a boolean; the decoder bounded the text's bytes.
    if len(raw) != _FIELDS or type(raw[0]) is not str or type(raw[1]) is not bool:
        raise Rejected(Reason.BAD_PAYLOAD, "a completion is not a text and a boolean")
    text, ended = raw
    return Completion(text=text, ended=ended)


def _token_completion(raw: list[Any], parameters: Parameters) -> Completion:
    # [REJECT] There are tokens, no more than the limit, each an id of the vocabulary.
    if not 1 <= len(raw) <= parameters.completion_tokens_max:
        raise Rejected(Reason.BAD_TOKEN, f"{len(raw)} tokens")
    most = parameters.vocabulary_size - 1
    if not all(is_count(token, most=most) for token in raw):
        raise Rejected(Reason.BAD_TOKEN, "a token is not an id of the vocabulary")
    # [REJECT] EOS closes it and stands nowhere else; without EOS it fills the limit exactly.
    ended = raw[-1] == parameters.eos_token
    if parameters.eos_token in raw[:-1]:
        raise Rejected(Reason.BAD_ENDING, "EOS before the end")
    if not ended and len(raw) != parameters.completion_tokens_max:
        raise Rejected(Reason.BAD_ENDING, f"cut at {len(raw)} tokens without EOS")
    return Completion(tokens=tuple(raw), ended=ended)
