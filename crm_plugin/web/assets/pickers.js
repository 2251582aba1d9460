// Selects with many choices become pickers that one can search.
import TomSelect from "tom-select/base";

export function enhance(root) {
  for (const select of root.querySelectorAll("select[data-crm-pick]")) new TomSelect(select, { maxOptions: 200 });
}
