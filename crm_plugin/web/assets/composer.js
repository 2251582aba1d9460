// The composer: buttons that put pieces into the text, and saving what was typed when somebody leaves.

// The HTML that a button puts in; what was marked in the text goes to the place of the bar.
const PIECES = {
  heading: "<h2>|</h2>\n",
  paragraph: "<p>|</p>\n",
  bold: "<strong>|</strong>",
  list: "<ul>\n  <li>|</li>\n</ul>\n",
  link: '<a href="{{ link }}">|</a>',
  button:
    '<p><a href="{{ link }}" style="display: inline-block; padding: 12px 20px; border-radius: 6px; ' +
    'background: #2f4fd0; color: #ffffff; text-decoration: none">|</a></p>\n',
};

export function enhance(root) {
  for (const tools of root.querySelectorAll("[data-crm-tools][hidden]")) arm(tools);
  for (const form of root.querySelectorAll("form[data-crm-compose]")) if (!form.crmKept) keep(form);
}

function arm(tools) {
  const area = document.getElementById(tools.dataset.crmTools);
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const piece = PIECES[event.target.closest("[data-crm-insert]")?.dataset.crmInsert];
    if (piece) insert(area, piece);
  });
  tools.querySelector("[data-crm-words]").addEventListener("change", (event) => {
    event.stopPropagation();
    if (event.target.value) insert(area, event.target.value);
    event.target.value = "";
  });
}

// Puts a piece where the cursor is.
function insert(area, piece) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const [before, after = ""] = piece.split("|");
  const marked = value.slice(start, end);
  area.focus();
  area.setRangeText(before + marked + after, start, end, "end");
  const caret = start + before.length + marked.length;
  if (piece.includes("|")) area.setSelectionRange(caret, caret);
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

// htmx saves after a pause; what was typed right before somebody leaves the page is sent along as they go.
function keep(form) {
  form.crmKept = true;
  let waiting = typedAlready(form);
  form.addEventListener("input", () => (waiting = true));
  form.addEventListener("submit", () => (waiting = false));
  form.addEventListener("htmx:beforeRequest", (event) => (waiting = waiting && event.target !== form));
  window.addEventListener("pagehide", () => {
    if (waiting) navigator.sendBeacon(form.action, new FormData(form));
    waiting = false;
  });
}

// Somebody may type before this file has come over a slow line.
function typedAlready(form) {
  return [...form.querySelectorAll("input, textarea")].some((field) => field.value !== field.defaultValue);
}
