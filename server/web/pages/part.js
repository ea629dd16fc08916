// A part of a page of text, read again.

/**
 * Put the newest state of a part of this page in the place of the old one; what is open by its row's id stays open.
 * @param {HTMLElement} part
 */
export async function replacePart(part) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (!answer.ok) throw new Error(`${answer.status} ${location.pathname}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
  if (!fresh) throw new Error(`the page has no ${part.id}`);
  for (const row of part.querySelectorAll("tr:has(details[open])")) {
    if (row.id) fresh.querySelector(`#${CSS.escape(row.id)} details`)?.setAttribute("open", "");
  }
  part.replaceChildren(...fresh.childNodes);
}
