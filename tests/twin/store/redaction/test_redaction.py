from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.store.redaction.text import redact

MOBILE = re.compile(r"1[3-9][0-9]{9}")
_TO_ASCII = str.maketrans("０１２３４５６７８９", "0123456789")
_PIECES = st.sampled_from(
    [*"0123456789０１３８Xx-— ·.王李陈明边某粤A京B，。[]", "先生", "女士", "联系人", "138", "4401", "电话"]
)
_SAID = st.lists(_PIECES, max_size=60).map("".join) | st.text(max_size=80)


def digits_of(text):
    """Return a text's runs of digits, the marks that people put between them left out."""
    return re.sub(r"(?<=[0-9])[ \-—·.](?=[0-9])", "", text.translate(_TO_ASCII))


@given(_SAID, st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), _SAID)
def test_no_mobile_number_survives(before, number, after):
    assert not MOBILE.search(redact(f"{before}{number}{after}").translate(_TO_ASCII))


@given(
    st.text("道积水请速处理。，：", max_size=20),
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["{0}-{1}-{2}", "{0} {1} {2}", "+86 {0}{1}{2}", "86-{0}-{1}-{2}", "{0}·{1}·{2}"]),
)
def test_nor_one_in_groups(before, number, form):
    written = form.format(number[:3], number[3:7], number[7:])
    assert redact(before + written) == redact(before) + "[电话]"


@given(_SAID)
def test_what_is_redacted_stays_as_it_is(text):
    once = redact(text)
    assert redact(once) == once
    assert not re.search(r"[0-9０-９]{11}", once)


@pytest.mark.parametrize("number", ["E440106-14-155717602", "G440106-13-900000001"])
def test_the_number_of_an_event_is_no_phone(number):
    assert redact(f"重复工单 {number}，见附件") == f"重复工单 {number}，见附件"
    assert redact(number.removeprefix(number[:8])) == "[电话]"


@given(st.text("道路积水请速处理，。01234 \n", max_size=200).filter(lambda text: len(digits_of(text)) < 11))
def test_other_text_is_left_alone(text):
    assert redact(text) == text


@given(st.from_regex(r"[1-9][0-9]{5}(19|20)[0-9]{9}[0-9X]", fullmatch=True))
def test_no_identity_number_survives(number):
    assert redact(f"身份证{number}。") == "身份证[身份证号]。"
    assert redact(f"身份证{number[:6]} {number[6:14]} {number[14:]}。") == "身份证[身份证号]。"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("王小明先生反映路面积水", "某先生反映路面积水"),
        ("欧阳娜娜女士来电", "某女士来电"),
        ("女士：陈丽，反映噪音", "女士：某，反映噪音"),
        ("联系人：李四光", "联系人：某"),
        ("业主联系人张三先生", "业主联系人某先生"),
        ("Mr Li先生", "某先生"),
        ("车牌粤A·12345，粤AD12345", "车牌[车牌]，[车牌]"),
        ("电话020-87654321", "电话[电话]"),
        ("电话(020)87654321", "电话[电话]"),
        ("卡号6222 0212 3456 7890 123", "卡号[银行卡号]"),
        ("卡号6222021234567890123", "卡号[银行卡号]"),
        ("2026-06-08 09:50:12 车陂路12号旁，水深0.35米", "2026-06-08 09:50:12 车陂路12号旁，水深0.35米"),
        ("", ""),
    ],
)
def test_what_people_write(said, kept):
    assert redact(said) == kept
