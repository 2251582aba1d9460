// Charts: each element names a JSON script element that holds its ECharts option.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

echarts.use([AriaComponent, BarChart, GridComponent, LegendComponent, LineChart, SVGRenderer, TooltipComponent]);

export function draw(root) {
  for (const element of root.querySelectorAll("[data-crm-chart]")) {
    const chart = echarts.init(element, null, { renderer: "svg" });
    chart.setOption(JSON.parse(document.getElementById(element.dataset.crmChart).textContent));
    new ResizeObserver(() => chart.resize()).observe(element);
  }
}
