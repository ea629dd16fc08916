"""Notes beside a dropped file, for the person who dropped it: why it failed, and which rows were refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from layers.spreadsheet import guarded
from twin.envelope.refused import Reason, Refusal, Refused
from twin.feeds.times import CHINA

ERROR, REPORT = ".error.txt", ".report.csv"
LINES_MAX = 10_000
_IN_CHINESE = {
    Reason.ENDED_THE_READER: "读取此文件时程序被终止，文件可能过大或已损坏",
    Reason.NOT_A_TABLE: "不是可读的表格",
    Reason.BAD_ENCODING: "文字编码无法识别（应为 UTF-8 或 GBK）",
    Reason.TOO_LARGE: "文件过大",
    Reason.TOO_MANY: "行数过多",
    Reason.MISSING: "缺少必要内容",
    Reason.NOT_JSON: "不是 JSON",
    Reason.NOT_XML: "不是 XML",
    Reason.XML_DECLARATIONS: "XML 含 DTD 或实体声明，不予读取",
    Reason.WRONG_TYPE: "行数或类型与约定不符",
}


def error_text(name: str, error: Refused, now: datetime) -> bytes:
    """Write the reason why a file was not taken, first in Chinese."""
    chinese = _IN_CHINESE.get(error.reason, "内容不符合约定")
    lines = (
        f"文件 {name} 未被接收，其中没有一行进入系统：{chinese}。",
        f"{name} was not taken, and none of its rows were: {error.message}",
        f"原因代码 reason: {error.reason}",
        f"时间 at: {now.astimezone(CHINA):%Y-%m-%d %H:%M:%S}+08:00",
        "改正后重新放入文件夹即可。 Mend it and drop it again.",
    )
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


def rows_report(refused: Sequence[Refusal]) -> bytes:
    """Write the refusals of rows as CSV for a spreadsheet; the rows themselves are in the quarantine."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["行 line", "原因 reason", "说明 detail"])
    for refusal in refused[:LINES_MAX]:
        writer.writerow([refusal.index, str(refusal.reason), guarded(refusal.detail)])
    if len(refused) > LINES_MAX:
        writer.writerow(["…", "", f"另有 {len(refused) - LINES_MAX} 行 more"])
    return out.getvalue().encode("utf-8-sig")
