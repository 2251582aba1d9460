// What moves on the CRM's pages; every page works without it.
import htmx from "htmx.org/dist/htmx.esm.js";

// A strict content security policy allows neither eval nor the style element that htmx would add.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;

// Charts are large and rarely looked at: they come when a page shows one.
if (document.querySelector("[data-crm-chart]")) import("./charts.js").then(({ draw }) => draw(document));
if (document.querySelector("select[data-crm-pick]")) import("./pickers.js").then(({ enhance }) => enhance(document));
