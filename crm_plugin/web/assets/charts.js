// Charts: each element names a JSON script element that says what to draw. Keys go through its points.
import { BarChart, LineChart, PieChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

echarts.use([BarChart, GridComponent, LegendComponent, LineChart, PieChart, SVGRenderer, TooltipComponent]);

const BANDS = 9;
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

// Colours and letters are those of the page: they come from its tokens.
function tokens(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    colours: Array.from({ length: BANDS }, (_, place) => of(`--c-band-${place + 1}`)),
    ink: of("--c-ink-2"),
    line: of("--c-line"),
    font: style.fontFamily,
  };
}

// Drawn into the picture: a strict policy forbids the styles that a tooltip of HTML would need.
const tooltip = { renderMode: "richText", confine: true };

function ring(drawn, look) {
  const data = drawn.points.map((point, place) => ({
    name: point.name, value: point.value, itemStyle: { color: look.colours[place % BANDS] },
  }));
  const label = { show: false };
  return {
    tooltip: { ...tooltip, formatter: (hit) => drawn.points[hit.dataIndex].spoken },
    series: [{ type: "pie", radius: ["55%", "92%"], data, label, labelLine: label, emphasis: { scaleSize: 4 } }],
  };
}

function days(drawn, look) {
  const text = { color: look.ink };
  const series = drawn.series.map((one, place) => ({
    name: one.name, data: one.values, type: one.line ? "line" : "bar", stack: one.line ? undefined : "all",
    color: look.colours[[0, 3, 6, 8][place % 4]], barMaxWidth: 28, symbolSize: 4,
  }));
  return {
    tooltip: { ...tooltip, trigger: "axis", formatter: (hits) => drawn.points[hits[0].dataIndex].spoken },
    legend: { top: 0, left: 0, textStyle: text, itemWidth: 14, itemHeight: 8 },
    grid: { left: 8, right: 8, top: 36, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: drawn.points.map((point) => point.name), axisLabel: text, axisTick: { show: false } },
    yAxis: { type: "value", minInterval: 1, axisLabel: text, splitLine: { lineStyle: { color: look.line } } },
    series,
  };
}

// Columns of stacked bars in which each piece is a point of its own.
function stack(drawn, look) {
  const text = { color: look.ink };
  const series = drawn.series.map((name, place) => ({ name, type: "bar", stack: "all", barMaxWidth: 40, color: look.colours[place % BANDS], data: [] }));
  drawn.points.forEach((point, place) => {
    Object.assign(point, { seriesIndex: point.row, dataIndex: series[point.row].data.length });
    series[point.row].data.push({ value: [point.column, point.value], point: place });
  });
  return {
    tooltip: { ...tooltip, formatter: (hit) => drawn.points[hit.data.point].spoken },
    legend: { type: "scroll", top: 0, left: 0, textStyle: text, itemWidth: 14, itemHeight: 8 },
    grid: { left: 8, right: 8, top: 36, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: drawn.columns, axisLabel: text, axisTick: { show: false } },
    yAxis: { type: "value", minInterval: 1, axisLabel: text, splitLine: { lineStyle: { color: look.line } } },
    series,
  };
}

const KINDS = { ring, days, stack };

export function draw(root) {
  for (const element of root.querySelectorAll("[data-crm-chart]")) {
    const fold = element.closest("details:not([open])");
    // What is folded away has no size yet.
    if (fold) fold.addEventListener("toggle", () => drawOne(element), { once: true });
    else drawOne(element);
  }
}

function drawOne(element) {
  const drawn = JSON.parse(document.getElementById(element.dataset.crmChart).textContent);
  const look = tokens(element);
  const chart = echarts.init(element, null, { renderer: "svg" });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  chart.setOption({ ...KINDS[drawn.kind](drawn, look), animation: !calm, textStyle: { fontFamily: look.font } });
  new ResizeObserver(() => chart.resize()).observe(element);
  operate(element, chart, drawn.points);
}

// A point opens its people: by a click, or by the arrow keys and Enter; what it says is read out.
function operate(element, chart, points) {
  const heard = element.nextElementSibling;
  let at = -1;
  const mark = (place) => ({ seriesIndex: points[place].seriesIndex ?? 0, dataIndex: points[place].dataIndex ?? place });
  const leave = () => {
    if (at >= 0) chart.dispatchAction({ type: "downplay", ...mark(at) });
    chart.dispatchAction({ type: "hideTip" });
  };
  const go = (place) => {
    leave();
    at = (place + points.length) % points.length;
    chart.dispatchAction({ type: "highlight", ...mark(at) });
    chart.dispatchAction({ type: "showTip", ...mark(at) });
    heard.textContent = points[at].spoken;
  };
  const open = (place) => {
    if (points[place]?.href) location.assign(points[place].href);
  };
  chart.on("click", (hit) => open(hit.data?.point ?? hit.dataIndex));
  element.addEventListener("blur", leave);
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in STEPS) go(at < 0 ? (STEPS[event.key] > 0 ? 0 : points.length - 1) : at + STEPS[event.key]);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(points.length - 1);
    else if (event.key === "Enter" && at >= 0) open(at);
    else return;
    event.preventDefault();
  });
}
