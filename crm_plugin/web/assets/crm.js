// What moves on the CRM's pages; every page works without it.
import htmx from "htmx.org/dist/htmx.esm.js";

// A strict content security policy allows neither eval nor the style element that htmx would add.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.historyEnabled = false;
// What was swapped in answers at once: somebody may type into it within the usual 20 ms.
htmx.config.defaultSettleDelay = 0;
// A refusal or a failure comes as a line of text: show it where the answer would have stood.
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "401", swap: false },
  { code: "...", swap: true },
];

// Buttons that only pages without this bundle need go away.
document.documentElement.classList.add("crm-js");

// Charts are large and rarely looked at: they come when a page shows one.
if (document.querySelector("[data-crm-chart]")) import("./charts.js").then(({ draw }) => draw(document));

// On a phone the tabs scroll sideways: show where one is.
for (const here of document.querySelectorAll(".crm .c-tabs [aria-current]")) {
  const [outer, inner] = [here.closest(".c-tabs").getBoundingClientRect(), here.getBoundingClientRect()];
  here.closest(".c-tabs").scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
}

function enhance(root) {
  if (root.querySelector("[data-crm-pick]")) import("./pickers.js").then((pickers) => pickers.enhance(root));
  if (root.querySelector("[data-crm-put]")) import("./sms.js").then((sms) => sms.enhance(root));
  if (root.querySelector("[data-crm-compose]")) import("./composer.js").then((composer) => composer.enhance(root));
}
htmx.onLoad(enhance);

// How long a text has become, beside the box that it is typed into.
document.addEventListener("input", (event) => {
  const box = event.target.closest("[data-crm-counts]");
  if (box) showLength(box);
});

function showLength(box) {
  const shown = document.getElementById(box.dataset.crmCounts);
  if (shown) shown.textContent = [...box.value].length;
}

// How many are ticked, while they are being ticked.
document.addEventListener("change", (event) => {
  const list = event.target.name === "pick" && event.target.form;
  const shown = list && list.querySelector("[data-crm-ticks]");
  if (!shown) return;
  const boxes = [...list.querySelectorAll("input[name=pick]")];
  const { crmTicks: elsewhere, crmTotal: total, crmNone: none, crmSome: some } = shown.dataset;
  const here = boxes.filter((box) => box.checked !== (total !== "")).length;
  const count = total === "" ? Number(elsewhere) + here : Number(total) - Number(elsewhere) - here;
  const number = count.toLocaleString(document.documentElement.lang || undefined);
  shown.textContent = count || total !== "" ? some.replace("#", number) : none;
  // Buttons for those who are ticked say how many, and are there when somebody is.
  for (const button of list.querySelectorAll("[data-crm-picked]")) {
    button.textContent = button.dataset.crmPicked.replace("#", number);
    button.classList.toggle("c-picked--none", !count);
  }
});

// A choice that narrows a list does so at once.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-crm-submits]")) event.target.form.requestSubmit();
});

// One menu is open at a time; Escape and a click elsewhere close it.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".crm .c-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
// A menu near the lower edge opens upwards where there is room, else the page moves.
document.addEventListener("toggle", ({ target: menu }) => {
  if (!menu.matches?.(".crm .c-menu")) return;
  menu.classList.remove("c-menu--above");
  const body = menu.querySelector(".c-menu__body");
  if (!menu.open || getComputedStyle(body).position !== "absolute") return;
  const bar = document.querySelector(".crm .c-bulk:not(.c-bulk--top)")?.getBoundingClientRect();
  const edge = Math.min(innerHeight, bar?.top ?? innerHeight);
  if (body.getBoundingClientRect().bottom <= edge) return;
  const above = menu.getBoundingClientRect().top > body.offsetHeight;
  menu.classList.toggle("c-menu--above", above);
  if (!above) body.scrollIntoView({ block: "nearest" });
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.(".c-menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A form that sends something must not be sent twice by an impatient second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-crm-once]")) return;
  setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true)));
});
