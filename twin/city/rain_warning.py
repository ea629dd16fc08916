"""Rainstorm warnings of a storm as CAP 1.2 with the national profile: a chain of Alert, Updates and Cancel.

The colours are Guangdong's three. Every text is marked as a demonstration; the status is `Actual` all the same,
because an exercise would not appear on the live map.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from twin.city.clock import HOUR, day_written, written
from twin.city.storm import LEAD_MIN, Storm

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
SENDER = "onemap-demo"
_ORIGIN = "41600000"  # weather service, three digits of its own, two of extension
_LABEL = {"Yellow": "黄色", "Orange": "橙色", "Red": "红色"}
_LIMITS = (  # colour, share of the rain after which it is issued, least total rain in mm
    ("Orange", 0.12, 45.0),
    ("Red", 0.35, 85.0),
)


@dataclass(frozen=True, slots=True)
class WarningStep:
    """One message of the chain: the minute of the storm, the type, the colour."""

    minute: int
    message_type: str
    colour: str


def chain(storm: Storm) -> list[WarningStep]:
    """Return the warnings of a storm in order: each colour as it is reached, a lower one at the end, the Cancel."""
    found = [WarningStep(0, "Alert", "Yellow")]
    rain = storm.hyetograph
    for colour, share, least_mm in _LIMITS:
        if rain.total_mm >= least_mm:
            minute = next(m for m in range(storm.plan.minutes + 1) if rain.fallen_mm(m) >= share * rain.total_mm)
            found.append(WarningStep(LEAD_MIN + minute, "Update", colour))
    if len(found) > 1:
        found.append(WarningStep(storm.rains[1], "Update", "Yellow"))
    found.append(WarningStep(storm.lasts_min - 6, "Cancel", "Yellow"))
    return found


def warnings_in(storm: Storm, minute: int) -> list[bytes]:
    """Return the CAP documents of a minute of the storm."""
    all_ = chain(storm)
    return [document(storm, all_[: k + 1]) for k, warning in enumerate(all_) if warning.minute == minute]


def document(storm: Storm, so_far: list[WarningStep]) -> bytes:
    """Return the last of the warnings so far as CAP; it refers to those before."""
    warning, number = so_far[-1], len(so_far) - 1
    sent_s = storm.plan.second(warning.minute) + number  # two warnings never have the same second
    root = ET.Element("alert", xmlns=NAMESPACE)
    _add(root, identifier=_identifier(storm, so_far[: number + 1]), sender=SENDER, sent=written(sent_s))
    _add(root, status="Actual", msgType=warning.message_type, scope="Public", note="合成演示数据 synthetic demo")
    if number:
        known = [
            f"{SENDER},{_identifier(storm, so_far[: k + 1])},{written(storm.plan.second(so_far[k].minute) + k)}"
            for k in range(number)
        ]
        _add(root, references=" ".join(known))
    info = ET.SubElement(root, "info")
    _add(info, language="zh-CN", category="Met", event="暴雨", urgency="Immediate", severity=warning.colour)
    _add(info, certainty="Observed", effective=written(sent_s), onset=written(storm.plan.second(0)))
    _add(info, expires=written(sent_s + 3 * HOUR), senderName=f"{storm.district.name}气象台（示例）")
    _add(info, headline=_headline(storm, warning), description=_description(storm, warning))
    area = ET.SubElement(info, "area")
    _add(area, areaDesc=storm.district.name)
    geocode = ET.SubElement(area, "geocode")
    _add(geocode, valueName="area_code", value=f"{storm.district.code}000000")
    written_out: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written_out


def _headline(storm: Storm, warning: WarningStep) -> str:
    verb = {"Alert": "发布", "Update": "更新为", "Cancel": "解除"}[warning.message_type]
    return f"{storm.district.name}{verb}暴雨{_LABEL[warning.colour]}预警信号（示例）"


def _description(storm: Storm, warning: WarningStep) -> str:
    rain = storm.hyetograph
    fallen_mm = rain.fallen_mm(warning.minute - LEAD_MIN)
    return (
        f"最大累计雨量 {fallen_mm:.0f} 毫米，预计过程雨量 {rain.total_mm:.0f} 毫米"
        f"（设计暴雨：重现期 {rain.return_period_a:g} 年，{rain.minutes:g} 分钟；{rain.formula.standard}）。"
        "合成数据，仅供演示。 Synthetic, for demonstration only."
    )


def _identifier(storm: Storm, so_far: list[WarningStep]) -> str:
    number = len(so_far) - 1
    sent_s = storm.plan.second(so_far[-1].minute) + number
    return f"{storm.district.code}{_ORIGIN}_{day_written(sent_s, '%Y%m%d%H%M%S')}_{number}"


def _add(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text
