// Selects with many choices become pickers that one can search; the choices come from the server.
import TomSelect from "tom-select/base";
import removeButton from "tom-select/dist/esm/plugins/remove_button/plugin.js";

TomSelect.define("remove_button", removeButton);
TomSelect.define("stay_closed", stayClosed);

export function enhance(root) {
  for (const field of root.querySelectorAll("input[data-crm-pick]")) field.replaceWith(selectOf(field));
  for (const select of root.querySelectorAll("select[data-crm-pick]")) if (!select.tomselect) pick(select);
}

// A field that is typed in without JavaScript: its choices come when it is opened, and nothing before.
function selectOf(field) {
  const select = document.createElement("select");
  for (const { name, value } of field.attributes) if (!["value", "placeholder"].includes(name)) select.setAttribute(name, value);
  select.append(new Option(field.value, field.dataset.crmValue || field.value, true, true));
  return select;
}

function pick(select) {
  const source = select.dataset.crmPick;
  new TomSelect(select, {
    maxOptions: 200,
    plugins: select.multiple ? { remove_button: { label: "×", title: select.dataset.crmRemove || "×" } } : { stay_closed: {} },
    valueField: "id",
    labelField: "label",
    searchField: ["label"],
    // Choices that are here already are filtered at once: Enter right after the last letter takes the right one.
    ...(!source && { refreshThrottle: 0 }),
    ...(source && {
      preload: "focus",
      shouldLoad: () => true,
      load(text, done) {
        fetch(`${source}${source.includes("?") ? "&" : "?"}q=${encodeURIComponent(text)}`, { headers: { Accept: "application/json" } })
          .then((answer) => (answer.ok ? answer.json() : { items: [] }))
          .then(({ items }) => {
            for (const { optgroup } of items) if (optgroup) this.addOptionGroup(optgroup, { label: optgroup });
            done(items);
          })
          .catch(() => done());
      },
    }),
    render: { no_results: () => Object.assign(document.createElement("div"), { className: "no-results", textContent: select.dataset.crmNone || "–" }) },
    onDropdownOpen: (list) => setTimeout(() => list.scrollIntoView({ block: "nearest" }), 60),
    onLoad() {
      if (this.isOpen) this.dropdown.scrollIntoView({ block: "nearest" });
    },
    onChange: () => select.dispatchEvent(new Event("change", { bubbles: true })),
  });
}

// Choices that arrive after one was taken would open the list again, over the fields below it.
function stayClosed() {
  let chosen = false;
  const open = this.open;
  this.hook("instead", "open", () => chosen || open.call(this));
  this.on("item_add", () => (chosen = true));
  this.hook("after", "setup", () => {
    for (const act of ["focusin", "pointerdown", "keydown", "input"])
      this.wrapper.addEventListener(act, () => (chosen = false), true);
  });
}
