"""Redaction of free text: every personal detail is replaced by a word for its kind.

The same text always gives the same result, and a redacted text stays as it is.
"""

from __future__ import annotations

from twin.store.redaction.handles import redact_handles
from twin.store.redaction.homes import redact_homes
from twin.store.redaction.numbers import redact_numbers

_PASSES = 8  # a replaced name can show that its neighbour is one


def redact(text: str) -> str:
    """Replace personal details in a text.

    Parameters
    ----------
    text
        As a person wrote or dictated it. Full-width digits, digits in words and numbers in groups are recognised.

    Returns
    -------
    str
        The text with a word in place of each number, plate, paper, account, home and name, and without a run of eleven
        or more digits. Empty for an empty text.

    Examples
    --------
    >>> redact("王小明先生，电话138 0013 8000，车牌粤A12345")
    '某先生，电话[电话]，车牌[车牌]'
    >>> redact("市民李四反映天河路123号5栋601房漏水，微信lisi_88")
    '市民某反映天河路123号5栋[房号]漏水，微信[微信号]'
    """
    from twin.store.redaction.names import redact_names  # noqa: PLC0415  # its patterns take long to compile at a start

    text = redact_homes(redact_numbers(redact_handles(text)))
    for _ in range(_PASSES):
        before, text = text, redact_names(text)
        if text == before:
            break
    return text
