// Buttons that copy a piece of code; a page without a secure connection has no clipboard, so it has no buttons.

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-copy]"))) {
  if (!navigator.clipboard) break;
  const label = button.textContent ?? "";
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset["copy"] ?? "")?.textContent ?? "");
    button.textContent = button.dataset["done"] ?? label;
    button.addEventListener("blur", () => (button.textContent = label), { once: true });
  });
}

export {};
