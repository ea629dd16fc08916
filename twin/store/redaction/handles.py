"""Names of accounts: WeChat, QQ, e-mail. A label or a mark of its own tells them from words."""

from __future__ import annotations

import re

from twin.store.redaction.numbers import SIGNS, Steps, replace_in_shadow

WECHAT, QQ, EMAIL = "[微信号]", "[QQ号]", "[邮箱]"

_IS = r"(?:号码|号|账号|ID|id)?(?:是|为)?[ \t\u3000:=]{0,3}"
_END = r"(?![0-9A-Za-z_-])"
_EMAIL = re.compile(
    r"(?<![0-9A-Za-z._%+-])[0-9A-Za-z._%+-]{1,64}(?:@|[ ]?(?:\(at\)|\[at\]|艾特)[ ]?)"
    r"[0-9A-Za-z](?:[0-9A-Za-z.．-]{0,252}[0-9A-Za-z])?"
)
_WECHAT = re.compile(
    rf"(?P<label>(?:微信|薇信|威信|徽信|[Ww]e[Cc]hat|WECHAT|[Ww]eixin|[Vv]信|(?<![A-Za-z])(?:[Vv][Xx]|[Ww][Xx]|[+加][Vv])){_IS})"
    rf"[0-9A-Za-z][0-9A-Za-z_-]{{4,29}}{_END}"
)
_WXID = re.compile(rf"(?<![0-9A-Za-z_])wxid_[0-9A-Za-z_-]{{6,32}}{_END}")
_QQ = re.compile(rf"(?P<label>(?:(?<![A-Za-z])[Qq]{{2}}|扣扣|企鹅)(?:群)?{_IS})[1-9][0-9]{{4,11}}(?![0-9])")
_NEEDED = re.compile(r"[0-9A-Za-z][0-9A-Za-z@._-]{3}|艾特|@")
_STEPS: Steps = ((_EMAIL, EMAIL), (_WXID, WECHAT), (_QQ, QQ), (_WECHAT, WECHAT))


def redact_handles(text: str) -> str:
    """Replace names of accounts in a text by a word for their kind; the label before one stays."""
    return replace_in_shadow(text, SIGNS, _STEPS, _NEEDED)
