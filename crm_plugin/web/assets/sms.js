// Buttons of placeholders: they put theirs where the cursor is instead of posting the form.

export function enhance(root) {
  for (const tools of root.querySelectorAll("[data-crm-put]")) if (!tools.crmArmed) arm(tools);
}

function arm(tools) {
  tools.crmArmed = true;
  const area = document.getElementById(tools.dataset.crmPut);
  tools.addEventListener("click", (event) => {
    const piece = event.target.closest("[data-crm-piece]")?.dataset.crmPiece;
    if (!piece) return;
    event.preventDefault();
    area.focus();
    area.setRangeText(piece, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
