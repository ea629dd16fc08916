"""Laws of a face of the page, whoever looks at it, at any size: looked up in the page, told as a list of faults."""

from __future__ import annotations

from playwright.sync_api import Page

CHINESE, ENGLISH = "zh-CN", "en"
FITS = """() => {
    const parts = document.querySelectorAll('.board, .strip, .kpis > div, .board-card, .board-card .body');
    const isOver = one => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1;
    const over = [...parts].filter(isOver);
    const page = document.documentElement;
    const inLines = one => one.offsetHeight > 1.9 * parseFloat(getComputedStyle(one).fontSize);
    over.push(...[...document.querySelectorAll('.headline b, .bars .number, .board-card h2 > *')].filter(inLines));
    const scrolls = page.scrollHeight > innerHeight || page.scrollWidth > innerWidth;
    return [...over.map(one => one.className || one.innerText), ...(scrolls ? ['the page scrolls'] : [])];
}"""
"""What scrolls on the board, where nothing may; and numbers and titles that are broken in two lines."""
LEAST_TYPE = """() => Math.min(...[...document.querySelectorAll('.board *')]
    .filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()) && one.offsetWidth)
    .map(one => parseFloat(getComputedStyle(one).fontSize)))"""
"""The smallest type on the board, pixels."""
_CONTROLS = "button, a[href], input, select, summary, [role=tab]"
_SMALL = ".maplibregl-ctrl-attrib-button, .skip, .grip, .maplibregl-ctrl-attrib a, .aside, .pin"
"""Small on purpose: a handle that catches more than it shows, folded sources, what only a keyboard reaches."""
_UNDER = ".mapview, .tools, .locate"
"""What a sheet that is drawn up on a phone may cover."""
_OF_DATA = (
    ".district, .warnings span, .warned b, .strip h1, .strip .where, .events .title, .bars th, .newest, .grid-name,"
    " .task, .pin, .chain, .feature, .me h2 small, .event .cell, .event-detail, .drawer td, .finding, .panel-head h3"
)
"""Names and titles of the district's data, which are in the language of whoever wrote them."""
_IN_BOTH = ".bar nav > .plain, .me-buttons button:first-child, .maplibregl-ctrl-attrib"
_LOOK = """([language, handheld, controls, small, under, ofData, inBoth]) => {
    const faults = [];
    const seen = one => {
        const box = one.getBoundingClientRect();
        const looks = {visibilityProperty: true, opacityProperty: true};
        return box.width > 1 && box.height > 1 && one.checkVisibility(looks);
    };
    const isScrolledOut = (one, x, y) => {
        for (let up = one.parentElement; up && up !== document.body; up = up.parentElement) {
            const frame = up.getBoundingClientRect();
            const isOut = y < frame.top || y > frame.bottom || x < frame.left || x > frame.right;
            if (isOut && /auto|scroll/.test(getComputedStyle(up).overflow)) return true;
        }
        return false;
    };
    const isPushed = one => {
        for (let up = one.parentElement; up && up !== document.body; up = up.parentElement)
            if (up.scrollWidth > up.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(up).overflowX)) return true;
        return false;
    }; // in a row that is wider than the screen and can be pushed along
    const called = one => `${one.tagName}.${one.className} "${(one.innerText || one.ariaLabel || '').slice(0, 24)}"`;
    const width = document.documentElement.scrollWidth;
    if (width > innerWidth) faults.push(`the page is ${width} wide of ${innerWidth}`);
    for (const one of document.querySelectorAll(controls)) {
        if (!seen(one) || one.matches(small)) continue;
        const box = one.getBoundingClientRect();
        const x = box.x + box.width / 2, y = box.y + box.height / 2;
        const isOff = (box.left < -1 || box.right > innerWidth + 1) && !isPushed(one);
        if (isScrolledOut(one, x, y)) continue;
        if (isOff || y > innerHeight) faults.push(`off the screen: ${called(one)}`);
        const hit = document.elementFromPoint(x, y);
        const isBelow = hit && !one.contains(hit) && !hit.contains(one);
        if (isBelow && !one.closest(under)) faults.push(`below ${called(hit)}: ${called(one)}`);
        const touched = one.closest('label')?.getBoundingClientRect() ?? box; // a label is as good as its box
        if (handheld && touched.height < 43.5) faults.push(`${Math.round(touched.height)} px high: ${called(one)}`);
        const cut = !/INPUT|SELECT/.test(one.tagName) && one.clientWidth && one.scrollWidth > one.clientWidth + 1;
        if (cut && !one.closest(ofData)) faults.push(`cut off: ${called(one)}`);
    }
    const strange = language === 'en' ? /[一-鿿]/ : /[A-Za-z]{4,}/;
    const known = /OneMap|CGCS2000|English|WebGL/;
    for (const one of document.querySelectorAll('#app *')) {
        const own = [...one.childNodes].filter(node => node.nodeType === 3).map(node => node.textContent);
        const words = [...own, one.ariaLabel ?? '', one.placeholder ?? ''].join(' ').trim();
        if (!words || !seen(one)) continue;
        if (/undefined|NaN|\\bnull\\b|^[a-z]+\\.[a-z._]+$/.test(words)) faults.push(`no words: ${words}`);
        if (one.closest(ofData) || one.closest(inBoth) || known.test(words)) continue;
        if (strange.test(words)) faults.push(`in the other language: ${words.slice(0, 40)} in ${called(one)}`);
    }
    return [...new Set(faults)];
}"""


def faults_of(page: Page, language: str, *, handheld: bool) -> list[str]:
    """Return what is wrong with what is shown, in words; on a phone what fingers touch must be 44 px high."""
    return page.evaluate(_LOOK, [language, handheld, _CONTROLS, _SMALL, _UNDER, _OF_DATA, _IN_BOTH])
