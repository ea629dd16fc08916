"""How much redaction finds, and how much it takes without need, over a table of made-up sentences."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.store.redaction.text import redact

RECALL_MIN, PRECISION_MIN = 0.97, 0.98
_TABLE = Path(__file__).with_name("samples.tsv")
_WORD = re.compile(r"某(?!女士)|\[[^\]]{2,5}\]")


@dataclass(frozen=True)
class Sample:
    """A sentence, the pieces that must go, and the pieces that must stay."""

    text: str
    goes: tuple[str, ...]
    stays: tuple[str, ...]

    def missed(self) -> list[str]:
        """Return the pieces that are still there; 陈医生→陈 means that 陈医生 goes, by its 陈."""
        redacted = redact(self.text)
        return [piece for piece in self.goes if piece.split("→")[0] in redacted]

    def taken(self) -> list[str]:
        """Return the pieces that should have stayed."""
        redacted = redact(self.text)
        return [piece for piece in self.stays if piece not in redacted]

    def replaced(self) -> int:
        """Return how many words stand for something in the redacted text, and did not in the text."""
        return len(_WORD.findall(redact(self.text))) - len(_WORD.findall(self.text))


def read_samples() -> list[Sample]:
    """Return the table's sentences."""
    lines = [line for line in _TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    cells = [line.split("\t") for line in lines]
    return [
        Sample(text, *(tuple(filter(None, cell.split("|"))) for cell in (goes, stays))) for text, goes, stays in cells
    ]


SAMPLES = read_samples()


def test_recall_and_precision(capsys):
    goes = sum(len(one.goes) for one in SAMPLES)
    missed = [(one.text, piece) for one in SAMPLES for piece in one.missed()]
    needless = [one.text for one in SAMPLES if one.replaced() > len(one.goes)]
    replaced = sum(one.replaced() for one in SAMPLES)
    recall = 1 - len(missed) / goes
    precision = 1 - sum(max(0, one.replaced() - len(one.goes)) for one in SAMPLES) / replaced
    with capsys.disabled():
        print(f"\n{len(SAMPLES)} sentences, recall {recall:.3f} of {goes}, precision {precision:.3f}")  # noqa: T201
    assert len(SAMPLES) >= 150
    assert recall >= RECALL_MIN, missed
    assert precision >= PRECISION_MIN, needless


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.text)
def test_what_no_person_is_stays(sample):
    assert not sample.taken(), redact(sample.text)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.text)
def test_a_redacted_sample_stays_as_it_is(sample):
    assert redact(redact(sample.text)) == redact(sample.text)


_PIECES = st.sampled_from(
    [
        *"王李四0１一-（）：、 @某Aa·号栋楼", "先生", "联系人：", "市民", "反映", "[电话]", "13800138000", "微信", "QQ",
        "护照", "5栋601房", "粤A", "abc", "单元", "父亲", "，男", "John ", "Mr ", "  ",
    ]
)  # fmt: skip


@settings(max_examples=12)
@given(st.lists(_PIECES, min_size=1, max_size=6).map("".join))
def test_time_grows_with_the_length_and_no_faster(piece):
    short, long = (piece * (length // len(piece) + 1) for length in (250, 4000))
    assert seconds(long) < 16 * 4 * seconds(short) + 0.05


def seconds(text: str) -> float:
    """Return the processor time of the fastest of three redactions."""
    times = []
    for _ in range(3):
        start = time.process_time()
        redact(text)
        times.append(time.process_time() - start)
    return min(times)
