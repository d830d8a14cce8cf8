// <div class="plot" data-figure="id of a data block">: drawn by Plotly once it is in sight, in the
// colours of the page.
const shown = new WeakSet();
let watcher;

export function draw(root) {
  const plots = [...root.querySelectorAll(".plot[data-figure]")].filter((plot) => !shown.has(plot));
  if (!plots.length) return;
  watcher ??= new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watcher.unobserve(entry.target);
        show(entry.target);
      }
    },
    { rootMargin: "200px" },
  );
  for (const plot of plots) {
    shown.add(plot);
    watcher.observe(plot);
  }
}

function show(plot) {
  const Plotly = window.Plotly;
  const block = document.getElementById(plot.dataset.figure);
  if (!Plotly || !block) return;
  const figure = JSON.parse(block.textContent);
  const paint = () => Plotly.react(plot, figure.data, coloured(figure.layout), {
    displaylogo: false,
    responsive: true,
    displayModeBar: false,
  });
  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
}

function coloured(layout) {
  const style = getComputedStyle(document.body);
  const probe = document.createElement("i");
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const line = colour("--line");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line };
  const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  const made = {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...layout.font, color: style.color, family: style.fontFamily },
  };
  for (const name of new Set([...axes, "xaxis", "yaxis"])) made[name] = { ...layout[name], ...axis };
  probe.remove();
  return made;
}
