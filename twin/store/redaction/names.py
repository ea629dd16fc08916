"""Names of persons, found by what stands around them: a title, a label, a role, a relation, a verb, a phone.

A surname alone proves nothing: 高度, 安全 and 路灯 begin with one. Where only a role or a verb stands beside it, common
words are left alone; where a title or a label does, a word that may be a name is replaced, for a text that reads less
well harms nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from twin.store.redaction.surnames import NO_NAME, SURNAME

NAME = "某"

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_SEPARATOR = r"[\s:：,，、(（“\"'‘]{0,4}"
_POLITE = "先生|女士|小姐|太太|夫人|大爷|大妈|阿姨|师傅|同志|老师"
_TITLES = (
    f"{_POLITE}|医生|大夫|护士|医师|主任|书记|经理|老板|律师|警官|教授|校长|院长|局长|科长|处长|所长|队长|村长|店长|厂长|"
    "工程师|同学|奶奶|爷爷|叔叔|伯伯|阿叔|阿伯|阿婆|大叔|大婶|大姐|大哥|婆婆|老伯|老太|某某"
)
_GIVEN = rf"(?:(?!某|先生|女士|小姐)[{_HAN}·])"  # 某 is no name: it replaces one
_FULL = rf"{SURNAME}{_GIVEN}{{1,2}}"
_LATIN = r"[A-Z][A-Za-z'’]{0,19}(?:[ ·.-]{1,2}[A-Z][A-Za-z'’]{0,19}){1,3}"
_DOTTED = rf"[{_HAN}]{{1,6}}[·•・][{_HAN}]{{1,8}}"  # 买买提·艾力
_ANY = rf"(?:{_DOTTED}|{_FULL}|{_LATIN})"
_LIST = rf"(?:[、,，和与及/]{{1,2}}{_ANY}(?![{_HAN}A-Za-z]))"  # further names behind the first

_BEFORE = re.compile(rf"(?:{SURNAME}{_GIVEN}{{0,2}}?|[A-Za-z][A-Za-z .'-]{{0,30}}?)(?=(?:{_POLITE}))")
_OFFICE = re.compile(rf"{NO_NAME}{SURNAME}{_GIVEN}{{0,2}}?(?=(?:{_TITLES}))")
_AFTER = re.compile(rf"(?<!某)((?:先生|女士|小姐){_SEPARATOR})({_FULL})")
_ENGLISH = re.compile(
    r"\b((?:Mr|Mrs|Ms|Miss|Dr|MR|MRS|MS)\.?[ ]{1,2})[A-Z][A-Za-z'’-]{0,19}(?:[ ][A-Z][A-Za-z'’-]{0,19}){0,2}"
)

_FOLLOW = (
    "反映|反应|来电|致电|投诉|举报|报警|报料|求助|咨询|称|说|表示|要求|希望|认为|发现|确诊|突发|突然|昏|晕|摔|跌|受伤|死亡|溺|走失|失踪|失联|住|家|"
    "在|于|被|因|为|是|与|和|及|跟|同|向|对|把|将|从|到|的|等|来|去|已|正|曾|今|昨|前|上|下|早|晚|凌晨|目前|现|患|感染|隔离|居|报|送|有|请|自|驾|骑|"
    "开|携|带|驻|签|领|提|核酸|阳性|电|手机|联系|身份|户籍|籍|年|男|女|处|拨|打|路过|途经|经过|两|未|没|不|无|拒|愿|建议|感谢|表扬|负责|拒绝|落水|溺水|需|急"
)
_STOPS = rf"(?=[^{_HAN}·]|\Z|(?:{_FOLLOW}))"
_SECOND = (
    rf"(?:(?![在被称说报投举的是住请已]|{'|'.join(word for word in _FOLLOW.split('|') if len(word) > 1)}){_GIVEN})"
)
_NAMED = rf"{NO_NAME}{SURNAME}(?:{_GIVEN}{_SECOND}{_STOPS}|{_GIVEN}{_STOPS}|{_GIVEN}{_SECOND})"

_LABELS = (
    "姓名|联系人|来电人|投诉人|报案人|举报人|反映人|当事人|申请人|户主|业主|本人叫|我叫|名叫|叫做|本人是|名字|法人代表|法定代表人|"
    "监护人|经办人|负责人|报警人|报料人|诉求人|求助人|来访人|上报人|处置人|巡查人|发现人|陪同人|收件人|寄件人|持证人|责任人"
)
_LABELLED = re.compile(
    rf"((?:{_LABELS})(?:姓名)?(?:是|为|叫)?[\s:：,，(（“\"]{{0,4}})(?:{_DOTTED}?{_STOPS}|{_LATIN}|{_NAMED})(?:{_LIST})*"
)
_ROLES = (
    "市民|居民|村民|街坊|群众|患者|病人|伤者|死者|逝者|老人|女子|男子|妇女|女童|男童|儿童|小孩|学生|家长|业主|租客|租户|住户|户主|房东|"
    "店主|老板娘?|摊主|司机|车主|驾驶员|骑手|外卖员|快递员|乘客|游客|顾客|员工|工人|职工|民工|求助者|投诉者|举报者|目击者|证人|嫌疑人|嫌犯|"
    "受害人|被害人|感染者|密接者?|密切接触者|病例|接触者|残疾人|低保户|困难户|志愿者|网格员|网格长|社工|护工|保姆|保安|保洁员|清洁工|环卫工|民警|"
    "辅警|队员|党员|医生|护士|老师|教师|校长|律师|父亲|母亲|丈夫|妻子|老公|老婆|儿子|女儿|哥哥|弟弟|姐姐|妹妹|爷爷|奶奶|外公|外婆|孙子|孙女|"
    "家属|亲属|邻居|同事|同学|朋友|名为|自称|联系|逃犯|失踪者|走失者|独居者|精神病人|吸毒人员|社区矫正人员|矫正对象|工作人员|值班员|河长"
)
_ROLE = re.compile(rf"((?:{_ROLES})[\s:：“\"]{{0,3}})(?:{_DOTTED}?{_STOPS}|{_LATIN}|{_NAMED})(?:{_LIST})*")
_RELATIONS = (
    "父亲?|母亲?|丈夫|妻子?|老公|老婆|配偶|儿子?|女儿?|子|哥哥?|弟弟?|姐姐?|妹妹?|爷爷|奶奶|外公|外婆|祖父|祖母|孙子|孙女|亲属|家属|家长|监护人|本人|"
    "户主|业主|租客|租户|房东|住户|报警人|报案人|投诉人|联系人|反映人|举报人|申请人|当事人|患者|死者|伤者|司机|车主|店主|老板|负责人|经理|身份证|电话|手机|男|"
    r"[0-9０-９]{1,3}周?岁"
)
_RELATED = re.compile(rf"{NO_NAME}{_FULL}(?=[（(](?:{_RELATIONS}))")
_DESCRIBED = re.compile(
    rf"{NO_NAME}{_FULL}(?=[，,、（(\s]{{0,2}}(?:[男女](?:[，,、。；;\s）)性生孩]|\Z)|[0-9０-９一二三四五六七八九十]{{1,3}}周?岁))"
)
_VERBS = (
    "反映|来电|致电|投诉|举报|报警|报料|求助|咨询|称|说|表示|来访|上访|确诊|要求|走失|失联|溺水|晕倒|昏倒|摔倒|受伤"
)
_OPENING = re.compile(
    rf"((?:^|(?<=[\s，。；：、,.;:!?！？（(【\]”\"])))(?:[小老阿])?{NO_NAME}{SURNAME}{_GIVEN}{{0,2}}?(?=(?:{_VERBS}))"
)
_BOX = r"\[(?:电话|微信号|QQ号|身份证号|邮箱|证件号)\]"
_HELD = r"(?:的?(?:联系)?(?:电话|手机|座机|号码|方式|微信|身份证|[QＱ]{2}|邮箱|护照)(?:号码|号)?(?:是|为)?)"
_CALLED = re.compile(rf"(?<!某){NO_NAME}{_FULL}(?=[\s,，:：(（、]{{0,3}}{_HELD}?[\s:：]{{0,2}}{_BOX})")
_CALLING = re.compile(rf"({_BOX}[\s,，(（、:：]{{0,3}}){NO_NAME}{_FULL}(?![{_HAN}])")


def _after_label(found: re.Match[str]) -> str:
    return found[1] + NAME  # a template would be looked up by a hash over the whole pattern, at each call


_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_LABELLED, _after_label),
    (_BEFORE, NAME),
    (_OFFICE, NAME),
    (_AFTER, _after_label),
    (_ENGLISH, _after_label),
    (_RELATED, NAME),
    (_DESCRIBED, NAME),
    (_ROLE, _after_label),
    (_CALLED, NAME),
    (_CALLING, _after_label),
    (_OPENING, _after_label),
)
_STEPS_WITHOUT_BOX = tuple(step for step in _STEPS if step[0] not in {_CALLED, _CALLING})


def redact_names(text: str) -> str:
    """Replace what is a name by its surroundings; numbers must have been replaced before."""
    for pattern, replacement in _STEPS if "[" in text else _STEPS_WITHOUT_BOX:
        text = pattern.sub(replacement, text)
    return text
