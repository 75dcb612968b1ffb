// Draw the plots, in the colours of the page; again when these change.
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const draw = async () => {
    const style = getComputedStyle(root);
    const text = style.getPropertyValue("--text").trim();
    const faint = style.getPropertyValue("--line").trim();
    const font = style.fontFamily;
    const config = {
      background: "transparent",
      font,
      view: { stroke: null },
      axis: { labelColor: text, titleColor: text, gridColor: faint, domainColor: faint, tickColor: faint },
      axisX: { tickCount: { signal: "ceil(width / 80)" }, labelOverlap: true },
      legend: { labelColor: text, titleColor: text, labelLimit: 140 },
      text: { color: text },
      line: { color: text },
      rule: { color: text },
    };
    for (const [name, spec] of Object.entries(specs)) {
      await vegaEmbed(document.getElementById(`plot-${name}`), spec, {
        actions: { export: true, source: false, compiled: false, editor: false },
        ast: true, // without it expressions would be evaluated as code, which the page forbids
        config,
        renderer: "canvas",
      });
    }
    root.dataset.plots = Object.keys(specs).length;
  };
  const failed = (error) => {
    root.dataset.plots = `failed: ${error}`;
  };
  draw().catch(failed);
  dark.addEventListener("change", () => draw().catch(failed));
})();
